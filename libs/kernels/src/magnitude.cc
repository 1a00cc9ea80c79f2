#include <cmath>

#include "native/lanes.h"
#include "native/native.h"

namespace chop {
namespace {

CHOP_LEVELS void magnitudes(const float* weight, float* score, int64_t n) {
  for (int64_t i = 0; i < n; ++i) score[i] = std::fabs(weight[i]);
}

/** |W| */
void magnitude(Call& call) {
  const Array& weight = call.input(0);
  const Array score = call.output(0, weight.sizes);
  call.parallel(weight.count, 1, [&](int64_t from, int64_t to) { magnitudes(weight.floats() + from, score.floats() + from, to - from); });
}

const Op kMagnitude("ChopMagnitude", "weight: float -> score: float", "", magnitude);

}  // namespace
}  // namespace chop
