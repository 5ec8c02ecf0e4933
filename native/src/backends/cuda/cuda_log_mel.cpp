#include "backends/cuda/cuda_log_mel.hpp"

#include <nvtx3/nvToolsExt.h>

#include <cstring>
#include <string>

#include "common/error.hpp"
#include "log_mel.hpp"

namespace wtrt::cuda {
namespace {

constexpr int64_t kHop = 160, kLength = 400, kBins = kLength / 2 + 1;
// Each block is a recording to the kernel, which mirrors samples at a recording's ends. A block's frames are therefore
// the recording's third one and those after it: they see no sample before this one, and what is there does not matter.
constexpr int64_t kFirstFrame = 2, kFirstSample = kFirstFrame * kHop - kLength / 2;

cudaError_t copy(float* to, const float* from, int64_t count, cudaStream_t stream) {
  return cudaMemcpyAsync(to, from, static_cast<size_t>(count) * sizeof(float), cudaMemcpyDefault, stream);
}

}  // namespace

// In both memories: kFirstSample floats that do not matter, samples, frames; on the GPU then the kernel's maxima.
struct CudaLogMel::Lane {
  explicit Lane(int64_t floats) : device(floats * 4, "the log-mel's samples and frames"), host(floats * 4) {}
  Stream stream;
  Event made{Event::Wait::sleeping};
  DeviceMemory device;
  PinnedMemory host;
  float* on_device() const { return static_cast<float*>(device.data()); }
  float* on_host() const { return reinterpret_cast<float*>(host.data()); }
};

class CudaLogMel::Loan {
 public:
  explicit Loan(CudaLogMel& owner) : owner_(owner) {
    std::unique_lock lock(owner_.mutex_);
    owner_.returned_.wait(lock, [this] { return !owner_.idle_.empty(); });
    lane_ = std::move(owner_.idle_.back());
    owner_.idle_.pop_back();
    nvtxRangePushA("log_mel");
  }
  ~Loan() {
    nvtxRangePop();
    static_cast<void>(cudaStreamSynchronize(lane_->stream.get()));  // after an error, copies may be under way
    const std::lock_guard lock(owner_.mutex_);
    owner_.idle_.push_back(std::move(lane_));
    owner_.returned_.notify_one();
  }
  Loan(const Loan&) = delete;
  Loan& operator=(const Loan&) = delete;
  Lane& lane() const { return *lane_; }

 private:
  CudaLogMel& owner_;
  std::unique_ptr<Lane> lane_;
};

CudaLogMel::CudaLogMel(int32_t gpu, const ops::LogMelShape& shape)
    : gpu_((check(cudaSetDevice(gpu), "choosing the GPU"), gpu)),
      mels_(shape.mels),
      block_frames_(shape.block_frames),
      most_blocks_(shape.most_blocks),
      filters_(mels_ * kBins * 4, "the mel filters"),
      lengths_(most_blocks_ * 8LL, "the log-mel's lengths") {
  for (int i = 0; i < kLanes; ++i) {
    const int64_t floats = kFirstSample + samples_of(most_blocks_) + values_of(most_blocks_) + most_blocks_;
    idle_.push_back(std::make_unique<Lane>(floats));
  }
  const cudaStream_t stream = idle_.front()->stream.get();
  const std::vector<int64_t> lengths(static_cast<size_t>(most_blocks_), kFirstSample + samples_of(1));
  check(copy(static_cast<float*>(filters_.data()), shape.filters.data(), mels_ * kBins, stream), "copying to the GPU");
  check(cudaMemcpyAsync(lengths_.data(), lengths.data(), lengths.size() * 8, cudaMemcpyHostToDevice, stream),
        "copying to the GPU");
  check(cudaStreamSynchronize(stream), "copying to the GPU");  // other streams will use them
}

CudaLogMel::~CudaLogMel() { static_cast<void>(cudaSetDevice(gpu_)); }

int64_t CudaLogMel::samples_of(int32_t blocks) const { return (int64_t{blocks} * block_frames_ - 1) * kHop + kLength; }

int64_t CudaLogMel::values_of(int32_t blocks) const { return int64_t{blocks} * mels_ * block_frames_; }

void CudaLogMel::enqueue(Lane& lane, int32_t blocks) const {
  const cudaStream_t stream = lane.stream.get();
  const int64_t first_value = kFirstSample + samples_of(most_blocks_);
  float* const mel = lane.on_device() + first_value;
  check(copy(lane.on_device() + kFirstSample, lane.on_host() + kFirstSample, samples_of(blocks), stream),
        "copying samples to the GPU");
  kernels::LogMelArgs args{};
  args.pcm = lane.on_device();
  args.pcm_stride = block_frames_ * kHop;
  args.samples = static_cast<const int64_t*>(lengths_.data());
  args.total = kFirstSample + samples_of(1);
  args.first_frame = kFirstFrame;
  args.recordings = blocks;
  args.frames = block_frames_;
  args.filters = static_cast<const float*>(filters_.data());
  args.mels = mels_;
  args.mel = mel;
  args.maximum = mel + values_of(most_blocks_);
  check(kernels::log_mel(args, stream), "log-mel");
  check(copy(lane.on_host() + first_value, mel, values_of(blocks), stream), "copying frames from the GPU");
  lane.made.record(stream);
}

void CudaLogMel::make(const float* samples, int32_t blocks, float* out) {
  if (blocks < 1 || blocks > most_blocks_) {
    throw Error(ErrorCode::internal,
                "log-mel: " + std::to_string(blocks) + " blocks at once, of at most " + std::to_string(most_blocks_));
  }
  check(cudaSetDevice(gpu_), "choosing the GPU");
  const Loan loan(*this);
  Lane& lane = loan.lane();
  std::memcpy(lane.on_host() + kFirstSample, samples, static_cast<size_t>(samples_of(blocks)) * sizeof(float));
  enqueue(lane, blocks);
  lane.made.wait();
  std::memcpy(out, lane.on_host() + kFirstSample + samples_of(most_blocks_),
              static_cast<size_t>(values_of(blocks)) * sizeof(float));
}

}  // namespace wtrt::cuda
