// Sums over the rows of a matrix, such as the gradient of a gain: over parts of so many rows, then over the parts in order, so that nothing depends on
// which thread is quicker.
#pragma once

#include "device.h"

namespace chop::cuda {

/** Rows that one partial sum takes. */
constexpr int64_t kRowsOfPart = 64;

/** `parts[part, n]`: Σ of `value(row, column)` over the rows of each part, in a grid of {@link partsOf}. */
template <class Value>
__device__ void sumRowsOfPart(float* parts, int64_t rows, int64_t n, const Value& value) {
  const int64_t first = blockIdx.x * kRowsOfPart, end = first + kRowsOfPart, column = static_cast<int64_t>(blockIdx.y) * kThreads + threadIdx.x;
  if (column >= n) return;
  float sum = 0;
  for (int64_t row = first; row < rows && row < end; ++row) sum += value(row, column);
  parts[blockIdx.x * n + column] = sum;
}

/** `total[n]`: Σ of `parts[part, n]`. */
extern "C" __global__ void sumParts(const float* parts, float* total, int64_t count, int64_t n) {
  for (int64_t column = firstElement(); column < n; column += toNextElement()) {
    float sum = 0;
    for (int64_t part = 0; part < count; ++part) sum += parts[part * n + column];
    total[column] = sum;
  }
}

#ifndef __CUDACC_RTC__
/** The parts along x, the columns along y. */
inline Grid partsOf(int64_t rows, int64_t n) { return {(rows + kRowsOfPart - 1) / kRowsOfPart, (n + kThreads - 1) / kThreads}; }
#endif

}  // namespace chop::cuda
