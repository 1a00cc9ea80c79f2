#include <cmath>

#include "native/lanes.h"
#include "native/native.h"
#include "native/update.h"

namespace chop {
namespace {

/** The numbers of one step, in the order of the TypeScript row. */
struct Hyper {
  float stepSize, beta1, rest1, beta2, rest2, eps, correction, shrink, scale;
};

/** With g = scale · gradient: m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², w ← shrink · w − stepSize · m / (√v / correction + eps) */
CHOP_LEVELS void step(float* weight, const float* gradient, float* m, float* v, int64_t n, const Hyper h) {
  const float divisor = 1.0f / h.correction;
  for (int64_t i = 0; i < n; ++i) {
    const float g = gradient[i] * h.scale;
    m[i] = h.beta1 * m[i] + h.rest1 * g;
    v[i] = h.beta2 * v[i] + h.rest2 * g * g;
    weight[i] = h.shrink * weight[i] - h.stepSize * m[i] / (std::sqrt(v[i]) * divisor + h.eps);
  }
}

void adamw(Call& call) {
  const Array &gradient = call.input(1), &hyper = call.input(4);
  const Array weight = call.owned(0), m = call.owned(2), v = call.owned(3);
  Call::expect(gradient.sizes == weight.sizes && m.sizes == weight.sizes && v.sizes == weight.sizes, "gradient and moments of the shape of the weight");
  Call::expect(hyper.count == sizeof(Hyper) / sizeof(float), "nine numbers");
  const Hyper h = *static_cast<const Hyper*>(hyper.data);
  updateInPieces(call, weight, 5, [&](int64_t at, int64_t n) { step(weight.floats() + at, gradient.floats() + at, m.floats() + at, v.floats() + at, n, h); });
}

const Op kAdamw("ChopAdamw", "weight: float, gradient: float, m: float, v: float, hyper: float, mask: N * bool", "", adamw);

}  // namespace
}  // namespace chop
