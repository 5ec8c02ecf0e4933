#include "whisper/words.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "common/utf8.hpp"

namespace wtrt::whisper {
namespace {

constexpr double kPositionsPerSecond = 50;
constexpr double kMostUsual = 0.7;  // seconds: a median above says nothing about words
constexpr double kTrustedWithin =
    0.5;  // seconds a segment's own time may lie inside its outer words before it is preferred
constexpr std::string_view kSentenceEnds = ".。!！?？";

// Python's `part in whole`.
bool is_in(std::string_view part, std::string_view whole) { return whole.find(part) != std::string_view::npos; }

double hundredths(double seconds) { return std::nearbyint(seconds * 100) / 100; }

bool is_text(text::TokenId id, const text::Tokenizer& tokenizer) { return id < tokenizer.special().eot; }

// Words at the borders of sentences are no longer than usual.
void shorten_at_sentence_ends(std::span<WordTiming> words, double longest) {
  for (size_t i = 1; i < words.size(); ++i) {
    if (!(words[i].end - words[i].start > longest)) continue;
    if (is_in(words[i].word, kSentenceEnds)) {
      words[i].end = words[i].start + longest;
    } else if (is_in(words[i - 1].word, kSentenceEnds)) {
      words[i].start = words[i].end - longest;
    }
  }
}

// The first and second word after a pause are no longer than usual.
void shorten_after_pause(std::span<output::Word> words, const WordLengths& usual, double last_speech) {
  output::Word& first = words[0];
  const bool pair = words.size() > 1;
  if (!(first.end - last_speech > usual.median * 4)) return;
  if (!(first.end - first.start > usual.longest) && !(pair && words[1].end - first.start > usual.longest * 2)) return;
  if (pair && words[1].end - words[1].start > usual.longest) {
    first.end = words[1].start = std::max(words[1].end / 2, words[1].end - usual.longest);
  }
  first.start = std::max(0.0, first.end - usual.longest);
}

// Segment and outer words agree on where the segment begins and ends: the segment's own times count where the words
// reach far beyond.
void settle_borders(output::Segment& segment, double median) {
  output::Word &first = segment.words.front(), &last = segment.words.back();
  if (segment.start < first.end && segment.start - kTrustedWithin > first.start) {
    first.start = std::max(0.0, std::min(first.end - median, segment.start));
  } else {
    segment.start = first.start;
  }
  if (segment.end > last.start && segment.end + kTrustedWithin < last.end) {
    last.end = std::max(last.start + median, segment.end);
  } else {
    segment.end = last.end;
  }
}

}  // namespace

AlignmentPrompt alignment_prompt(const text::Tokenizer& tokenizer, Task task, std::string_view language,
                                 std::span<const output::Segment> segments) {
  const text::SpecialTokens& special = tokenizer.special();
  AlignmentPrompt prompt;
  prompt.tokens.push_back(special.sot);
  if (tokenizer.multilingual()) {
    prompt.tokens.push_back(tokenizer.language_token(language).value());
    prompt.tokens.push_back(task == Task::translate ? special.translate : special.transcribe);
  }
  prompt.tokens.push_back(special.no_timestamps);
  prompt.text_begin = static_cast<int32_t>(prompt.tokens.size());
  for (const output::Segment& segment : segments) {
    for (const text::TokenId id : segment.tokens) {
      if (is_text(id, tokenizer)) prompt.tokens.push_back(id);
    }
  }
  prompt.tokens.push_back(special.eot);
  return prompt;
}

std::vector<WordTiming> time_words(const AlignmentPrompt& prompt, const AlignmentScores& scores,
                                   const text::Tokenizer& tokenizer, std::string_view language, int64_t frames) {
  const auto positions = static_cast<int32_t>(std::min<int64_t>(frames / 2, scores.positions));
  const std::span<const text::TokenId> with_end =
      std::span(prompt.tokens).subspan(static_cast<size_t>(prompt.text_begin));
  if (with_end.size() < 2 || positions < 1) return {};
  std::vector<text::Tokenizer::Word> words = tokenizer.split_to_words(with_end, language);
  if (words.size() < 2) return {};
  words.pop_back();  // the end token's

  // A token is decided at the one before it: that one's attention says when the token begins.
  const int32_t first = prompt.text_begin - 1, rows = static_cast<int32_t>(with_end.size());
  std::vector<float> cost = attention_map(scores, first, first + rows, positions);
  for (float& value : cost) value = -value;
  const std::vector<int32_t> begins = warp(cost, rows, positions);

  std::vector<WordTiming> timings;
  size_t from = 0;
  for (text::Tokenizer::Word& word : words) {
    const size_t to = from + word.tokens.size();
    const auto probability = scores.probabilities.begin() + prompt.text_begin;
    const double sum = std::accumulate(probability + static_cast<std::ptrdiff_t>(from),
                                       probability + static_cast<std::ptrdiff_t>(to), 0.0);
    timings.push_back({std::move(word.text), std::move(word.tokens), begins[from] / kPositionsPerSecond,
                       begins[to] / kPositionsPerSecond, sum / static_cast<double>(to - from)});
    from = to;
  }
  return timings;
}

void merge_punctuations(std::span<WordTiming> words, std::string_view prepended, std::string_view appended) {
  const auto join = [](WordTiming& left, WordTiming& right, WordTiming& kept) {
    WordTiming& emptied = &kept == &left ? right : left;
    kept.word = left.word + right.word;
    std::vector<text::TokenId> tokens = std::move(left.tokens);
    tokens.insert(tokens.end(), right.tokens.begin(), right.tokens.end());
    kept.tokens = std::move(tokens);
    emptied.word.clear();
    emptied.tokens.clear();
  };
  if (words.empty()) return;
  size_t kept = words.size() - 1;
  for (size_t i = kept; i-- > 0;) {
    if (words[i].word.starts_with(' ') && is_in(strip(words[i].word), prepended)) {
      join(words[i], words[kept], words[kept]);
    } else {
      kept = i;
    }
  }
  kept = 0;
  for (size_t i = 1; i < words.size(); ++i) {
    if (!words[kept].word.ends_with(' ') && is_in(words[i].word, appended)) {
      join(words[kept], words[i], words[kept]);
    } else {
      kept = i;
    }
  }
}

WordLengths word_lengths(std::span<const WordTiming> words) {
  std::vector<double> lengths;
  for (const WordTiming& word : words) {
    if (word.end != word.start) lengths.push_back(word.end - word.start);
  }
  if (lengths.empty()) return {};
  std::sort(lengths.begin(), lengths.end());
  const size_t middle = lengths.size() / 2;
  const double median = lengths.size() % 2 == 1 ? lengths[middle] : (lengths[middle - 1] + lengths[middle]) / 2;
  return {std::min(kMostUsual, median), 2 * std::min(kMostUsual, median)};
}

void add_words(std::span<output::Segment> segments, std::vector<WordTiming> words, const TranscribeOptions& options,
               const text::Tokenizer& tokenizer, double last_speech) {
  if (segments.empty()) return;
  const WordLengths usual = word_lengths(words);
  if (usual.median > 0) shorten_at_sentence_ends(words, usual.longest);
  merge_punctuations(words, options.prepend_punctuations, options.append_punctuations);

  const double offset = static_cast<double>(segments[0].seek) * 160 / 16000;
  auto next = words.begin();
  for (output::Segment& segment : segments) {
    const auto wanted = static_cast<size_t>(std::count_if(segment.tokens.begin(), segment.tokens.end(),
                                                          [&](text::TokenId id) { return is_text(id, tokenizer); }));
    segment.has_words = true;
    for (size_t tokens = 0; tokens < wanted && next != words.end(); tokens += (next++)->tokens.size()) {
      if (next->word.empty()) continue;
      segment.words.push_back(
          {next->word, hundredths(offset + next->start), hundredths(offset + next->end), next->probability});
    }
    if (segment.words.empty()) continue;
    shorten_after_pause(segment.words, usual, last_speech);
    settle_borders(segment, usual.median);
    last_speech = segment.end;
  }
}

}  // namespace wtrt::whisper
