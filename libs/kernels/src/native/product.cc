// After Goto and van de Geijn 2008, "Anatomy of high-performance matrix multiplication": both factors are copied into slivers that the
// innermost tile reads from end to end; the tile keeps its part of the result in registers.
#include "product.h"

#include <algorithm>

#include "amx-product.h"
#include "lanes.h"
#include "pack.h"

namespace chop {
namespace {

/** Steps along k whose slivers stand in memory at once: they stay in the last-level cache, however long the chain. */
constexpr int64_t kDeep = 2 * kDepth;
/** Columns of the result that are made at once: what b's copy takes stays in the last-level cache. */
constexpr int64_t kWidth = 3072;
/** Rows of the result that one task makes, at most: its slivers of a stay in the second-level cache. */
constexpr int64_t kTaskRows = 56;
/** Columns of the result that one task makes, at most, in tiles. */
constexpr int64_t kTileColumns = 12;
/** Up to so many rows b is read where it lies: copying it would cost more than the product. */
constexpr int64_t kFewRows = 6;

/** What one task makes of the result, from one stretch along k: rows of tiles × columns of tiles, whose slivers lie one after the other. */
struct Panel {
  int64_t wordsA, wordsB;  // of a sliver: steps along k, pairs of them, or pairs of their parts
  const float* a;          // [tile][words][rows of a tile]
  const float* b;          // [tile][words][columns of a tile]
  float* c;
  int64_t stride;
  int64_t rows, columns;  // of the result that are wanted
  bool accumulate;
  Matrix wholeA, wholeB;  // what was packed
  int64_t depth;          // steps

  /** The tile that begins at a row and a column, for tiles of `R × C`. */
  template <int R, int C>
  CHOP_INLINE Panel tile(int64_t row, int64_t column) const {
    return {wordsA,     wordsB, a + row * wordsA,         b + column * wordsB,         c + row * stride + column, stride, std::min<int64_t>(R, rows - row), std::min<int64_t>(C, columns - column),
            accumulate, wholeA.from(row, 0), wholeB.from(0, column), depth};
  }
};

/** A chain goes on by one word of each factor. */
struct Floats {
  template <int L>
  static CHOP_INLINE typename Lanes<L>::Vector further(typename Lanes<L>::Vector sum, float a, typename Lanes<L>::Vector b) {
    return sum + (a - typename Lanes<L>::Vector{}) * b;  // broadcast
  }
};

/** A word of a sliver in every lane. */
template <int L>
CHOP_INLINE typename Lanes<L>::Bits spread(float word) {
  uint32_t bits;
  std::memcpy(&bits, &word, sizeof bits);
  return bits + typename Lanes<L>::Bits{};
}

/** By a pair, as the instruction VDPBF16PS does: the product of the upper halves first. Products of bfloat16 are exact in float32, so this is the chain of `Floats`. */
struct EmulatedPairs {
  template <int L>
  static CHOP_INLINE typename Lanes<L>::Vector further(typename Lanes<L>::Vector sum, float a, typename Lanes<L>::Vector b) {
    using Vector = typename Lanes<L>::Vector;
    using Bits = typename Lanes<L>::Bits;
    const Bits x = spread<L>(a), y = (Bits)b;
    sum += (Vector)(x & 0xffff0000) * (Vector)(y & 0xffff0000);
    return sum + (Vector)(x << 16) * (Vector)(y << 16);
  }
};

#if CHOP_X86
/** By that instruction. It is written out, since compilers differ in the type of its operands. */
struct Pairs {
  template <int L>
  static CHOP_INLINE typename Lanes<L>::Vector further(typename Lanes<L>::Vector sum, float a, typename Lanes<L>::Vector b) {
    __asm__("vdpbf16ps %2, %1, %0" : "+v"(sum) : "v"(spread<L>(a)), "v"(b));
    return sum;
  }
};
#endif

/** Words of wide slivers that are fetched ahead. */
constexpr int64_t kAhead = 16;

/** `R` rows times two registers of `L` columns. */
template <int R, int L, typename Chain>
CHOP_INLINE void multiplyTile(const Panel& tile) {
  using Vector = typename Lanes<L>::Vector;
  Vector sums[R][2] = {};
  const float *a = tile.a, *b = tile.b;
  // What the tile is written to has left the caches: it comes back while the tile is multiplied.
  if constexpr (L == 16)
#pragma GCC unroll 14
    for (int row = 0; row < R; ++row) {
      __builtin_prefetch(tile.c + row * tile.stride, 1);
      __builtin_prefetch(tile.c + row * tile.stride + L, 1);
    }
  for (int64_t word = 0; word < tile.wordsA; ++word, a += R, b += 2 * L) {
    const Vector left = load<L>(b), right = load<L>(b + L);
    // Wide slivers do not stay in the first-level cache: their next words are fetched while these are multiplied.
    if constexpr (L == 16) {
      __builtin_prefetch(b + kAhead * 2 * L);
      __builtin_prefetch(b + kAhead * 2 * L + L);
      __builtin_prefetch(a + kAhead * R);
    }
#pragma GCC unroll 14
    for (int row = 0; row < R; ++row) {
      sums[row][0] = Chain::template further<L>(sums[row][0], a[row], left);
      sums[row][1] = Chain::template further<L>(sums[row][1], a[row], right);
    }
  }
  if (tile.rows == R && tile.columns == 2 * L) {
#pragma GCC unroll 14
    for (int row = 0; row < R; ++row) {
      float* to = tile.c + row * tile.stride;
      store<L>(to, tile.accumulate ? load<L>(to) + sums[row][0] : sums[row][0]);
      store<L>(to + L, tile.accumulate ? load<L>(to + L) + sums[row][1] : sums[row][1]);
    }
    return;
  }
  float edge[R][2 * L];
  std::memcpy(edge, sums, sizeof edge);
  for (int64_t row = 0; row < tile.rows; ++row) {
    float* to = tile.c + row * tile.stride;
    for (int64_t column = 0; column < tile.columns; ++column) to[column] = tile.accumulate ? to[column] + edge[row][column] : edge[row][column];
  }
}

template <int R, int L, typename Chain>
CHOP_INLINE void multiply(const Panel& panel) {
  for (int64_t column = 0; column < panel.columns; column += 2 * L)
    for (int64_t row = 0; row < panel.rows; row += R) multiplyTile<R, L, Chain>(panel.tile<R, 2 * L>(row, column));
}

#if CHOP_AMX
/** Tiles of 32 × 32 numbers by the matrix units. */
CHOP_V4 void multiplyV4Tiles(const Panel& panel) {
  const TileRegisters registers;
  for (int64_t column = 0; column < panel.columns; column += 32)
    for (int64_t row = 0; row < panel.rows; row += 32) {
      const Panel tile = panel.tile<32, 32>(row, column);
      multiplyTiles(tile.a, tile.b, tile.wordsA / kTileWords, tile.c, tile.stride, tile.rows, tile.columns, tile.accumulate);
    }
}

/** Sums again by floats what is not finite of a square, and brings it to c. */
CHOP_INLINE void finishSplit(const Panel& tile, float* square) {
  if (!allFinite(square, 32 * 32))
    for (int64_t row = 0; row < tile.rows; ++row)
      for (int64_t column = 0; column < tile.columns; ++column) {
        float& value = square[row * 32 + column];
        if (!std::isfinite(value))
          value = sumOfFloats(tile.depth, [&](int64_t step) { return tile.wholeA.at(row, step); }, [&](int64_t step) { return tile.wholeB.at(step, column); });
      }
  for (int64_t row = 0; row < tile.rows; ++row, square += 32) {
    float* to = tile.c + row * tile.stride;
    if (tile.columns < 32)
      for (int64_t column = 0; column < tile.columns; ++column) to[column] = tile.accumulate ? to[column] + square[column] : square[column];
    else
#pragma GCC unroll 2
      for (int half = 0; half < 32; half += 16) store<16>(to + half, tile.accumulate ? load<16>(to + half) + load<16>(square + half) : load<16>(square + half));
  }
}

/** The same of float32, in parts. A square is finished behind the next one: the processor need not wait for the last products of its chains. */
template <int PartsOfB>
CHOP_V4 void multiplyV4Split(const Panel& panel) {
  const TileRegisters registers;
  alignas(64) float squares[2][32 * 32];
  const int64_t down = (panel.rows + 31) / 32, all = down * ((panel.columns + 31) / 32);
  for (int64_t i = 0; i <= all; ++i) {
    if (i < all) {
      const Panel tile = panel.tile<32, 32>(i % down * 32, i / down * 32);
      multiplySplit<PartsOfB>(tile.a, tile.b, tile.wordsB / (PartsOfB * kTileWords), squares[i % 2]);
    }
    if (i > 0) finishSplit(panel.tile<32, 32>((i - 1) % down * 32, (i - 1) / down * 32), squares[(i - 1) % 2]);
  }
}
#endif

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

/** A sliver holds so many words of so many steps along k, in blocks. */
struct Grain {
  int steps, wordsA, wordsB;
};

/** What differs between the levels of a processor. */
struct Shape {
  int rows, columns, lanes;
  Grain grain;
  int64_t depth;  // steps along k of one stretch: of a chain, but for tiles, whose chains go on from what c holds
  int64_t taskRows;  // see kTaskRows
  void (*multiply)(const Panel&);
  void (*packA)(const Matrix&, int64_t depth, int64_t width, float* to);
  void (*packB)(const Matrix&, int64_t depth, int64_t width, float* to);

  int64_t blocks(int64_t depth) const { return (depth + grain.steps - 1) / grain.steps; }
  int64_t wordsA(int64_t depth) const { return blocks(depth) * grain.wordsA; }
  int64_t wordsB(int64_t depth) const { return blocks(depth) * grain.wordsB; }
};

#if CHOP_AMX
/** All `n` rows of b, by the matrix units. */
template <typename T>
CHOP_V4 void fewV4Split(const float* x, int64_t xStride, const float* packed, const Matrix& b, float* c, int64_t stride, int64_t m, int64_t n, int64_t k, bool accumulate) {
  fewTiles(LyingRows<T>{static_cast<const T*>(b.data), b.stride}, 0, n, x, xStride, packed, m, k, kDeep, c, stride, accumulate);
}
#endif

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

#define CHOP_SHAPE(NAME, TARGET, ROWS, LANES, CHAIN, HELD)                                                                                            \
  TARGET void multiply##NAME(const Panel& panel) { multiply<ROWS, LANES, CHAIN>(panel); }                                                              \
  TARGET void packA##NAME(const Matrix& part, int64_t depth, int64_t width, float* to) { pack<ROWS, LANES, HELD>(part, false, depth, width, to); }     \
  TARGET void packB##NAME(const Matrix& part, int64_t depth, int64_t width, float* to) { pack<2 * LANES, LANES, HELD>(part, true, depth, width, to); } \
  constexpr Shape k##NAME = {ROWS, 2 * LANES, LANES, {stepsOf(HELD), 1, 1}, kDepth, kTaskRows, multiply##NAME, packA##NAME, packB##NAME};

/** What a level does in both precisions, and its products of a few rows. */
#define CHOP_PRECISIONS(NAME, TARGET, ROWS, LANES)                                                                                          \
  CHOP_SHAPE(NAME, TARGET, ROWS, LANES, Floats, Held::kFloats)                                                                          \
  CHOP_SHAPE(NAME##Rounded, TARGET, ROWS, LANES, Floats, Held::kRounded)                                                                \
  TARGET void few##NAME(const float* a, int64_t as, const Matrix& b, float* c, int64_t cs, int64_t m, int64_t n, int64_t k, bool add) { \
    few<LANES>(a, as, b, c, cs, m, n, k, add);                                                                                          \
  }

CHOP_PRECISIONS(Base, , 4, 4)
#if CHOP_X86
CHOP_PRECISIONS(V3, CHOP_V3, 6, 8)
// In the measures of V4Pairs: what is tested is its way, but for the one instruction.
CHOP_SHAPE(Emulated, CHOP_V3, 14, 16, EmulatedPairs, Held::kPairs)
CHOP_PRECISIONS(V4, CHOP_V4, 14, 16)
CHOP_SHAPE(V4Pairs, CHOP_V4, 14, 16, Pairs, Held::kPairs)
#endif
#if CHOP_AMX
/** The same of tiles, whose slivers are of half the bytes and read faster. */
constexpr int64_t kTileTaskRows = 128;
constexpr Shape kV4Tiles = {32, 32, 16, {32, kTileWords, kTileWords}, kDeep, kTileTaskRows, multiplyV4Tiles, packATiles<1>, packBTiles<1>};
constexpr Shape kV4Split = {32, 32, 16, {32, kParts * kTileWords, kParts * kTileWords}, kDeep, kTileTaskRows, multiplyV4Split<kParts>, packATiles<kParts>, packBTiles<kParts>};
/** By a b that is bfloat16. */
constexpr Shape kV4SplitOfOne = {32, 32, 16, {32, kParts * kTileWords, kTileWords}, kDeep, kTileTaskRows, multiplyV4Split<1>, packATiles<kParts>, packBTiles<1>};
#endif

const Shape& shape(Precision precision, Dtype b) {
  const bool rounded = precision != Precision::kFloat;
#if CHOP_X86
  if (precision == Precision::kEmulatedPairs && level() != Level::kBase) return kEmulated;
#if CHOP_AMX
  if (precision == Precision::kBfloat16 && hasTiles()) return kV4Tiles;
  if (precision == Precision::kFloat && hasTiles()) return b == Dtype::kFloat ? kV4Split : kV4SplitOfOne;
#endif
  if (precision == Precision::kBfloat16 && hasBfloat16Pairs()) return kV4Pairs;
  if (level() == Level::kV4) return rounded ? kV4Rounded : kV4;
  if (level() == Level::kV3) return rounded ? kV3Rounded : kV3;
#endif
  return rounded ? kBaseRounded : kBase;
}

int64_t tiles(int64_t size, int64_t tile) { return (size + tile - 1) / tile; }

/** A product of at most `kDeep` steps. */
struct Slice {
  Matrix a, b;
  float* c;
  int64_t stride, m, n, k;
  bool accumulate;
};

/** Packs a and columns of b, and multiplies. A sliver of block `begin` and tile `i` lies at `(words before the block · tiles + i · its words) · size of the tile`. */
void multiply(Call& call, const Shape& with, const Slice& slice, float* slivers, float* across) {
  const int64_t n = slice.n, k = slice.k, high = tiles(slice.m, with.rows);
  for (int64_t left = 0; left < n; left += kWidth) {
    const int64_t width = std::min(kWidth, n - left), columns = tiles(width, with.columns);
    const int64_t first = left == 0 ? high : 0;  // slivers of a, which all columns share
    call.parallel(first + columns, with.columns * k, [&](int64_t from, int64_t to) {
      for (int64_t i = from; i < to; ++i)
        for (int64_t begin = 0; begin < k; begin += with.depth) {
          const int64_t depth = std::min(with.depth, k - begin);
          if (i < first) {
            const int64_t row = i * with.rows;
            with.packA(slice.a.from(row, begin), depth, std::min<int64_t>(with.rows, slice.m - row), slivers + (with.wordsA(begin) * high + i * with.wordsA(depth)) * with.rows);
          } else {
            const int64_t j = i - first, at = j * with.columns;
            with.packB(slice.b.from(begin, left + at), depth, std::min<int64_t>(with.columns, width - at), across + (with.wordsB(begin) * columns + j * with.wordsB(depth)) * with.columns);
          }
        }
    });
    // Parts as equal as tiles allow: whoever is done first waits for the last.
    const int64_t down = tiles(high, with.taskRows / with.rows), over = tiles(columns, kTileColumns);
    call.parallel(down * over, high * with.rows / down * (width / over + 1) * k / 16, [&](int64_t from, int64_t to) {
      for (int64_t task = from; task < to; ++task) {
        const int64_t i = task % down * high / down, row = i * with.rows, below = (task % down + 1) * high / down * with.rows;
        const int64_t j = task / down * columns / over, column = j * with.columns, beside = (task / down + 1) * columns / over * with.columns;
        for (int64_t begin = 0; begin < k; begin += with.depth) {
          const int64_t depth = std::min(with.depth, k - begin), wordsA = with.wordsA(depth), wordsB = with.wordsB(depth);
          with.multiply({wordsA, wordsB, slivers + (with.wordsA(begin) * high + i * wordsA) * with.rows, across + (with.wordsB(begin) * columns + j * wordsB) * with.columns,
                         slice.c + row * slice.stride + left + column, slice.stride, std::min(slice.m, below) - row, std::min(width, beside) - column,
                         slice.accumulate || begin > 0, slice.a.from(row, begin), slice.b.from(begin, left + column), depth});
        }
      }
    });
  }
}

using Few = void (*)(const float*, int64_t, const Matrix&, float*, int64_t, int64_t m, int64_t n, int64_t k, bool);

Few fewOfLevel() {
#if CHOP_X86
  if (level() == Level::kV4) return fewV4;
  if (level() == Level::kV3) return fewV3;
#endif
  return fewBase;
}

/** By rows of b where they lie, if there are few rows: copying it would cost more than the product. */
bool multiplyFew(Call& call, const Matrix& a, const Matrix& b, float* c, int64_t stride, int64_t m, int64_t n, int64_t k, bool accumulate) {
  const float* x = static_cast<const float*>(a.data);
#if CHOP_AMX
  if (hasTiles()) {
    if (m > kFewColumns) return false;
    float* packed = call.scratch(fewWords(m, k));
    packFew(x, a.stride, m, k, packed);
    const auto few = b.dtype == Dtype::kFloat ? fewV4Split<float> : fewV4Split<uint16_t>;
    call.parallel(tiles(n, 32), (m + 8) * k * 4, [&](int64_t from, int64_t to) { few(x, a.stride, packed, b.from(0, from * 32), c + from * 32, stride, m, std::min(n, to * 32) - from * 32, k, accumulate); });
    return true;
  }
#endif
  if (m > kFewRows) return false;
  const int lanes = level() == Level::kV4 ? 16 : level() == Level::kV3 ? 8 : 4;
  const Few few = fewOfLevel();
  call.parallel(tiles(n, lanes), m * k * 2 + k * lanes, [&](int64_t from, int64_t to) {
    const int64_t column = from * lanes, end = std::min(n, to * lanes);
    few(x, a.stride, b.from(0, column), c + column, stride, m, end - column, k, accumulate);
  });
  return true;
}

}  // namespace

void product(Call& call, const Matrix& a, const Matrix& b, float* c, int64_t stride, int64_t m, int64_t n, int64_t k, bool accumulate, Precision precision) {
  const Shape& with = shape(precision, b.dtype);
  if (m == 0 || n == 0) return;
  if (k == 0) {
    if (!accumulate)
      for (int64_t row = 0; row < m; ++row) std::fill_n(c + row * stride, n, 0.0f);
    return;
  }
  if (b.transposed && !a.transposed && a.dtype == Dtype::kFloat && precision == Precision::kFloat && multiplyFew(call, a, b, c, stride, m, n, k, accumulate)) return;
  const int64_t high = tiles(m, with.rows), wide = tiles(std::min(n, kWidth), with.columns), deep = std::min(k, kDeep);
  float* slivers = call.scratch(high * with.rows * with.wordsA(deep));
  float* across = call.scratch(wide * with.columns * with.wordsB(deep));
  for (int64_t start = 0; start < k; start += kDeep) {
    const Slice slice{a.from(0, start), b.from(start, 0), c, stride, m, n, std::min(kDeep, k - start), accumulate || start > 0};
    multiply(call, with, slice, slivers, across);
  }
}

}  // namespace chop
