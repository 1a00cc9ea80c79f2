#include "native/native.h"
#include "native/product.h"
#include "swiglu.h"

namespace chop {
namespace {

/** swiglu(x Wgateᵀ, x Wupᵀ), whose factors are never whole in memory. */
void gatedLinear(Call& call) {
  const Array &x = call.input(0), &gate = call.input(1), &up = call.input(2);
  Call::expect(gate.rank() == 2 && gate.sizes == up.sizes && gate.dtype == up.dtype && x.rank() >= 1 && x.size(-1) == gate.size(1), "x [..., in], gate and up [out, in]");
  const int64_t out = gate.size(0), in = gate.size(1);
  Sizes sizes = x.sizes;
  sizes.back() = out;
  const Array y = call.output(0, sizes);
  productBlocks(call, {x.data, in}, {{gate.data, in, true, gate.dtype}, {up.data, in, true, up.dtype}}, y.rows(), out, in, precisionOf(call), [&](const Finished& block) {
    for (int64_t row = 0; row < block.rows; ++row)
      gated(block.sums[0] + row * block.stride, block.sums[1] + row * block.stride, y.floats() + (block.row + row) * out + block.column, block.columns);
  });
}

const Op kGatedLinear("ChopGatedLinear", "x: float, gate: T, up: T -> y: float", "precision", gatedLinear);

}  // namespace
}  // namespace chop
