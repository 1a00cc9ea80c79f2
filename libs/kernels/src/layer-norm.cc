#include <algorithm>
#include <cmath>

#include "native/lanes.h"
#include "native/row-sums.h"
#include "norm.h"

namespace chop {
namespace {

struct Moments {
  float mean, scale;  // scale: 1 / √(variance + eps)
};

/** Over `live` features, the others being zero: mean = Σ x / live, variance = (Σ (x − mean)² − (n − live) mean²) / live. */
CHOP_INLINE Moments momentsOf(const float* x, const Norm of) {
  float sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < of.n; ++i) sum += x[i];
  const float mean = sum / of.live;
#pragma omp simd reduction(+ : squares)
  for (int64_t i = 0; i < of.n; ++i) squares += (x[i] - mean) * (x[i] - mean);
  const float dead = (static_cast<float>(of.n) - of.live) * mean * mean;
  return {mean, 1.0f / std::sqrt((squares - dead) / of.live + of.eps)};
}

CHOP_LEVELS void normalise(const float* x, const float* gain, const float* bias, float* y, const Norm of) {
  const Moments moments = momentsOf(x, of);
  if (bias == nullptr) {
    for (int64_t i = 0; i < of.n; ++i) y[i] = (x[i] - moments.mean) * moments.scale * gain[i];
  } else {
    for (int64_t i = 0; i < of.n; ++i) y[i] = (x[i] - moments.mean) * moments.scale * gain[i] + bias[i];
  }
}

/** With n = (x − mean) r and g = dy ∘ gain: dx = r (g − Σ g / live − n Σ(g ∘ n) / live), dgain += dy ∘ n, dbias += dy. */
CHOP_LEVELS void normaliseGrad(const float* dy, const float* x, const float* gain, float* dx, float* dgain, float* dbias, const Norm of) {
  const Moments moments = momentsOf(x, of);
  float level = 0, along = 0;
#pragma omp simd reduction(+ : level, along)
  for (int64_t i = 0; i < of.n; ++i) {
    const float g = dy[i] * gain[i];
    level += g;
    along += g * (x[i] - moments.mean);
  }
  level /= of.live;
  along *= moments.scale / of.live;
  for (int64_t i = 0; i < of.n; ++i) {
    const float normal = (x[i] - moments.mean) * moments.scale;
    dgain[i] += dy[i] * normal;
    dbias[i] += dy[i];
    dx[i] = moments.scale * (dy[i] * gain[i] - level - normal * along);
  }
}

void layerNorm(Call& call) {
  const Array &x = call.input(0), &gain = call.input(1);
  const Norm of = normOf(call, x, gain);
  const float* bias = nullptr;
  if (call.inputs() == 3) {
    Call::expect(call.input(2).sizes == gain.sizes, "bias [n]");
    bias = call.input(2).floats();
  }
  const Array y = call.output(0, x.sizes);
  call.parallel(x.rows(), 3 * of.n, [&](int64_t from, int64_t to) {
    for (int64_t row = from; row < to; ++row) normalise(x.floats() + row * of.n, gain.floats(), bias, y.floats() + row * of.n, of);
  });
}

void layerNormGrad(Call& call) {
  const Array &dy = call.input(0), &x = call.input(1), &gain = call.input(2);
  const Norm of = normOf(call, x, gain);
  Call::expect(dy.sizes == x.sizes, "dy of the shape of x");
  const float *upper = dy.floats(), *rows = x.floats();
  float *dx = call.output(0, x.sizes).floats(), *dgain = call.output(1, gain.sizes).floats(), *dbias = call.output(2, gain.sizes).floats();
  float* sums = call.scratch(2 * of.n);
  const std::function<void(int64_t, float*)> add = [&](int64_t row, float* to) { normaliseGrad(upper + row * of.n, rows + row * of.n, gain.floats(), dx + row * of.n, to, to + of.n, of); };
  sumOverRows(call, x.rows(), 2 * of.n, 5 * of.n, add, sums);
  std::copy_n(sums, of.n, dgain);
  std::copy_n(sums + of.n, of.n, dbias);
}

const Op kLayerNorm("ChopLayerNorm", "x: float, gain: float, bias: N * float -> y: float", "eps, live", layerNorm);
const Op kLayerNormGrad("ChopLayerNormGrad", "dy: float, x: float, gain: float -> dx: float, dgain: float, dbias: float", "eps, live", layerNormGrad);

}  // namespace
}  // namespace chop
