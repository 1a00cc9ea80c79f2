// A GPU's blocks of threads on the processor, one block after another: its threads take turns, from one barrier to the next.
#pragma once

#include <functional>

#include "native/cuda/call.h"

namespace chop::emulation {

/** Which thread is first, among those of a block and among blocks: a kernel's numbers must not depend on it. */
enum class Order { kForward, kBackward, kMixed };
constexpr int kOrders = 3;

/**
 * Runs `body` as every thread of a grid.
 * @throws Refusal when some threads of a block wait at a barrier and others have ended.
 */
void runGrid(cuda::Grid grid, Order order, const std::function<void()>& body);

}  // namespace chop::emulation
