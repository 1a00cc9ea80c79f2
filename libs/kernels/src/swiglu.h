// The unit of swiglu.cc, for whoever has its factors at hand.
#pragma once

#include <cstdint>

namespace chop {

/** `y[i] = silu(gate[i]) · up[i]` */
void gated(const float* gate, const float* up, float* y, int64_t n);

}  // namespace chop
