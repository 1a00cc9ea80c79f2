// The matrix product under every native kernel.
#pragma once

#include "native.h"

namespace chop {

/** A matrix as it lies in memory: element (i, j) at `data[i · stride + j]`, or transposed at `data[j · stride + i]`. float32 or bfloat16. */
struct Matrix {
  const void* data;
  int64_t stride;
  bool transposed = false;
  Dtype dtype = Dtype::kFloat;

  /** The part that begins at (row, column). */
  Matrix from(int64_t row, int64_t column) const {
    const int64_t at = transposed ? column * stride + row : row * stride + column;
    return {static_cast<const char*>(data) + at * (dtype == Dtype::kFloat ? 4 : 2), stride, transposed, dtype};
  }
};

/** Steps along k of one chain: what is left of the sum stays in registers as long. */
constexpr int64_t kDepth = 1024;

/**
 * `c = a · b`, or `c += a · b`: a is [m, k], b is [k, n], c float32 [m, n] with rows `stride` apart.
 *
 * Every element is one chain of fused multiply-adds over each `kDepth` steps of k, and the sum of these, whatever m, n and the number of threads are: a row's result
 * does not depend on the rows beside it. (On a processor without FMA the same chain, rounded twice.)
 */
void product(Call& call, const Matrix& a, const Matrix& b, float* c, int64_t stride, int64_t m, int64_t n, int64_t k, bool accumulate = false);

}  // namespace chop
