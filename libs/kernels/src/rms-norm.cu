#include "native/cuda/row-sums.h"
#include "norm.h"

namespace chop::cuda {

/** Of the row of this block: `1 / sqrt(Σ x² / live + eps)`. */
__device__ float inverseRms(const float* x, const Norm of) {
  float sum = 0;
  for (int64_t i = threadIdx.x; i < of.n; i += kThreads) sum += x[i] * x[i];
  return 1.0f / sqrtf(sumOfBlock(sum) / of.live + of.eps);
}

/** A block for each row: y = x r ∘ gain with r = inverseRms(x). */
extern "C" __global__ void rmsNormForward(const float* x, const float* gain, float* y, const Norm of) {
  x += blockIdx.x * of.n, y += blockIdx.x * of.n;
  const float r = inverseRms(x, of);
  for (int64_t i = threadIdx.x; i < of.n; i += kThreads) y[i] = x[i] * r * gain[i];
}

/** A block for each row. With n = x r and g = dy ∘ gain: dx = r (g − n Σ(g ∘ n) / live); r is kept for the gradient of the gain. */
extern "C" __global__ void rmsNormBackward(const float* dy, const float* x, const float* gain, float* dx, float* scale, const Norm of) {
  dy += blockIdx.x * of.n, x += blockIdx.x * of.n, dx += blockIdx.x * of.n;
  const float r = inverseRms(x, of);
  float products = 0;
  for (int64_t i = threadIdx.x; i < of.n; i += kThreads) products += dy[i] * gain[i] * x[i];
  const float along = sumOfBlock(products) * r / of.live;
  for (int64_t i = threadIdx.x; i < of.n; i += kThreads) dx[i] = r * (dy[i] * gain[i] - x[i] * r * along);
  if (threadIdx.x == 0) scale[blockIdx.x] = r;
}

/** dgain = Σ dy ∘ n over the rows, by parts. */
extern "C" __global__ void rmsNormGainParts(const float* dy, const float* x, const float* scale, float* parts, int64_t rows, int64_t n) {
  sumRowsOfPart(parts, rows, n, [=](int64_t row, int64_t i) { return dy[row * n + i] * x[row * n + i] * scale[row]; });
}

#ifndef __CUDACC_RTC__
namespace {

void rmsNorm(Call& call) {
  const Array &x = call.input(0), &gain = call.input(1);
  const Norm of = normOf(call, x, gain);
  const Array y = call.output(0, x.sizes);
  call.launch(KERNEL(rmsNormForward), {x.rows()}, x.floats(), gain.floats(), y.floats(), of);
}

void rmsNormGrad(Call& call) {
  const Array &dy = call.input(0), &x = call.input(1), &gain = call.input(2);
  const Norm of = normOf(call, x, gain);
  call.expect(dy.sizes == x.sizes, "dy of the shape of x");
  const Array dx = call.output(0, x.sizes), dgain = call.output(1, gain.sizes);
  const Grid byPart = partsOf(x.rows(), of.n);
  float *scale = call.scratch(x.rows()), *parts = call.scratch(byPart.x * of.n);
  call.launch(KERNEL(rmsNormBackward), {x.rows()}, dy.floats(), x.floats(), gain.floats(), dx.floats(), scale, of);
  call.launch(KERNEL(rmsNormGainParts), byPart, dy.floats(), x.floats(), scale, parts, x.rows(), of.n);
  call.launch(KERNEL(sumParts), elements(of.n), parts, dgain.floats(), byPart.x, of.n);
}

const Op kRmsNorm("ChopRmsNorm", rmsNorm);
const Op kRmsNormGrad("ChopRmsNormGrad", rmsNormGrad);

}  // namespace
#endif

}  // namespace chop::cuda
