// Products of 32 × 32 numbers on the matrix units.
//
// Of float32 they are sums of products of parts (see amx-pack.h): of the nine products of x = h + m + l and y the six largest are added up in float32. What is left out,
// m·l + l·m + l·l, is at most 2⁻²³ of a product and of either sign; each addition to a chain of float32 is rounded by up to 2⁻²⁴ of the whole sum. After Henry, Tang and
// Heinecke 2019, "Leveraging the bfloat16 artificial intelligence datatype for higher-precision computations".
#pragma once

#include <cmath>
#include <limits>

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

/** Which part of a meets which of b, the largest being 0: neighbours share one. Of a b that is bfloat16 itself there is part 0 alone. */
struct PartPair {
  int a, b;
};
constexpr PartPair kPartPairs[] = {{0, 2}, {0, 1}, {1, 1}, {1, 0}, {2, 0}, {0, 0}};

/** `result[32][32] = a · b` over `blocks` of 32 steps; a in three parts, b in as many as it has. */
template <int PartsOfB>
CHOP_INLINE void multiplySplit(const float* a, const float* b, int64_t blocks, float* result) {
  using Tiles = TileRegisters;
  Tiles::zeroSquare();
  for (int64_t block = 0; block < blocks; ++block, a += kParts * 2 * kTile, b += PartsOfB * 2 * kTile) {
    PartPair held{-1, -1};
#pragma GCC unroll 6
    for (const PartPair pair : kPartPairs) {
      if (pair.b >= PartsOfB) continue;
      if (pair.a != held.a) Tiles::loadRows(a + pair.a * 2 * kTile);
      if (pair.b != held.b) Tiles::loadColumns(b + pair.b * 2 * kTile);
      Tiles::multiplySquare();
      held = pair;
    }
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

/** Up to so many rows of x are columns of one tile; b's rows are then read where they lie. */
constexpr int64_t kFewColumns = 16;

/** x [rows, k] for `fewTiles`: `[block of 32 steps][part][word][row]`, floats to hold it. */
inline int64_t fewWords(int64_t rows, int64_t k) { return (k + 31) / 32 * kParts * kTileWords * rows; }

CHOP_V4 inline void packFew(const float* x, int64_t stride, int64_t rows, int64_t k, float* to) {
  for (int64_t step = 0; step < k; step += 32, to += kParts * kTileWords * rows)
    for (int64_t row = 0; row < rows; ++row) {
      float steps[32] = {}, words[kParts * kTileWords];
      std::memcpy(steps, x + row * stride + step, std::min<int64_t>(32, k - step) * sizeof(float));
      storeParts<kParts>(load<16>(steps), load<16>(steps + 16), kOneAfterTheOther, words, kTileWords);
      for (int64_t word = 0; word < kParts * kTileWords; ++word) to[word * rows + row] = words[word];
    }
}

/** Rows of a matrix of floats or bfloat16, as they lie. */
template <typename T>
struct LyingRows {
  static constexpr int kParts = sizeof(T) == sizeof(float) ? chop::kParts : 1;
  const T* data;
  int64_t stride;

  float at(int64_t row, int64_t step) const { return widen(data + row * stride + step); }

  /** The parts of 32 steps; the row that is 32 further comes next. */
  CHOP_INLINE void split(int64_t row, int64_t step, float* to) const {
    const T* from = data + row * stride + step;
    __builtin_prefetch(from + 32 * stride);
    if constexpr (kParts > 1) __builtin_prefetch(from + 32 * stride + 16);
    storeParts<kParts>(loadWide<16>(from), loadWide<16>(from + 16), kOneAfterTheOther, to, kTile);
  }
};

/** The parts of 32 rows of a weight over 32 steps, `[half of the rows][part][row][word]`, of which `count` and `steps` are there. */
template <typename Rows>
CHOP_INLINE void splitRows(const Rows& weight, int64_t row, int64_t count, int64_t step, int64_t steps, float* to) {
  constexpr int kParts = Rows::kParts;
  if (count == 32 && steps == 32) {
    for (int64_t i = 0; i < 32; ++i) weight.split(row + i, step, to + i / 16 * kParts * kTile + i % 16 * kTileWords);
    return;
  }
  for (int64_t i = 0; i < 32; ++i) {
    float filled[32] = {};
    for (int64_t j = 0; i < count && j < steps; ++j) filled[j] = weight.at(row + i, step + j);
    storeParts<kParts>(load<16>(filled), load<16>(filled + 16), kOneAfterTheOther, to + i / 16 * kParts * kTile + i % 16 * kTileWords, kTile);
  }
}

/**
 * Rows `[from, to)` of a weight times `rows` ≤ `kFewColumns` of x, to `c[row of x][row of the weight]`: the chains of `multiplySplit` over each `depth` steps of k. `packed`: x by `packFew`.
 */
template <typename Rows>
CHOP_INLINE void fewTiles(const Rows& weight, int64_t from, int64_t to, const float* x, int64_t xStride, const float* packed, int64_t rows, int64_t k, int64_t depth, float* c, int64_t stride,
                          bool accumulate) {
  using Tiles = TileRegisters;
  constexpr int64_t kHalf = Rows::kParts * kTile;
  TileConfig config;
  for (const int narrow : {0, 1, 4}) config.bytes[narrow] = rows * sizeof(float);
  const TileRegisters registers(config);
  alignas(64) float stage[2][2 * kHalf], result[32 * kFewColumns];
  for (int64_t row = from; row < to; row += 32) {
    const int64_t count = std::min<int64_t>(32, to - row);
    for (int64_t begin = 0; begin < k; begin += depth) {
      const int64_t end = std::min(k, begin + depth);
      Tiles::zero<0>(), Tiles::zero<1>();
      // A block is split while the one before is multiplied.
      splitRows(weight, row, count, begin, std::min<int64_t>(32, end - begin), stage[begin / 32 % 2]);
      for (int64_t step = begin; step < end; step += 32) {
        if (step + 32 < end) splitRows(weight, row, count, step + 32, std::min<int64_t>(32, end - step - 32), stage[(step / 32 + 1) % 2]);
        const float *inputs = packed + step / 32 * kParts * kTileWords * rows, *weights = stage[step / 32 % 2];
        PartPair held{-1, -1};
#pragma GCC unroll 6
        for (const PartPair pair : kPartPairs) {
          if (pair.b >= Rows::kParts) continue;
          if (pair.a != held.a) Tiles::load<4>(inputs + pair.a * kTileWords * rows, rows);
          if (pair.b != held.b) Tiles::load<2>(weights + pair.b * kTile), Tiles::load<3>(weights + kHalf + pair.b * kTile);
          Tiles::multiply<0, 2, 4>(), Tiles::multiply<1, 3, 4>();
          held = pair;
        }
      }
      Tiles::store<0>(result, rows), Tiles::store<1>(result + 16 * rows, rows);
      for (int64_t i = 0; i < count * rows; ++i) {
        const int64_t line = i / count, column = i % count;
        float value = result[column * rows + line];
        if (!(std::abs(value) <= std::numeric_limits<float>::max()))
          value = sumOfFloats(end - begin, [&](int64_t at) { return x[line * xStride + begin + at]; }, [&](int64_t at) { return weight.at(row + column, begin + at); });
        float& sum = c[line * stride + row + column];
        sum = accumulate || begin > 0 ? sum + value : value;
      }
    }
  }
}

#endif

}  // namespace chop
