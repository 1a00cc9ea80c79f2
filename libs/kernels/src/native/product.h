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

/** What the numbers of both factors count as. Sums are float32 always. */
enum class Precision {
  /** As they are; where the processor multiplies tiles, by parts (see amx-product.h). */
  kFloat,
  /** Each is rounded to the nearest bfloat16 when the factors are copied; products of tiles (amx_bf16) or pairs (avx512_bf16) where the processor has them, else of floats. */
  kBfloat16,
  /** The same with that instruction emulated, so that its way through slivers and tiles can be tested on a processor with AVX2. */
  kEmulatedPairs,
  /** As they are, by chains of floats on every processor: for what must be the same everywhere, and for a few rows, whose other factor is read only once. */
  kFloatChains,
};

/** The attribute `precision` of an op: 0 to 3 as above. */
inline Precision precisionOf(const Call& call) {
  const double precision = call.number("precision");
  Call::expect(precision == 0 || precision == 1 || precision == 2 || precision == 3, "precision 0 (float32), 1 (bfloat16), 2 (its pairs emulated) or 3 (float32 by chains)");
  return static_cast<Precision>(static_cast<int>(precision));
}

/** Steps along k of one chain: what is left of the sum stays in registers as long. */
constexpr int64_t kDepth = 1024;

/**
 * `c = a · b`, or `c += a · b`: a is [m, k], b is [k, n], c float32 [m, n] with rows `stride` apart.
 *
 * Every element is one chain of fused multiply-adds over each `kDepth` steps of k, and the sum of these, whatever m, n and the number of threads are: a row's result
 * does not depend on the rows beside it. (On a processor without FMA the same chain, rounded twice.) By parts (amx-product.h), each pair of parts sums 32 steps, the first and second of each two apart, before both go to the chain. Of factors
 * that were rounded to bfloat16 the products are exact, and the chain is the same on every level, but for subnormal numbers, which the instruction for pairs takes for
 * zero, and for tiles: of every 32 steps they sum the even and the odd ones apart, and add both together to the chain, which goes on
 * to the end of k.
 */
void product(Call& call, const Matrix& a, const Matrix& b, float* c, int64_t stride, int64_t m, int64_t n, int64_t k, bool accumulate = false,
             Precision precision = Precision::kFloat);

/** A right factor `[k, n]`, and where its product with a goes: rows `stride` apart. */
struct Right {
  Matrix b;
  int64_t n;
  float* c;
  int64_t stride;
};

/** `c = a · b`, or `c += a · b`, for each of some right factors that lie alike, to the bits of `product`. a is copied into slivers once for all of them. */
void products(Call& call, const Matrix& a, const std::vector<Right>& factors, int64_t m, int64_t k, Precision precision, bool accumulate = false);

/** The same rows and columns of several products: element (i, j) of the p-th at `sums[p][i · stride + j]`. */
struct Finished {
  int64_t row, column, rows, columns;
  std::vector<const float*> sums;
  int64_t stride;
};

/**
 * `a · b[p]` of factors alike, to the bits of `product`, a block at a time: `finish` makes something of it on the thread where it was made, while it is in the cache. a is copied into slivers once for all of
 * them.
 */
void productBlocks(Call& call, const Matrix& a, const std::vector<Matrix>& b, int64_t m, int64_t n, int64_t k, Precision precision, const std::function<void(const Finished&)>& finish);

}  // namespace chop
