// Products of bfloat16 on the matrix units of newer Intel processors (AMX): 32 × 32 numbers of the result in four tile registers.
#pragma once

#include "pack.h"

namespace chop {

/** Words along k in a tile register: 32 steps in pairs. */
constexpr int kTileWords = 16;

#if CHOP_AMX

typedef uint16_t HalfWords __attribute__((vector_size(64)));

/** Two registers of floats as bfloat16, those of `low` first. The instruction is written out: compilers differ in its type. */
CHOP_V4 inline HalfWords halves(Lanes<16>::Vector low, Lanes<16>::Vector high) {
  HalfWords result;
  __asm__("vcvtne2ps2bf16 %2, %1, %0" : "=v"(result) : "v"(high), "v"(low));
  return result;
}

/** 16 words of a row that lies along k: 32 steps. */
CHOP_V4 inline HalfWords wordsAlong(const float* from) { return halves(load<16>(from), load<16>(from + 16)); }
CHOP_V4 inline HalfWords wordsAlong(const uint16_t* from) {
  HalfWords result;
  std::memcpy(&result, from, sizeof result);
  return result;
}

/** One word of 16 rows that lie across k: a step and the next, one under the other. */
CHOP_V4 inline HalfWords wordsAcross(const float* step, const float* next) {
  constexpr HalfWords alternate = {0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31};
  return __builtin_shuffle(halves(load<16>(step), load<16>(next)), alternate);
}
CHOP_V4 inline HalfWords wordsAcross(const uint16_t* step, const uint16_t* next) {
  const auto low = __builtin_convertvector(*reinterpret_cast<const Lanes<16>::Halves*>(step), Lanes<16>::Bits);
  const auto high = __builtin_convertvector(*reinterpret_cast<const Lanes<16>::Halves*>(next), Lanes<16>::Bits);
  return (HalfWords)(low | high << 16);
}

/** 16 × 16 words, `to[row][word]`, or `to[word][row]` if `turned`, of rows that lie along k (`from[row · stride + step]`) or across it (`from[step · stride + row]`). */
template <bool Across, bool Turned, typename T>
CHOP_V4 inline void packTile(const T* from, int64_t stride, float* to) {
  Lanes<16>::Vector square[16];
#pragma GCC unroll 16
  for (int64_t i = 0; i < 16; ++i)
    if constexpr (Across) square[i] = (Lanes<16>::Vector)wordsAcross(from + 2 * i * stride, from + (2 * i + 1) * stride);
    else square[i] = (Lanes<16>::Vector)wordsAlong(from + i * stride);
  if constexpr (Across != Turned) turn<16>(square);
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) store<16>(to + i * kTileWords, square[i]);
}

/** A sliver of 32 rows, of which `width` are there, over `depth` steps: blocks of two tiles, filled up with zeros. */
template <bool Across, bool Turned, typename T>
CHOP_V4 inline void packTiles(const T* from, int64_t stride, int64_t depth, int64_t width, float* to) {
  constexpr int64_t kSteps = 2 * kTileWords;
  for (int64_t begin = 0; begin < depth; begin += kSteps)
    for (int64_t first = 0; first < 32; first += 16, to += 16 * kTileWords) {
      const T* at = from + (Across ? begin * stride + first : first * stride + begin);
      const int64_t steps = std::min(kSteps, depth - begin), rows = std::min<int64_t>(16, width - first);
      if (steps == kSteps && rows == 16) {
        packTile<Across, Turned>(at, stride, to);
        continue;
      }
      constexpr int64_t kStride = Across ? 16 : kSteps;
      T filled[16 * kSteps] = {};
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t step = 0; step < steps; ++step) filled[Across ? step * kStride + row : row * kStride + step] = at[Across ? step * stride + row : row * stride + step];
      packTile<Across, Turned>(filled, kStride, to);
    }
}

template <bool Turned>
CHOP_V4 inline void packTiles(const Matrix& part, bool across, int64_t depth, int64_t width, float* to) {
  if (part.dtype == Dtype::kFloat) {
    const float* from = static_cast<const float*>(part.data);
    across ? packTiles<true, Turned>(from, part.stride, depth, width, to) : packTiles<false, Turned>(from, part.stride, depth, width, to);
  } else {
    const uint16_t* from = static_cast<const uint16_t*>(part.data);
    across ? packTiles<true, Turned>(from, part.stride, depth, width, to) : packTiles<false, Turned>(from, part.stride, depth, width, to);
  }
}

/** 32 rows of a: `[block of 16 words][row][word]`. */
CHOP_V4 inline void packATiles(const Matrix& part, int64_t depth, int64_t width, float* to) { packTiles<false>(part, part.transposed, depth, width, to); }

/** 32 columns of b: `[block of 16 words][half of the columns][word][column]`. */
CHOP_V4 inline void packBTiles(const Matrix& part, int64_t depth, int64_t width, float* to) { packTiles<true>(part, !part.transposed, depth, width, to); }

/** What LDTILECFG reads: eight registers of 16 rows of 64 bytes. */
struct alignas(64) TileConfig {
  uint8_t palette = 1, start = 0, reserved[14] = {};
  uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

/** The tile registers of this thread, while it lives. The instructions are written out: intrinsics exist for a whole file of that target only. */
class TileRegisters {
 public:
  TileRegisters() {
    static const TileConfig config;
    __asm__ volatile("ldtilecfg %0" ::"m"(config));
  }
  ~TileRegisters() { __asm__ volatile("tilerelease"); }
  TileRegisters(const TileRegisters&) = delete;
  TileRegisters& operator=(const TileRegisters&) = delete;

  /** `c = a · b` or `c += a · b` over `blocks` of 32 steps, for `rows × columns` of 32 × 32. The chain of an element goes on from what c holds. */
  void multiply(const float* a, const float* b, int64_t blocks, float* c, int64_t stride, int64_t rows, int64_t columns, bool accumulate) const {
    if (rows == 32 && columns == 32) return multiplyWhole(a, b, blocks, c, stride, accumulate);
    alignas(64) float whole[32 * 32] = {};
    for (int64_t row = 0; accumulate && row < rows; ++row) std::memcpy(whole + row * 32, c + row * stride, columns * sizeof(float));
    multiplyWhole(a, b, blocks, whole, 32, accumulate);
    for (int64_t row = 0; row < rows; ++row) std::memcpy(c + row * stride, whole + row * 32, columns * sizeof(float));
  }

 private:
  static constexpr int64_t kTile = 16 * kTileWords;

  static CHOP_INLINE void multiplyWhole(const float* a, const float* b, int64_t blocks, float* c, int64_t stride, bool accumulate) {
    const int64_t rowBytes = 64, resultBytes = stride * sizeof(float);
    float *c2 = c + 16 * stride;
    if (accumulate)
      __asm__ volatile("tileloadd (%0,%4), %%tmm0\n\ttileloadd (%1,%4), %%tmm1\n\ttileloadd (%2,%4), %%tmm2\n\ttileloadd (%3,%4), %%tmm3" ::"r"(c), "r"(c + 16), "r"(c2), "r"(c2 + 16), "r"(resultBytes) : "memory");
    else __asm__ volatile("tilezero %tmm0\n\ttilezero %tmm1\n\ttilezero %tmm2\n\ttilezero %tmm3");
    for (int64_t block = 0; block < blocks; ++block, a += 2 * kTile, b += 2 * kTile)
      __asm__ volatile(
          "tileloadd (%0,%4), %%tmm4\n\ttileloadd (%2,%4), %%tmm6\n\ttdpbf16ps %%tmm6, %%tmm4, %%tmm0\n\t"
          "tileloadd (%3,%4), %%tmm7\n\ttdpbf16ps %%tmm7, %%tmm4, %%tmm1\n\t"
          "tileloadd (%1,%4), %%tmm5\n\ttdpbf16ps %%tmm6, %%tmm5, %%tmm2\n\ttdpbf16ps %%tmm7, %%tmm5, %%tmm3" ::"r"(a),
          "r"(a + kTile), "r"(b), "r"(b + kTile), "r"(rowBytes)
          : "memory");
    __asm__ volatile("tilestored %%tmm0, (%0,%4)\n\ttilestored %%tmm1, (%1,%4)\n\ttilestored %%tmm2, (%2,%4)\n\ttilestored %%tmm3, (%3,%4)" ::"r"(c), "r"(c + 16), "r"(c2), "r"(c2 + 16), "r"(resultBytes) : "memory");
  }
};

#endif

}  // namespace chop
