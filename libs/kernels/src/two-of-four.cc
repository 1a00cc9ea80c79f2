#include <algorithm>
#include <atomic>

#include "native/native.h"

namespace chop {
namespace {

/** Positions of the two entries that a group keeps, by which of its four are not zero: the first in two bits, the second above it. Zeros fill up. */
constexpr uint8_t kKept[16] = {4, 4, 4, 4, 8, 8, 9, 0, 12, 12, 13, 0, 14, 0, 0, 0};
constexpr int kPerWord = 16;

int64_t wordsOf(int64_t values) { return (values + kPerWord - 1) / kPerWord; }

/** One row: the values of its groups and their positions. Returns the first group with more than two entries, or −1. */
int64_t packRow(const float* weight, int64_t groups, float* values, uint32_t* positions) {
  int64_t crowded = -1;
  std::fill_n(positions, wordsOf(2 * groups), 0u);
  for (int64_t group = 0; group < groups; ++group, weight += 4, values += 2) {
    const int there = (weight[0] != 0) | (weight[1] != 0) << 1 | (weight[2] != 0) << 2 | (weight[3] != 0) << 3;
    const uint32_t kept = kKept[there];
    if (kept == 0 && crowded < 0) crowded = group;
    values[0] = weight[kept & 3];
    values[1] = weight[kept >> 2];
    positions[2 * group / kPerWord] |= kept << (2 * (2 * group % kPerWord));
  }
  return crowded;
}

/**
 * The two entries of every four that are not zero, where they stood, and the first group that has more of them (−1: none has). With such a group there is no
 * packed form, and what stands behind it is not looked at: a dense matrix costs a row.
 */
void packTwoOfFour(Call& call) {
  const Array& weight = call.input(0);
  Call::expect(weight.rank() == 2 && weight.size(1) % 4 == 0, "weight [out, in], in a multiple of 4");
  const int64_t out = weight.size(0), in = weight.size(1), groups = in / 4, words = wordsOf(in / 2);
  const Array values = call.output(0, {out, in / 2}), positions = call.output(1, {out, words}), crowded = call.output(2, {1});
  std::atomic<int64_t> first{weight.count};
  call.parallel(out, 8 * groups, [&](int64_t from, int64_t to) {
    for (int64_t row = from; row < to && row * groups < first; ++row) {
      const int64_t at = packRow(weight.floats() + row * in, groups, values.floats() + row * in / 2, reinterpret_cast<uint32_t*>(positions.ints()) + row * words);
      if (at < 0) continue;
      for (int64_t seen = first, mine = row * groups + at; mine < seen && !first.compare_exchange_weak(seen, mine);) continue;
      return;
    }
  });
  crowded.ints()[0] = first == weight.count ? -1 : static_cast<int32_t>(first);
}

const Op kPackTwoOfFour("ChopPackTwoOfFour", "weight: float -> values: float, positions: int32, crowded: int32", "", packTwoOfFour);

}  // namespace
}  // namespace chop
