#include <algorithm>

#include "native/lanes.h"
#include "native/native.h"
#include "native/product.h"
#include "native/row-sums.h"

namespace chop {
namespace {

Matrix matrix(const Array& array, int64_t columns, bool transposed = false) { return {array.data, columns, transposed, array.dtype}; }

CHOP_LEVELS void addRow(float* to, const float* row, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] += row[i];
}

/** y = x Wᵀ (+ b) */
void linear(Call& call) {
  const Array &x = call.input(0), &weight = call.input(1);
  Call::expect(weight.rank() == 2 && x.rank() >= 1 && x.size(-1) == weight.size(1), "x [..., in] and weight [out, in]");
  const int64_t out = weight.size(0), in = weight.size(1);
  Sizes sizes = x.sizes;
  sizes.back() = out;
  const Array y = call.output(0, sizes);
  const int64_t rows = y.rows();
  if (call.inputs() == 3) {
    const Array& bias = call.input(2);
    Call::expect(bias.count == out, "bias [out]");
    for (int64_t row = 0; row < rows; ++row) std::copy_n(bias.floats(), out, y.floats() + row * out);
  }
  product(call, matrix(x, in), matrix(weight, in, true), y.floats(), out, rows, out, in, call.inputs() == 3, precisionOf(call));
}

/** dx = dy W, dW = dyᵀ x */
void linearGrad(Call& call) {
  const Array &dy = call.input(0), &x = call.input(1), &weight = call.input(2);
  Call::expect(weight.rank() == 2 && x.rank() >= 1 && x.size(-1) == weight.size(1) && dy.rank() >= 1 && dy.size(-1) == weight.size(0), "dy [..., out], x [..., in] and weight [out, in]");
  const int64_t out = weight.size(0), in = weight.size(1), rows = in == 0 ? 0 : x.count / in;
  Call::expect(dy.count == rows * out, "as many rows in dy as in x");
  const Array dx = call.output(0, x.sizes), dweight = call.output(1, weight.sizes);
  const Precision precision = precisionOf(call);
  product(call, matrix(dy, out), matrix(weight, in), dx.floats(), in, rows, in, out, false, precision);
  product(call, matrix(dy, out, true), matrix(x, in), dweight.floats(), in, out, in, rows, false, precision);
}

/** db = Σ dy over the rows */
void biasGrad(Call& call) {
  const Array& dy = call.input(0);
  Call::expect(dy.rank() >= 1, "dy [..., out]");
  const int64_t out = dy.size(-1);
  const std::function<void(int64_t, float*)> add = [&](int64_t row, float* sums) { addRow(sums, dy.floats() + row * out, out); };
  sumOverRows(call, dy.rows(), out, out, add, call.output(0, {out}).floats());
}

const Op kLinear("ChopLinear", "x: float, weight: T, bias: N * float -> y: float", "precision", linear);
const Op kLinearGrad("ChopLinearGrad", "dy: float, x: float, weight: T -> dx: float, dweight: float", "precision", linearGrad);
const Op kBiasGrad("ChopBiasGrad", "dy: float -> dbias: float", "", biasGrad);

}  // namespace
}  // namespace chop
