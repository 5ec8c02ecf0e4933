#include "whisper/live.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include "common/utf8.hpp"

namespace wtrt::whisper {
namespace {

constexpr int64_t kFramesPerSecond = 100;
constexpr int64_t kLong = 15 * kFramesPerSecond;      // a window this long is cut behind a sentence,
constexpr int64_t kVeryLong = 24 * kFramesPerSecond;  // and this long behind any word;
constexpr size_t kManyTokens = 200;                   // so is one whose text takes much of the decoder's context
constexpr int64_t kOnset = kFramesPerSecond;          // a word may have begun before anything of it is recognised
// Seconds of sound behind a word: with less it may have been cut itself,
constexpr double kUnfinished = 0.5;
constexpr double kContext = 2.0;  // and hypotheses agree on it for want of what follows
constexpr std::string_view kSentenceEnds[] = {".", "!", "?", "。", "！", "？"};

bool ends_sentence(const WordTiming& word) {
  return std::any_of(std::begin(kSentenceEnds), std::end(kSentenceEnds),
                     [&](std::string_view end) { return word.word.ends_with(end); });
}

int64_t frame_of(double seconds) { return static_cast<int64_t>(seconds * kFramesPerSecond); }

void shift(std::vector<WordTiming>& words, double seconds) {
  for (WordTiming& word : words) {
    word.start = std::max(0.0, word.start - seconds);
    word.end = std::max(0.0, word.end - seconds);
  }
}

// The words behind `known`, which the first tokens of `words` spell; `known` gets their times. A word that runs on
// behind them is divided.
std::vector<WordTiming> behind(std::vector<WordTiming>& known, std::vector<WordTiming> words) {
  size_t known_tokens = 0, known_text = 0;
  for (const WordTiming& word : known) {
    known_tokens += word.tokens.size();
    known_text += word.word.size();
  }
  std::vector<WordTiming> rest;
  std::vector<const WordTiming*> of_token;
  size_t text = 0;
  for (WordTiming& word : words) {
    const size_t first = of_token.size();
    of_token.insert(of_token.end(), word.tokens.size(), &word);
    const size_t size = word.word.size();
    if (of_token.size() > known_tokens) {
      rest.push_back(word);
      if (first < known_tokens) {
        WordTiming& divided = rest.back();
        divided.word.erase(0, std::min(size, known_text - std::min(known_text, text)));
        divided.tokens.erase(divided.tokens.begin(),
                             divided.tokens.begin() + static_cast<std::ptrdiff_t>(known_tokens - first));
      }
    }
    text += size;
  }
  if (of_token.size() < known_tokens) return rest;
  size_t token = 0;
  for (WordTiming& word : known) {
    word.start = of_token[token]->start;
    token += word.tokens.size();
    word.end = of_token[token - 1]->end;
  }
  return rest;
}

}  // namespace

bool is_punctuation(const WordTiming& word) {
  return kAppendPunctuations.find(strip(word.word)) != std::string_view::npos;
}

std::vector<text::TokenId> LiveWindow::stable_tokens() const {
  std::vector<text::TokenId> tokens;
  for (const WordTiming& word : stable_) tokens.insert(tokens.end(), word.tokens.begin(), word.tokens.end());
  return tokens;
}

int64_t LiveWindow::spoken() const {
  const auto last = std::find_if_not(stable_.rbegin(), stable_.rend(), is_punctuation);
  return last == stable_.rend() ? 0 : frame_of(last->end);
}

size_t LiveWindow::certain(std::span<const WordTiming> next) const {
  if (heard_ == Heard::all) return next.size();
  if (wordless_ && !stable_.empty()) return next.size();  // what follows is heard without it, see move_on()
  const bool full = heard_ == Heard::full;                // no second opinion will come
  const double end = static_cast<double>(frames_) / kFramesPerSecond - (full ? kUnfinished : kContext);
  const auto agreed = [&](size_t i) { return i < tentative_.size() && next[i].tokens == tentative_[i].tokens; };
  size_t count = 0;
  while (count < next.size() && next[count].end < end && (full || agreed(count))) ++count;
  // What follows decides about the punctuation at the end.
  if (count == next.size()) {
    while (count > 0 && is_punctuation(next[count - 1])) --count;
  }
  return count;
}

std::vector<WordTiming> LiveWindow::hear(std::vector<WordTiming> words, int64_t frames, Heard heard) {
  heard_ = heard;
  frames_before_ = std::exchange(frames_, frames);
  std::vector<WordTiming> next = behind(stable_, std::move(words));
  wordless_before_ = std::exchange(wordless_, std::all_of(next.begin(), next.end(), is_punctuation));
  const auto count = static_cast<std::ptrdiff_t>(certain(next));
  std::vector<WordTiming> agreed(next.begin(), next.begin() + count);
  tentative_.assign(next.begin() + count, next.end());
  stable_.insert(stable_.end(), agreed.begin(), agreed.end());
  return agreed;
}

int64_t LiveWindow::move_on() {
  if (heard_ == Heard::all || (heard_ == Heard::full && stable_.empty())) return cut_at(frames_, stable_.size());
  const size_t words = stable_.size();
  if (heard_ == Heard::full) return cut_at(spoken() > 0 ? spoken() : frames_, words);
  // There is a pause, or the decoder takes the text that is given for complete: it must not see it any more.
  if (wordless_ && spoken() > 0) return cut_at(spoken(), words);
  if (wordless_ && wordless_before_) return cut_at(frames_before_ - kOnset, words);
  if (frames_ >= kVeryLong || stable_tokens().size() > kManyTokens) return cut_at(spoken(), words);
  if (frames_ < kLong) return 0;
  const auto last = std::find_if(stable_.rbegin(), stable_.rend(), ends_sentence);
  return last == stable_.rend() ? 0 : cut_at(frame_of(last->end), static_cast<size_t>(stable_.rend() - last));
}

int64_t LiveWindow::cut_at(int64_t frame, size_t words) {
  frame = std::clamp<int64_t>(frame, 0, frames_);
  if (frame == 0) return 0;
  stable_.erase(stable_.begin(), stable_.begin() + static_cast<std::ptrdiff_t>(words));
  const double seconds = static_cast<double>(frame) / kFramesPerSecond;
  shift(stable_, seconds);
  shift(tentative_, seconds);
  frames_ -= frame;
  return frame;
}

}  // namespace wtrt::whisper
