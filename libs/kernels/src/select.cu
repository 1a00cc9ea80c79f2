#include "native/cuda/device.h"

namespace chop::cuda {

/** An entry of a group of m stays if fewer than n go before it: those that are larger, and equal ones with a lower index. */
extern "C" __global__ void keepInGroups(const float* scores, uint8_t* kept, int n, int m, int64_t count) {
  for (int64_t i = firstElement(); i < count; i += toNextElement()) {
    const int64_t group = i / m * m;
    int before = 0;
    for (int64_t j = group; j < group + m; ++j) before += j < i ? scores[j] >= scores[i] : scores[j] > scores[i];
    kept[i] = before < n;
  }
}

/** A whole number in the order of the floats; −0 is 0, and what is no number comes last whatever its sign. */
__device__ uint32_t keyOf(float score) {
  union {
    float value;
    uint32_t bits;
  } of = {score};
  const uint32_t size = of.bits & 0x7fffffffu;
  if (size > 0x7f800000u) return 0xffffffffu;
  return size == 0 || of.bits == size ? size | 0x80000000u : ~of.bits;
}

/** A block for each row: the `count` largest of n stay, among equals the first. */
extern "C" __global__ void keepLargestOfRow(const float* scores, uint8_t* kept, int64_t n, int64_t count) {
  scores += blockIdx.x * n, kept += blockIdx.x * n;
  // The largest number that `count` keys reach, found bit by bit: the smallest key that stays.
  uint32_t last = 0;
  for (uint32_t bit = 0x80000000u; bit != 0; bit >>= 1) {
    int64_t reached = 0;
    for (int64_t i = threadIdx.x; i < n; i += kThreads) reached += keyOf(scores[i]) >= (last | bit);
    if (sumOfBlock(reached) >= count) last |= bit;
  }
  // What equals it stays while there is room, in the order of the row: each thread looks at a stretch and counts those of the threads before it.
  __shared__ int64_t equals[kThreads];
  const int64_t stretch = (n + kThreads - 1) / kThreads, from = threadIdx.x * stretch, to = from + stretch < n ? from + stretch : n;
  int64_t larger = 0, equal = 0;
  for (int64_t i = from; i < to; ++i) {
    larger += keyOf(scores[i]) > last;
    equal += keyOf(scores[i]) == last;
  }
  equals[threadIdx.x] = equal;
  int64_t room = count - sumOfBlock(larger);
  for (unsigned before = 0; before < threadIdx.x; ++before) room -= equals[before];
  for (int64_t i = from; i < to; ++i) kept[i] = keyOf(scores[i]) > last || (keyOf(scores[i]) == last && room-- > 0);
}

#ifndef __CUDACC_RTC__
namespace {

void keepNofM(Call& call) {
  const Array& scores = call.input(0);
  const int n = static_cast<int>(call.number("n")), m = static_cast<int>(call.number("m"));
  call.expect(m >= 1 && scores.rank() >= 1 && scores.size(-1) % m == 0, "an inner length that is a multiple of m");
  const Array kept = call.output(0, scores.sizes);
  call.launch(KERNEL(keepInGroups), elements(scores.count), scores.floats(), kept.bools(), n, m, scores.count);
}

void keepLargest(Call& call) {
  const Array& scores = call.input(0);
  call.expect(scores.rank() == 2, "scores [out, in]");
  const auto count = static_cast<int64_t>(call.number("count"));
  call.expect(count >= 0 && count <= scores.size(1), "a count of 0 to in");
  const Array kept = call.output(0, scores.sizes);
  call.launch(KERNEL(keepLargestOfRow), {scores.rows()}, scores.floats(), kept.bools(), scores.size(1), count);
}

const Op kKeepNofM("ChopKeepNofM", keepNofM);
const Op kKeepLargest("ChopKeepLargest", keepLargest);

}  // namespace
#endif

}  // namespace chop::cuda
