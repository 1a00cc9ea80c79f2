#include "native/lanes.h"
#include "native/native.h"

namespace chop {
namespace {

/** The heads of one token: `y₁ = x₁ cos − x₂ sin`, `y₂ = x₂ cos + x₁ sin`; with `direction` −1 the other way round. What lies behind a head's pairs stays. */
CHOP_LEVELS void turn(const float* x, const float* cos, const float* sin, float direction, float* y, int64_t heads, int64_t half, int64_t inner) {
  for (int64_t head = 0; head < heads; ++head, x += inner, y += inner) {
    for (int64_t i = 0; i < half; ++i) {
      const float first = x[i], second = x[half + i], across = sin[i] * direction;
      y[i] = first * cos[i] - second * across;
      y[half + i] = second * cos[i] + first * across;
    }
    for (int64_t i = 2 * half; i < inner; ++i) y[i] = x[i];
  }
}

/** Every head of every token by the angles of the token's position. */
void turnAll(Call& call, float direction) {
  const Array &x = call.input(0), &cos = call.input(1), &sin = call.input(2);
  Call::expect(x.rank() == 4 && cos.rank() == 2 && cos.size(0) == x.size(1) && 2 * cos.size(1) <= x.size(3) && sin.sizes == cos.sizes,
               "x [batch, tokens, heads, inner] and tables [tokens, pairs], at most inner / 2 pairs");
  const Array y = call.output(0, x.sizes);
  const int64_t tokens = x.size(1), heads = x.size(2), inner = x.size(3), half = cos.size(1);
  call.parallel(x.size(0) * tokens, heads * inner, [&](int64_t from, int64_t to) {
    for (int64_t token = from; token < to; ++token) {
      const float *c = cos.floats() + token % tokens * half, *s = sin.floats() + token % tokens * half;
      const int64_t at = token * heads * inner;
      turn(x.floats() + at, c, s, direction, y.floats() + at, heads, half, inner);
    }
  });
}

const Op kRope("ChopRope", "x: float, cos: float, sin: float -> y: float", "", [](Call& call) { turnAll(call, 1); });
const Op kRopeGrad("ChopRopeGrad", "dy: float, cos: float, sin: float -> dx: float", "", [](Call& call) { turnAll(call, -1); });

}  // namespace
}  // namespace chop
