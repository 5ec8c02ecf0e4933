#include "text/tokenizer_files.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "common/error.hpp"
#include "common/mapped_file.hpp"
#include "text/vocabulary_builder.hpp"

namespace wtrt::text {
namespace {

constexpr size_t kMaxFileBytes = 64u << 20;  // twenty times what Whisper's files take
constexpr size_t kMaxDepth = 32;

// Receives nlohmann's SAX events: the file is never a tree in memory, and nesting costs nothing.
class JsonReader {
 public:
  enum class Place { outside, root, model, vocab, merges, merge, added_tokens, added_token, pre_tokenizer, other };

  JsonReader(VocabularyBuilder& builder, Place outermost) : builder_(builder), outermost_(outermost) {}

  bool has_vocab() const { return has_vocab_; }
  bool has_merges() const { return has_merges_; }

  bool null() { return value(Kind::null, {}, 0); }
  bool boolean(bool v) { return value(v ? Kind::yes : Kind::no, {}, 0); }
  bool number_integer(int64_t) { return value(Kind::other, {}, 0); }
  bool number_unsigned(uint64_t v) { return value(Kind::number, {}, v); }
  bool number_float(double, const std::string&) { return value(Kind::other, {}, 0); }
  bool string(std::string& v) { return value(Kind::string, v, 0); }
  bool binary(std::vector<uint8_t>&) { return value(Kind::other, {}, 0); }
  bool key(std::string& v) {
    key_.swap(v);
    return true;
  }
  bool start_object(size_t) { return enter(true); }
  bool start_array(size_t) { return enter(false); }
  bool end_object() { return leave(); }
  bool end_array() { return leave(); }
  bool parse_error(size_t position, const std::string&, const nlohmann::json::exception&) {
    builder_.fail("byte " + std::to_string(position), "not valid JSON; download the file again");
  }

 private:
  enum class Kind { null, yes, no, number, string, other };

  Place place() const { return places_.empty() ? Place::outside : places_.back(); }

  bool enter(bool object) {
    if (places_.size() >= kMaxDepth) builder_.fail("document", "nested deeper than " + std::to_string(kMaxDepth));
    const Place inner = inner_place(object);
    if (inner == Place::vocab) has_vocab_ = true;
    if (inner == Place::merges) has_merges_ = true;
    if (inner == Place::merge) parts_.clear();
    if (inner == Place::added_token) added_ = {};
    places_.push_back(inner);
    return true;
  }

  Place inner_place(bool object) const {
    const auto expect = [&](bool wanted_object, Place inner) {
      if (object != wanted_object) wrong_type(wanted_object ? "an object" : "an array");
      return inner;
    };
    switch (place()) {
      case Place::outside: return expect(true, outermost_);
      case Place::root:
        if (key_ == "model") return expect(true, Place::model);
        if (key_ == "added_tokens") return expect(false, Place::added_tokens);
        if (key_ == "pre_tokenizer") return expect(true, Place::pre_tokenizer);
        if (key_ == "normalizer") unsupported("text is normalised before it is split");
        return Place::other;
      case Place::model:
        if ((key_ == "vocab" && has_vocab_) || (key_ == "merges" && has_merges_)) builder_.fail(field(), "comes twice");
        if (key_ == "vocab") return expect(true, Place::vocab);
        return key_ == "merges" ? expect(false, Place::merges) : Place::other;
      case Place::merges: return expect(false, Place::merge);
      case Place::added_tokens: return expect(true, Place::added_token);
      case Place::vocab: wrong_type("ids");
      case Place::merge: wrong_type("two strings");
      default: return Place::other;
    }
  }

  bool leave() {
    if (place() == Place::merge) {
      if (parts_.size() != 2) wrong_type("two strings");
      builder_.add_merge(parts_[0], parts_[1]);
    }
    if (place() == Place::added_token) {
      if (!added_.has_id || !added_.has_content) builder_.fail(field(), "needs both id and content");
      builder_.add_added_token(field(), std::move(added_.content), added_.id);
      ++added_count_;
    }
    places_.pop_back();
    return true;
  }

  bool value(Kind kind, std::string_view text, uint64_t number) {
    switch (place()) {
      case Place::outside: wrong_type("an object"); break;
      case Place::vocab:
        if (kind != Kind::number) wrong_type("ids (whole numbers from 0)");
        builder_.add_token("vocab", key_, number);
        break;
      case Place::merges:
        if (kind != Kind::string) wrong_type("strings or pairs of strings");
        builder_.add_merge(text);
        break;
      case Place::merge:
        if (kind != Kind::string || parts_.size() == 2) wrong_type("two strings");
        parts_.emplace_back(text);
        break;
      case Place::added_tokens: wrong_type("objects"); break;
      case Place::added_token: added_token_value(kind, text, number); break;
      case Place::model: model_value(kind, text); break;
      case Place::pre_tokenizer: pre_tokenizer_value(kind, text); break;
      case Place::root:
        if (key_ == "model" || (key_ == "added_tokens" && kind != Kind::null)) wrong_type("an object or array");
        if (key_ == "normalizer" && kind != Kind::null) wrong_type("an object or null");
        if (key_ == "pre_tokenizer") unsupported("only ByteLevel is known");
        break;
      case Place::other: break;
    }
    return true;
  }

  void added_token_value(Kind kind, std::string_view text, uint64_t number) {
    if (key_ == "id") {
      if (kind != Kind::number) wrong_type("a whole number from 0");
      added_.id = number;
      added_.has_id = true;
    } else if (key_ == "content") {
      if (kind != Kind::string) wrong_type("a string");
      added_.content = text;
      added_.has_content = true;
    }
  }

  void model_value(Kind kind, std::string_view text) const {
    if (key_ == "vocab" || key_ == "merges") wrong_type(key_ == "vocab" ? "an object" : "an array");
    if (key_ == "type" && (kind != Kind::string || text != "BPE")) unsupported("only BPE is known");
    const bool affix = key_ == "continuing_subword_prefix" || key_ == "end_of_word_suffix";
    if (affix && kind != Kind::null && !(kind == Kind::string && text.empty())) unsupported("must be empty");
    if (key_ == "byte_fallback" && kind == Kind::yes) unsupported("must be false");
  }

  void pre_tokenizer_value(Kind kind, std::string_view text) const {
    if (key_ == "type" && (kind != Kind::string || text != "ByteLevel")) unsupported("only ByteLevel is known");
    if (key_ == "add_prefix_space" && kind == Kind::yes) unsupported("must be false");
    if (key_ == "use_regex" && kind == Kind::no) unsupported("must be true");
  }

  std::string field() const {
    switch (place()) {
      case Place::outside: return "document";
      case Place::root: return quote(key_);
      case Place::model: return "model." + quote(key_);
      case Place::vocab: return "vocab";
      case Place::merges:
      case Place::merge: return "merges";
      case Place::pre_tokenizer: return "pre_tokenizer." + quote(key_);
      default: return "added_tokens[" + std::to_string(added_count_) + "]";
    }
  }
  [[noreturn]] void wrong_type(const std::string& wanted) const { builder_.fail(field(), "must hold " + wanted); }
  [[noreturn]] void unsupported(const std::string& why) const { builder_.fail(field(), why, ErrorCode::unsupported); }

  struct AddedToken {
    uint64_t id = 0;
    std::string content;
    bool has_id = false, has_content = false;
  };

  VocabularyBuilder& builder_;
  Place outermost_;
  std::vector<Place> places_;
  std::string key_;
  std::vector<std::string> parts_;  // of the merge being read
  AddedToken added_;                // being read
  size_t added_count_ = 0;
  bool has_vocab_ = false, has_merges_ = false;
};

void check_size(const VocabularyBuilder& builder, std::string_view contents) {
  if (contents.size() > kMaxFileBytes)
    builder.fail("file", std::to_string(contents.size()) + " bytes are more than any Whisper tokenizer has");
}

void read_json(VocabularyBuilder& builder, JsonReader& reader, std::string_view contents) {
  check_size(builder, contents);
  nlohmann::json::sax_parse(contents.data(), contents.data() + contents.size(), &reader);
}

std::string_view text_of(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

}  // namespace

Vocabulary parse_tokenizer_json(std::string_view contents, const std::string& name, int vocab_size) {
  VocabularyBuilder builder(name, vocab_size);
  JsonReader reader(builder, JsonReader::Place::root);
  read_json(builder, reader, contents);
  if (!reader.has_vocab()) builder.fail("model.vocab", "is missing");
  if (!reader.has_merges()) builder.fail("model.merges", "is missing");
  builder.join_added_tokens();
  builder.check_vocabulary("model.vocab");
  builder.check_merges();
  return builder.take();
}

Vocabulary parse_vocab_and_merges(std::string_view vocab, const std::string& vocab_name, std::string_view merges,
                                  const std::string& merges_name, int vocab_size) {
  VocabularyBuilder builder(vocab_name, vocab_size);
  JsonReader reader(builder, JsonReader::Place::vocab);
  read_json(builder, reader, vocab);
  builder.check_vocabulary("vocab");

  builder.reading(merges_name);
  check_size(builder, merges);
  for (size_t begin = 0; begin < merges.size();) {
    const size_t end = std::min(merges.find('\n', begin), merges.size());
    std::string_view line = merges.substr(begin, end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (!line.empty() && !(begin == 0 && line.starts_with("#version"))) builder.add_merge(line);
    begin = end + 1;
  }
  builder.check_merges();
  return builder.take();
}

Vocabulary read_vocabulary(const std::filesystem::path& directory, int vocab_size) {
  const auto json = directory / "tokenizer.json", vocab = directory / "vocab.json", merges = directory / "merges.txt";
  std::error_code ignored;  // what cannot be looked at is missing
  if (std::filesystem::exists(json, ignored))
    return parse_tokenizer_json(text_of(*MappedFile::open(json)), json.string(), vocab_size);
  if (!std::filesystem::exists(vocab, ignored))
    throw Error(ErrorCode::not_found, directory.string() +
                                          ": no tokenizer.json and no vocab.json; copy the tokenizer "
                                          "files of the model there");
  const auto vocab_file = MappedFile::open(vocab), merges_file = MappedFile::open(merges);
  return parse_vocab_and_merges(text_of(*vocab_file), vocab.string(), text_of(*merges_file), merges.string(),
                                vocab_size);
}

}  // namespace wtrt::text
