#include "swiglu.h"

#include "native/exp.h"
#include "native/native.h"

namespace chop {

CHOP_LEVELS void gated(const float* gate, const float* up, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = gate[i] * sigmoid(gate[i]) * up[i];
}

namespace {

/** With σ = sigmoid(gate) and u = gate σ: dgate = dy up (u + σ (1 − u)), dup = dy u. */
CHOP_LEVELS void gatedGrad(const float* dy, const float* gate, const float* up, float* dgate, float* dup, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const float s = sigmoid(gate[i]), silu = gate[i] * s;
    dgate[i] = dy[i] * up[i] * (silu + s * (1.0f - silu));
    dup[i] = dy[i] * silu;
  }
}

void swiglu(Call& call) {
  const Array &gate = call.input(0), &up = call.input(1);
  Call::expect(gate.sizes == up.sizes, "gate and up of the same shape");
  const Array y = call.output(0, gate.sizes);
  call.parallel(gate.count, 4, [&](int64_t from, int64_t to) { gated(gate.floats() + from, up.floats() + from, y.floats() + from, to - from); });
}

void swigluGrad(Call& call) {
  const Array &dy = call.input(0), &gate = call.input(1), &up = call.input(2);
  Call::expect(gate.sizes == up.sizes && dy.sizes == gate.sizes, "dy, gate and up of the same shape");
  const Array dgate = call.output(0, gate.sizes), dup = call.output(1, gate.sizes);
  call.parallel(gate.count, 6, [&](int64_t from, int64_t to) {
    gatedGrad(dy.floats() + from, gate.floats() + from, up.floats() + from, dgate.floats() + from, dup.floats() + from, to - from);
  });
}

const Op kSwiglu("ChopSwiglu", "gate: float, up: float -> y: float", "", swiglu);
const Op kSwigluGrad("ChopSwigluGrad", "dy: float, gate: float, up: float -> dgate: float, dup: float", "", swigluGrad);

}  // namespace
}  // namespace chop
