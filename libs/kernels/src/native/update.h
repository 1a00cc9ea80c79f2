// What optimisers share: a walk over a weight in pieces, and masks that hold.
#pragma once

#include <algorithm>

#include "lanes.h"
#include "native.h"

namespace chop {

/**
 * `step(at, n)` for pieces of a weight of `count` elements, on all threads, and after each the elements that `mask` drops set to zero.
 * A piece is so small that it is still in the first cache then.
 *
 * @param mask - index of the op's last input, a list of none or one.
 */
template <class Step>
void updateInPieces(Call& call, const Array& weight, int mask, const Step& step) {
  constexpr int64_t kPiece = 2048, kCyclesPerElement = 8;
  const uint8_t* kept = nullptr;
  if (call.inputs() > mask) {
    Call::expect(call.input(mask).sizes == weight.sizes, "a mask of the shape of the weight");
    kept = call.input(mask).bools();
  }
  float* values = weight.floats();
  call.parallel((weight.count + kPiece - 1) / kPiece, kPiece * kCyclesPerElement, [&](int64_t from, int64_t to) {
    for (int64_t at = from * kPiece; at < std::min(weight.count, to * kPiece); at += kPiece) {
      const int64_t n = std::min(kPiece, weight.count - at);
      step(at, n);
      if (kept != nullptr)
        for (int64_t i = at; i < at + n; ++i) values[i] = kept[i] ? values[i] : 0.0f;
    }
  });
}

}  // namespace chop
