#include "native/cuda/device.h"

namespace chop::cuda {

/** The numbers of one step, in the order of the TypeScript row. */
struct LionHyper {
  float lr, beta1, rest1, beta2, rest2, shrink, scale;
};

/** With g = scale · gradient: w ← shrink · w − lr · sign(β₁ m + (1 − β₁) g), and 0 where `mask` (it may be null) drops it; m ← β₂ m + (1 − β₂) g. */
extern "C" __global__ void lionStep(float* weight, const float* gradient, float* m, const LionHyper* hyper, const uint8_t* mask, int64_t count) {
  const LionHyper h = *hyper;
  for (int64_t i = firstElement(); i < count; i += toNextElement()) {
    const float g = gradient[i] * h.scale;
    const float mixed = h.beta1 * m[i] + h.rest1 * g;
    const float sign = mixed > 0 ? 1.0f : mixed < 0 ? -1.0f : mixed;  // of 0 and of what is no number: itself
    weight[i] = mask == nullptr || mask[i] ? h.shrink * weight[i] - h.lr * sign : 0.0f;
    m[i] = h.beta2 * m[i] + h.rest2 * g;
  }
}

#ifndef __CUDACC_RTC__
namespace {

void lion(Call& call) {
  const Array &gradient = call.input(1), &hyper = call.input(3);
  const Array weight = call.owned(0), m = call.owned(2);
  call.expect(gradient.sizes == weight.sizes && m.sizes == weight.sizes, "gradient and moment of the shape of the weight");
  call.expect(hyper.count == sizeof(LionHyper) / sizeof(float), "seven numbers");
  const auto* numbers = static_cast<const LionHyper*>(hyper.data);
  call.launch(KERNEL(lionStep), elements(weight.count), weight.floats(), gradient.floats(), m.floats(), numbers, maskOf(call, 4, weight), weight.count);
}

const Op kLion("ChopLion", lion);

}  // namespace
#endif

}  // namespace chop::cuda
