#include "runtime/model.hpp"

#include <chrono>
#include <future>

#include "common/log.hpp"
#include "common/thread_pool.hpp"

namespace wtrt::runtime {

std::shared_ptr<const Model> Model::load(std::string_view name_or_path, const cpu::CpuOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  std::shared_ptr<Model> model(new Model);
  const auto directory = checkpoint::find_model(name_or_path);
  const auto checkpoint = checkpoint::Checkpoint::open(directory);
  model->setup_ = cpu::resolve(options);

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
    const auto ops = model->make_ops();
    model->whisper_ = std::make_unique<models::Whisper>(*ops, *checkpoint);
  } catch (...) {
    read.wait();  // the task refers to this frame
    throw;
  }
  model->tokenizer_ = read.get();
  model->parameters_ = checkpoint->elements();
  model->load_seconds_ = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  log(LogLevel::info, "loaded " + directory.string() + " in " + std::to_string(model->load_seconds_) + " s");
  return model;
}

}  // namespace wtrt::runtime
