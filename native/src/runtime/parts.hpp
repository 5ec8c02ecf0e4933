// What the parts of a recording say, as one stream in order of time, whichever part is done first.
#pragma once

#include <deque>
#include <vector>

#include "output/writers.hpp"

namespace wtrt::runtime {

class Parts {
 public:
  // ---- parts are numbered as they are added; times are seconds of the recording ----
  void add(double from);  // it says nothing before that
  void say(size_t part, std::vector<output::Segment> segments);
  void reach(size_t part, double seconds);  // it says nothing more before that
  void end(size_t part);

  // What no part can say anything before any more; of what begins together the first part's comes first.
  std::vector<output::Segment> take();

  size_t added() const { return parts_.size(); }
  size_t open() const;     // parts that have not ended, or of which something is left to take
  double reached() const;  // everything before this was said
  bool ended() const;      // all parts have

 private:
  struct Part {
    std::deque<output::Segment> said;
    double reached = 0;
    bool ended = false;
    bool over() const { return ended && said.empty(); }
  };
  bool may_come_before(const output::Segment& segment, size_t part) const;

  std::vector<Part> parts_;
  size_t first_ = 0;  // parts before it are over
};

}  // namespace wtrt::runtime
