#include <algorithm>

#include "native/native.h"

namespace chop {
namespace {

/** Copies `size` features of every row between two matrices. */
void copyFeatures(Call& call, int64_t rows, int64_t size, const float* source, int64_t sourceStride, float* to, int64_t toStride) {
  call.parallel(rows, size, [&](int64_t from, int64_t end) {
    for (int64_t row = from; row < end; ++row) std::copy_n(source + row * sourceStride, size, to + row * toStride);
  });
}

Sizes withLast(Sizes sizes, int64_t last) {
  sizes.back() = last;
  return sizes;
}

/** y = x[..., from … from + size − 1] */
void part(Call& call) {
  const Array& x = call.input(0);
  const auto from = static_cast<int64_t>(call.number("from")), size = static_cast<int64_t>(call.number("size"));
  Call::expect(x.rank() >= 1 && from >= 0 && size >= 1 && from + size <= x.size(-1), "features within the last axis");
  copyFeatures(call, x.rows(), size, x.floats() + from, x.size(-1), call.output(0, withLast(x.sizes, size)).floats(), size);
}

/** dx[..., from … from + size − 1] = dy, the rest 0. */
void partGrad(Call& call) {
  const Array& dy = call.input(0);
  const auto from = static_cast<int64_t>(call.number("from")), whole = static_cast<int64_t>(call.number("whole"));
  Call::expect(dy.rank() >= 1 && from >= 0 && from + dy.size(-1) <= whole, "features within the last axis");
  const int64_t size = dy.size(-1);
  const Array dx = call.output(0, withLast(dy.sizes, whole));
  call.parallel(dy.rows(), whole, [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      float* to = dx.floats() + row * whole;
      std::fill(to, to + from, 0.0f);
      std::copy_n(dy.floats() + row * size, size, to + from);
      std::fill(to + from + size, to + whole, 0.0f);
    }
  });
}

/** y = [first, second] */
void join(Call& call) {
  const Array &first = call.input(0), &second = call.input(1);
  Call::expect(first.rank() >= 1 && first.rank() == second.rank() && std::equal(first.sizes.begin(), first.sizes.end() - 1, second.sizes.begin()),
               "the same sizes up to the last axis");
  const int64_t m = first.size(-1), n = second.size(-1);
  const Array y = call.output(0, withLast(first.sizes, m + n));
  copyFeatures(call, first.rows(), m, first.floats(), m, y.floats(), m + n);
  copyFeatures(call, second.rows(), n, second.floats(), n, y.floats() + m, m + n);
}

const Op kPart("ChopPart", "x: float -> y: float", "from, size", part);
const Op kPartGrad("ChopPartGrad", "dy: float -> dx: float", "from, whole", partGrad);
const Op kJoin("ChopJoin", "first: float, second: float -> y: float", "", join);

}  // namespace
}  // namespace chop
