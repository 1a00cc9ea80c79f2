#include "threads.h"

#include <setjmp.h>
#include <ucontext.h>

#include <memory>
#include <vector>

CudaIndex blockIdx, threadIdx, gridDim;

namespace chop::emulation {
namespace {

constexpr size_t kStackBytes = 64 * 1024;

/** A thread begins in a context of its own; from then on jumps lead in and out, which ask nothing of the system. */
struct Thread {
  ucontext_t beginning;
  jmp_buf barrier;
  std::unique_ptr<char[]> stack = std::make_unique<char[]>(kStackBytes);
  bool begun = false, ended = false;
};

std::vector<Thread> threads(cuda::kThreads);
jmp_buf scheduler;
const std::function<void()>* work = nullptr;

void enter() {
  (*work)();
  threads[threadIdx.x].ended = true;
  _longjmp(scheduler, 1);
}

/** Lets a thread run to its next barrier or its end. */
void resume(Thread& thread) {
  if (_setjmp(scheduler) != 0) return;
  if (thread.begun) _longjmp(thread.barrier, 1);
  thread.begun = true;
  setcontext(&thread.beginning);
}

/** The `turn`th of `count`. */
int64_t inOrder(int64_t turn, int64_t count, Order order) {
  constexpr int64_t kPrime = 7919;
  return order == Order::kForward ? turn : order == Order::kBackward || count % kPrime == 0 ? count - 1 - turn : (turn * kPrime + count / 3) % count;
}

void runBlock(Order order) {
  for (Thread& thread : threads) {
    getcontext(&thread.beginning);
    thread.beginning.uc_stack = {thread.stack.get(), 0, kStackBytes};
    thread.beginning.uc_link = nullptr;
    thread.begun = thread.ended = false;
    makecontext(&thread.beginning, enter, 0);
  }
  for (bool ended = false; !ended;) {
    int left = 0;
    for (int turn = 0; turn < cuda::kThreads; ++turn) {
      threadIdx = {static_cast<unsigned>(inOrder(turn, cuda::kThreads, order)), 0, 0};
      resume(threads[threadIdx.x]);
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
  if (_setjmp(threads[threadIdx.x].barrier) == 0) _longjmp(scheduler, 1);
}
