// CUDA C++ to the code of a GPU while chop runs: NVRTC's library does it, without a GPU or its driver.
#pragma once

#include <string>

namespace chop::cuda {

/**
 * What to compile for on a GPU of compute capability `capability` (90: 9.0): its own code, `sm_90`, where this NVRTC knows that GPU, else PTX for the newest
 * before it, `compute_90`, which the GPU's driver translates.
 * @throws Refusal without NVRTC, or when the GPU is older than all it knows.
 */
std::string architectureFor(int capability);

/**
 * The code or PTX of the device half of `folder/unit`. Headers are looked for in `folder`.
 * @throws Refusal with the compiler's messages.
 */
std::string compile(const std::string& folder, const std::string& unit, const std::string& architecture);

}  // namespace chop::cuda
