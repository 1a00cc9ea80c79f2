#include "native/cuda/device.h"

namespace chop::cuda {

extern "C" __global__ void addForward(const float* x, const float* delta, float* y, int64_t count) {
  for (int64_t i = firstElement(); i < count; i += toNextElement()) y[i] = x[i] + delta[i];
}

#ifndef __CUDACC_RTC__
namespace {

void add(Call& call) {
  const Array &x = call.input(0), &delta = call.input(1);
  call.expect(x.sizes == delta.sizes, "x and delta of the same shape");
  const Array y = call.output(0, x.sizes);
  call.launch(KERNEL(addForward), elements(x.count), x.floats(), delta.floats(), y.floats(), x.count);
}

const Op kAdd("ChopAdd", add);

}  // namespace
#endif

}  // namespace chop::cuda
