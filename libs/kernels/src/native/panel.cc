#include "panel.h"

#include "amx-product.h"
#include "pack.h"

namespace chop {
namespace {

/** Steps of one stretch along k in tiles of bfloat16, whose chains go on from what c holds. */
constexpr int64_t kTileDepth = 2 * kDepth;

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

/** The chains of `R` rows times two registers of `L` columns go on by a word of each. */
template <int R, int L, typename Chain>
CHOP_INLINE void goOn(const float* a, const float* b, typename Lanes<L>::Vector (&sums)[R][2]) {
  const typename Lanes<L>::Vector left = load<L>(b), right = load<L>(b + L);
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
  if constexpr (L == 16)
    for (int64_t word = 0; word < tile.words; ++word, a += R, b += 2 * L) goOn<R, L, Chain>(a, b, sums);
  else
    // Several words a turn: of 25 instructions for one alone, five only count.
#pragma GCC unroll 4
    for (int64_t word = 0; word < tile.words; ++word, a += R, b += 2 * L) goOn<R, L, Chain>(a, b, sums);
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
  for (int64_t i = 0; i < panel.tiles<R, 2 * L>(); ++i) multiplyTile<R, L, Chain>(panel.tile<R, 2 * L>(i));
}

#if CHOP_AMX
/** Tiles of 32 × 32 numbers by the matrix units. */
CHOP_V4 void multiplyV4Tiles(const Panel& panel) {
  const TileRegisters registers;
  for (int64_t i = 0; i < panel.tiles<32, 32>(); ++i) {
    const Panel tile = panel.tile<32, 32>(i);
    multiplyTiles(tile.a, tile.b, tile.words / kTileWords, tile.c, tile.stride, tile.rows, tile.columns, tile.accumulate);
  }
}

/** Sums again by floats what is not finite of a square, and brings it to c. */
CHOP_INLINE void finishSplit(const Panel& tile, float* square) {
  if (!allFinite(square, 32 * 32))
    for (int64_t row = 0; row < tile.rows; ++row)
      for (int64_t column = 0; column < tile.columns; ++column) {
        float& value = square[row * 32 + column];
        if (!std::isfinite(value))
          value = sumOfFloats(tile.depth, [&](int64_t step) { return element(tile.wholeA, row, step); }, [&](int64_t step) { return element(tile.wholeB, step, column); });
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
CHOP_V4 void multiplyV4Split(const Panel& panel) {
  const TileRegisters registers;
  alignas(64) float squares[2][32 * 32];
  const int64_t all = panel.tiles<32, 32>();
  for (int64_t i = 0; i <= all; ++i) {
    if (i < all) {
      const Panel tile = panel.tile<32, 32>(i);
      multiplySplit(tile.a, tile.b, tile.words / (kParts * kTileWords), squares[i % 2], tile.c, tile.stride);
    }
    if (i > 0) finishSplit(panel.tile<32, 32>(i - 1), squares[(i - 1) % 2]);
  }
}
#endif

#define CHOP_SHAPE(NAME, TARGET, ROWS, LANES, CHAIN, HELD)                                                                                            \
  TARGET void multiply##NAME(const Panel& panel) { multiply<ROWS, LANES, CHAIN>(panel); }                                                              \
  TARGET void packA##NAME(const Matrix& part, int64_t depth, int64_t width, float* to) { pack<ROWS, LANES, HELD>(part, false, depth, width, to); }     \
  TARGET void packB##NAME(const Matrix& part, int64_t depth, int64_t width, float* to) { pack<2 * LANES, LANES, HELD>(part, true, depth, width, to); } \
  constexpr Shape k##NAME = {ROWS, 2 * LANES, {stepsOf(HELD), 1}, kDepth, multiply##NAME, packA##NAME, packB##NAME};

/** What a level does in both precisions. */
#define CHOP_PRECISIONS(NAME, TARGET, ROWS, LANES)               \
  CHOP_SHAPE(NAME, TARGET, ROWS, LANES, Floats, Held::kFloats) \
  CHOP_SHAPE(NAME##Rounded, TARGET, ROWS, LANES, Floats, Held::kRounded)

CHOP_PRECISIONS(Base, , 4, 4)
#if CHOP_X86
CHOP_PRECISIONS(V3, CHOP_V3, 6, 8)
// In the measures of V4Pairs: what is tested is its way, but for the one instruction.
CHOP_SHAPE(Emulated, CHOP_V3, 14, 16, EmulatedPairs, Held::kPairs)
CHOP_PRECISIONS(V4, CHOP_V4, 14, 16)
CHOP_SHAPE(V4Pairs, CHOP_V4, 14, 16, Pairs, Held::kPairs)
#endif
#if CHOP_AMX
constexpr Shape kV4Tiles = {32, 32, {32, kTileWords}, kTileDepth, multiplyV4Tiles, packATiles<1>, packBTiles<1>};
constexpr Shape kV4Split = {32, 32, {32, kParts * kTileWords}, kDepth, multiplyV4Split, packATiles<kParts>, packBTiles<kParts>};
#endif

}  // namespace

bool ofFloats(Precision precision) { return precision == Precision::kFloatChains || (precision == Precision::kFloat && !hasTiles()); }

const Shape& shape(Precision precision) {
  const bool rounded = precision == Precision::kBfloat16 || precision == Precision::kEmulatedPairs;
#if CHOP_X86
  if (precision == Precision::kEmulatedPairs && level() != Level::kBase) return kEmulated;
#if CHOP_AMX
  if (precision == Precision::kBfloat16 && hasTiles()) return kV4Tiles;
  if (precision == Precision::kFloat && hasTiles()) return kV4Split;
#endif
  if (precision == Precision::kBfloat16 && hasBfloat16Pairs()) return kV4Pairs;
  if (level() == Level::kV4) return rounded ? kV4Rounded : kV4;
  if (level() == Level::kV3) return rounded ? kV3Rounded : kV3;
#endif
  return rounded ? kBaseRounded : kBase;
}

}  // namespace chop
