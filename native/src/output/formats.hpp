// The single formats, and the times they share.
#pragma once

#include <string>
#include <string_view>

#include "output/writers.hpp"

namespace wtrt::output {

std::string write_json(const Transcript& transcript, bool with_trace);
std::string write_srt(const Transcript& transcript, const WordLayout& layout);
std::string write_vtt(const Transcript& transcript, const WordLayout& layout);
std::string write_lrc(const Transcript& transcript, const WordLayout& layout);

// Whole milliseconds, halves to even; throws invalid_argument (naming the value) unless 0 ≤ seconds < 10^9.
int64_t milliseconds(double seconds);

// repr of a Python float: "5.0", "0.1", "1e-05", "nan" as json.dump spells it ("NaN").
std::string python_float(double value);

}  // namespace wtrt::output
