#include "native/cuda/device.h"

namespace chop::cuda {

/** `silu(gate) · up` */
extern "C" __global__ void swigluForward(const float* gate, const float* up, float* y, int64_t count) {
  for (int64_t i = firstElement(); i < count; i += toNextElement()) y[i] = gate[i] * sigmoid(gate[i]) * up[i];
}

/** With σ = sigmoid(gate) and u = gate σ: dgate = dy up (u + σ (1 − u)), dup = dy u. */
extern "C" __global__ void swigluBackward(const float* dy, const float* gate, const float* up, float* dgate, float* dup, int64_t count) {
  for (int64_t i = firstElement(); i < count; i += toNextElement()) {
    const float s = sigmoid(gate[i]), silu = gate[i] * s;
    dgate[i] = dy[i] * up[i] * (silu + s * (1.0f - silu));
    dup[i] = dy[i] * silu;
  }
}

#ifndef __CUDACC_RTC__
namespace {

void swiglu(Call& call) {
  const Array &gate = call.input(0), &up = call.input(1);
  call.expect(gate.sizes == up.sizes, "gate and up of the same shape");
  const Array y = call.output(0, gate.sizes);
  call.launch(KERNEL(swigluForward), elements(gate.count), gate.floats(), up.floats(), y.floats(), gate.count);
}

void swigluGrad(Call& call) {
  const Array &dy = call.input(0), &gate = call.input(1), &up = call.input(2);
  call.expect(gate.sizes == up.sizes && dy.sizes == gate.sizes, "dy, gate and up of the same shape");
  const Array dgate = call.output(0, gate.sizes), dup = call.output(1, gate.sizes);
  call.launch(KERNEL(swigluBackward), elements(gate.count), dy.floats(), gate.floats(), up.floats(), dgate.floats(), dup.floats(), gate.count);
}

const Op kSwiglu("ChopSwiglu", swiglu);
const Op kSwigluGrad("ChopSwigluGrad", swigluGrad);

}  // namespace
#endif

}  // namespace chop::cuda
