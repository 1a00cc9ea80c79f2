#include <algorithm>
#include <cmath>
#include <vector>

#include "native/lanes.h"
#include "native/native.h"
#include "native/row-sums.h"

namespace chop {
namespace {

CHOP_LEVELS void addMagnitudes(double* sums, const float* scores, int64_t n) {
  for (int64_t i = 0; i < n; ++i) sums[i] += std::fabs(scores[i]);
}

/** Σ |S| over the rows, in float64. */
void columnSums(Call& call) {
  const Array& scores = call.input(0);
  Call::expect(scores.rank() == 2, "scores [out, in]");
  const int64_t rows = scores.size(0), n = scores.size(1);
  std::vector<double> total(n);
  const std::function<void(int64_t, double*)> add = [&](int64_t row, double* sums) { addMagnitudes(sums, scores.floats() + row * n, n); };
  sumOverRows(call, rows, n, n, add, total.data());
  std::copy_n(total.data(), n, call.output(0, {n}).floats());
}

const Op kColumnSums("ChopColumnSums", "scores: float -> sums: float", "", columnSums);

}  // namespace
}  // namespace chop
