#include "compile.h"

#include <dlfcn.h>
#include <nvrtc.h>

#include <fstream>
#include <iterator>
#include <vector>

#include "../native.h"

namespace chop::cuda {
namespace {

/** NVRTC's functions, out of the library that `chop engine install --cuda` lays where the addon looks. */
struct Nvrtc {
  void* library = dlopen("libnvrtc.so.12", RTLD_NOW);

  template <class Function>
  Function* find(const char* name) const {
    if (library == nullptr) throw Refusal("the library libnvrtc.so.12, which compiles kernels for GPUs: type `chop engine install --cuda --force`");
    return reinterpret_cast<Function*>(dlsym(library, name));
  }
};

#define NVRTC(function) nvrtc().find<decltype(function)>(#function)

const Nvrtc& nvrtc() {
  static const Nvrtc loaded;
  return loaded;
}

std::string contentOf(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw Refusal("the source " + path);
  return std::string(std::istreambuf_iterator<char>(file), {});
}

/** What NVRTC gives by a pair of functions: how long it is, and the bytes. */
std::string told(nvrtcProgram program, nvrtcResult (*sizeOf)(nvrtcProgram, size_t*), nvrtcResult (*read)(nvrtcProgram, char*)) {
  size_t size = 0;
  sizeOf(program, &size);
  std::string bytes(size, '\0');
  read(program, bytes.data());
  return bytes;
}

}  // namespace

std::string architectureFor(int capability) {
  int count = 0;
  NVRTC(nvrtcGetNumSupportedArchs)(&count);
  std::vector<int> known(count);
  NVRTC(nvrtcGetSupportedArchs)(known.data());
  int best = 0;
  for (const int one : known)
    if (one <= capability && one > best) best = one;
  if (best == 0) throw Refusal("a GPU of compute capability " + std::to_string(known.empty() ? 0 : known.front()) + " or more, not " + std::to_string(capability));
  return (best == capability ? "sm_" : "compute_") + std::to_string(best);
}

std::string compile(const std::string& folder, const std::string& unit, const std::string& architecture) {
  const std::string source = contentOf(folder + "/" + unit), target = "--gpu-architecture=" + architecture, include = "-I" + folder;
  const char* options[] = {target.c_str(), include.c_str(), "--std=c++17"};
  nvrtcProgram program;
  NVRTC(nvrtcCreateProgram)(&program, source.c_str(), unit.c_str(), 0, nullptr, nullptr);
  const nvrtcResult result = NVRTC(nvrtcCompileProgram)(program, static_cast<int>(std::size(options)), options);
  const bool native = architecture.rfind("sm_", 0) == 0;
  const std::string made = result != NVRTC_SUCCESS ? told(program, NVRTC(nvrtcGetProgramLogSize), NVRTC(nvrtcGetProgramLog))
                           : native                ? told(program, NVRTC(nvrtcGetCUBINSize), NVRTC(nvrtcGetCUBIN))
                                                   : told(program, NVRTC(nvrtcGetPTXSize), NVRTC(nvrtcGetPTX));
  NVRTC(nvrtcDestroyProgram)(&program);
  if (result != NVRTC_SUCCESS) throw Refusal(unit + " for " + architecture + ": " + made);
  return made;
}

}  // namespace chop::cuda
