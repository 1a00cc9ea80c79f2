#include "few-rows.h"

#include <algorithm>

#include "lanes.h"
#include "pack.h"

namespace chop {
namespace {

/** `M` rows times `n` ≤ `L` rows of b, which are turned in registers, so that every element is the same chain as in a tile. */
template <int M, int L, typename T>
CHOP_INLINE void fewRows(const float* a, int64_t aStride, const T* b, int64_t bStride, float* c, int64_t cStride, int64_t n, int64_t k, bool accumulate) {
  using Vector = typename Lanes<L>::Vector;
  constexpr int64_t kLine = 64 / sizeof(T);
  for (int64_t begin = 0; begin < k; begin += kDepth) {
    const int64_t end = std::min(k, begin + kDepth);
    Vector sums[M] = {};
    int64_t step = begin;
    if (n == L)
      for (; step + L <= end; step += L) {
        const T* from = b + step;
        Vector turned[L];
#pragma GCC unroll 16
        for (int lane = 0; lane < L; ++lane) turned[lane] = loadWide<L>(from + lane * bStride);
        // The processor follows one row by itself, but not so many: the next rows are fetched while these are multiplied.
        if (M == 1 && step % kLine == 0)
#pragma GCC unroll 16
          for (int lane = 0; lane < L; ++lane) __builtin_prefetch(from + (L + lane) * bStride);
        turn<L>(turned);
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i)
#pragma GCC unroll 8
          for (int row = 0; row < M; ++row) sums[row] += (a[row * aStride + step + i] - Vector{}) * turned[i];
      }
    for (; step < end; ++step) {
      Vector column = {};
      for (int64_t lane = 0; lane < n; ++lane) column[lane] = widen(b + lane * bStride + step);
      for (int row = 0; row < M; ++row) sums[row] += (a[row * aStride + step] - Vector{}) * column;
    }
    const bool add = accumulate || begin > 0;
    if (n == L) {
      for (int row = 0; row < M; ++row) store<L>(c + row * cStride, add ? load<L>(c + row * cStride) + sums[row] : sums[row]);
      continue;
    }
    for (int row = 0; row < M; ++row)
      for (int64_t lane = 0; lane < n; ++lane) c[row * cStride + lane] = add ? c[row * cStride + lane] + sums[row][lane] : sums[row][lane];
  }
}

/** All `n` rows of b, `L` at a time. */
template <int L, typename T>
CHOP_INLINE void few(const float* a, int64_t aStride, const T* b, int64_t bStride, float* c, int64_t cStride, int64_t m, int64_t n, int64_t k, bool accumulate) {
  for (; n > 0; n -= L, b += L * bStride, c += L) {
    const int64_t columns = std::min<int64_t>(L, n);
    int64_t row = 0;
    for (; row + 4 <= m; row += 4) fewRows<4, L>(a + row * aStride, aStride, b, bStride, c + row * cStride, cStride, columns, k, accumulate);
    for (; row + 2 <= m; row += 2) fewRows<2, L>(a + row * aStride, aStride, b, bStride, c + row * cStride, cStride, columns, k, accumulate);
    if (row < m) fewRows<1, L>(a + row * aStride, aStride, b, bStride, c + row * cStride, cStride, columns, k, accumulate);
  }
}

template <int L>
CHOP_INLINE void few(const float* a, int64_t aStride, const Matrix& b, float* c, int64_t cStride, int64_t m, int64_t n, int64_t k, bool accumulate) {
  if (b.dtype == Dtype::kFloat) few<L>(a, aStride, static_cast<const float*>(b.data), b.stride, c, cStride, m, n, k, accumulate);
  else few<L>(a, aStride, static_cast<const uint16_t*>(b.data), b.stride, c, cStride, m, n, k, accumulate);
}

/** What differs between the levels of a processor. */
struct Few {
  int lanes;
  void (*multiply)(const float* a, int64_t aStride, const Matrix& b, float* c, int64_t cStride, int64_t m, int64_t n, int64_t k, bool accumulate);
};

#define CHOP_FEW(NAME, TARGET, LANES)                                                                                                   \
  TARGET void few##NAME(const float* a, int64_t as, const Matrix& b, float* c, int64_t cs, int64_t m, int64_t n, int64_t k, bool add) { \
    few<LANES>(a, as, b, c, cs, m, n, k, add);                                                                                          \
  }                                                                                                                                     \
  constexpr Few k##NAME = {LANES, few##NAME};

CHOP_FEW(Base, , 4)
#if CHOP_X86
CHOP_FEW(V3, CHOP_V3, 8)
CHOP_FEW(V4, CHOP_V4, 16)
#endif

}  // namespace

void multiplyFew(Call& call, const Matrix& a, const Matrix& b, float* c, int64_t stride, int64_t m, int64_t n, int64_t k, bool accumulate) {
  const Few& few = CHOP_OF_LEVEL(k);
  const int64_t lanes = few.lanes;
  call.parallel((n + lanes - 1) / lanes, m * k * 2 + k * lanes, [&](int64_t from, int64_t to) {
    const int64_t column = from * lanes, end = std::min(n, to * lanes);
    few.multiply(static_cast<const float*>(a.data), a.stride, b.from(0, column), c + column, stride, m, end - column, k, accumulate);
  });
}

}  // namespace chop
