#include <algorithm>
#include <cmath>
#include <vector>

#include "native/lanes.h"
#include "native/native.h"

namespace chop {
namespace {

/** Rows that one partial sum takes: fixed, so that the sum does not depend on the threads. */
constexpr int64_t kBlock = 64;

CHOP_LEVELS void addSquares(double* sums, const float* x, int64_t n) {
  for (int64_t i = 0; i < n; ++i) sums[i] += static_cast<double>(x[i]) * x[i];
}

CHOP_LEVELS void add(double* to, const double* from, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] += from[i];
}

/** Σ x² of each feature in float64, as two floats whose sum it is: the nearest one, and what that leaves. */
void squareSums(Call& call) {
  const Array& x = call.input(0);
  Call::expect(x.rank() == 2, "x [tokens, features]");
  const int64_t n = x.size(1), rows = x.size(0), blocks = (rows + kBlock - 1) / kBlock;
  const Array parts = call.output(0, {2, n});
  std::vector<double> sums((blocks + 1) * n, 0.0);
  call.parallel(blocks, kBlock * n, [&](int64_t from, int64_t to) {
    for (int64_t block = from; block < to; ++block)
      for (int64_t row = block * kBlock; row < std::min(rows, (block + 1) * kBlock); ++row) addSquares(&sums[block * n], x.floats() + row * n, n);
  });
  double* total = sums.data() + blocks * n;
  for (int64_t block = 0; block < blocks; ++block) add(total, &sums[block * n], n);
  for (int64_t i = 0; i < n; ++i) {
    const auto nearest = static_cast<float>(total[i]);
    parts.floats()[i] = nearest;
    parts.floats()[n + i] = std::isfinite(nearest) ? static_cast<float>(total[i] - nearest) : 0.0f;
  }
}

const Op kSquareSums("ChopSquareSums", "x: float -> parts: float", "", squareSums);

}  // namespace
}  // namespace chop
