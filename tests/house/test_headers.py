"""The public headers compile alone, as the languages they promise, with every warning an error."""
import pytest

from conftest import ARTIFACTS, MODEL, RECORDING, ROOT, SAID, clean_environment, needs, run, words

INCLUDE = ROOT / "native" / "include"
WARNINGS = ["-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion", "-Wsign-conversion", "-Werror"]

USE_CPP = """
#include "whispertrt/whispertrt.hpp"

using namespace whispertrt;

// Every member is instantiated; nothing runs.
int use(const std::string& path) {
  ModelOptions load;
  load.compute_type = WTRT_COMPUTE_FLOAT32;
  Model model(path, load);
  Model same = model;
  same = Model(path, ModelOptions("cuda:1"));
  EngineOptions layout;
  layout.max_batch = 4;
  layout.kv_cache_free_gpu_memory_fraction = 0.5;
  layout.cross_kv_cache_fraction = 0.25;
  Engine engine(same, layout);
  TranscribeOptions how;
  how.language = "en";
  how.task = WTRT_TASK_TRANSLATE;
  how.suppress_tokens = "";
  how.vad = VadOptions();
  how.vad->threshold = 0.6;
  how.temperatures = {0.0, 0.5};
  how.hotwords = "words";
  how.beam_size = 5;
  how.clip_timestamps = {1, 2.5};
  how.languages = "en,de";
  how.channels = WTRT_CHANNELS_SPLIT;
  Queue queue;
  Job job = engine.submit(queue, Audio::pushed(), how);
  job.push(std::vector<float>(16000));
  job.end();
  while (auto event = queue.next(100)) {
    if ((*event)->kind == WTRT_EVENT_FINISHED) break;
  }
  queue.close();
  Result result = job.result();
  Transcription transcription = engine.transcribe(Audio::samples(std::vector<float>(16000)), how);
  std::size_t count = 0;
  for (Segment& segment : transcription) count += segment.words.size() + segment.tokens.size() + segment.language.size();
  TranscribeOptions live = how;
  live.vad.reset();
  live.live = 1;
  live.live_interval = 0.5;
  Transcription spoken = engine.transcribe(Audio::pushed(), live);
  spoken.job().end();
  while (std::optional<LiveText> said = spoken.next_live()) count += said->stable ? said->segment.text.size() : 1;
  Session session(model);
  session.encode(log_mel(model, nullptr, 0));
  session.project_cross_kv();
  session.prefill({1, 2});
  session.step(3);
  for (const Attempt& attempt : result.attempts()) count += attempt.tokens.size();
  count += result.segments().size() + result.write(WTRT_FORMAT_SRT).size() + result.text().size() + result.language().size();
  count += result.language_probabilities().size();
  count += model.languages().size() + model.detokenize(model.tokenize("text"), true).size();
  count += model.bench({1, 2}, 3).size();
  count += doctor().size() + build_info().size() + normalize("text").size();
  Speech speech = detect_speech(Audio::file(path), *how.vad);
  for (const SpeechSpan& span : speech.spans()) count += static_cast<std::size_t>(span.end - span.start);
  count += speech.probabilities().size() + (speech.duration() > result.speech_duration() ? 1 : 0);
  quantize(path, path + "-int8");
  engine.close();
  return static_cast<int>(count) + engine.stats().reserved + engine.memory().max_batch +
         Engine::estimate(model).max_batch + (result.duration() > 1 ? 1 : 0) + (transcription.cancelled() ? 1 : 0);
}
"""


def compile_text(compiler, standard, text, tmp_path, suffix):
    source = tmp_path / f"use{suffix}"
    source.write_text(text)
    run(compiler, f"-std={standard}", *WARNINGS, f"-I{INCLUDE}", "-c", source, "-o", tmp_path / "use.o")


@pytest.mark.parametrize("compiler", ["gcc", "clang-14"])
def test_abi_header_is_c11(compiler, tmp_path):
    needs(compiler, "one of the two compilers the headers are tested with")
    compile_text(compiler, "c11", '#include "whispertrt/whispertrt.h"\nint major = WTRT_ABI_MAJOR;\n', tmp_path, ".c")


@pytest.mark.parametrize("standard", ["c++17", "c++20"])
@pytest.mark.parametrize("compiler", ["g++", "clang++-14"])
def test_headers_are_cpp(compiler, standard, tmp_path):
    needs(compiler, "one of the two compilers the headers are tested with")
    compile_text(compiler, standard, USE_CPP, tmp_path, ".cpp")


def test_headers_may_be_included_twice(tmp_path):
    """Two translation units of one program: nothing but inline definitions in a header-only library."""
    objects = []
    for name in ("one", "two"):
        source = tmp_path / f"{name}.cpp"
        source.write_text(f'#include "whispertrt/whispertrt.hpp"\n#include "whispertrt/whispertrt.hpp"\n'
                          f'int {name}() {{ return whispertrt::Error({len(objects)}, "").code(); }}\n')
        objects.append(tmp_path / f"{name}.o")
        run("g++", "-std=c++17", *WARNINGS, f"-I{INCLUDE}", "-c", source, "-o", objects[-1])
    run("g++", "-r", *objects, "-o", tmp_path / "both.o")


DEVICES = """
#include "whispertrt/whispertrt.hpp"

#include <cstdio>

int main(int count, char** arguments) {
  for (int i = 1; i < count; ++i) {
    try {
      const whispertrt::ModelOptions options(arguments[i]);
      std::printf("%d %d\\n", options.device, options.device_index);
    } catch (const whispertrt::Error& error) {
      std::printf("%d %s\\n", error.code(), error.what());
    }
  }
}
"""


def built(text, tmp_path):
    """A program of this source with the library of artifacts/."""
    library = ARTIFACTS / "lib"
    assert (library / "libwhispertrt.so").exists(), "./build.sh build leaves artifacts/lib"
    source, program = tmp_path / "program.cpp", tmp_path / "program"
    source.write_text(text)
    run("g++", "-std=c++17", *WARNINGS, f"-I{INCLUDE}", source, f"-L{library}", f"-Wl,-rpath,{library}", "-lwhispertrt",
        "-Wl,--allow-shlib-undefined", "-o", program)
    return program


def test_devices_are_named(tmp_path):
    program = built(DEVICES, tmp_path)
    wrong = ["cuda:", "cuda:x", "cuda:-1", "cuda:1x", "cuda1", "cuda:99999999999", "gpu", ""]
    lines = run(program, "auto", "cpu", "cuda", "cuda:0", "cuda:12", *wrong, env=clean_environment()).stdout.splitlines()
    assert lines[:5] == ["-1 0", "0 0", "1 0", "1 0", "1 12"]
    for name, line in zip(wrong, lines[5:], strict=True):
        assert line.startswith(f"1 device is '{name}'") and "cuda: and the index" in line


IN_PASSING = """
#include "whispertrt/whispertrt.hpp"

#include <cstdio>

int main(int, char** arguments) {
  const whispertrt::Model model(arguments[1]);
  for (const auto& segment : whispertrt::Engine(model).transcribe(whispertrt::Audio::file(arguments[2])))
    std::printf("%s\\n", segment.text.c_str());
}
"""


def test_a_transcription_keeps_its_engine(tmp_path):
    done = run(built(IN_PASSING, tmp_path), MODEL, RECORDING, env=clean_environment())
    assert words(done.stdout) == SAID
