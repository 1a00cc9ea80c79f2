// Rows of logits, one block of them at a time.
#pragma once

#include <algorithm>

#include "exp.h"
#include "lanes.h"
#include "native.h"
#include "product.h"

namespace chop {

/** The most memory that a block of logits takes: its rows are as many as fit. */
constexpr int64_t kBlockFloats = 1 << 25;

/** As many blocks as are needed, of nearly one size. */
inline int64_t rowsPerBlock(int64_t rows, int64_t vocab) {
  const int64_t most = std::max<int64_t>(1, kBlockFloats / std::max<int64_t>(vocab, 1)), blocks = std::max<int64_t>(1, (rows + most - 1) / most);
  return std::max<int64_t>(1, (rows + blocks - 1) / blocks);
}

/** The largest of a row, and the sum of `e^((logit − largest) · scale)`. */
struct Peak {
  float largest, sum;
};

CHOP_INLINE Peak peakOf(const float* logits, int64_t n, float scale) {
  float largest = logits[0];
#pragma omp simd reduction(max : largest)
  for (int64_t i = 0; i < n; ++i) largest = logits[i] > largest ? logits[i] : largest;
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += exponential((logits[i] - largest) * scale);
  return {largest, sum};
}

/** `hidden · weightᵀ` of the rows [from, from + rows). */
inline void logitsOf(Call& call, const Array& hidden, const Array& weight, int64_t from, int64_t rows, float* logits) {
  const int64_t width = hidden.size(1), vocab = weight.size(0);
  product(call, Matrix{hidden.floats() + from * width, width}, Matrix{weight.data, width, true, weight.dtype}, logits, vocab, rows, vocab, width, false,
          precisionOf(call));
}

/** `dhidden` of the rows [from, from + rows), and `dweight` of all rows so far. */
inline void projectBack(Call& call, const float* dlogits, const Array& hidden, const Array& weight, int64_t from, int64_t rows, const Array& dhidden,
                        const Array& dweight) {
  const int64_t width = hidden.size(1), vocab = weight.size(0);
  const Precision precision = precisionOf(call);
  product(call, Matrix{dlogits, vocab}, Matrix{weight.data, width, false, weight.dtype}, dhidden.floats() + from * width, width, rows, width, vocab, false,
          precision);
  product(call, Matrix{dlogits, vocab, true}, Matrix{hidden.floats() + from * width, width}, dweight.floats(), width, vocab, width, rows, from > 0, precision);
}

inline void expectProjection(const Array& hidden, const Array& weight) {
  Call::expect(hidden.rank() == 2 && weight.rank() == 2 && hidden.size(1) == weight.size(1) && weight.size(0) > 0, "hidden [n, width] and weight [vocab, width]");
}

}  // namespace chop
