// The side of a job that is divided: makes its parts, and makes one transcript of what they say.
#include "runtime/division.hpp"

#include <algorithm>

#include "runtime/job.hpp"

namespace wtrt::runtime {
namespace {

constexpr int64_t kChunkSamples = 30 * audio::kSampleRate;
constexpr int kMostChannels = 16;

// From seconds of a chunk, within its sound, to seconds of the speech.
void shift(output::Segment& segment, const PartOf& chunk) {
  const double length = static_cast<double>(chunk.samples) / audio::kSampleRate,
               start = static_cast<double>(chunk.start) / audio::kSampleRate;
  const auto shifted = [&](double seconds) { return std::min(seconds, length) + start; };
  segment.start = shifted(segment.start);
  segment.end = shifted(segment.end);
  for (output::Word& word : segment.words) {
    word.start = shifted(word.start);
    word.end = shifted(word.end);
  }
}

}  // namespace

void Job::open_parts() {
  auto division = std::make_unique<Division>();
  if (!options_.split_channels) {
    division->chunks = std::make_unique<vad::ChunkReader>(open_speech(), speech_map_, kChunkSamples);
  } else if (audio_.kind == AudioKind::samples) {
    division->channels = 1;
  } else {
    const auto source = audio_.kind == AudioKind::path ? audio::open_file(audio_.path)
                                                       : audio::open_encoded(audio_.bytes, "audio in memory");
    division->channels = source->channels();
    if (division->channels > kMostChannels) {
      throw Error(ErrorCode::unsupported, "channels: the recording has " + std::to_string(division->channels) +
                                              " of them; at most " + std::to_string(kMostChannels) +
                                              " can be transcribed apart, or all of them mixed");
    }
  }
  at.division = std::move(division);
}

bool Job::chunk_to_read() {
  const Division& division = *at.division;
  if (!division.chunks || division.next_chunk || division.chunks->ended()) return false;
  return !push_buffer_ || push_buffer_->holds(division.chunks->taken() + vad::SpeechSource::kPiece);
}

void Job::read_chunk() {
  Division& division = *at.division;
  while (!(division.next_chunk = division.chunks->next()) && chunk_to_read()) division.chunks->advance();
}

JobOptions Job::options_of_parts() const {
  JobOptions options = options_;
  options.split_channels = false;
  options.report_progress = false;
  if (options_.split_channels) return options;  // a channel may be cut into chunks in its turn
  options.batched = false;
  options.vad.reset();
  options.transcribe.condition_on_previous_text = false;
  if (!options.transcribe.multilingual && options.transcribe.language.empty())
    options.transcribe.language = at.division->language;
  return options;
}

std::shared_ptr<Job> Job::next_part(size_t most, bool detects) {
  Division& division = *at.division;
  Parts& parts = division.parts;
  const size_t number = parts.added();
  if (options_.split_channels) {  // all of them, so that they can be put in order of time
    if (number == static_cast<size_t>(division.channels)) return nullptr;
    AudioInput audio = audio_;
    audio.channel = static_cast<int>(number);
    parts.add(0);
    return std::make_shared<Job>(PartOf{shared_from_this(), number}, std::move(audio), options_of_parts());
  }
  if (!division.next_chunk) division.next_chunk = division.chunks->next();
  // A recording without speech still has a language: an empty chunk says which.
  if (!division.next_chunk && number == 0 && division.chunks->ended()) division.next_chunk.emplace();
  if (!division.next_chunk || parts.open() >= most) return nullptr;
  const whisper::TranscribeOptions& how = options_.transcribe;
  const bool detects_once = detects && how.language.empty() && !how.multilingual;
  if (detects_once && number > 0 && division.language.empty()) return nullptr;  // the first chunk says it for all
  AudioInput audio;
  audio.kind = AudioKind::samples;
  audio.samples = std::move(division.next_chunk->samples);
  const PartOf part{shared_from_this(), number, division.next_chunk->start, static_cast<int64_t>(audio.samples.size())};
  division.next_chunk.reset();
  parts.add(original_time(static_cast<double>(part.start) / audio::kSampleRate));
  return std::make_shared<Job>(part, std::move(audio), options_of_parts());
}

bool Job::parts_ended() const {
  const Division& division = *at.division;
  const bool all = division.chunks ? division.chunks->ended() && !division.next_chunk
                                   : division.parts.added() == static_cast<size_t>(division.channels);
  return all && division.parts.ended();
}

void Job::part_said(const PartOf& part, std::vector<output::Segment> segments) {
  if (ended_) return;
  for (output::Segment& segment : segments) {
    if (options_.split_channels) {
      segment.channel = static_cast<int32_t>(part.number);
    } else {
      shift(segment, part);
      segment.seek += part.start / audio::kHopLength;
    }
  }
  if (!options_.split_channels) restore_times(segments);
  Division& division = *at.division;
  division.parts.say(part.number, std::move(segments));
  std::vector<output::Segment> ready = division.parts.take();
  output::Transcript& transcript = division.joined.transcript;
  for (output::Segment& segment : ready) {
    segment.id = static_cast<int64_t>(transcript.segments.size());
    transcript.text += segment.text;
    transcript.segments.push_back(segment);
  }
  report_segments(ready);
}

void Job::part_reached(const PartOf& part, double seconds, double total_seconds) {
  if (ended_) return;
  Division& division = *at.division;
  Parts& parts = division.parts;
  if (options_.split_channels) {
    parts.reach(part.number, seconds);
    division.total_seconds = std::max(division.total_seconds, total_seconds);
  } else {
    const double before = static_cast<double>(part.start) / audio::kSampleRate;
    parts.reach(part.number, original_time(std::min(seconds + before,
                                                    before + static_cast<double>(part.samples) / audio::kSampleRate)));
    if (const auto samples = speech_map_->length())
      division.total_seconds = static_cast<double>(*samples) / audio::kSampleRate;
  }
  part_said(part, {});
  report_progress(parts.reached(), division.total_seconds);
}

void Job::part_ended(const PartOf& part, Result result) {
  if (ended_) return;
  Division& division = *at.division;
  for (output::Attempt& attempt : result.transcript.attempts) {
    if (options_.split_channels) attempt.channel = static_cast<int32_t>(part.number);
    if (!options_.split_channels) attempt.seek += part.start / audio::kHopLength;
  }
  division.attempts.resize(std::max(division.attempts.size(), part.number + 1));
  division.attempts[part.number] = std::move(result.transcript.attempts);
  if (part.number == 0) {
    division.language = result.transcript.language;
    division.joined.language_probabilities = std::move(result.language_probabilities);
  }
  if (options_.split_channels) {
    division.joined.duration_seconds = std::max(division.joined.duration_seconds, result.duration_seconds);
    division.joined.speech_seconds = std::max(division.joined.speech_seconds, result.speech_seconds);
  }
  division.parts.end(part.number);
  part_said(part, {});
  report_progress(division.parts.reached(), division.total_seconds);
  inbox_->stir();
}

Result Job::joined() {
  if (!at.division) return {};
  Result result = std::move(at.division->joined);
  result.transcript.language = at.division->language.empty() ? options_.transcribe.language : at.division->language;
  for (auto& attempts : at.division->attempts) {
    std::move(attempts.begin(), attempts.end(), std::back_inserter(result.transcript.attempts));
  }
  if (!options_.split_channels) measure(result, -1);
  return result;
}

}  // namespace wtrt::runtime
