#include "native/cuda/device.h"

namespace chop::cuda {

/**
 * Each number of x `[batch, tokens, heads, inner]`: of pair i of its head, `y₁ = x₁ cos − x₂ sin` or `y₂ = x₂ cos + x₁ sin`, the sines times
 * `direction`; what lies behind the pairs stays.
 */
extern "C" __global__ void turnHeads(const float* x, const float* cos, const float* sin, float direction, float* y, int64_t count, int64_t tokens, int64_t heads,
                                     int64_t inner, int64_t pairs) {
  for (int64_t i = firstElement(); i < count; i += toNextElement()) {
    const int64_t at = i % inner, token = i / (inner * heads) % tokens, angle = token * pairs + (at < pairs ? at : at - pairs);
    if (at < pairs)
      y[i] = x[i] * cos[angle] - x[i + pairs] * (sin[angle] * direction);
    else if (at < 2 * pairs)
      y[i] = x[i] * cos[angle] + x[i - pairs] * (sin[angle] * direction);
    else
      y[i] = x[i];
  }
}

#ifndef __CUDACC_RTC__
namespace {

void turnAll(Call& call, float direction) {
  const Array &x = call.input(0), &cos = call.input(1), &sin = call.input(2);
  call.expect(x.rank() == 4 && cos.rank() == 2 && cos.size(0) == x.size(1) && 2 * cos.size(1) <= x.size(3) && sin.sizes == cos.sizes,
              "x [batch, tokens, heads, inner] and tables [tokens, pairs], at most inner / 2 pairs");
  const Array y = call.output(0, x.sizes);
  call.launch(KERNEL(turnHeads), elements(x.count), x.floats(), cos.floats(), sin.floats(), direction, y.floats(), x.count, x.size(1), x.size(2), x.size(3),
              cos.size(1));
}

const Op kRope("ChopRope", [](Call& call) { turnAll(call, 1); });
const Op kRopeGrad("ChopRopeGrad", [](Call& call) { turnAll(call, -1); });

}  // namespace
#endif

}  // namespace chop::cuda
