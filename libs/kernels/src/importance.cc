#include <algorithm>
#include <cmath>
#include <vector>

#include "native/lanes.h"
#include "native/native.h"

namespace chop {
namespace {

/** Rows that one partial sum takes: fixed, so that the sum does not depend on the threads. */
constexpr int64_t kBlock = 64;

CHOP_LEVELS void addMagnitudes(double* sums, const float* scores, int64_t n) {
  for (int64_t i = 0; i < n; ++i) sums[i] += std::fabs(scores[i]);
}

CHOP_LEVELS void add(double* to, const double* from, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] += from[i];
}

/** Σ |S| over the rows, in float64. */
void columnSums(Call& call) {
  const Array& scores = call.input(0);
  Call::expect(scores.rank() == 2, "scores [out, in]");
  const int64_t rows = scores.size(0), n = scores.size(1), blocks = (rows + kBlock - 1) / kBlock;
  std::vector<double> sums((blocks + 1) * n, 0.0);
  call.parallel(blocks, kBlock * n, [&](int64_t from, int64_t to) {
    for (int64_t block = from; block < to; ++block)
      for (int64_t row = block * kBlock; row < std::min(rows, (block + 1) * kBlock); ++row) addMagnitudes(&sums[block * n], scores.floats() + row * n, n);
  });
  double* total = sums.data() + blocks * n;
  for (int64_t block = 0; block < blocks; ++block) add(total, &sums[block * n], n);
  std::copy_n(total, n, call.output(0, {n}).floats());
}

const Op kColumnSums("ChopColumnSums", "scores: float -> sums: float", "", columnSums);

}  // namespace
}  // namespace chop
