#include <cmath>

#include "native/lanes.h"
#include "native/native.h"
#include "native/row-sums.h"

namespace chop {
namespace {

CHOP_INLINE float sumOfSquares(const float* x, int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += x[i] * x[i];
  return sum;
}

/** `1 / sqrt(Σ x² / live + eps)` */
CHOP_INLINE float inverseRms(const float* x, int64_t n, float live, float eps) { return 1.0f / std::sqrt(sumOfSquares(x, n) / live + eps); }

CHOP_LEVELS void normalise(const float* x, const float* gain, float* y, int64_t n, float live, float eps) {
  const float r = inverseRms(x, n, live, eps);
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] * r * gain[i];
}

/** With n = x r and g = dy ∘ gain: dx = r (g − n Σ(g ∘ n) / live), dgain += dy ∘ n. */
CHOP_LEVELS void normaliseGrad(const float* dy, const float* x, const float* gain, float* dx, float* dgain, int64_t n, float live, float eps) {
  const float r = inverseRms(x, n, live, eps);
  float along = 0;
#pragma omp simd reduction(+ : along)
  for (int64_t i = 0; i < n; ++i) along += dy[i] * gain[i] * x[i];
  along *= r / live;
  for (int64_t i = 0; i < n; ++i) {
    const float normal = x[i] * r;
    dgain[i] += dy[i] * normal;
    dx[i] = r * (dy[i] * gain[i] - normal * along);
  }
}

void rmsNorm(Call& call) {
  const Array &x = call.input(0), &gain = call.input(1);
  Call::expect(gain.rank() == 1 && x.rank() >= 1 && x.size(-1) == gain.count, "x [..., n] and gain [n]");
  const Array y = call.output(0, x.sizes);
  const int64_t n = gain.count;
  const auto live = static_cast<float>(call.number("live")), eps = static_cast<float>(call.number("eps"));
  call.parallel(x.rows(), 2 * n, [&](int64_t from, int64_t to) {
    for (int64_t row = from; row < to; ++row) normalise(x.floats() + row * n, gain.floats(), y.floats() + row * n, n, live, eps);
  });
}

void rmsNormGrad(Call& call) {
  const Array &dy = call.input(0), &x = call.input(1), &gain = call.input(2);
  Call::expect(gain.rank() == 1 && x.rank() >= 1 && x.size(-1) == gain.count && dy.sizes == x.sizes, "dy and x [..., n] and gain [n]");
  const Array dx = call.output(0, x.sizes), dgain = call.output(1, gain.sizes);
  const int64_t n = gain.count;
  const auto live = static_cast<float>(call.number("live")), eps = static_cast<float>(call.number("eps"));
  const std::function<void(int64_t, float*)> add = [&](int64_t row, float* sums) {
    normaliseGrad(dy.floats() + row * n, x.floats() + row * n, gain.floats(), dx.floats() + row * n, sums, n, live, eps);
  };
  sumOverRows(call, x.rows(), n, 4 * n, add, dgain.floats());
}

const Op kRmsNorm("ChopRmsNorm", "x: float, gain: float -> y: float", "eps, live", rmsNorm);
const Op kRmsNormGrad("ChopRmsNormGrad", "dy: float, x: float, gain: float -> dx: float, dgain: float", "eps, live", rmsNormGrad);

}  // namespace
}  // namespace chop
