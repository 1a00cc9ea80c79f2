// Small products of one thread, on factors that lie in its cache, and the threads that share such work out.
#pragma once

#include <functional>

#include "native.h"

namespace chop {

/** Every level's tile has a number of rows that divides this. */
constexpr int64_t kTileRowsMultiple = 12;

/**
 * `c = a · b`, or `c += a · b`, for a c of `rows` × `columns`: each element is one chain of fused multiply-adds over `depth` steps that begins at
 * 0, or at c. So a chain may be cut anywhere, and a row's result does not depend on the rows beside it.
 */
struct TileProduct {
  using Multiply = void (*)(const float* a, int64_t aStride, const float* b, int64_t bStride, float* c, int64_t cStride, int64_t depth, bool accumulate);

  /** `to[column · toStride + row] = from[row · stride + column]` */
  using Turn = void (*)(const float* from, int64_t stride, int64_t rows, int64_t columns, float* to, int64_t toStride);

  int rows, columns;
  /** Element (row, step) of a at `a[row · aStride + step]`. */
  Multiply straight;
  /** Element (row, step) of a at `a[step · aStride + row]`. */
  Multiply turned;
  /** As `straight`, for one row. */
  Multiply single;
  Turn turn;
};

/** The tile of this processor's level. */
const TileProduct& tileProduct();

inline int64_t roundedUp(int64_t size, int64_t multiple) { return (size + multiple - 1) / multiple * multiple; }

/** Runs `tasks` tasks on all threads, the first ones first; each thread brings `floats` of memory, not cleared. `cost`: cycles of one task, roughly. */
void shareTasks(Call& call, int64_t tasks, int64_t cost, int64_t floats, const std::function<void(int64_t task, float* memory)>& work);

}  // namespace chop
