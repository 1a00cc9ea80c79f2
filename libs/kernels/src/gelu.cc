#include "native/exp.h"
#include "native/native.h"

namespace chop {
namespace {

/** gelu(x) and its slope. */
struct Unit {
  float value, slope;
};

/** x Φ(x); the slope is Φ(x) + x φ(x), φ the normal density. */
struct Exact {
  CHOP_INLINE static Unit of(float x) {
    const float share = normalCumulative(x);
    return {x * share, share + x * 0.398942280f * exponential(-0.5f * x * x)};
  }
};

/** x (1 + tanh u) / 2 = x sigmoid(2 u) with u = √(2/π) (x + 0.044715 x³); the slope is σ + x σ (1 − σ) 2 u′. */
struct Tanh {
  CHOP_INLINE static Unit of(float x) {
    constexpr float kLinear = 1.59576912f, kCubic = kLinear * 0.044715f;  // 2 √(2/π)
    const float share = sigmoid(x * (kLinear + kCubic * x * x));
    return {x * share, share + x * share * (1.0f - share) * (kLinear + 3.0f * kCubic * x * x)};
  }
};

struct Arrays {
  const float *dy, *x, *up;
  float *y, *dx, *dup;
};

template <class Form>
CHOP_INLINE void forward(const Arrays& all, int64_t from, int64_t to) {
  const float* x = all.x;
  float* y = all.y;
  if (all.up == nullptr) {
    for (int64_t i = from; i < to; ++i) y[i] = Form::of(x[i]).value;
  } else {
    const float* up = all.up;
    for (int64_t i = from; i < to; ++i) y[i] = Form::of(x[i]).value * up[i];
  }
}

template <class Form>
CHOP_INLINE void backward(const Arrays& all, int64_t from, int64_t to) {
  const float *x = all.x, *dy = all.dy;
  float* dx = all.dx;
  if (all.up == nullptr) {
    for (int64_t i = from; i < to; ++i) dx[i] = dy[i] * Form::of(x[i]).slope;
  } else {
    const float* up = all.up;
    float* dup = all.dup;
    for (int64_t i = from; i < to; ++i) {
      const Unit unit = Form::of(x[i]);
      dx[i] = dy[i] * up[i] * unit.slope;
      dup[i] = dy[i] * unit.value;
    }
  }
}

CHOP_LEVELS void exact(const Arrays& all, int64_t from, int64_t to) { forward<Exact>(all, from, to); }
CHOP_LEVELS void exactGrad(const Arrays& all, int64_t from, int64_t to) { backward<Exact>(all, from, to); }
CHOP_LEVELS void tanh(const Arrays& all, int64_t from, int64_t to) { forward<Tanh>(all, from, to); }
CHOP_LEVELS void tanhGrad(const Arrays& all, int64_t from, int64_t to) { backward<Tanh>(all, from, to); }

void apply(Call& call, const Array& x, const Arrays& all, void (*ofExact)(const Arrays&, int64_t, int64_t), void (*ofTanh)(const Arrays&, int64_t, int64_t)) {
  const auto run = call.number("tanh") != 0 ? ofTanh : ofExact;
  call.parallel(x.count, 8, [&](int64_t from, int64_t to) { run(all, from, to); });
}

void gelu(Call& call) {
  const Array& x = call.input(0);
  apply(call, x, {nullptr, x.floats(), nullptr, call.output(0, x.sizes).floats(), nullptr, nullptr}, exact, tanh);
}

void geluGrad(Call& call) {
  const Array &dy = call.input(0), &x = call.input(1);
  Call::expect(dy.sizes == x.sizes, "dy and x of the same shape");
  apply(call, x, {dy.floats(), x.floats(), nullptr, nullptr, call.output(0, x.sizes).floats(), nullptr}, exactGrad, tanhGrad);
}

void geglu(Call& call) {
  const Array &gate = call.input(0), &up = call.input(1);
  Call::expect(gate.sizes == up.sizes, "gate and up of the same shape");
  apply(call, gate, {nullptr, gate.floats(), up.floats(), call.output(0, gate.sizes).floats(), nullptr, nullptr}, exact, tanh);
}

void gegluGrad(Call& call) {
  const Array &dy = call.input(0), &gate = call.input(1), &up = call.input(2);
  Call::expect(dy.sizes == gate.sizes && gate.sizes == up.sizes, "dy, gate and up of the same shape");
  const Array dgate = call.output(0, gate.sizes), dup = call.output(1, gate.sizes);
  apply(call, gate, {dy.floats(), gate.floats(), up.floats(), nullptr, dgate.floats(), dup.floats()}, exactGrad, tanhGrad);
}

const Op kGelu("ChopGelu", "x: float -> y: float", "tanh", gelu);
const Op kGeluGrad("ChopGeluGrad", "dy: float, x: float -> dx: float", "tanh", geluGrad);
const Op kGeglu("ChopGeglu", "gate: float, up: float -> y: float", "tanh", geglu);
const Op kGegluGrad("ChopGegluGrad", "dy: float, gate: float, up: float -> dgate: float, dup: float", "tanh", gegluGrad);

}  // namespace
}  // namespace chop
