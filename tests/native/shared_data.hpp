// Where tests find data: the repository's own samples always, the shared folder where there is one.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace wtrt::test {

// Built with AddressSanitizer: everything takes several times as long, and memory that was freed stays.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

std::filesystem::path repository();

// $WTRT_SHARED, or ../shared beside the repository.
inline std::filesystem::path shared() {
  const char* set = std::getenv("WTRT_SHARED");
  return set != nullptr && *set != '\0' ? std::filesystem::path(set) : repository() / ".." / "shared";
}

inline std::vector<std::string> lines_of(const std::filesystem::path& path) {
  std::ifstream in(path);
  std::vector<std::string> lines;
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

}  // namespace wtrt::test

// Skips the running test, saying why, when the shared folder lacks `relative`.
#define WTRT_NEEDS_SHARED(relative)                                  \
  if (!std::filesystem::exists(::wtrt::test::shared() / (relative))) \
  GTEST_SKIP() << "needs " << (relative)                             \
               << " in the shared folder (WTRT_SHARED, default ../shared): " << ::wtrt::test::shared().string()
