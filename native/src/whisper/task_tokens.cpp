#include "whisper/task_tokens.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>

#include "common/error.hpp"
#include "common/utf8.hpp"
#include "whisper/language_detection.hpp"

namespace wtrt::whisper {
namespace {

constexpr double kTimestampPrecision = 0.02;  // seconds per timestamp token

// "1, -1,50" → ids. Throws invalid_argument at anything else.
std::vector<text::TokenId> parse_ids(std::string_view list) {
  std::vector<text::TokenId> ids;
  while (!list.empty()) {
    const size_t comma = std::min(list.find(','), list.size());
    std::string_view item = list.substr(0, comma);
    list.remove_prefix(std::min(comma + 1, list.size()));
    while (!item.empty() && item.front() == ' ') item.remove_prefix(1);
    while (!item.empty() && item.back() == ' ') item.remove_suffix(1);
    text::TokenId id = 0;
    const auto [end, error] = std::from_chars(item.data(), item.data() + item.size(), id);
    if (error != std::errc() || end != item.data() + item.size()) {
      throw Error(ErrorCode::invalid_argument, "suppress_tokens: '" + std::string(item) +
                                                   "' is no token id; expected numbers separated by commas, -1 for the "
                                                   "non-speech symbols, or nothing");
    }
    ids.push_back(id);
  }
  return ids;
}

// As the tokenizer has it at the beginning of a text.
std::vector<text::TokenId> spoken(const text::Tokenizer& tokenizer, std::string_view text) {
  return tokenizer.encode(" " + std::string(strip(text)));
}

int32_t sample_length(const TranscribeOptions& options, int32_t text_context) {
  return options.max_new_tokens > 0 ? options.max_new_tokens : text_context / 2;
}

// openai/whisper keeps what max_new_tokens leaves of half the context, and all if it leaves nothing.
std::vector<text::TokenId> prefix_tokens(const text::Tokenizer& tokenizer, const TranscribeOptions& options,
                                         int32_t text_context) {
  if (options.prefix.empty()) return {};
  std::vector<text::TokenId> tokens = spoken(tokenizer, options.prefix);
  const auto keep = static_cast<size_t>(text_context / 2 - sample_length(options, text_context));
  if (keep > 0 && tokens.size() > keep) tokens.erase(tokens.begin(), tokens.end() - static_cast<std::ptrdiff_t>(keep));
  return tokens;
}

}  // namespace

int32_t rows_of_window(const TranscribeOptions& options) {
  int32_t rows = 1;
  for (const double temperature : options.temperatures) {
    rows = std::max(rows, temperature > 0 ? options.best_of : options.beam_size);
  }
  return rows;
}

void check_options(TranscribeOptions& options, const text::Tokenizer& tokenizer, int32_t text_context) {
  if (!options.language.empty()) {
    const std::string_view code = text::find_language(options.language);
    if (code.empty() || (tokenizer.multilingual() && !tokenizer.language_token(code))) {
      throw Error(ErrorCode::invalid_argument,
                  "language: '" + options.language +
                      "' is not one of this model's; give a code like \"en\" or an English name "
                      "like \"english\"");
    }
    if (!tokenizer.multilingual() && code != "en") {
      throw Error(
          ErrorCode::invalid_argument,
          "language: '" + options.language + "' asked of an English-only model; use \"en\" or a multilingual model");
    }
    options.language = code;
  }
  candidate_languages(options.languages, tokenizer);
  for (const double seconds : options.clip_timestamps) {
    if (seconds >= 0 && seconds <= 1e9) continue;
    throw Error(ErrorCode::invalid_argument,
                "clip_timestamps: " + std::to_string(seconds) + " is outside 0..1e9 seconds");
  }
  if (!tokenizer.multilingual() && options.task == Task::translate) {
    throw Error(ErrorCode::invalid_argument, "task: an English-only model cannot translate; use a multilingual model");
  }
  if (options.max_new_tokens < 0 || options.max_new_tokens > text_context / 2) {
    throw Error(ErrorCode::invalid_argument, "max_new_tokens: " + std::to_string(options.max_new_tokens) +
                                                 " is outside 1.." + std::to_string(text_context / 2));
  }
  if (std::nearbyint(options.beam_size * options.patience) < 1) {
    throw Error(ErrorCode::invalid_argument,
                "patience: " + std::to_string(options.patience) + " with " + std::to_string(options.beam_size) +
                    " beams rounds to no hypothesis at all; their product must be above 0.5");
  }
  const size_t prefix = prefix_tokens(tokenizer, options, text_context).size(),
               longest = static_cast<size_t>(text_context / 2 - 4);
  if (prefix > longest) {
    throw Error(ErrorCode::invalid_argument, "prefix: it is " + std::to_string(prefix) + " tokens long; at most " +
                                                 std::to_string(longest) + " fit");
  }
  if (options.live_interval && !options.prefix.empty()) {
    throw Error(ErrorCode::invalid_argument, "prefix: a live transcription has none; use initial_prompt or hotwords");
  }
  const auto vocabulary = tokenizer.special().timestamp_begin + 1501;
  for (const text::TokenId id : parse_ids(options.suppress_tokens)) {
    if (id < -1 || id >= vocabulary) {
      throw Error(ErrorCode::invalid_argument,
                  "suppress_tokens: " + std::to_string(id) + " is outside -1.." + std::to_string(vocabulary - 1));
    }
  }
}

WindowPrompt window_prompt(const text::Tokenizer& tokenizer, const TranscribeOptions& options,
                           std::string_view language, std::span<const text::TokenId> previous, int32_t text_context) {
  const text::SpecialTokens& special = tokenizer.special();
  const auto room = static_cast<size_t>(text_context / 2 - 1);
  WindowPrompt prompt;
  std::vector<text::TokenId> before;
  if (!options.hotwords.empty() && options.prefix.empty()) before = spoken(tokenizer, options.hotwords);
  if (before.size() > room) before.resize(room);
  const auto keep = std::min(previous.size(), room - before.size());
  before.insert(before.end(), previous.end() - static_cast<std::ptrdiff_t>(keep), previous.end());
  if (!before.empty()) {
    prompt.tokens.push_back(special.sot_prev);
    prompt.tokens.insert(prompt.tokens.end(), before.begin(), before.end());
  }
  prompt.sot_index = static_cast<int32_t>(prompt.tokens.size());
  prompt.tokens.push_back(special.sot);
  if (tokenizer.multilingual()) {
    prompt.tokens.push_back(tokenizer.language_token(language).value());
    prompt.tokens.push_back(options.task == Task::translate ? special.translate : special.transcribe);
  }
  if (options.without_timestamps) prompt.tokens.push_back(special.no_timestamps);
  const auto prefix = prefix_tokens(tokenizer, options, text_context);
  prompt.tokens.insert(prompt.tokens.end(), prefix.begin(), prefix.end());

  const int32_t wanted = sample_length(options, text_context);
  // The last token may be sampled from the last position: it is never fed back.
  prompt.max_sampled = std::min(wanted, text_context - static_cast<int32_t>(prompt.tokens.size()) + 1);
  return prompt;
}

std::vector<text::TokenId> suppressed_tokens(const text::Tokenizer& tokenizer, const TranscribeOptions& options) {
  std::vector<text::TokenId> ids = parse_ids(options.suppress_tokens);
  if (ids.empty()) return ids;
  if (std::erase(ids, -1) > 0) {
    const auto symbols = tokenizer.non_speech_tokens();
    ids.insert(ids.end(), symbols.begin(), symbols.end());
  }
  const text::SpecialTokens& special = tokenizer.special();
  ids.insert(ids.end(),
             {special.transcribe, special.translate, special.sot, special.sot_prev, special.sot_lm, special.no_speech});
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

ops::TokenPolicy token_policy(const text::Tokenizer& tokenizer, const TranscribeOptions& options) {
  const text::SpecialTokens& special = tokenizer.special();
  ops::TokenPolicy policy{};
  policy.eot = special.eot;
  policy.no_timestamps = special.no_timestamps;
  policy.timestamp_begin = special.timestamp_begin;
  policy.no_speech = special.no_speech;
  policy.blank = options.suppress_blank ? tokenizer.encode(" ").front() : -1;
  policy.with_timestamps = options.without_timestamps ? 0 : 1;
  policy.max_initial_timestamp =
      options.max_initial_timestamp
          ? static_cast<int32_t>(std::nearbyint(*options.max_initial_timestamp / kTimestampPrecision))
          : -1;
  policy.repetition_penalty = static_cast<float>(options.repetition_penalty);
  policy.no_repeat_ngram = options.no_repeat_ngram_size;
  policy.seed = options.seed;
  return policy;
}

}  // namespace wtrt::whisper
