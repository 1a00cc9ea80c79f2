// Products of a few rows by a matrix that is read where it lies.
#pragma once

#include "product.h"

namespace chop {

/** Up to so many rows b is read where it lies: copying it would cost more than the product. */
constexpr int64_t kFewRows = 6;

/** `c = a · b` or `c += a · b` for at most `kFewRows` rows of a, floats along k; b lies along k too, floats or bfloat16. Every element is the chain of `product`. */
void multiplyFew(Call& call, const Matrix& a, const Matrix& b, float* c, int64_t stride, int64_t m, int64_t n, int64_t k, bool accumulate);

}  // namespace chop
