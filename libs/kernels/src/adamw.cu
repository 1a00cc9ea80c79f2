#include "native/cuda/device.h"

namespace chop::cuda {

/** The numbers of one step, in the order of the TypeScript row. */
struct AdamwHyper {
  float stepSize, beta1, rest1, beta2, rest2, eps, correction, shrink, scale;
};

/**
 * With g = scale · gradient: m ← β₁ m + (1 − β₁) g, v ← β₂ v + (1 − β₂) g², w ← shrink · w − stepSize · m / (√v / correction + eps), and 0 where
 * `mask` (it may be null) drops the weight.
 */
extern "C" __global__ void adamwStep(float* weight, const float* gradient, float* m, float* v, const AdamwHyper* hyper, const uint8_t* mask, int64_t count) {
  const AdamwHyper h = *hyper;
  for (int64_t i = firstElement(); i < count; i += toNextElement()) {
    const float g = gradient[i] * h.scale;
    m[i] = h.beta1 * m[i] + h.rest1 * g;
    v[i] = h.beta2 * v[i] + h.rest2 * g * g;
    const float moved = h.shrink * weight[i] - h.stepSize * m[i] / (sqrtf(v[i]) / h.correction + h.eps);
    weight[i] = mask == nullptr || mask[i] ? moved : 0.0f;
  }
}

#ifndef __CUDACC_RTC__
namespace {

void adamw(Call& call) {
  const Array &gradient = call.input(1), &hyper = call.input(4);
  const Array weight = call.owned(0), m = call.owned(2), v = call.owned(3);
  call.expect(gradient.sizes == weight.sizes && m.sizes == weight.sizes && v.sizes == weight.sizes, "gradient and moments of the shape of the weight");
  call.expect(hyper.count == sizeof(AdamwHyper) / sizeof(float), "nine numbers");
  const auto* numbers = static_cast<const AdamwHyper*>(hyper.data);
  call.launch(KERNEL(adamwStep), elements(weight.count), weight.floats(), gradient.floats(), m.floats(), v.floats(), numbers, maskOf(call, 5, weight), weight.count);
}

const Op kAdamw("ChopAdamw", adamw);

}  // namespace
#endif

}  // namespace chop::cuda
