#include "tile.h"

#include <algorithm>
#include <atomic>

#include "lanes.h"

namespace chop {
namespace {

/** `R` rows times two registers of `L` columns, which stay in registers from the first step to the last. */
template <int R, int L, bool Turned>
CHOP_INLINE void multiply(const float* a, int64_t aStride, const float* b, int64_t bStride, float* c, int64_t cStride, int64_t depth, bool accumulate) {
  using Vector = typename Lanes<L>::Vector;
  Vector sums[R][2];
#pragma GCC unroll 12
  for (int row = 0; row < R; ++row) {
    sums[row][0] = accumulate ? load<L>(c + row * cStride) : Vector{};
    sums[row][1] = accumulate ? load<L>(c + row * cStride + L) : Vector{};
  }
  for (int64_t step = 0; step < depth; ++step, b += bStride) {
    const Vector left = load<L>(b), right = load<L>(b + L);
#pragma GCC unroll 12
    for (int row = 0; row < R; ++row) {
      const Vector factor = (Turned ? a[step * aStride + row] : a[row * aStride + step]) - Vector{};  // broadcast
      sums[row][0] += factor * left;
      sums[row][1] += factor * right;
    }
  }
  for (int row = 0; row < R; ++row) {
    store<L>(c + row * cStride, sums[row][0]);
    store<L>(c + row * cStride + L, sums[row][1]);
  }
}

/** `L` × `L` numbers at a time are turned in registers. */
template <int L>
CHOP_INLINE void turnAll(const float* from, int64_t stride, int64_t rows, int64_t columns, float* to, int64_t toStride) {
  for (int64_t row = 0; row < rows; row += L) {
    const int64_t high = std::min<int64_t>(L, rows - row);
    const float* first = from + row * stride;
    int64_t column = 0;
    if (high == L)
      for (; column + L <= columns; column += L) {
        typename Lanes<L>::Vector block[L];
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i) block[i] = load<L>(first + i * stride + column);
        turn<L>(block);
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i) store<L>(to + (column + i) * toStride + row, block[i]);
      }
    for (; column < columns; ++column)
      for (int64_t i = 0; i < high; ++i) to[column * toStride + row + i] = first[i * stride + column];
  }
}

#define CHOP_TILE(NAME, TARGET, ROWS, LANES)                                                                                                           \
  TARGET void straight##NAME(const float* a, int64_t as, const float* b, int64_t bs, float* c, int64_t cs, int64_t depth, bool add) {                  \
    multiply<ROWS, LANES, false>(a, as, b, bs, c, cs, depth, add);                                                                                     \
  }                                                                                                                                                    \
  TARGET void turned##NAME(const float* a, int64_t as, const float* b, int64_t bs, float* c, int64_t cs, int64_t depth, bool add) {                    \
    multiply<ROWS, LANES, true>(a, as, b, bs, c, cs, depth, add);                                                                                      \
  }                                                                                                                                                    \
  TARGET void single##NAME(const float* a, int64_t as, const float* b, int64_t bs, float* c, int64_t cs, int64_t depth, bool add) {                    \
    multiply<1, LANES, false>(a, as, b, bs, c, cs, depth, add);                                                                                        \
  }                                                                                                                                                    \
  TARGET void turn##NAME(const float* from, int64_t stride, int64_t rows, int64_t columns, float* to, int64_t ts) {                                    \
    turnAll<LANES>(from, stride, rows, columns, to, ts);                                                                                               \
  }                                                                                                                                                    \
  constexpr TileProduct k##NAME = {ROWS, 2 * LANES, straight##NAME, turned##NAME, single##NAME, turn##NAME};                                           \
  static_assert(kTileRowsMultiple % ROWS == 0);

CHOP_TILE(Base, , 4, 4)
#if CHOP_X86
CHOP_TILE(V3, CHOP_V3, 6, 8)
CHOP_TILE(V4, CHOP_V4, 12, 16)
#endif

}  // namespace

const TileProduct& tileProduct() { return CHOP_OF_LEVEL(k); }

void shareTasks(Call& call, int64_t tasks, int64_t cost, int64_t floats, const std::function<void(int64_t, float*)>& work) {
  const int64_t workers = std::min<int64_t>(call.threads(), tasks);
  if (workers == 0) return;
  const int64_t each = roundedUp(floats, 16);
  float* memory = call.scratch(workers * each);
  std::atomic<int64_t> next{0};
  call.parallel(workers, tasks * cost / workers, [&](int64_t from, int64_t to) {
    for (int64_t worker = from; worker < to; ++worker)
      for (int64_t task = next++; task < tasks; task = next++) work(task, memory + worker * each);
  });
}

}  // namespace chop
