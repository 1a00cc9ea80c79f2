// Slivers: the parts of both factors of a product, copied so that the innermost tile reads them from end to end.
#pragma once

#include "lanes.h"
#include "product.h"

namespace chop {

/** What a sliver holds of a number. */
enum class Held {
  kFloats,
  /** A float that is rounded to bfloat16. */
  kRounded,
  /** Two steps along k in one word of 32 bits, both as bfloat16, the first in the upper half. */
  kPairs,
};

/** Steps along k in one word of a sliver. */
constexpr int stepsOf(Held held) { return held == Held::kPairs ? 2 : 1; }

CHOP_INLINE float widen(const float* from) { return *from; }
CHOP_INLINE float widen(const uint16_t* from) {
  const uint32_t bits = uint32_t{*from} << 16;
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

inline float element(const Matrix& matrix, int64_t row, int64_t column) {
  const Matrix at = matrix.from(row, column);
  return at.dtype == Dtype::kFloat ? widen(static_cast<const float*>(at.data)) : widen(static_cast<const uint16_t*>(at.data));
}

template <int L>
CHOP_INLINE typename Lanes<L>::Vector loadWide(const float* from) {
  return load<L>(from);
}

template <int L>
CHOP_INLINE typename Lanes<L>::Vector loadWide(const uint16_t* from) {
  const auto halves = *reinterpret_cast<const typename Lanes<L>::Halves*>(from);
  return (typename Lanes<L>::Vector)(__builtin_convertvector(halves, typename Lanes<L>::Bits) << 16);
}

/** The nearest bfloat16, of two equally near ones the even one, in the upper half of each lane. What is no number stays none: its lower half alone must not carry it to infinity. */
template <int L>
CHOP_INLINE typename Lanes<L>::Bits rounded(typename Lanes<L>::Vector value) {
  using Bits = typename Lanes<L>::Bits;
  const Bits bits = (Bits)value;
  const Bits nearest = bits + 0x7fff + ((bits >> 16) & 1);
  return (value == value ? nearest : bits | 0x400000) & 0xffff0000;
}

/** A word of a sliver for each lane; `second` counts in pairs only. */
template <Held H, int L>
CHOP_INLINE typename Lanes<L>::Vector words(typename Lanes<L>::Vector first, typename Lanes<L>::Vector second) {
  using Vector = typename Lanes<L>::Vector;
  if constexpr (H == Held::kFloats) return first;
  else if constexpr (H == Held::kRounded) return (Vector)rounded<L>(first);
  else return (Vector)(rounded<L>(first) | rounded<L>(second) >> 16);
}

/** As `words`, for one number. */
template <Held H>
CHOP_INLINE float word(float first, float second) {
  if constexpr (H == Held::kFloats) return first;
  else return words<H, 4>(first - Lanes<4>::Vector{}, second - Lanes<4>::Vector{})[0];
}

/** `to[step][w] = from[w · stride + step]`: rows of a matrix become a sliver `W` wide, filled up with zeros; squares of `L` × `L` are turned in registers. */
template <int W, int L, Held H, typename T>
CHOP_INLINE void sliverOfRows(const T* from, int64_t stride, int64_t depth, int64_t width, float* to) {
  constexpr int kSteps = stepsOf(H);
  int64_t step = 0;
  if (width == W)
    // One step is left, so that the last store, which is wider than a sliver, ends inside it.
    for (; step + L < depth; step += L)
#pragma GCC unroll 4
      for (int group = 0; group < W; group += L) {
        typename Lanes<L>::Vector square[L] = {};
#pragma GCC unroll 16
        for (int lane = 0; lane < L; ++lane)
          if (group + lane < W) square[lane] = loadWide<L>(from + (group + lane) * stride + step);
        turn<L>(square);
#pragma GCC unroll 16
        for (int i = 0; i < L; i += kSteps) store<L>(to + (step + i) / kSteps * W + group, words<H, L>(square[i], square[i + kSteps - 1]));
      }
  for (; step < depth; step += kSteps)
    for (int w = 0; w < W; ++w) {
      const T* at = from + w * stride + step;
      to[step / kSteps * W + w] = w < width ? word<H>(widen(at), step + kSteps <= depth ? widen(at + kSteps - 1) : 0.0f) : 0.0f;
    }
}

/** `to[step][w] = from[step · stride + w]`: columns of a matrix become a sliver. */
template <int W, int L, Held H, typename T>
CHOP_INLINE void sliverOfColumns(const T* from, int64_t stride, int64_t depth, int64_t width, float* to) {
  constexpr int kSteps = stepsOf(H);
  int64_t step = 0;
  if (width == W)
    // As above; and the last load, which may be wider too, ends inside the matrix.
    for (; step + kSteps < depth; step += kSteps, from += kSteps * stride)
#pragma GCC unroll 4
      for (int group = 0; group < W; group += L)
        store<L>(to + step / kSteps * W + group, words<H, L>(loadWide<L>(from + group), loadWide<L>(from + (kSteps - 1) * stride + group)));
  for (; step < depth; step += kSteps, from += kSteps * stride)
    for (int w = 0; w < W; ++w)
      to[step / kSteps * W + w] = w < width ? word<H>(widen(from + w), step + kSteps <= depth ? widen(from + (kSteps - 1) * stride + w) : 0.0f) : 0.0f;
}

/** The sliver of `width` rows (or columns, if `along`) that begins at `part`. */
template <int W, int L, Held H>
CHOP_INLINE void pack(const Matrix& part, bool along, int64_t depth, int64_t width, float* to) {
  const bool rows = along == part.transposed;
  if (part.dtype == Dtype::kFloat) {
    const float* from = static_cast<const float*>(part.data);
    rows ? sliverOfRows<W, L, H>(from, part.stride, depth, width, to) : sliverOfColumns<W, L, H>(from, part.stride, depth, width, to);
  } else {
    const uint16_t* from = static_cast<const uint16_t*>(part.data);
    rows ? sliverOfRows<W, L, H>(from, part.stride, depth, width, to) : sliverOfColumns<W, L, H>(from, part.stride, depth, width, to);
  }
}

}  // namespace chop
