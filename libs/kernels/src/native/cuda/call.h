// What the host half of a kernel for NVIDIA GPUs is written against.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <tuple>

#include "../native.h"
#include "device.h"

namespace chop::cuda {

/** How many blocks of threads a launch has, along x and y. */
struct Grid {
  int64_t x, y = 1;
};

#ifndef CHOP_MOST_BLOCKS
#define CHOP_MOST_BLOCKS 4096
#endif

/** Enough to keep any GPU busy; the threads walk over what is more. (Few in the emulation, so that they do.) */
constexpr int64_t kMostBlocks = CHOP_MOST_BLOCKS;

/** Threads for `count` elements that know nothing of each other. */
inline Grid elements(int64_t count) { return {std::min((count + kThreads - 1) / kThreads, kMostBlocks)}; }

template <class Function>
struct Kernel;

/** A kernel of a source: its name in there, and its parameters. */
template <class... Parameters>
struct Kernel<void(Parameters...)> {
  const char* file;
  const char* name;
  void (*body)(Parameters...);  // null but in the emulation
};

#ifdef CHOP_EMULATED
#define CHOP_BODY(function) function
#else
#define CHOP_BODY(function) nullptr
#endif

/** The kernel that this source defines under that name. */
#define KERNEL(function) (Kernel<decltype(function)>{__FILE__, #function, CHOP_BODY(function)})

/** A launch as the driver takes it: pointers to the arguments, in their order. */
struct Launch {
  std::string file, name;
  Grid grid;
  void** arguments;
  const std::function<void()>& body;  // one thread's work; empty but in the emulation
};

/** One run of an op on the GPU. Arrays lie in its memory: the host hands their addresses on and does not read them. */
class Call : public Operands {
 public:
  /** Queues a kernel behind what was queued before. The arguments become the kernel's parameters by the usual conversions; an empty grid is no launch. */
  template <class... Parameters, class... Arguments>
  void launch(const Kernel<void(Parameters...)>& kernel, Grid grid, Arguments... arguments) {
    if (grid.x == 0 || grid.y == 0) return;
    std::tuple<Parameters...> values(arguments...);
    std::function<void()> body;
    if (kernel.body != nullptr) body = [&] { std::apply(kernel.body, values); };
    const auto start = [&](Parameters&... value) {
      void* pointers[] = {&value...};
      queue({kernel.file, kernel.name, grid, pointers, body});
    };
    std::apply(start, values);
  }

 protected:
  virtual void queue(const Launch& launch) = 0;
};

/** What an optimiser's mask keeps, null without one. `index`: of the op's last input, a list of none or one. */
inline const uint8_t* maskOf(Call& call, int index, const Array& weight) {
  if (call.inputs() <= index) return nullptr;
  call.expect(call.input(index).sizes == weight.sizes, "a mask of the shape of the weight");
  return call.input(index).bools();
}

/** The sibling on the GPU of an op that native.h's `Op` registers under the same name. */
struct Op {
  Op(const char* name, void (*run)(Call&));
};

}  // namespace chop::cuda
