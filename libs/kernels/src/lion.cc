#include "native/lanes.h"
#include "native/native.h"
#include "native/update.h"

namespace chop {
namespace {

/** The numbers of one step, in the order of the TypeScript row. */
struct Hyper {
  float lr, beta1, rest1, beta2, rest2, shrink, scale;
};

/** With g = scale · gradient: w ← shrink · w − lr · sign(β₁ m + (1 − β₁) g), m ← β₂ m + (1 − β₂) g. */
CHOP_LEVELS void step(float* weight, const float* gradient, float* m, int64_t n, const Hyper h) {
  for (int64_t i = 0; i < n; ++i) {
    const float g = gradient[i] * h.scale;
    const float mixed = h.beta1 * m[i] + h.rest1 * g;
    const float sign = mixed > 0 ? 1.0f : mixed < 0 ? -1.0f : mixed;  // of 0 and of what is no number: itself
    weight[i] = h.shrink * weight[i] - h.lr * sign;
    m[i] = h.beta2 * m[i] + h.rest2 * g;
  }
}

void lion(Call& call) {
  const Array &gradient = call.input(1), &hyper = call.input(3);
  const Array weight = call.owned(0), m = call.owned(2);
  Call::expect(gradient.sizes == weight.sizes && m.sizes == weight.sizes, "gradient and moment of the shape of the weight");
  Call::expect(hyper.count == sizeof(Hyper) / sizeof(float), "seven numbers");
  const Hyper h = *static_cast<const Hyper*>(hyper.data);
  updateInPieces(call, weight, 4, [&](int64_t at, int64_t n) { step(weight.floats() + at, gradient.floats() + at, m.floats() + at, n, h); });
}

const Op kLion("ChopLion", "weight: float, gradient: float, m: float, hyper: float, mask: N * bool", "", lion);

}  // namespace
}  // namespace chop
