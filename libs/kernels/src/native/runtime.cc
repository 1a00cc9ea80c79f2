// Ops by their signature and their calls on the processor, as native.h describes them, and the addon that Node.js loads.
#include <node_api.h>

#include <atomic>
#include <cctype>
#include <map>
#include <sstream>

#include "lanes.h"
#include "native.h"
#include "pages.h"
#include "program.h"
#include "team.h"
#include "tensorflow.h"
#include "tensorflow/core/common_runtime/process_state.h"
#include "tensorflow/core/framework/common_shape_fns.h"
#include "tensorflow/core/framework/op.h"

namespace chop {
namespace {

std::map<std::string, Definition>& definitions() {
  static auto* all = new std::map<std::string, Definition>();
  return *all;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts;
  std::stringstream stream(text);
  for (std::string part; std::getline(stream, part, separator);) {
    const size_t from = part.find_first_not_of(' ');
    if (from != std::string::npos) parts.push_back(part.substr(from, part.find_last_not_of(' ') - from + 1));
  }
  return parts;
}

/** TensorFlow wants `teacher_hidden` where rows say `teacherHidden`; what follows the colon stays. */
std::string snakeCase(const std::string& argument) {
  std::string result;
  for (size_t i = 0; i < argument.size(); ++i) {
    const bool named = i < argument.find(':');
    if (named && std::isupper(argument[i])) result += '_';
    result += named ? static_cast<char>(std::tolower(argument[i])) : argument[i];
  }
  return result;
}

/** Where the outputs of ops come from; known once an op has run. */
std::atomic<tf::Allocator*>& allocator() {
  static std::atomic<tf::Allocator*> seen{nullptr};
  return seen;
}

/**
 * All memory of TensorFlow's tensors in large pages: its allocator takes few large pieces from the system, and shows each to visitors before anything is in it.
 * It must know them before it takes the first (one that comes later ends the process), so large pages are asked for where this addon is loaded before TensorFlow has a
 * context, and elsewhere nothing is.
 */
class LargePages : public tf::ProcessState {
 public:
  static bool ask() {
    tf::ProcessState* process = singleton();
    if (process->*(&LargePages::cpu_allocators_cached_) > 0) return false;
    process->AddCPUAllocVisitor([](void* data, int, size_t bytes) { preferLargePages(data, bytes); });
    return true;
  }
};

const bool kLargePages = LargePages::ask();

class ProcessorCall final : public TensorFlowCall<Call> {
  static const auto& workersOf(tf::OpKernelContext* context) { return *context->device()->tensorflow_cpu_worker_threads(); }

 public:
  ProcessorCall(tf::OpKernelContext* context, const std::map<std::string, float>& attributes)
      : TensorFlowCall(context, attributes), team_(workersOf(context).num_threads, [pool = workersOf(context).workers](std::function<void()> help) { pool->Schedule(std::move(help)); }) {
    allocator() = context->device()->GetAllocator(tf::AllocatorAttributes());
  }

  static auto runOf(const std::string& op) { return definitions().at(op).run; }

  int threads() const override { return team_.threads(); }

  void parallel(int64_t items, int64_t cost, const std::function<void(int64_t, int64_t)>& work) override { team_.share(items, cost, work); }

 private:
  Team team_;
};

/** `CPU`, `GPU`: where an op has a kernel. */
std::vector<std::string> devicesOf(const std::string& op) {
  std::vector<std::string> devices;
  const tf::KernelList registered = tf::GetRegisteredKernelsForOp(op);
  for (const tf::KernelDef& kernel : registered.kernel()) devices.push_back(kernel.device_type());
  return devices;
}

}  // namespace

const Definition* definitionOf(const std::string& name) {
  const auto found = definitions().find(name);
  return found == definitions().end() ? nullptr : &found->second;
}

Op::Op(const char* name, const char* signature, const char* attributes, void (*run)(Call&)) {
  tf::OpDefBuilder builder(name);
  const std::string text(signature);
  const size_t arrow = text.find("->");
  Definition definition{{}, split(attributes, ','), 0, run};
  for (const std::string& input : split(text.substr(0, arrow), ',')) {
    const size_t times = input.find(" *");
    const std::string length = times == std::string::npos ? "" : input.substr(times - 1, 1);
    builder.Input(snakeCase(input));
    if (!length.empty()) builder.Attr(length + ": int >= 0");
    definition.inputs.push_back(input.substr(0, input.find(':')) + (length.empty() ? "" : "*" + length));
  }
  if (text.find(": T") != std::string::npos) builder.Attr("T: {float, bfloat16}");
  if (arrow != std::string::npos)
    for (const std::string& output : split(text.substr(arrow + 2), ',')) {
      builder.Output(snakeCase(output));
      ++definition.outputs;
    }
  if (definition.outputs == 0) builder.SetIsStateful();
  for (const std::string& attribute : definition.attributes) builder.Attr(attribute + ": float");
  builder.SetShapeFn(tf::shape_inference::UnknownShape);
  definitions()[name] = definition;
  tf::OpRegistry::Global()->Register([builder](tf::OpRegistrationData* data) { return builder.Finalize(data); });
  registerKernel<ProcessorCall>(name, tf::DEVICE_CPU);
}

}  // namespace chop

namespace {

napi_value text(napi_env env, const std::string& value) {
  napi_value result;
  napi_create_string_utf8(env, value.c_str(), value.size(), &result);
  return result;
}

napi_value texts(napi_env env, const std::vector<std::string>& values) {
  napi_value result;
  napi_create_array(env, &result);
  for (size_t i = 0; i < values.size(); ++i) napi_set_element(env, result, i, text(env, values[i]));
  return result;
}

/** `{ inUse, peak }`, bytes of TensorFlow's allocator; undefined before the first op, and where its allocator does not count. */
napi_value memory(napi_env env, napi_callback_info) {
  tensorflow::Allocator* allocator = chop::allocator();
  const auto stats = allocator ? allocator->GetStats() : absl::nullopt;
  if (!stats) return nullptr;
  napi_value result, inUse, peak;
  napi_create_object(env, &result);
  napi_create_double(env, static_cast<double>(stats->bytes_in_use), &inUse);
  napi_create_double(env, static_cast<double>(stats->peak_bytes_in_use), &peak);
  napi_set_named_property(env, result, "inUse", inUse);
  napi_set_named_property(env, result, "peak", peak);
  return result;
}

/** `defineProgram(ops: string[], code: Float64Array) → number`; throws what is wrong with it. */
napi_value defineProgram(napi_env env, napi_callback_info info) {
  size_t count = 2, length = 0;
  napi_value arguments[2], result = nullptr, element;
  napi_get_cb_info(env, info, &count, arguments, nullptr, nullptr);
  uint32_t ops = 0;
  napi_get_array_length(env, arguments[0], &ops);
  std::vector<std::string> names(ops);
  for (uint32_t i = 0; i < ops; ++i) {
    char name[128];
    size_t size = 0;
    napi_get_element(env, arguments[0], i, &element);
    napi_get_value_string_utf8(env, element, name, sizeof name, &size);
    names[i].assign(name, size);
  }
  napi_typedarray_type type;
  void* code = nullptr;
  if (napi_get_typedarray_info(env, arguments[1], &type, &length, &code, nullptr, nullptr) != napi_ok || type != napi_float64_array) length = 0;
  try {
    napi_create_int32(env, chop::defineProgram(names, static_cast<const double*>(code), length), &result);
  } catch (const std::exception& error) {
    napi_throw_error(env, "CHOP_PROGRAM", error.what());
  }
  return result;
}

/** `forgetProgram(number)` */
napi_value forgetProgram(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value number;
  int32_t value = 0;
  napi_get_cb_info(env, info, &count, &number, nullptr, nullptr);
  if (napi_get_value_int32(env, number, &value) == napi_ok) chop::forgetProgram(value);
  return nullptr;
}

void exportFunction(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, nullptr, &function);
  napi_set_named_property(env, exports, name, function);
}

}  // namespace

/** `{ level, ops: [{ name, inputs, attributes, outputs, devices }], memory, defineProgram, forgetProgram }`: the processor level that the kernels run at, the ops, what they hold, and programs of them. */
NAPI_MODULE_INIT() {
  napi_set_named_property(env, exports, "level", text(env, chop::levelName()));
  napi_value ops;
  napi_create_array(env, &ops);
  uint32_t index = 0;
  for (const auto& [name, definition] : chop::definitions()) {
    napi_value op, outputs;
    napi_create_object(env, &op);
    napi_create_int32(env, definition.outputs, &outputs);
    napi_set_named_property(env, op, "name", text(env, name));
    napi_set_named_property(env, op, "inputs", texts(env, definition.inputs));
    napi_set_named_property(env, op, "attributes", texts(env, definition.attributes));
    napi_set_named_property(env, op, "outputs", outputs);
    napi_set_named_property(env, op, "devices", texts(env, chop::devicesOf(name)));
    napi_set_element(env, ops, index++, op);
  }
  napi_set_named_property(env, exports, "ops", ops);
  exportFunction(env, exports, "memory", memory);
  exportFunction(env, exports, "defineProgram", defineProgram);
  exportFunction(env, exports, "forgetProgram", forgetProgram);
  return exports;
}
