#include "native/native.h"
#include "native/product.h"

namespace chop {
namespace {

/** x Wqᵀ, x Wkᵀ and x Wvᵀ, each as heads of `inner` numbers. */
void queryKeyValue(Call& call) {
  const Array& x = call.input(0);
  const auto inner = static_cast<int64_t>(call.number("inner"));
  Call::expect(x.rank() >= 1 && inner >= 1, "x [..., in] and heads of at least one number");
  const int64_t in = x.size(-1);
  std::vector<Right> factors;
  int64_t rows = 0;
  for (int i = 0; i < 3; ++i) {
    const Array& weight = call.input(i + 1);
    Call::expect(weight.rank() == 2 && weight.size(1) == in && weight.size(0) % inner == 0 && weight.dtype == call.input(1).dtype, "weights [heads · inner, in] of one type");
    const int64_t out = weight.size(0);
    Sizes sizes = x.sizes;
    sizes.back() = out / inner;
    sizes.push_back(inner);
    const Array y = call.output(i, sizes);
    if (out > 0) rows = y.count / out;
    factors.push_back({{weight.data, in, true, weight.dtype}, out, y.floats(), out});
  }
  products(call, {x.data, in}, factors, rows, in, precisionOf(call));
}

const Op kQueryKeyValue("ChopQueryKeyValue", "x: float, q: T, k: T, v: T -> qs: float, ks: float, vs: float", "precision, inner", queryKeyValue);

}  // namespace
}  // namespace chop
