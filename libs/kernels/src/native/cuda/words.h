// The words of CUDA that let a host compiler read the device half of a kernel.
#pragma once

#include <cmath>
#include <cstdint>

// Inline: what nobody calls is not compiled. Only the emulation of test/cuda calls a kernel on the host, one block after another.
#define __global__ inline
#define __device__ inline
#define __shared__ static

struct CudaIndex {
  unsigned x, y, z;
};
extern CudaIndex blockIdx, threadIdx, gridDim;
void __syncthreads();
