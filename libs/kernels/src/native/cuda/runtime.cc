// Ops on the GPU: calls as call.h describes them, on TensorFlow's own stream, through the driver. Libraries of NVIDIA are opened when the first kernel
// is launched, so that the addon also loads where there are none.
#include <dlfcn.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>

#include "../tensorflow.h"
#include "absl/log/globals.h"
#include "third_party/gpus/cuda/include/cuda.h"
#include "xla/stream_executor/stream.h"

// After TensorFlow's headers: these give words of CUDA a meaning for the host.
#include "call.h"
#include "compile.h"

namespace chop::cuda {
namespace {

namespace fs = std::filesystem;

/** What TensorFlow says of GPUs goes through Abseil's log, which does not read TensorFlow's variable: it is told the same, as soon as the addon is loaded. */
[[maybe_unused]] const bool asQuiet = [] {
  const char* level = std::getenv("TF_CPP_MIN_LOG_LEVEL");
  absl::SetMinLogLevel(static_cast<absl::LogSeverityAtLeast>(level == nullptr ? 0 : std::atoi(level)));
  return true;
}();

std::map<std::string, void (*)(Call&)>& ops() {
  static auto* all = new std::map<std::string, void (*)(Call&)>();
  return *all;
}

/** The driver's functions. */
struct Driver {
  void* library = dlopen("libcuda.so.1", RTLD_NOW);

  template <class Function>
  Function* find(const char* name) const {
    if (library == nullptr) throw Refusal("the driver of an NVIDIA GPU, libcuda.so.1");
    return reinterpret_cast<Function*>(dlsym(library, name));
  }
};

#define DRIVER(function) driver().find<decltype(function)>(#function)

const Driver& driver() {
  static const Driver loaded;
  return loaded;
}

void need(CUresult result, const std::string& doing) {
  if (result == CUDA_SUCCESS) return;
  const char* why = nullptr;
  DRIVER(cuGetErrorString)(result, &why);
  throw Refusal(doing + ": " + (why == nullptr ? "error " + std::to_string(result) : why));
}

/** The sources lie beside the addon, where the install put them: their folder's name is a hash over them. */
std::string sourceFolder() {
  Dl_info info;
  if (dladdr(reinterpret_cast<const void*>(&sourceFolder), &info) == 0) throw Refusal("the folder of the addon");
  return fs::path(info.dli_fname).parent_path() / "cuda";
}

int capability() {
  CUdevice device;
  int major = 0, minor = 0;
  need(DRIVER(cuCtxGetDevice)(&device), "the GPU");
  need(DRIVER(cuDeviceGetAttribute)(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, device), "its capability");
  need(DRIVER(cuDeviceGetAttribute)(&minor, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, device), "its capability");
  return 10 * major + minor;
}

/** The code of a source for this GPU: compiled at its first use, then kept beside the sources for each architecture. */
std::string codeOf(const std::string& unit) {
  const std::string folder = sourceFolder(), architecture = architectureFor(capability());
  const fs::path file = fs::path(folder) / architecture / (unit + ".code");
  std::ifstream kept(file, std::ios::binary);
  if (kept) return std::string(std::istreambuf_iterator<char>(kept), {});
  const std::string code = compile(folder, unit, architecture);
  // Whole or not at all: renamed when it is written. Where it cannot be kept, it is compiled again next time.
  std::error_code ignored;
  const fs::path part = file.string() + "." + std::to_string(getpid());
  fs::create_directories(file.parent_path(), ignored);
  if (std::ofstream(part, std::ios::binary) << code) fs::rename(part, file, ignored);
  return code;
}

/** A kernel in the current context of the driver. */
CUfunction functionOf(const Launch& launch) {
  static std::mutex mutex;
  static auto* modules = new std::map<std::pair<CUcontext, std::string>, CUmodule>();
  const std::lock_guard<std::mutex> lock(mutex);
  CUcontext context;
  need(DRIVER(cuCtxGetCurrent)(&context), "the context");
  const std::string unit = fs::path(launch.file).filename();
  const auto [at, fresh] = modules->try_emplace({context, unit});
  if (fresh) {
    try {
      need(DRIVER(cuModuleLoadData)(&at->second, codeOf(unit).data()), unit);
    } catch (...) {
      modules->erase(at);
      throw;
    }
  }
  CUfunction function;
  need(DRIVER(cuModuleGetFunction)(&function, at->second, launch.name.c_str()), launch.name);
  return function;
}

class GpuCall final : public TensorFlowCall<Call> {
 public:
  using TensorFlowCall::TensorFlowCall;

  static auto runOf(const std::string& op) { return ops().at(op); }

 protected:
  void queue(const Launch& launch) override {
    const auto stream = static_cast<CUstream>(context()->op_device_context()->stream()->platform_specific_handle().stream);
    const auto [x, y] = launch.grid;
    need(DRIVER(cuLaunchKernel)(functionOf(launch), x, y, 1, kThreads, 1, 1, 0, stream, launch.arguments, nullptr), launch.name);
  }
};

}  // namespace

Op::Op(const char* name, void (*run)(Call&)) {
  ops()[name] = run;
  registerKernel<GpuCall>(name, tf::DEVICE_GPU);
}

}  // namespace chop::cuda
