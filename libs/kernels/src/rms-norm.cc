#include <cmath>

#include "native/lanes.h"
#include "native/row-sums.h"
#include "norm.h"

namespace chop {
namespace {

CHOP_INLINE float sumOfSquares(const float* x, int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += x[i] * x[i];
  return sum;
}

/** `1 / sqrt(Σ x² / live + eps)` */
CHOP_INLINE float inverseRms(const float* x, const Norm of) { return 1.0f / std::sqrt(sumOfSquares(x, of.n) / of.live + of.eps); }

CHOP_LEVELS void normalise(const float* x, const float* gain, float* y, const Norm of) {
  const float r = inverseRms(x, of);
  for (int64_t i = 0; i < of.n; ++i) y[i] = x[i] * r * gain[i];
}

/** With n = x r and g = dy ∘ gain: dx = r (g − n Σ(g ∘ n) / live), dgain += dy ∘ n. */
CHOP_LEVELS void normaliseGrad(const float* dy, const float* x, const float* gain, float* dx, float* dgain, const Norm of) {
  const float r = inverseRms(x, of);
  float along = 0;
#pragma omp simd reduction(+ : along)
  for (int64_t i = 0; i < of.n; ++i) along += dy[i] * gain[i] * x[i];
  along *= r / of.live;
  for (int64_t i = 0; i < of.n; ++i) {
    const float normal = x[i] * r;
    dgain[i] += dy[i] * normal;
    dx[i] = r * (dy[i] * gain[i] - normal * along);
  }
}

void rmsNorm(Call& call) {
  const Array &x = call.input(0), &gain = call.input(1);
  const Norm of = normOf(call, x, gain);
  const Array y = call.output(0, x.sizes);
  call.parallel(x.rows(), 2 * of.n, [&](int64_t from, int64_t to) {
    for (int64_t row = from; row < to; ++row) normalise(x.floats() + row * of.n, gain.floats(), y.floats() + row * of.n, of);
  });
}

void rmsNormGrad(Call& call) {
  const Array &dy = call.input(0), &x = call.input(1), &gain = call.input(2);
  const Norm of = normOf(call, x, gain);
  Call::expect(dy.sizes == x.sizes, "dy of the shape of x");
  const Array dx = call.output(0, x.sizes), dgain = call.output(1, gain.sizes);
  const std::function<void(int64_t, float*)> add = [&](int64_t row, float* sums) {
    normaliseGrad(dy.floats() + row * of.n, x.floats() + row * of.n, gain.floats(), dx.floats() + row * of.n, sums, of);
  };
  sumOverRows(call, x.rows(), of.n, 4 * of.n, add, dgain.floats());
}

const Op kRmsNorm("ChopRmsNorm", "x: float, gain: float -> y: float", "eps, live", rmsNorm);
const Op kRmsNormGrad("ChopRmsNormGrad", "dy: float, x: float, gain: float -> dx: float, dgain: float", "eps, live", rmsNormGrad);

}  // namespace
}  // namespace chop
