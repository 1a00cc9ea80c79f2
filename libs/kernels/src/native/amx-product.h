// Products of 32 × 32 numbers on the matrix units.
//
// Of float32 they are sums of products of parts (see amx-pack.h): of the nine products of x = h + m + l and y the six largest are added up in float32. What is left out,
// m·l + l·m + l·l, is at most 2⁻²³ of a product and of either sign (of one above 2⁻¹⁰²: products of parts that are subnormal count as zero); each addition to a chain of float32 is rounded by up to 2⁻²⁴ of the whole sum. After Henry, Tang and
// Heinecke 2019, "Leveraging the bfloat16 artificial intelligence datatype for higher-precision computations".
#pragma once

#include <cmath>

#include "amx-pack.h"

namespace chop {

#if CHOP_AMX

/** `c = a · b` or `c += a · b` over `blocks` of 32 steps, for 32 × 32 numbers. The chain of an element goes on from what c holds. */
CHOP_INLINE void multiplyTiles(const float* a, const float* b, int64_t blocks, float* c, int64_t stride, bool accumulate) {
  using Tiles = TileRegisters;
  accumulate ? Tiles::loadSquare(c, stride) : Tiles::zeroSquare();
  for (int64_t block = 0; block < blocks; ++block, a += 2 * kTile, b += 2 * kTile) {
    Tiles::load<4>(a), Tiles::load<6>(b), Tiles::multiply<0, 4, 6>();
    Tiles::load<7>(b + kTile), Tiles::multiply<1, 4, 7>();
    Tiles::load<5>(a + kTile), Tiles::multiply<2, 5, 6>(), Tiles::multiply<3, 5, 7>();
  }
  Tiles::storeSquare(c, stride);
}

/** The same for the first `rows × columns` of them. */
CHOP_INLINE void multiplyTiles(const float* a, const float* b, int64_t blocks, float* c, int64_t stride, int64_t rows, int64_t columns, bool accumulate) {
  if (rows == 32 && columns == 32) return multiplyTiles(a, b, blocks, c, stride, accumulate);
  alignas(64) float whole[32 * 32] = {};
  for (int64_t row = 0; accumulate && row < rows; ++row) std::memcpy(whole + row * 32, c + row * stride, columns * sizeof(float));
  multiplyTiles(a, b, blocks, whole, 32, accumulate);
  for (int64_t row = 0; row < rows; ++row) std::memcpy(c + row * stride, whole + row * 32, columns * sizeof(float));
}

/** Which part of a meets which of b, the largest being 0: neighbours share one. */
struct PartPair {
  int a, b;
};
constexpr PartPair kPartPairs[] = {{0, 2}, {0, 1}, {1, 1}, {1, 0}, {2, 0}, {0, 0}};

/** Brings floats, whole cache lines of them, to the first-level cache. */
template <int64_t Floats>
CHOP_INLINE void fetch(const float* from) {
#pragma GCC unroll 16
  for (int64_t i = 0; i < Floats; i += 16) __builtin_prefetch(from + i);
}

/** `result[32][32] = a · b` over `blocks` of 32 steps, both in parts. `c`: where the result goes later, which comes to the cache meanwhile. */
CHOP_INLINE void multiplySplit(const float* a, const float* b, int64_t blocks, float* result, const float* c, int64_t stride) {
  using Tiles = TileRegisters;
  const int64_t fetched = (32 + blocks - 1) / blocks;
  int64_t row = 0;
  alignas(64) float spare[kTile];
  Tiles::zeroSquare();
  for (int64_t block = 0; block < blocks; ++block, a += kParts * 2 * kTile, b += kParts * 2 * kTile) {
    for (const int64_t end = std::min<int64_t>(32, row + fetched); row < end; ++row) {
      __builtin_prefetch(c + row * stride, 1);
      __builtin_prefetch(c + row * stride + 16, 1);
    }
    const float *nextA = a + kParts * 2 * kTile, *nextB = b + kParts * 2 * kTile;
    PartPair held{-1, -1};
#pragma GCC unroll 6
    for (const PartPair pair : kPartPairs) {
      if (pair.a != held.a) Tiles::loadRows(a + pair.a * 2 * kTile);
      if (pair.b != held.b) Tiles::loadColumns(b + pair.b * 2 * kTile);
      fetch<kTile>(nextA), nextA += kTile;
      fetch<kTile>(nextB), nextB += kTile;
      Tiles::multiplySquare();
      held = pair;
    }
    // What follows a store of a tile waits a quarter of a microsecond if none came within the last five blocks: the one that is needed finds the way open.
    Tiles::store<7>(spare, kTileWords);
  }
  Tiles::storeSquare(result, 32);
}

/** Whether all of `count` numbers, whole registers of them, are finite. */
CHOP_INLINE bool allFinite(const float* values, int64_t count) {
  typename Lanes<16>::Ints odd = {};
  for (int64_t i = 0; i < count; i += 16) odd |= ((Lanes<16>::Ints)load<16>(values + i) & 0x7f800000) == 0x7f800000;
  int32_t lanes[16];
  std::memcpy(lanes, &odd, sizeof lanes);
  return std::all_of(lanes, lanes + 16, [](int32_t lane) { return lane == 0; });
}

/** The sum of `a(step) · b(step)` by floats, for a result of parts that is not finite: these know no infinity, and the largest floats round to it. */
template <typename A, typename B>
float sumOfFloats(int64_t depth, const A& a, const B& b) {
  float sum = 0;
  for (int64_t step = 0; step < depth && sum == sum; ++step) sum = std::fma(a(step), b(step), sum);
  return sum;
}

#endif

}  // namespace chop
