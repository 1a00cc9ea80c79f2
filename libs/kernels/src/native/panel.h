// The innermost part of a product: slivers of both factors become a part of the result, in a way for each precision and level of the processor.
#pragma once

#include <algorithm>

#include "lanes.h"
#include "product.h"

namespace chop {

/** What one task makes of the result, from one stretch along k: rows of tiles × columns of tiles, whose slivers lie one after the other. */
struct Panel {
  int64_t words;   // of a sliver: steps along k, pairs of them, or pairs of their parts
  const float* a;  // [tile][words][rows of a tile]
  const float* b;  // [tile][words][columns of a tile]
  float* c;
  int64_t stride;
  int64_t rows, columns;  // of the result that are wanted
  bool accumulate;
  Matrix wholeA, wholeB;  // what was packed
  int64_t depth;          // steps
  bool down;              // tiles below each other come one after the other, or else those beside each other: what follows is the factor that stays in the cache

  template <int R, int C>
  CHOP_INLINE int64_t tiles() const {
    return (rows + R - 1) / R * ((columns + C - 1) / C);
  }

  /** Tile `i` of `R × C`. */
  template <int R, int C>
  CHOP_INLINE Panel tile(int64_t i) const {
    const int64_t high = (rows + R - 1) / R, wide = (columns + C - 1) / C;
    return down ? at<R, C>(i % high * R, i / high * C) : at<R, C>(i / wide * R, i % wide * C);
  }

 private:
  template <int R, int C>
  CHOP_INLINE Panel at(int64_t row, int64_t column) const {
    return {words,      a + row * words,     b + column * words,     c + row * stride + column, stride, std::min<int64_t>(R, rows - row), std::min<int64_t>(C, columns - column),
            accumulate, wholeA.from(row, 0), wholeB.from(0, column), depth,                    down};
  }
};

/** A sliver holds so many words of so many steps along k, in blocks. */
struct Grain {
  int steps, words;
};

/** What differs between the levels of a processor. */
struct Shape {
  int rows, columns;
  Grain grain;
  int64_t depth;  // steps along k of one stretch
  void (*multiply)(const Panel&);
  void (*packA)(const Matrix&, int64_t depth, int64_t width, float* to);
  void (*packB)(const Matrix&, int64_t depth, int64_t width, float* to);

  /** In a sliver, for so many steps along k: whole blocks. */
  int64_t words(int64_t depth) const { return (depth + grain.steps - 1) / grain.steps * grain.words; }
};

/** Whether a product is of chains of floats on this processor. */
bool ofFloats(Precision precision);

/** How this processor multiplies in a precision. */
const Shape& shape(Precision precision);

}  // namespace chop
