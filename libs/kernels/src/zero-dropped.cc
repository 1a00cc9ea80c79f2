#include "native/lanes.h"
#include "native/native.h"

namespace chop {
namespace {

CHOP_LEVELS void zero(float* weight, const uint8_t* kept, int64_t n) {
  for (int64_t i = 0; i < n; ++i) weight[i] = kept[i] ? weight[i] : 0.0f;
}

void zeroDropped(Call& call) {
  const Array& kept = call.input(1);
  const Array weight = call.owned(0);
  Call::expect(kept.sizes == weight.sizes, "a mask of the shape of the weight");
  call.parallel(weight.count, 1, [&](int64_t from, int64_t to) { zero(weight.floats() + from, kept.bools() + from, to - from); });
}

const Op kZeroDropped("ChopZeroDropped", "weight: float, kept: bool", "", zeroDropped);

}  // namespace
}  // namespace chop
