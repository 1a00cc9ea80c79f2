// Slivers for the matrix units: bfloat16 in pairs along k, in the order of their registers.
//
// A product of float32 splits each number into three bfloat16, x = h + m + l exactly: h is x rounded to 8 bits, m the rest rounded to 8 bits, l what is left then, so that
// |m| ≤ 2⁻⁸|x| and |l| ≤ 2⁻¹⁶|x|.
#pragma once

#include <algorithm>

#include "amx.h"
#include "pack.h"

namespace chop {

#if CHOP_AMX

typedef uint16_t HalfWords __attribute__((vector_size(64)));

/** Floats of a whole register. */
constexpr int64_t kTile = TileRegisters::kTile;

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
CHOP_V4 inline void roundTile(const T* from, int64_t stride, float* to) {
  Lanes<16>::Vector square[16];
#pragma GCC unroll 16
  for (int64_t i = 0; i < 16; ++i)
    if constexpr (Across) square[i] = (Lanes<16>::Vector)wordsAcross(from + 2 * i * stride, from + (2 * i + 1) * stride);
    else square[i] = (Lanes<16>::Vector)wordsAlong(from + i * stride);
  if constexpr (Across != Turned) turn<16>(square);
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) store<16>(to + i * kTileWords, square[i]);
}

/** Parts of a float32. */
constexpr int kParts = 3;

/** The upper halves of two registers: those of the first, then those of the second; and in turns. */
constexpr HalfWords kOneAfterTheOther = {1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31, 33, 35, 37, 39, 41, 43, 45, 47, 49, 51, 53, 55, 57, 59, 61, 63};
constexpr HalfWords kInTurns = {1, 33, 3, 35, 5, 37, 7, 39, 9, 41, 11, 43, 13, 45, 15, 47, 17, 49, 19, 51, 21, 53, 23, 55, 25, 57, 27, 59, 29, 61, 31, 63};

/** 16 words of each part of 32 floats, `to[part · apart]`. What is infinite or no number, or rounds to infinity, gives a part that is no number. */
template <int Parts>
CHOP_INLINE void storeParts(Lanes<16>::Vector first, Lanes<16>::Vector second, const HalfWords& order, float* to, int64_t apart) {
  using Vector = Lanes<16>::Vector;
  using Bits = Lanes<16>::Bits;
#pragma GCC unroll 2
  for (int part = 0; part + 1 < Parts; ++part) {
    const Bits upper = ((Bits)first + 0x8000) & 0xffff0000, other = ((Bits)second + 0x8000) & 0xffff0000;
    store<16>(to + part * apart, (Vector)__builtin_shuffle((HalfWords)upper, (HalfWords)other, order));
    first -= (Vector)upper, second -= (Vector)other;
  }
  store<16>(to + (Parts - 1) * apart, (Vector)__builtin_shuffle((HalfWords)first, (HalfWords)second, order));
}

/** As `roundTile`, for every part, `apart` floats from the last. */
template <int Parts, bool Across, bool Turned, typename T>
CHOP_V4 inline void splitTile(const T* from, int64_t stride, float* to, int64_t apart) {
#pragma GCC unroll 2
  for (int64_t i = 0; i < 16; ++i) {
    const T* first = from + (Across ? 2 : 1) * i * stride;
    storeParts<Parts>(loadWide<16>(first), loadWide<16>(first + (Across ? stride : 16)), Across ? kInTurns : kOneAfterTheOther, to + i * kTileWords, apart);
  }
  if constexpr (Across != Turned)
    for (int part = 0; part < Parts; ++part, to += apart) {
      Lanes<16>::Vector square[16];
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) square[i] = load<16>(to + i * kTileWords);
      turn<16>(square);
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) store<16>(to + i * kTileWords, square[i]);
    }
}
template <int Parts, bool Across, bool Turned, typename T>
CHOP_INLINE void packTile(const T* from, int64_t stride, float* to, int64_t apart) {
  if constexpr (Parts == 1) roundTile<Across, Turned>(from, stride, to);
  else splitTile<Parts, Across, Turned>(from, stride, to, apart);
}

/** Brings 16 rows over 32 steps to the cache: the processor does not see which ones come next. */
template <bool Across, typename T>
CHOP_INLINE void fetchBlock(const T* from, int64_t stride) {
  for (int64_t i = 0; i < (Across ? 32 : 16); ++i) {
    __builtin_prefetch(from + i * stride);
    if (!Across && sizeof(T) == sizeof(float)) __builtin_prefetch(from + i * stride + 16);
  }
}

/** A sliver of 32 rows, of which `width` are there, over `depth` steps: blocks of two tiles for each part, filled up with zeros. One part alone is the nearest bfloat16. */
template <int Parts, bool Across, bool Turned, typename T>
CHOP_V4 inline void packTiles(const T* from, int64_t stride, int64_t depth, int64_t width, float* to) {
  constexpr int64_t kSteps = 2 * kTileWords;
  for (int64_t begin = 0; begin < depth; begin += kSteps, to += (Parts - 1) * 2 * kTile)
    for (int64_t first = 0; first < 32; first += 16, to += kTile) {
      const T* at = from + (Across ? begin * stride + first : first * stride + begin);
      if constexpr (Parts > 1) fetchBlock<Across>(at + kSteps * (Across ? stride : 1), stride);
      const int64_t steps = std::min(kSteps, depth - begin), rows = std::min<int64_t>(16, width - first);
      if (steps == kSteps && rows == 16) {
        packTile<Parts, Across, Turned>(at, stride, to, 2 * kTile);
        continue;
      }
      constexpr int64_t kStride = Across ? 16 : kSteps;
      T filled[16 * kSteps] = {};
      for (int64_t row = 0; row < rows; ++row)
        for (int64_t step = 0; step < steps; ++step) filled[Across ? step * kStride + row : row * kStride + step] = at[Across ? step * stride + row : row * stride + step];
      packTile<Parts, Across, Turned>(filled, kStride, to, 2 * kTile);
    }
}

template <int Parts, bool Turned>
CHOP_V4 inline void packTiles(const Matrix& part, bool across, int64_t depth, int64_t width, float* to) {
  if (part.dtype == Dtype::kFloat) {
    const float* from = static_cast<const float*>(part.data);
    across ? packTiles<Parts, true, Turned>(from, part.stride, depth, width, to) : packTiles<Parts, false, Turned>(from, part.stride, depth, width, to);
  } else {
    const uint16_t* from = static_cast<const uint16_t*>(part.data);
    across ? packTiles<Parts, true, Turned>(from, part.stride, depth, width, to) : packTiles<Parts, false, Turned>(from, part.stride, depth, width, to);
  }
}

/** 32 rows of a: `[block of 16 words][part][row][word]`. */
template <int Parts>
CHOP_V4 inline void packATiles(const Matrix& part, int64_t depth, int64_t width, float* to) { packTiles<Parts, false>(part, part.transposed, depth, width, to); }

/** 32 columns of b: `[block of 16 words][part][half of the columns][word][column]`. */
template <int Parts>
CHOP_V4 inline void packBTiles(const Matrix& part, int64_t depth, int64_t width, float* to) { packTiles<Parts, true>(part, !part.transposed, depth, width, to); }

#endif

}  // namespace chop
