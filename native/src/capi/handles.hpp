// What stands behind the opaque handles.
#pragma once

#include <vector>

#include "capi/boundary.hpp"
#include "runtime/detect_speech.hpp"
#include "runtime/engine.hpp"
#include "runtime/session.hpp"

struct wtrt_model : wtrt::capi::Handle<const wtrt::runtime::Model> {
  using Handle::Handle;
};
struct wtrt_engine : wtrt::capi::Handle<wtrt::runtime::Engine> {
  using Handle::Handle;
};
struct wtrt_queue : wtrt::capi::Handle<wtrt::runtime::EventQueue> {
  using Handle::Handle;
};
struct wtrt_job : wtrt::capi::Handle<wtrt::runtime::Job> {
  using Handle::Handle;
};

namespace wtrt::capi {

// A segment as the ABI shows it; borrows from `segment`, words go to `words`.
wtrt_segment view_of(const output::Segment& segment, std::vector<wtrt_word>& words);
wtrt_attempt view_of(const output::Attempt& attempt);

}  // namespace wtrt::capi

struct wtrt_result : wtrt::capi::Handle<const wtrt::runtime::Result> {
  explicit wtrt_result(std::shared_ptr<const wtrt::runtime::Result> held);
  std::vector<std::vector<wtrt_word>> words;
  std::vector<wtrt_segment> segments;
  std::vector<wtrt_attempt> attempts;
};

struct wtrt_speech : wtrt::capi::Handle<const wtrt::runtime::Speech> {
  explicit wtrt_speech(std::shared_ptr<const wtrt::runtime::Speech> held);
  std::vector<wtrt_speech_span> spans;
};

struct wtrt_session {
  wtrt::runtime::Session session;
};
