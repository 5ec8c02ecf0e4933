#include "text/tokenizer.hpp"

#include <algorithm>
#include <set>

#include "common/error.hpp"
#include "common/utf8.hpp"
#include "text/bpe.hpp"
#include "text/pre_tokenizer.hpp"
#include "text/special_tokens.hpp"
#include "text/tokenizer_files.hpp"

namespace wtrt::text {
namespace {

// Python's string.punctuation, in its order: a subword that is a part of it counts as punctuation.
constexpr std::string_view kPunctuation = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~";

// Symbols of annotations, suppressed where one token holds them.
constexpr std::string_view kNonSpeech[] = {"\"",  "#",  "(",  ")",   "*",   "+",   "/",   ":",  ";",   "<",  "=",  ">",
                                           "@",   "[",  "\\", "]",   "^",   "_",   "`",   "{",  "|",   "}",  "~",  "「",
                                           "」",  "『", "』", "<<",  ">>",  "<<<", ">>>", "--", "---", "-(", "-[", "('",
                                           "(\"", "((", "))", "(((", ")))", "[[",  "]]",  "{{", "}}",  "♪♪", "♪♪♪"};
// Music signs, suppressed by their first token even where they take several.
constexpr std::string_view kMusic[] = {"♩", "♪", "♫", "♬", "♭", "♮", "♯"};

class WhisperTokenizer final : public Tokenizer {
 public:
  WhisperTokenizer(Vocabulary vocabulary, int vocab_size)
      : vocabulary_(std::move(vocabulary)), vocab_size_(vocab_size), special_(special_tokens(vocab_size)) {
    collect_non_speech();
  }

  bool multilingual() const override { return is_multilingual(vocab_size_); }
  const SpecialTokens& special() const override { return special_; }
  std::span<const TokenId> non_speech_tokens() const override { return non_speech_; }

  std::vector<TokenId> encode(std::string_view utf8) const override {
    const std::string text = repair_utf8(utf8);
    std::vector<TokenId> ids;
    for (const std::string_view piece : split_pieces(text)) append_bpe(vocabulary_, piece, ids);
    return ids;
  }

  std::string decode(std::span<const TokenId> ids) const override {
    std::string bytes;
    for (const TokenId id : ids)
      if (checked(id) < special_.eot) bytes += vocabulary_.bytes(id);
    return repair_utf8(bytes);
  }

  std::string decode_with_timestamps(std::span<const TokenId> ids) const override {
    std::string bytes;
    for (const TokenId id : ids) append_any(id, bytes);
    return repair_utf8(bytes);
  }

  std::optional<TokenId> language_token(std::string_view code) const override {
    const auto known = languages().first(static_cast<size_t>(special_.language_count));
    const auto found = std::find_if(known.begin(), known.end(), [&](const Language& l) { return l.code == code; });
    if (found == known.end()) return std::nullopt;
    return special_.first_language + static_cast<TokenId>(found - known.begin());
  }

  std::vector<Word> split_to_words(std::span<const TokenId> ids, std::string_view language) const override {
    static constexpr std::string_view kUnspaced[] = {"zh", "ja", "th", "lo", "my", "yue"};
    std::vector<Word> points = split_on_points(ids);
    const bool unspaced = std::find(std::begin(kUnspaced), std::end(kUnspaced), language) != std::end(kUnspaced);
    return unspaced ? points : join_to_words(std::move(points));
  }

 private:
  TokenId checked(TokenId id) const {
    if (id < 0 || id >= vocab_size_)
      throw Error(ErrorCode::invalid_argument, "token id " + std::to_string(id) + " is outside the vocabulary: 0 to " +
                                                   std::to_string(vocab_size_ - 1));
    return id;
  }

  void append_any(TokenId id, std::string& bytes) const {
    if (checked(id) < special_.eot)
      bytes += vocabulary_.bytes(id);
    else
      bytes += special_name(special_, id);
  }

  // Groups tokens until each group is whole code points. A U+FFFD that stands in the whole text too is no sign of a
  // group cut short; one past its end counts likewise, so that nothing is read beyond it.
  // As in openai/whisper, tokens at the end that never complete a group are left out.
  std::vector<Word> split_on_points(std::span<const TokenId> ids) const {
    const std::u32string whole = decode_utf8(decode_with_timestamps(ids));
    std::vector<Word> groups;
    std::vector<TokenId> current;
    std::string bytes;
    size_t offset = 0;  // of the current group in `whole`
    for (const TokenId id : ids) {
      current.push_back(id);
      append_any(id, bytes);
      const std::u32string decoded = decode_utf8(bytes);
      const size_t broken = decoded.find(kReplacementCharacter);
      const bool complete = broken == std::u32string::npos || offset + broken >= whole.size() ||
                            whole[offset + broken] == kReplacementCharacter;
      if (!complete) continue;
      groups.push_back({encode_utf8(decoded), std::move(current)});
      current = {};
      bytes.clear();
      offset += decoded.size();
    }
    return groups;
  }

  // A word begins at a special token, a leading space or punctuation.
  std::vector<Word> join_to_words(std::vector<Word> groups) const {
    std::vector<Word> words;
    for (Word& group : groups) {
      const bool punctuation = kPunctuation.find(strip(group.text)) != std::string_view::npos;
      if (words.empty() || group.tokens[0] >= special_.eot || group.text.starts_with(' ') || punctuation) {
        words.push_back(std::move(group));
        continue;
      }
      words.back().text += group.text;
      words.back().tokens.insert(words.back().tokens.end(), group.tokens.begin(), group.tokens.end());
    }
    return words;
  }

  void collect_non_speech() {
    // Hyphens and quotes stay allowed within words, not at a word's beginning.
    std::set<TokenId> tokens = {encode(" -")[0], encode(" '")[0]};
    const auto add = [&](std::string_view symbol, bool first_suffices) {
      for (const std::string_view lead : {"", " "}) {
        const auto ids = encode(std::string(lead).append(symbol));
        if (ids.size() == 1 || first_suffices) tokens.insert(ids[0]);
      }
    };
    for (const std::string_view symbol : kNonSpeech) add(symbol, false);
    for (const std::string_view symbol : kMusic) add(symbol, true);
    non_speech_.assign(tokens.begin(), tokens.end());
  }

  Vocabulary vocabulary_;
  int vocab_size_;
  SpecialTokens special_;
  std::vector<TokenId> non_speech_;
};

}  // namespace

std::shared_ptr<const Tokenizer> Tokenizer::load(const std::filesystem::path& directory, int vocab_size) {
  return std::make_shared<WhisperTokenizer>(read_vocabulary(directory, vocab_size), vocab_size);
}

}  // namespace wtrt::text
