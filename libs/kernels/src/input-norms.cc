#include <cmath>
#include <vector>

#include "native/lanes.h"
#include "native/native.h"
#include "native/row-sums.h"

namespace chop {
namespace {

CHOP_LEVELS void addSquares(double* sums, const float* x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) sums[i] += static_cast<double>(x[i]) * x[i];
}

/** Σ x² of each feature in float64, as two floats whose sum it is: the nearest one, and what that leaves. */
void squareSums(Call& call) {
  const Array& x = call.input(0);
  Call::expect(x.rank() == 2, "x [tokens, features]");
  const int64_t n = x.size(1), rows = x.size(0);
  const Array parts = call.output(0, {2, n});
  std::vector<double> total(n);
  const std::function<void(int64_t, double*)> add = [&](int64_t row, double* sums) { addSquares(sums, x.floats() + row * n, n); };
  sumOverRows(call, rows, n, n, add, total.data());
  for (int64_t i = 0; i < n; ++i) {
    const auto nearest = static_cast<float>(total[i]);
    parts.floats()[i] = nearest;
    parts.floats()[n + i] = std::isfinite(nearest) ? static_cast<float>(total[i] - nearest) : 0.0f;
  }
}

const Op kSquareSums("ChopSquareSums", "x: float -> parts: float", "", squareSums);

}  // namespace
}  // namespace chop
