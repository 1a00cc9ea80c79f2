// Products of bfloat16 on the matrix units of newer Intel processors (AMX): 32 × 32 numbers of the result in four tile registers.
#pragma once

#include "pack.h"

namespace chop {

/** Words along k in a tile register: 32 steps in pairs. */
constexpr int kTileWords = 16;

#if CHOP_AMX

/** `to[row][word]`, pairs of bfloat16 along k, of rows that lie along k (`from[row · stride + step]`): 16 × 16 words. */
template <typename T>
CHOP_V4 inline void tileOfRows(const T* from, int64_t stride, float* to) {
  constexpr Lanes<16>::Ints even = {0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30}, odd = even + 1;
  for (int row = 0; row < 16; ++row, from += stride, to += kTileWords) {
    const auto low = loadWide<16>(from), high = loadWide<16>(from + 16);
    store<16>(to, words<Held::kPairs, 16>(__builtin_shuffle(low, high, even), __builtin_shuffle(low, high, odd)));
  }
}

/** The same of rows that lie across k (`from[step · stride + row]`). */
template <typename T>
CHOP_V4 inline void tileOfColumns(const T* from, int64_t stride, float* to) {
  Lanes<16>::Vector square[16];
#pragma GCC unroll 16
  for (int word = 0; word < 16; ++word)
    square[word] = words<Held::kPairs, 16>(loadWide<16>(from + 2 * word * stride), loadWide<16>(from + (2 * word + 1) * stride));
  turn<16>(square);
#pragma GCC unroll 16
  for (int row = 0; row < 16; ++row) store<16>(to + row * kTileWords, square[row]);
}

template <typename T>
CHOP_V4 inline void packTiles(const T* from, int64_t stride, bool across, int64_t depth, int64_t width, float* to) {
  constexpr int64_t kSteps = 2 * kTileWords;
  for (int64_t begin = 0; begin < depth; begin += kSteps)
    for (int64_t first = 0; first < 32; first += 16, to += 16 * kTileWords) {
      const T* at = from + (across ? begin * stride + first : first * stride + begin);
      if (begin + kSteps <= depth && first + 16 <= width) {
        across ? tileOfColumns(at, stride, to) : tileOfRows(at, stride, to);
        continue;
      }
      const auto value = [&](int64_t row, int64_t step) {
        return first + row < width && begin + step < depth ? widen(at + (across ? step * stride + row : row * stride + step)) : 0.0f;
      };
      for (int64_t row = 0; row < 16; ++row)
        for (int64_t word = 0; word < kTileWords; ++word) to[row * kTileWords + word] = chop::word<Held::kPairs>(value(row, 2 * word), value(row, 2 * word + 1));
    }
}

/** 32 rows of a, of which `width` are there: `[block of 16 words][row][word]`, filled up with zeros. */
CHOP_V4 inline void packATiles(const Matrix& part, int64_t depth, int64_t width, float* to) {
  if (part.dtype == Dtype::kFloat) packTiles(static_cast<const float*>(part.data), part.stride, part.transposed, depth, width, to);
  else packTiles(static_cast<const uint16_t*>(part.data), part.stride, part.transposed, depth, width, to);
}

/** 32 columns of b: `[word][column]`, filled up with zeros to whole blocks of words. */
CHOP_V4 inline void packBTiles(const Matrix& part, int64_t depth, int64_t width, float* to) {
  pack<32, 16, Held::kPairs>(part, true, depth, width, to);
  const int64_t words = (depth + 1) / 2, whole = (words + kTileWords - 1) / kTileWords * kTileWords;
  std::memset(to + words * 32, 0, (whole - words) * 32 * sizeof(float));
}

/** What LDTILECFG reads: eight registers of 16 rows of 64 bytes. */
struct alignas(64) TileConfig {
  uint8_t palette = 1, start = 0, reserved[14] = {};
  uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

/** `c[32][32] = a · b` over `blocks` of 32 steps. The instructions are written out: intrinsics exist for a whole file of that target only. */
inline void multiplyTiles(const float* a, const float* b, int64_t blocks, float* c) {
  static const TileConfig config;
  __asm__ volatile("ldtilecfg %0" ::"m"(config)); // clears the registers
  const int64_t rowBytes = 64, columnsBytes = 128;
  for (int64_t block = 0; block < blocks; ++block, a += 32 * kTileWords, b += 32 * kTileWords)
    __asm__ volatile(
        "tileloadd (%0,%4), %%tmm4\n\ttileloadd (%2,%5), %%tmm6\n\ttileloadd (%3,%5), %%tmm7\n\ttileloadd (%1,%4), %%tmm5\n\t"
        "tdpbf16ps %%tmm6, %%tmm4, %%tmm0\n\ttdpbf16ps %%tmm7, %%tmm4, %%tmm1\n\ttdpbf16ps %%tmm6, %%tmm5, %%tmm2\n\ttdpbf16ps %%tmm7, %%tmm5, %%tmm3" ::"r"(a),
        "r"(a + 16 * kTileWords), "r"(b), "r"(b + 16), "r"(rowBytes), "r"(columnsBytes)
        : "memory");
  __asm__ volatile(
      "tilestored %%tmm0, (%0,%4)\n\ttilestored %%tmm1, (%1,%4)\n\ttilestored %%tmm2, (%2,%4)\n\ttilestored %%tmm3, (%3,%4)\n\ttilerelease" ::"r"(c), "r"(c + 16),
      "r"(c + 16 * 32), "r"(c + 16 * 32 + 16), "r"(columnsBytes)
      : "memory");
}

#endif

}  // namespace chop
