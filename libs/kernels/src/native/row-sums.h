// Sums over the rows of a matrix, such as the gradient of a gain or bias.
#pragma once

#include <functional>

#include "native.h"

namespace chop {

/**
 * `total[width] = Σ` of what `add` adds to `sums[width]` for each row, in float32 or float64. The rows are summed in blocks of fixed size, which are added in
 * order, so that the sum does not depend on the threads. `cost`: cycles of one row, roughly.
 */
void sumOverRows(Call& call, int64_t rows, int64_t width, int64_t cost, const std::function<void(int64_t row, float* sums)>& add, float* total);
void sumOverRows(Call& call, int64_t rows, int64_t width, int64_t cost, const std::function<void(int64_t row, double* sums)>& add, double* total);

}  // namespace chop
