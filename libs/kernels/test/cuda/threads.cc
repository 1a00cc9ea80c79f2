#include "threads.h"

#include <ucontext.h>

#include <memory>
#include <vector>

CudaIndex blockIdx, threadIdx, gridDim;

namespace chop::emulation {
namespace {

constexpr size_t kStackBytes = 64 * 1024;

struct Thread {
  ucontext_t context;
  std::unique_ptr<char[]> stack = std::make_unique<char[]>(kStackBytes);
  bool ended = false;
};

std::vector<Thread> threads(cuda::kThreads);
ucontext_t scheduler;
const std::function<void()>* work = nullptr;

void enter() {
  (*work)();
  threads[threadIdx.x].ended = true;
}

/** The `turn`th of `count`. */
int64_t inOrder(int64_t turn, int64_t count, Order order) {
  constexpr int64_t kPrime = 7919;
  return order == Order::kForward ? turn : order == Order::kBackward || count % kPrime == 0 ? count - 1 - turn : (turn * kPrime + count / 3) % count;
}

void runBlock(Order order) {
  for (Thread& thread : threads) {
    getcontext(&thread.context);
    thread.context.uc_stack = {thread.stack.get(), 0, kStackBytes};
    thread.context.uc_link = &scheduler;
    thread.ended = false;
    makecontext(&thread.context, enter, 0);
  }
  for (bool ended = false; !ended;) {
    int left = 0;
    for (int turn = 0; turn < cuda::kThreads; ++turn) {
      threadIdx = {static_cast<unsigned>(inOrder(turn, cuda::kThreads, order)), 0, 0};
      swapcontext(&scheduler, &threads[threadIdx.x].context);
      left += !threads[threadIdx.x].ended;
    }
    if (left != 0 && left != cuda::kThreads) throw Refusal("every thread of a block at a barrier, not " + std::to_string(left) + " of them");
    ended = left == 0;
  }
}

}  // namespace

void runGrid(cuda::Grid grid, Order order, const std::function<void()>& body) {
  work = &body;
  gridDim = {static_cast<unsigned>(grid.x), static_cast<unsigned>(grid.y), 1};
  const int64_t blocks = grid.x * grid.y;
  for (int64_t turn = 0; turn < blocks; ++turn) {
    const int64_t block = inOrder(turn, blocks, order);
    blockIdx = {static_cast<unsigned>(block % grid.x), static_cast<unsigned>(block / grid.x), 0};
    runBlock(order);
  }
}

}  // namespace chop::emulation

void __syncthreads() {
  using namespace chop::emulation;
  Thread& thread = threads[threadIdx.x];
  swapcontext(&thread.context, &scheduler);
}
