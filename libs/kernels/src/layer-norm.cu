#include "native/cuda/row-sums.h"
#include "norm.h"

namespace chop::cuda {

struct Moments {
  float mean, scale;  // scale: 1 / √(variance + eps)
};

/** Of the row of this block, over `live` features, the others being zero: mean = Σ x / live, variance = (Σ (x − mean)² − (n − live) mean²) / live. */
__device__ Moments momentsOf(const float* x, const Norm of) {
  float sum = 0, squares = 0;
  for (int64_t i = threadIdx.x; i < of.n; i += kThreads) sum += x[i];
  const float mean = sumOfBlock(sum) / of.live;
  for (int64_t i = threadIdx.x; i < of.n; i += kThreads) squares += (x[i] - mean) * (x[i] - mean);
  const float dead = (static_cast<float>(of.n) - of.live) * mean * mean;
  return {mean, 1.0f / sqrtf((sumOfBlock(squares) - dead) / of.live + of.eps)};
}

/** A block for each row: y = n ∘ gain + bias with n = (x − mean) r; `bias` may be null. */
extern "C" __global__ void layerNormForward(const float* x, const float* gain, const float* bias, float* y, const Norm of) {
  x += blockIdx.x * of.n, y += blockIdx.x * of.n;
  const Moments moments = momentsOf(x, of);
  for (int64_t i = threadIdx.x; i < of.n; i += kThreads) y[i] = (x[i] - moments.mean) * moments.scale * gain[i] + (bias == nullptr ? 0.0f : bias[i]);
}

/** A block for each row. With g = dy ∘ gain: dx = r (g − Σ g / live − n Σ(g ∘ n) / live); mean and r are kept for the gradient of the gain. */
extern "C" __global__ void layerNormBackward(const float* dy, const float* x, const float* gain, float* dx, Moments* kept, const Norm of) {
  dy += blockIdx.x * of.n, x += blockIdx.x * of.n, dx += blockIdx.x * of.n;
  const Moments moments = momentsOf(x, of);
  float sum = 0, products = 0;
  for (int64_t i = threadIdx.x; i < of.n; i += kThreads) {
    sum += dy[i] * gain[i];
    products += dy[i] * gain[i] * (x[i] - moments.mean);
  }
  const float level = sumOfBlock(sum) / of.live, along = sumOfBlock(products) * moments.scale / of.live;
  for (int64_t i = threadIdx.x; i < of.n; i += kThreads)
    dx[i] = moments.scale * (dy[i] * gain[i] - level - (x[i] - moments.mean) * moments.scale * along);
  if (threadIdx.x == 0) kept[blockIdx.x] = moments;
}

/** dgain = Σ dy ∘ n over the rows, by parts. */
extern "C" __global__ void layerNormGainParts(const float* dy, const float* x, const Moments* kept, float* parts, int64_t rows, int64_t n) {
  sumRowsOfPart(parts, rows, n, [=](int64_t row, int64_t i) { return dy[row * n + i] * (x[row * n + i] - kept[row].mean) * kept[row].scale; });
}

/** dbias = Σ dy over the rows, by parts. */
extern "C" __global__ void layerNormBiasParts(const float* dy, float* parts, int64_t rows, int64_t n) {
  sumRowsOfPart(parts, rows, n, [=](int64_t row, int64_t i) { return dy[row * n + i]; });
}

#ifndef __CUDACC_RTC__
namespace {

void layerNorm(Call& call) {
  const Array &x = call.input(0), &gain = call.input(1);
  const Norm of = normOf(call, x, gain);
  const float* bias = nullptr;
  if (call.inputs() == 3) {
    call.expect(call.input(2).sizes == gain.sizes, "bias [n]");
    bias = call.input(2).floats();
  }
  const Array y = call.output(0, x.sizes);
  call.launch(KERNEL(layerNormForward), {x.rows()}, x.floats(), gain.floats(), bias, y.floats(), of);
}

void layerNormGrad(Call& call) {
  const Array &dy = call.input(0), &x = call.input(1), &gain = call.input(2);
  const Norm of = normOf(call, x, gain);
  call.expect(dy.sizes == x.sizes, "dy of the shape of x");
  const Array dx = call.output(0, x.sizes), dgain = call.output(1, gain.sizes), dbias = call.output(2, gain.sizes);
  const Grid byPart = partsOf(x.rows(), of.n);
  auto* kept = reinterpret_cast<Moments*>(call.scratch(2 * x.rows()));
  float* parts = call.scratch(byPart.x * of.n);
  call.launch(KERNEL(layerNormBackward), {x.rows()}, dy.floats(), x.floats(), gain.floats(), dx.floats(), kept, of);
  call.launch(KERNEL(layerNormGainParts), byPart, dy.floats(), x.floats(), kept, parts, x.rows(), of.n);
  call.launch(KERNEL(sumParts), elements(of.n), parts, dgain.floats(), byPart.x, of.n);
  call.launch(KERNEL(layerNormBiasParts), byPart, dy.floats(), parts, x.rows(), of.n);
  call.launch(KERNEL(sumParts), elements(of.n), parts, dbias.floats(), byPart.x, of.n);
}

const Op kLayerNorm("ChopLayerNorm", layerNorm);
const Op kLayerNormGrad("ChopLayerNormGrad", layerNormGrad);

}  // namespace
#endif

}  // namespace chop::cuda
