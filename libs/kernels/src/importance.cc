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

CHOP_LEVELS double sumOfMagnitudes(const float* scores, int64_t n) {
  double sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += std::fabs(scores[i]);
  return sum;
}

/** Σ |S| over the columns, in float64. */
void rowSums(Call& call) {
  const Array& scores = call.input(0);
  Call::expect(scores.rank() == 2, "scores [out, in]");
  const int64_t rows = scores.size(0), n = scores.size(1);
  float* sums = call.output(0, {rows}).floats();
  call.parallel(rows, n, [&](int64_t from, int64_t to) {
    for (int64_t row = from; row < to; ++row) sums[row] = static_cast<float>(sumOfMagnitudes(scores.floats() + row * n, n));
  });
}

const Op kColumnSums("ChopColumnSums", "scores: float -> sums: float", "", columnSums);
const Op kRowSums("ChopRowSums", "scores: float -> sums: float", "", rowSums);

}  // namespace
}  // namespace chop
