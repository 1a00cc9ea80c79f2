// What the device half of a kernel for NVIDIA GPUs (NAME.cu) is written against. NVRTC reads it; a host compiler does for the kernels' types.
#pragma once

#ifdef __CUDACC_RTC__
using int64_t = long long;
using uint8_t = unsigned char;
using uint32_t = unsigned int;
#define INFINITY __int_as_float(0x7f800000)
#else
#include "words.h"
#endif

namespace chop::cuda {

/** Threads of a block, of every kernel; a power of two. */
constexpr int kThreads = 256;

/** Where a thread begins, and how far it is to its next element: a grid of any size takes every element once. */
__device__ int64_t firstElement() { return static_cast<int64_t>(blockIdx.x) * kThreads + threadIdx.x; }
__device__ int64_t toNextElement() { return static_cast<int64_t>(gridDim.x) * kThreads; }

/** Σ of `value` over the threads of a block, which all learn it. A tree of fixed shape: the same bits whatever runs beside it. */
template <class T>
__device__ T sumOfBlock(T value) {
  __shared__ T parts[kThreads];
  __syncthreads();  // someone may still read the sum before this one
  parts[threadIdx.x] = value;
  for (unsigned half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) parts[threadIdx.x] += parts[threadIdx.x + half];
  }
  __syncthreads();
  return parts[0];
}

/** `1 / (1 + e⁻ˣ)` */
__device__ float sigmoid(float x) { return 1.0f / (1.0f + expf(-x)); }

}  // namespace chop::cuda

#ifndef __CUDACC_RTC__
#include "call.h"
#endif
