// Transcribes a file: transcribe MODEL FILE. Prints each segment as soon as it is final.
#include <cstdio>

#include "whispertrt/whispertrt.hpp"

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: transcribe MODEL FILE\n");
    return 2;
  }
  try {
    const whispertrt::Model model(argv[1]);
    whispertrt::Engine engine(model);
    for (const auto& segment : engine.transcribe(whispertrt::Audio::file(argv[2]))) {
      std::printf("[%6.2f -> %6.2f] %s\n", segment.start, segment.end, segment.text.c_str());
      std::fflush(stdout);
    }
    engine.close();
  } catch (const whispertrt::Error& error) {
    std::fprintf(stderr, "transcribe: %s\n", error.what());
    return 1;
  }
}
