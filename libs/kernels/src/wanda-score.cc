#include "native/lanes.h"
#include "native/native.h"

#include <cmath>

namespace chop {
namespace {

CHOP_LEVELS void scoreRow(const float* weight, const float* norm, float* score, int64_t n) {
  for (int64_t i = 0; i < n; ++i) score[i] = std::fabs(weight[i]) * norm[i];
}

/** |W[i, j]| · ‖X[:, j]‖ */
void wandaScore(Call& call) {
  const Array &weight = call.input(0), &norm = call.input(1);
  Call::expect(weight.rank() == 2 && norm.rank() == 1 && norm.count == weight.size(1), "weight [out, in] and norm [in]");
  const Array score = call.output(0, weight.sizes);
  const int64_t n = norm.count;
  call.parallel(weight.rows(), n, [&](int64_t from, int64_t to) {
    for (int64_t row = from; row < to; ++row) scoreRow(weight.floats() + row * n, norm.floats(), score.floats() + row * n, n);
  });
}

const Op kWandaScore("ChopWandaScore", "weight: float, norm: float -> score: float", "", wandaScore);

}  // namespace
}  // namespace chop
