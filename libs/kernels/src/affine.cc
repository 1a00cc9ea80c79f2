#include "native/lanes.h"
#include "native/native.h"

namespace chop {
namespace {

CHOP_LEVELS void line(const float* x, float scale, float shift, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] * scale + shift;
}

/** y = scale · x + shift */
void affine(Call& call) {
  const Array& x = call.input(0);
  const auto scale = static_cast<float>(call.number("scale")), shift = static_cast<float>(call.number("shift"));
  const Array y = call.output(0, x.sizes);
  call.parallel(x.count, 2, [&](int64_t from, int64_t to) { line(x.floats() + from, scale, shift, y.floats() + from, to - from); });
}

const Op kAffine("ChopAffine", "x: float -> y: float", "scale, shift", affine);

}  // namespace
}  // namespace chop
