// Beam searches on the device and on the CPU beside each other, step by step: states, histories, page tables and what
// the caches hold.
#include <cmath>
#include <numeric>

#include "policy.hpp"
#include "policy_state.hpp"

namespace wtrt::gpu_test {
namespace {

constexpr float kOut = -std::numeric_limits<float>::infinity();
constexpr double kByLength = std::numeric_limits<double>::quiet_NaN();
constexpr int32_t kRows = 70, kCapacity = 60, kPagesPerRow = 7, kPageTokens = 16, kLayers = 3, kHeads = 2,
                  kHeadSize = 16;

struct Plan {
  int32_t size;
  double patience, length_penalty;
};

// Both sides of several searches, and what their caches hold.
class Simulation {
 public:
  Simulation(const kernels::Device& gpu, const std::vector<Plan>& plans, int32_t vocabulary, bool with_timestamps,
             uint32_t seed)
      : gpu_(gpu),
        random_(seed),
        vocabulary_(vocabulary),
        host_(kRows, kCapacity, kPagesPerRow, vocabulary, 1),
        cpu_cache_({kLayers, kHeads, kHeadSize}, kRows * kPagesPerRow, kPageTokens, DType::f32),
        cache_{DType::f16, nullptr, kLayers, kRows * kPagesPerRow, kPageTokens, kHeads, kHeadSize},
        cells_(static_cast<size_t>(cache_.bytes() / 2), 0xffff) {
    std::vector<int32_t> free(kRows);
    std::iota(free.begin(), free.end(), 0);
    std::shuffle(free.begin(), free.end(), random_);
    for (const Plan& plan : plans) place(plan, free, with_timestamps);
    host_.suppress_token(0, 3);
    device_ = std::make_unique<DeviceState>(host_);
    device_cells_ = std::make_unique<DeviceArray>(cells_);
    cache_.data = device_cells_->get();
  }

  int ended() const {
    return std::accumulate(host_.beams.begin(), host_.beams.end(), 0,
                           [](int sum, const auto& beam) { return sum + beam.ended; });
  }
  bool all_over() const {
    return std::all_of(heads_.begin(), heads_.end(),
                       [&](int32_t row) { return host_.rows[static_cast<size_t>(row)].finished != 0; });
  }

  void step(cpu::Isa isa, ThreadPool& pool, bool first, float eot, bool few) {
    std::vector<ops::BeamLines> lines;
    std::vector<int32_t> rows;
    for (const int32_t head : heads_) {
      const ops::BeamState& beam = host_.beams[static_cast<size_t>(head)];
      const int32_t count = first ? 1 : beam.size;
      lines.push_back({head, static_cast<int32_t>(rows.size()), count});
      rows.insert(rows.end(), beam.rows, beam.rows + count);
    }
    std::swap(lines.front(), lines.back());
    std::vector<ops::BeamLines> with_gap = lines;
    with_gap.insert(with_gap.begin() + static_cast<int64_t>(lines.size() / 2), {-1, 5, 7});
    auto logits = random_values(rows.size() * static_cast<size_t>(vocabulary_), static_cast<uint32_t>(random_()), 1.5f);
    shape(logits, rows, eot, few);
    if (!first) feed(rows);

    const auto count = static_cast<int32_t>(rows.size());
    const DeviceArray device_logits(logits), device_rows(rows), device_lines(with_gap);
    const DeviceArray workspace(kernels::policy_workspace(count, vocabulary_));
    const kernels::PolicyArgs args{device_logits.as<float>(), vocabulary_, device_->state(),
                                   device_rows.as<int32_t>(), count,       workspace.get()};
    check(kernels::logits_policy(gpu_, args, nullptr));
    check(kernels::beam_select(gpu_, args, cache_, device_lines.as<ops::BeamLines>(),
                               static_cast<int32_t>(with_gap.size()), first ? 0 : 1, nullptr));
    check(cudaDeviceSynchronize(), "beam_select");

    const ops::Tensor matrix_of = matrix(logits, vocabulary_);
    cpu::logits_policy(isa, pool, matrix_of, host_.state(), rows.data(), count);
    cpu::beam_select(isa, pool, cpu_cache_, matrix_of, host_.state(), lines.data(), static_cast<int32_t>(lines.size()),
                     first ? 0 : 1);

    expect_bits(device_logits.read<float>(), logits, vocabulary_, "logits");
    device_->expect(host_);
    cells_ = device_cells_->read<uint16_t>();
    expect_caches();
  }

 private:
  void place(const Plan& plan, std::vector<int32_t>& free, bool with_timestamps) {
    const std::vector<int32_t> rows(free.end() - plan.size, free.end());
    free.resize(free.size() - rows.size());
    const int32_t head = rows.front();
    heads_.push_back(head);
    ops::TokenPolicy& policy = host_.policies[static_cast<size_t>(head)];
    policy.timestamp_begin = vocabulary_ - vocabulary_ / 5;
    policy.no_timestamps = policy.timestamp_begin - 1;
    policy.eot = policy.timestamp_begin - 7;
    policy.blank = 5;
    policy.with_timestamps = with_timestamps ? 1 : 0;
    policy.max_initial_timestamp = 20;
    ops::BeamState& beam = host_.beams[static_cast<size_t>(head)];
    beam.size = plan.size;
    std::copy(rows.begin(), rows.end(), beam.rows);
    beam.max_ended = static_cast<int32_t>(std::nearbyint(plan.size * plan.patience));
    beam.length_penalty = plan.length_penalty;
    const auto prompt = static_cast<int32_t>(1 + random_() % 40);
    for (const int32_t row : rows) {
      ops::RowState& to = host_.rows[static_cast<size_t>(row)];
      to.length = prompt;
      to.policy = head;
      to.max_sampled = 50;
      to.candidate = row;
      for (int32_t i = 0; i < kPagesPerRow; ++i) {
        const bool shared = row != head && i < prompt / kPageTokens;
        host_.pages[static_cast<size_t>(row * kPagesPerRow + i)] = (shared ? head : row) * kPagesPerRow + i;
      }
    }
    for (int32_t position = 0; position < prompt; ++position) write(head, position, static_cast<uint16_t>(random_()));
  }

  // Times as likely as text now and then, equals, and lines with less open than there are beams.
  void shape(std::vector<float>& logits, const std::vector<int32_t>& rows, float eot, bool few) {
    for (size_t i = 0; i < rows.size(); ++i) {
      float* line = logits.data() + i * static_cast<size_t>(vocabulary_);
      const ops::TokenPolicy& policy =
          host_.policies[static_cast<size_t>(host_.rows[static_cast<size_t>(rows[i])].policy)];
      line[policy.eot] += eot;
      const uint32_t kind = random_() % 8;
      if (kind == 0) std::for_each(line + policy.timestamp_begin, line + vocabulary_, [](float& x) { x += 2.5f; });
      if (kind == 1) std::for_each(line, line + vocabulary_, [](float& x) { x = std::floor(x * 2); });
      if (kind == 2 && few) std::for_each(line + 11, line + vocabulary_, [](float& x) { x = kOut; });
      if (kind == 3 && i > 0) std::copy_n(line - vocabulary_, vocabulary_, line);
    }
  }

  size_t cell(int32_t layer, int32_t page, int32_t kv, int32_t head, int32_t position) const {
    return static_cast<size_t>(
        ((((layer * cache_.pages + page) * 2 + kv) * kHeads + head) * kPageTokens + position % kPageTokens) *
        kHeadSize);
  }
  int32_t page_of(int32_t row, int32_t position) const {
    return host_.pages[static_cast<size_t>(row * kPagesPerRow + position / kPageTokens)];
  }
  float* cpu_cell(int32_t layer, int32_t page, int32_t head, int32_t position) {
    return reinterpret_cast<float*>(cpu_cache_.block(layer, page, head) + cpu_cache_.layout().values) +
           (position % kPageTokens) * kHeadSize;
  }
  static uint16_t stamp(uint16_t value, int32_t layer, int32_t kv, int32_t head, int32_t i) {
    return static_cast<uint16_t>(value * 31 + layer * 7 + kv * 3 + head * 1009 + i * 17);
  }

  // A token's keys and values into both caches; the CPU's holds the stamp itself.
  void write(int32_t row, int32_t position, uint16_t value) {
    const int32_t page = page_of(row, position);
    for (int32_t layer = 0; layer < kLayers; ++layer) {
      for (int32_t head = 0; head < kHeads; ++head) {
        *cpu_cell(layer, page, head, position) = static_cast<float>(value);
        for (int32_t kv = 0; kv < 2; ++kv)
          for (int32_t i = 0; i < kHeadSize; ++i)
            cells_[cell(layer, page, kv, head, position) + static_cast<size_t>(i)] = stamp(value, layer, kv, head, i);
      }
    }
  }

  void feed(const std::vector<int32_t>& rows) {
    for (const int32_t row : rows) {
      const ops::RowState& state = host_.rows[static_cast<size_t>(row)];
      if (state.finished == 0) write(row, state.length, static_cast<uint16_t>(random_()));
    }
    check(cudaMemcpy(device_cells_->get(), cells_.data(), cells_.size() * 2, cudaMemcpyHostToDevice));
  }

  // After a step every row's positions hold on the device what they hold on the CPU.
  void expect_caches() {
    for (const int32_t head_row : heads_) {
      const ops::BeamState& beam = host_.beams[static_cast<size_t>(head_row)];
      for (int32_t b = 0; b < beam.size; ++b) {
        const int32_t row = beam.rows[b];
        const ops::RowState& state = host_.rows[static_cast<size_t>(row)];
        if (state.finished != 0) continue;
        for (int32_t position = 0; position < state.length; ++position) {
          const int32_t page = page_of(row, position);
          for (int32_t layer = 0; layer < kLayers; ++layer) {
            for (int32_t head = 0; head < kHeads; ++head) {
              const auto value = static_cast<uint16_t>(*cpu_cell(layer, page, head, position));
              for (int32_t k = 0; k < 2 * kHeadSize; ++k) {
                const size_t at = cell(layer, page, k / kHeadSize, head, position) + static_cast<size_t>(k % kHeadSize);
                if (cells_[at] == stamp(value, layer, k / kHeadSize, head, k % kHeadSize)) continue;
                ADD_FAILURE() << "cache of row " << row << " (search " << head_row << ", beam " << b << ") page "
                              << page << " position " << position << " of " << state.length << " layer " << layer
                              << " head " << head << " element " << k;
                return;
              }
            }
          }
        }
      }
    }
  }

  kernels::Device gpu_;
  std::mt19937 random_;
  int32_t vocabulary_;
  HostState host_;
  cpu::CpuPagedKv cpu_cache_;
  kernels::PagedKv cache_;
  std::vector<uint16_t> cells_;
  std::vector<int32_t> heads_;
  std::unique_ptr<DeviceState> device_;
  std::unique_ptr<DeviceArray> device_cells_;
};

void simulate(const std::vector<Plan>& plans, int32_t vocabulary, int rounds, int steps, int* over, int* ended) {
  WTRT_TWIN_LEVEL(isa);
  ThreadPool& pool = ThreadPool::instance();
  const ThreadPool::Lease lease(pool);
  for (int round = 0; round < rounds; ++round) {
    const kernels::Device gpu = devices()[static_cast<size_t>(round) / 2 % devices().size()];
    Simulation simulation(gpu, plans, vocabulary, round % 2 == 1, static_cast<uint32_t>(round * 101 + vocabulary));
    for (int step = 0; step < steps && !simulation.all_over(); ++step) {
      simulation.step(isa, pool, step == 0, round % 3 == 0 ? 1.0f : 3.0f, round % 4 == 2);
      if (testing::Test::HasFailure()) FAIL() << "round " << round << " step " << step << " vocabulary " << vocabulary;
    }
    *over += simulation.all_over();
    *ended += simulation.ended();
  }
}

TEST(BeamSelect, IsTheTwinStepByStep) {
  int over = 0, ended = 0;
  simulate({{5, 1.0, kByLength}, {1, 1.0, kByLength}, {3, 2.0, 0.6}, {8, 1.0, 1.0}, {2, 3.0, 0.0}}, 187, 12, 55, &over,
           &ended);
  EXPECT_GT(over, 4);
  EXPECT_GT(ended, 60);
}

TEST(BeamSelect, IsTheTwinWithManyBeams) {
  int over = 0, ended = 0;
  simulate({{32, 1.0, kByLength}, {31, 1.5, 0.6}, {5, 1.0, kByLength}}, 187, 4, 55, &over, &ended);
  simulate({{32, 1.0, kByLength}}, 40, 3, 20, &over, &ended);
  EXPECT_GT(ended, 60);
}

TEST(BeamSelect, IsTheTwinOverWhispersVocabulary) {
  int over = 0, ended = 0;
  simulate({{5, 1.0, kByLength}, {5, 2.0, 0.6}, {16, 1.0, kByLength}, {1, 1.0, kByLength}}, 51865, 2, 12, &over,
           &ended);
}

TEST(BeamSelect, OneSearchOfEachSize) {
  int over = 0, ended = 0;
  for (int32_t size = 1; size <= 32; ++size) simulate({{size, 1.0, kByLength}}, 211, 1, 12, &over, &ended);
}

TEST(BeamSelect, DISABLED_Bench) {
  constexpr int32_t kVocabulary = 51865, kBenchPages = 16;
  for (const auto& [size, searches] :
       {std::pair{5, 1}, std::pair{5, 8}, std::pair{5, 32}, std::pair{8, 4}, std::pair{32, 1}}) {
    const int32_t rows = size * searches;
    HostState host(rows, 4096, kBenchPages, kVocabulary, 1);
    std::vector<ops::BeamLines> lines;
    std::vector<int32_t> order(static_cast<size_t>(rows));
    std::iota(order.begin(), order.end(), 0);
    for (int32_t s = 0; s < searches; ++s) {
      ops::BeamState& beam = host.beams[static_cast<size_t>(s * size)];
      beam.size = size;
      beam.max_ended = size;
      beam.length_penalty = kByLength;
      lines.push_back({s * size, s * size, size});
      for (int32_t b = 0; b < size; ++b) {
        const int32_t row = s * size + b;
        beam.rows[b] = row;
        host.rows[static_cast<size_t>(row)].length = 3 * 32 + 16;  // a page in use half full
        host.rows[static_cast<size_t>(row)].sampled = 100;
        host.rows[static_cast<size_t>(row)].max_sampled = 1 << 20;
        for (int32_t p = 0; p < kBenchPages; ++p)
          host.pages[static_cast<size_t>(row * kBenchPages + p)] = row * kBenchPages + p;
      }
    }
    host.policies[0].eot = 7;
    auto logits = random_values(static_cast<size_t>(rows) * kVocabulary, 5, 2.0f);
    for (int32_t i = 0; i < rows; ++i) logits[static_cast<size_t>(i) * kVocabulary + 7] = kOut;
    const DeviceState device(host);
    const DeviceArray device_logits(logits), device_lines(lines), device_rows(order);
    const DeviceArray workspace(kernels::policy_workspace(rows, kVocabulary));
    kernels::PagedKv cache{DType::f16, nullptr, 32, rows * kBenchPages, 32, 20, 64};
    if (cache.bytes() > (30LL << 30)) cache.layers = 8;
    const DeviceArray cells(cache.bytes());
    cache.data = cells.get();
    const kernels::PolicyArgs args{device_logits.as<float>(), kVocabulary, device.state(),
                                   device_rows.as<int32_t>(), rows,        workspace.get()};
    const double both = graph_milliseconds(10, [&](cudaStream_t stream, int) {
      check(kernels::beam_select(this_device(), args, cache, device_lines.as<ops::BeamLines>(), searches, 0, stream));
    });
    std::printf(
        "[ BENCH ] beam_select %d searches of %d: %.2f us, layers %d (logits at 3 TB/s %.2f; copying one half page "
        "%.2f)\n",
        searches, size, both * 1e3, cache.layers, 1e6 * rows * kVocabulary * 4 / 3e12,
        1e6 * static_cast<double>(cache.page_elements()) * 2 * cache.layers / 3e12);
  }
}

}  // namespace
}  // namespace wtrt::gpu_test
