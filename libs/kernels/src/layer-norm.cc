#include <algorithm>
#include <cmath>

#include "native/lanes.h"
#include "native/native.h"
#include "native/row-sums.h"

namespace chop {
namespace {

struct Moments {
  float mean, scale;  // scale: 1 / √(variance + eps)
};

/** Over `live` features, the others being zero: mean = Σ x / live, variance = (Σ (x − mean)² − (n − live) mean²) / live. */
CHOP_INLINE Moments momentsOf(const float* x, int64_t n, float live, float eps) {
  float sum = 0, squares = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += x[i];
  const float mean = sum / live;
#pragma omp simd reduction(+ : squares)
  for (int64_t i = 0; i < n; ++i) squares += (x[i] - mean) * (x[i] - mean);
  const float dead = (static_cast<float>(n) - live) * mean * mean;
  return {mean, 1.0f / std::sqrt((squares - dead) / live + eps)};
}

CHOP_LEVELS void normalise(const float* x, const float* gain, const float* bias, float* y, int64_t n, float live, float eps) {
  const Moments moments = momentsOf(x, n, live, eps);
  if (bias == nullptr) {
    for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - moments.mean) * moments.scale * gain[i];
  } else {
    for (int64_t i = 0; i < n; ++i) y[i] = (x[i] - moments.mean) * moments.scale * gain[i] + bias[i];
  }
}

/** With n = (x − mean) r and g = dy ∘ gain: dx = r (g − Σ g / live − n Σ(g ∘ n) / live), dgain += dy ∘ n, dbias += dy. */
CHOP_LEVELS void normaliseGrad(const float* dy, const float* x, const float* gain, float* dx, float* dgain, float* dbias, int64_t n, float live, float eps) {
  const Moments moments = momentsOf(x, n, live, eps);
  float level = 0, along = 0;
#pragma omp simd reduction(+ : level, along)
  for (int64_t i = 0; i < n; ++i) {
    const float g = dy[i] * gain[i];
    level += g;
    along += g * (x[i] - moments.mean);
  }
  level /= live;
  along *= moments.scale / live;
  for (int64_t i = 0; i < n; ++i) {
    const float normal = (x[i] - moments.mean) * moments.scale;
    dgain[i] += dy[i] * normal;
    dbias[i] += dy[i];
    dx[i] = moments.scale * (dy[i] * gain[i] - level - normal * along);
  }
}

void layerNorm(Call& call) {
  const Array &x = call.input(0), &gain = call.input(1);
  Call::expect(gain.rank() == 1 && x.rank() >= 1 && x.size(-1) == gain.count, "x [..., n] and gain [n]");
  const float* bias = nullptr;
  if (call.inputs() == 3) {
    Call::expect(call.input(2).sizes == gain.sizes, "bias [n]");
    bias = call.input(2).floats();
  }
  const Array y = call.output(0, x.sizes);
  const int64_t n = gain.count;
  const auto live = static_cast<float>(call.number("live")), eps = static_cast<float>(call.number("eps"));
  call.parallel(x.rows(), 3 * n, [&](int64_t from, int64_t to) {
    for (int64_t row = from; row < to; ++row) normalise(x.floats() + row * n, gain.floats(), bias, y.floats() + row * n, n, live, eps);
  });
}

void layerNormGrad(Call& call) {
  const Array &dy = call.input(0), &x = call.input(1), &gain = call.input(2);
  Call::expect(gain.rank() == 1 && x.rank() >= 1 && x.size(-1) == gain.count && dy.sizes == x.sizes, "dy and x [..., n] and gain [n]");
  const int64_t n = gain.count;
  const float *upper = dy.floats(), *rows = x.floats();
  float *dx = call.output(0, x.sizes).floats(), *dgain = call.output(1, gain.sizes).floats(), *dbias = call.output(2, gain.sizes).floats();
  const auto live = static_cast<float>(call.number("live")), eps = static_cast<float>(call.number("eps"));
  float* sums = call.scratch(2 * n);
  const std::function<void(int64_t, float*)> add = [&](int64_t row, float* to) { normaliseGrad(upper + row * n, rows + row * n, gain.floats(), dx + row * n, to, to + n, n, live, eps); };
  sumOverRows(call, x.rows(), 2 * n, 5 * n, add, sums);
  std::copy_n(sums, n, dgain);
  std::copy_n(sums + n, n, dbias);
}

const Op kLayerNorm("ChopLayerNorm", "x: float, gain: float, bias: N * float -> y: float", "eps, live", layerNorm);
const Op kLayerNormGrad("ChopLayerNormGrad", "dy: float, x: float, gain: float -> dx: float, dgain: float, dbias: float", "eps, live", layerNormGrad);

}  // namespace
}  // namespace chop
