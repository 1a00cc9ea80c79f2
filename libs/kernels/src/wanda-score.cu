#include "native/cuda/device.h"

namespace chop::cuda {

/** |W[i, j]| · ‖X[:, j]‖ of `count` weights in rows of n. */
extern "C" __global__ void scoreWeights(const float* weight, const float* norm, float* score, int64_t count, int64_t n) {
  for (int64_t i = firstElement(); i < count; i += toNextElement()) score[i] = fabsf(weight[i]) * norm[i % n];
}

#ifndef __CUDACC_RTC__
namespace {

void wandaScore(Call& call) {
  const Array &weight = call.input(0), &norm = call.input(1);
  call.expect(weight.rank() == 2 && norm.rank() == 1 && norm.count == weight.size(1), "weight [out, in] and norm [in]");
  const Array score = call.output(0, weight.sizes);
  call.launch(KERNEL(scoreWeights), elements(weight.count), weight.floats(), norm.floats(), score.floats(), weight.count, norm.count);
}

const Op kWandaScore("ChopWandaScore", wandaScore);

}  // namespace
#endif

}  // namespace chop::cuda
