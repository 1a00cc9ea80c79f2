#include "native/cuda/device.h"

namespace chop::cuda {

/** Elements that one partial sum takes: fixed, so that the norm is the same on every GPU. */
constexpr int64_t kElementsOfPart = 16384;

/** A block for each part of x: `parts[part] = Σ x²`, in float64. */
extern "C" __global__ void sumSquares(const float* x, double* parts, int64_t count) {
  const int64_t first = blockIdx.x * kElementsOfPart, end = first + kElementsOfPart;
  double sum = 0;
  for (int64_t i = first + threadIdx.x; i < count && i < end; i += kThreads) sum += static_cast<double>(x[i]) * x[i];
  sum = sumOfBlock(sum);
  if (threadIdx.x == 0) parts[blockIdx.x] = sum;
}

/** One block: `norm = √ Σ parts`. */
extern "C" __global__ void rootOfSum(const double* parts, float* norm, int64_t count) {
  double sum = 0;
  for (int64_t part = threadIdx.x; part < count; part += kThreads) sum += parts[part];
  sum = sumOfBlock(sum);
  if (threadIdx.x == 0) *norm = static_cast<float>(sqrt(sum));
}

#ifndef __CUDACC_RTC__
namespace {

int64_t partsOf(const Array& x) { return (x.count + kElementsOfPart - 1) / kElementsOfPart; }

/** `√ Σ x²` over all tensors. */
void globalNorm(Call& call) {
  int64_t count = 0;
  for (int index = 0; index < call.inputs(); ++index) count += partsOf(call.input(index));
  auto* parts = reinterpret_cast<double*>(call.scratch(2 * count));
  double* next = parts;
  for (int index = 0; index < call.inputs(); ++index) {
    const Array& x = call.input(index);
    call.launch(KERNEL(sumSquares), {partsOf(x)}, x.floats(), next, x.count);
    next += partsOf(x);
  }
  call.launch(KERNEL(rootOfSum), {1}, parts, call.output(0, {}).floats(), count);
}

const Op kGlobalNorm("ChopGlobalNorm", globalNorm);

}  // namespace
#endif

}  // namespace chop::cuda
