#include <algorithm>
#include <cmath>
#include <vector>

#include "native/lanes.h"
#include "native/native.h"

namespace chop {
namespace {

/** Elements that one partial sum takes: fixed, so that the norm does not depend on the threads. */
constexpr int64_t kBlock = 16384;

struct Block {
  const float* x;
  int64_t count;
};

/** In chains beside one another, so that no addition waits for the one before it. */
CHOP_LEVELS double sumOfSquares(const float* x, int64_t n) {
  constexpr int64_t kChains = 32;
  double sums[kChains] = {};
  int64_t i = 0;
  for (; i + kChains <= n; i += kChains)
    for (int64_t chain = 0; chain < kChains; ++chain) sums[chain] += static_cast<double>(x[i + chain]) * x[i + chain];
  for (; i < n; ++i) sums[i % kChains] += static_cast<double>(x[i]) * x[i];
  double sum = 0;
  for (const double part : sums) sum += part;
  return sum;
}

/** `sqrt(Σ x²)` over all tensors, summed in float64. */
void globalNorm(Call& call) {
  std::vector<Block> blocks;
  for (int index = 0; index < call.inputs(); ++index) {
    const Array& x = call.input(index);
    for (int64_t at = 0; at < x.count; at += kBlock) blocks.push_back({x.floats() + at, std::min(kBlock, x.count - at)});
  }
  std::vector<double> sums(blocks.size());
  call.parallel(static_cast<int64_t>(blocks.size()), kBlock, [&](int64_t from, int64_t to) {
    for (int64_t block = from; block < to; ++block) sums[block] = sumOfSquares(blocks[block].x, blocks[block].count);
  });
  double total = 0;
  for (const double sum : sums) total += sum;
  *call.output(0, {}).floats() = static_cast<float>(std::sqrt(total));
}

const Op kGlobalNorm("ChopGlobalNorm", "xs: N * float -> norm: float", "", globalNorm);

}  // namespace
}  // namespace chop
