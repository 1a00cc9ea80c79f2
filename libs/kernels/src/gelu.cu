#include "native/cuda/device.h"

namespace chop::cuda {

/** gelu(x) and its slope. */
struct Unit {
  float value, slope;
};

/** x Φ(x), Φ the normal distribution function; the slope is Φ(x) + x φ(x), φ the normal density. */
__device__ Unit exactUnit(float x) {
  const float share = 0.5f * erfcf(x * -0.707106781f);
  return {x * share, share + x * 0.398942280f * expf(-0.5f * x * x)};
}

/** x (1 + tanh u) / 2 = x sigmoid(2 u) with u = √(2/π) (x + 0.044715 x³); the slope is σ + x σ (1 − σ) 2 u′. */
__device__ Unit tanhUnit(float x) {
  constexpr float kLinear = 1.59576912f, kCubic = kLinear * 0.044715f;  // 2 √(2/π)
  const float share = sigmoid(x * (kLinear + kCubic * x * x));
  return {x * share, share + x * share * (1.0f - share) * (kLinear + 3.0f * kCubic * x * x)};
}

/** gelu(x), times `up` where that is given. */
extern "C" __global__ void geluForward(const float* x, const float* up, float* y, bool tanh, int64_t count) {
  for (int64_t i = firstElement(); i < count; i += toNextElement()) {
    const Unit unit = tanh ? tanhUnit(x[i]) : exactUnit(x[i]);
    y[i] = up == nullptr ? unit.value : unit.value * up[i];
  }
}

/** dx = dy slope(x); with `up`, dx = dy up slope(x) and dup = dy gelu(x). */
extern "C" __global__ void geluBackward(const float* dy, const float* x, const float* up, float* dx, float* dup, bool tanh, int64_t count) {
  for (int64_t i = firstElement(); i < count; i += toNextElement()) {
    const Unit unit = tanh ? tanhUnit(x[i]) : exactUnit(x[i]);
    dx[i] = up == nullptr ? dy[i] * unit.slope : dy[i] * up[i] * unit.slope;
    if (up != nullptr) dup[i] = dy[i] * unit.value;
  }
}

#ifndef __CUDACC_RTC__
namespace {

bool tanhAsked(const Call& call) { return call.number("tanh") != 0; }

void gelu(Call& call) {
  const Array& x = call.input(0);
  const Array y = call.output(0, x.sizes);
  call.launch(KERNEL(geluForward), elements(x.count), x.floats(), nullptr, y.floats(), tanhAsked(call), x.count);
}

void geluGrad(Call& call) {
  const Array &dy = call.input(0), &x = call.input(1);
  call.expect(dy.sizes == x.sizes, "dy and x of the same shape");
  const Array dx = call.output(0, x.sizes);
  call.launch(KERNEL(geluBackward), elements(x.count), dy.floats(), x.floats(), nullptr, dx.floats(), nullptr, tanhAsked(call), x.count);
}

void geglu(Call& call) {
  const Array &gate = call.input(0), &up = call.input(1);
  call.expect(gate.sizes == up.sizes, "gate and up of the same shape");
  const Array y = call.output(0, gate.sizes);
  call.launch(KERNEL(geluForward), elements(gate.count), gate.floats(), up.floats(), y.floats(), tanhAsked(call), gate.count);
}

void gegluGrad(Call& call) {
  const Array &dy = call.input(0), &gate = call.input(1), &up = call.input(2);
  call.expect(dy.sizes == gate.sizes && gate.sizes == up.sizes, "dy, gate and up of the same shape");
  const Array dgate = call.output(0, gate.sizes), dup = call.output(1, gate.sizes);
  call.launch(KERNEL(geluBackward), elements(gate.count), dy.floats(), gate.floats(), up.floats(), dgate.floats(), dup.floats(), tanhAsked(call), gate.count);
}

const Op kGelu("ChopGelu", gelu);
const Op kGeluGrad("ChopGeluGrad", geluGrad);
const Op kGeglu("ChopGeglu", geglu);
const Op kGegluGrad("ChopGegluGrad", gegluGrad);

}  // namespace
#endif

}  // namespace chop::cuda
