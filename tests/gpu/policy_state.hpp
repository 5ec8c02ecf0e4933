// A step state on the host and its mirror on the device, and the CPU level whose bits the device's are to be.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <optional>
#include <vector>

#include "backends/cpu/token_policy.hpp"
#include "device_array.hpp"
#include "policy.hpp"

namespace wtrt::gpu_test {

// The widest level of this machine; none where it has no fused multiply-add in its vectors, which the device's sums are
// made of.
inline std::optional<cpu::Isa> twin_level() {
  const cpu::Isa widest = cpu::widest_isa();
  return widest == cpu::Isa::portable ? std::nullopt : std::optional(widest);
}

#define WTRT_TWIN_LEVEL(isa)                                                                 \
  const auto isa##_found = twin_level();                                                     \
  if (!isa##_found) GTEST_SKIP() << "this CPU has no AVX2: its sums have other last places"; \
  const cpu::Isa isa = *isa##_found

// This GPU, and its kernels as an older one runs them.
inline std::vector<kernels::Device> devices() {
  const kernels::Device here = this_device();
  std::vector<kernels::Device> all{here};
  if (here.sm >= 90) all.push_back({80, here.processors, here.shared_bytes, false});
  return all;
}

struct HostState {
  std::vector<ops::RowState> rows;
  std::vector<ops::TokenPolicy> policies;
  std::vector<int32_t> history, pages;
  std::vector<uint32_t> suppress;
  std::vector<ops::BeamState> beams;
  std::vector<int32_t> best_history;
  int32_t history_capacity = 0, pages_per_row = 0, suppress_words = 0;

  HostState(int32_t row_count, int32_t capacity, int32_t row_pages, int32_t vocabulary, int32_t masks)
      : rows(static_cast<size_t>(row_count)),
        policies(rows.size()),
        history(rows.size() * static_cast<size_t>(capacity), -7),
        pages(rows.size() * static_cast<size_t>(row_pages), -1),
        suppress(static_cast<size_t>(masks * ((vocabulary + 31) / 32))),
        beams(rows.size()),
        best_history(history),
        history_capacity(capacity),
        pages_per_row(row_pages),
        suppress_words((vocabulary + 31) / 32) {}

  ops::StepState state() {
    return {rows.data(),      policies.data(), history.data(), pages.data(), suppress.data(),
            history_capacity, pages_per_row,   suppress_words, beams.data(), best_history.data()};
  }
  void suppress_token(int32_t mask, int32_t token) {
    suppress[static_cast<size_t>(mask * suppress_words + token / 32)] |= 1u << (token % 32);
  }
};

class DeviceState {
 public:
  explicit DeviceState(const HostState& host)
      : rows_(host.rows),
        policies_(host.policies),
        history_(host.history),
        pages_(host.pages),
        suppress_(host.suppress),
        beams_(host.beams),
        best_history_(host.best_history),
        state_{rows_.as<ops::RowState>(),   policies_.as<ops::TokenPolicy>(),
               history_.as<int32_t>(),      pages_.as<int32_t>(),
               suppress_.as<uint32_t>(),    host.history_capacity,
               host.pages_per_row,          host.suppress_words,
               beams_.as<ops::BeamState>(), best_history_.as<int32_t>()} {}
  const ops::StepState& state() const { return state_; }

  // What ops change, compared bit for bit; says the first differences.
  void expect(const HostState& host) const {
    const auto rows = rows_.read<ops::RowState>();
    int told = 0;
    for (size_t i = 0; i < rows.size() && told < 4; ++i) {
      const ops::RowState &got = rows[i], &want = host.rows[i];
      const auto bits = [](double value) { return std::bit_cast<uint64_t>(value); };
      if (got.length == want.length && got.token == want.token && got.cross_slot == want.cross_slot &&
          got.policy == want.policy && got.sampled == want.sampled && got.max_sampled == want.max_sampled &&
          got.finished == want.finished && got.candidate == want.candidate &&
          bits(got.sum_logprob) == bits(want.sum_logprob) &&
          std::bit_cast<uint32_t>(got.no_speech_prob) == std::bit_cast<uint32_t>(want.no_speech_prob))
        continue;
      ++told;
      ADD_FAILURE() << "row " << i << ": got length " << got.length << " token " << got.token << " sampled "
                    << got.sampled << " finished " << got.finished << " candidate " << got.candidate << " sum "
                    << std::hexfloat << got.sum_logprob << " no speech " << got.no_speech_prob << "; want length "
                    << want.length << " token " << want.token << " sampled " << want.sampled << " finished "
                    << want.finished << " candidate " << want.candidate << " sum " << want.sum_logprob << " no speech "
                    << want.no_speech_prob;
    }
    expect_same(history_.read<int32_t>(), host.history, "history", host.history_capacity);
    expect_same(pages_.read<int32_t>(), host.pages, "pages", host.pages_per_row);
    expect_same(best_history_.read<int32_t>(), host.best_history, "best history", host.history_capacity);
    const auto beams = beams_.read<ops::BeamState>();
    for (size_t i = 0; i < beams.size(); ++i) {
      const ops::BeamState &got = beams[i], &want = host.beams[i];
      EXPECT_TRUE(got.ended == want.ended && got.best_length == want.best_length && got.best_sum == want.best_sum &&
                  got.best_score == want.best_score)
          << "search " << i << ": got ended " << got.ended << " length " << got.best_length << " sum " << std::hexfloat
          << got.best_sum << " score " << got.best_score << "; want ended " << want.ended << " length "
          << want.best_length << " sum " << want.best_sum << " score " << want.best_score;
    }
  }

 private:
  static void expect_same(const std::vector<int32_t>& got, const std::vector<int32_t>& want, const char* what,
                          int32_t width) {
    for (size_t i = 0; i < want.size(); ++i) {
      if (got[i] == want[i]) continue;
      ADD_FAILURE() << what << " of row " << i / static_cast<size_t>(width) << " at " << i % static_cast<size_t>(width)
                    << ": got " << got[i] << ", want " << want[i];
      return;
    }
  }

  DeviceArray rows_, policies_, history_, pages_, suppress_, beams_, best_history_;
  ops::StepState state_;
};

inline ops::Tensor matrix(std::vector<float>& values, int64_t cols) {
  return {values.data(), DType::f32, static_cast<int64_t>(values.size()) / cols, cols};
}

// The first place where two matrices differ in their bits.
inline void expect_bits(const std::vector<float>& got, const std::vector<float>& want, int64_t cols,
                        const std::string& where) {
  for (size_t i = 0; i < want.size(); ++i) {
    if (std::bit_cast<uint32_t>(got[i]) == std::bit_cast<uint32_t>(want[i])) continue;
    ADD_FAILURE() << where << ": line " << i / static_cast<size_t>(cols) << " at " << i % static_cast<size_t>(cols)
                  << ": got " << std::hexfloat << got[i] << ", want " << want[i];
    return;
  }
}

}  // namespace wtrt::gpu_test
