#pragma once

#include "common/error.hpp"

namespace wtrt::cuda {

// What another backend made cannot be used here.
template <typename Mine, typename Base>
auto& own(Base& base) {
  auto* const found = dynamic_cast<std::conditional_t<std::is_const_v<Base>, const Mine, Mine>*>(&base);
  if (found == nullptr) throw Error(ErrorCode::internal, "the CUDA backend was given an object that it did not make");
  return *found;
}

}  // namespace wtrt::cuda
