// Kernels with the mistakes that the emulation is to notice.
#include "native/cuda/device.h"

namespace chop::cuda {

/** Lacks a barrier between what a thread writes and its neighbour reads. */
extern "C" __global__ void race(const float* x, float* y) {
  __shared__ float seen[kThreads];
  seen[threadIdx.x] = x[threadIdx.x];
  y[threadIdx.x] = seen[(threadIdx.x + 1) % kThreads];
}

/** Has a barrier that only some threads reach. */
extern "C" __global__ void diverge(const float* x, float* y) {
  y[threadIdx.x] = x[threadIdx.x];
  if (threadIdx.x < kThreads / 2) __syncthreads();
}

extern "C" __global__ void overrun(const float* x, float* y) { y[threadIdx.x + 1] = x[threadIdx.x]; }

extern "C" __global__ void overwrite(float* x, float* y) { y[threadIdx.x] = ++x[threadIdx.x]; }

extern "C" __global__ void forget(const float* x, float* y) {
  if (threadIdx.x > 0) y[threadIdx.x] = x[threadIdx.x];
}

#ifndef __CUDACC_RTC__
namespace {

/** One block on an input of a number for each of its threads. */
template <class Launched>
void runOn(Call& call, const Launched& kernel) {
  const Array& x = call.input(0);
  call.expect(x.count == kThreads, "a number for each thread");
  const Array y = call.output(0, x.sizes);
  call.launch(kernel, {1}, x.floats(), y.floats());
}

const Op kRace("FaultyRace", [](Call& call) { runOn(call, KERNEL(race)); });
const Op kDiverge("FaultyDiverge", [](Call& call) { runOn(call, KERNEL(diverge)); });
const Op kOverrun("FaultyOverrun", [](Call& call) { runOn(call, KERNEL(overrun)); });
const Op kOverwrite("FaultyOverwrite", [](Call& call) { runOn(call, KERNEL(overwrite)); });
const Op kForget("FaultyForget", [](Call& call) { runOn(call, KERNEL(forget)); });

}  // namespace
#endif

}  // namespace chop::cuda
