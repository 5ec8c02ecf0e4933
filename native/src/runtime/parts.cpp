#include "runtime/parts.hpp"

#include <algorithm>
#include <iterator>
#include <optional>

namespace wtrt::runtime {

void Parts::add(double from) { parts_.push_back({{}, from, false}); }

void Parts::say(size_t part, std::vector<output::Segment> segments) {
  std::move(segments.begin(), segments.end(), std::back_inserter(parts_[part].said));
}

void Parts::reach(size_t part, double seconds) { parts_[part].reached = std::max(parts_[part].reached, seconds); }

void Parts::end(size_t part) { parts_[part].ended = true; }

// Whether a part that has said nothing new yet may still say something that belongs before `part`'s segment.
bool Parts::may_come_before(const output::Segment& segment, size_t part) const {
  for (size_t i = first_; i < parts_.size(); ++i) {
    if (i == part || parts_[i].ended || !parts_[i].said.empty()) continue;
    if (parts_[i].reached < segment.start || (parts_[i].reached == segment.start && i < part)) return true;
  }
  return false;
}

std::vector<output::Segment> Parts::take() {
  std::vector<output::Segment> taken;
  while (true) {
    while (first_ < parts_.size() && parts_[first_].over()) ++first_;
    std::optional<size_t> next;
    for (size_t i = first_; i < parts_.size(); ++i) {
      if (parts_[i].said.empty()) continue;
      if (!next || parts_[i].said.front().start < parts_[*next].said.front().start) next = i;
    }
    if (!next || may_come_before(parts_[*next].said.front(), *next)) return taken;
    taken.push_back(std::move(parts_[*next].said.front()));
    parts_[*next].said.pop_front();
  }
}

size_t Parts::open() const {
  return static_cast<size_t>(std::count_if(parts_.begin() + static_cast<std::ptrdiff_t>(first_), parts_.end(),
                                           [](const Part& part) { return !part.over(); }));
}

double Parts::reached() const {
  std::optional<double> least;
  double most = 0;
  for (size_t i = 0; i < parts_.size(); ++i) {
    most = std::max(most, parts_[i].reached);
    if (!parts_[i].ended) least = least ? std::min(*least, parts_[i].reached) : parts_[i].reached;
  }
  return least.value_or(most);
}

bool Parts::ended() const {
  return std::all_of(parts_.begin() + static_cast<std::ptrdiff_t>(first_), parts_.end(),
                     [](const Part& part) { return part.ended; });
}

}  // namespace wtrt::runtime
