// A source of its own for the one path that differs from clone to clone: the compiler cache then serves all tests in
// every clone.
#include "shared_data.hpp"

namespace wtrt::test {

std::filesystem::path repository() { return WTRT_SOURCE_DIR; }

}  // namespace wtrt::test
