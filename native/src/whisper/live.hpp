// What of a growing window's text is certain: words that two hypotheses in a row agree on (LocalAgreement-2, Macháček
// et al. 2023), and that have some sound behind them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "whisper/words.hpp"

namespace wtrt::whisper {

// How much of its audio a hypothesis has heard.
enum class Heard {
  so_far,  // more will come
  full,    // more will come, and the window cannot grow
  all,     // no more will come
};

// Whether it is nothing but marks that are joined to the word before them.
bool is_punctuation(const WordTiming& word);

// The window that is still being listened to. Times are seconds from its beginning. Stable words stay: every hypothesis
// begins with them, because the next one is decoded behind them.
class LiveWindow {
 public:
  std::span<const WordTiming> stable() const { return stable_; }
  std::span<const WordTiming> tentative() const { return tentative_; }
  std::vector<text::TokenId> stable_tokens() const;

  // The newest hypothesis over `frames` mel frames: the stable words, timed anew, and those behind them. Returns those
  // that became stable.
  std::vector<WordTiming> hear(std::vector<WordTiming> words, int64_t frames, Heard heard);
  // Where the window may begin from now on, in mel frames: what was before is over, and its words leave stable().
  int64_t move_on();

 private:
  size_t certain(std::span<const WordTiming> next) const;  // how many of the words behind the stable ones
  int64_t spoken() const;                                  // mel frame where the last stable word ends
  int64_t cut_at(int64_t frame, size_t words);  // drops what was before, the first `words` stable ones with it

  std::vector<WordTiming> stable_, tentative_;
  int64_t frames_ = 0, frames_before_ = 0;  // heard by the last two hypotheses
  bool wordless_ = false,
       wordless_before_ = false;  // nothing but punctuation was found behind the stable words by these two
  Heard heard_ = Heard::so_far;
};

}  // namespace wtrt::whisper
