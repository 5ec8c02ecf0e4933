#include "runtime/model.hpp"

#include <chrono>
#include <future>

#include "common/error.hpp"
#include "common/log.hpp"
#include "common/thread_pool.hpp"

namespace wtrt::runtime {

// Weights alone: what has no words cannot be transcribed with.
std::shared_ptr<const Model> Model::load_random(std::string_view size, const DeviceOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  const auto checkpoint = checkpoint::random_checkpoint(size);
  std::shared_ptr<Model> model(new Model(options));
  model->place(*checkpoint, begin);
  return model;
}

// The weights onto the device.
void Model::place(const checkpoint::Checkpoint& checkpoint, std::chrono::steady_clock::time_point begin) {
  const auto ops = make_ops();
  whisper_ = std::make_unique<models::Whisper>(*ops, checkpoint);
  ops->wait(ops->read(nullptr, nullptr, 0));  // other streams will use the weights
  mel_frames_ = device_.make_mel_frames(config().n_mels);
  parameters_ = checkpoint.elements();
  load_seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

std::shared_ptr<const Model> Model::load(std::string_view name_or_path, const DeviceOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  if (name_or_path.starts_with(kRandom)) return load_random(name_or_path.substr(kRandom.size()), options);
  const auto directory = checkpoint::find_model(name_or_path);
  const auto checkpoint = checkpoint::Checkpoint::open(directory);
  std::shared_ptr<Model> model(new Model(options));

  // The tokenizer's JSON is read while the weights are packed.
  std::promise<std::shared_ptr<const text::Tokenizer>> tokenizer;
  auto read = tokenizer.get_future();
  const int32_t vocabulary = checkpoint->whisper().vocab_size;
  ThreadPool::instance().run_in_background([&tokenizer, directory, vocabulary] {
    try {
      tokenizer.set_value(text::Tokenizer::load(directory, vocabulary));
    } catch (...) {
      tokenizer.set_exception(std::current_exception());
    }
  });
  try {
    model->place(*checkpoint, begin);
  } catch (...) {
    read.wait();  // the task refers to this frame
    throw;
  }
  model->tokenizer_ = read.get();
  log(LogLevel::info, "loaded " + directory.string() + " onto " + model->device_.name() + " in " +
                          std::to_string(model->load_seconds_) + " s");
  return model;
}

const std::shared_ptr<const text::Tokenizer>& Model::tokenizer() const {
  if (!tokenizer_)
    throw Error(ErrorCode::unsupported,
                "random weights have no tokenizer: they are to measure with, not to transcribe");
  return tokenizer_;
}

}  // namespace wtrt::runtime
