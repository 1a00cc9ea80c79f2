#include "native/lanes.h"
#include "native/native.h"

namespace chop {
namespace {

CHOP_LEVELS void sum(const float* x, const float* delta, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] + delta[i];
}

void add(Call& call) {
  const Array &x = call.input(0), &delta = call.input(1);
  Call::expect(x.sizes == delta.sizes, "x and delta of the same shape");
  const Array y = call.output(0, x.sizes);
  call.parallel(x.count, 2, [&](int64_t from, int64_t to) { sum(x.floats() + from, delta.floats() + from, y.floats() + from, to - from); });
}

const Op kAdd("ChopAdd", "x: float, delta: float -> y: float", "", add);

}  // namespace
}  // namespace chop
