// The addon that cuda.spec.ts loads: runs the ops of the .cu files on the processor, on copies of their arrays between margins that nobody may touch.
#include <node_api.h>

#include <cstring>
#include <map>

#include "threads.h"

namespace chop {
namespace {

std::map<std::string, void (*)(cuda::Call&)>& ops() {
  static std::map<std::string, void (*)(cuda::Call&)> all;
  return all;
}

/** Memory of the emulated GPU. What was never written is no number, and so is what lies outside. */
class Memory {
 public:
  Memory(Dtype dtype, const Sizes& sizes, const void* values) {
    array_.dtype = dtype;
    array_.sizes = sizes;
    array_.count = 1;
    for (const int64_t size : sizes) array_.count *= size;
    bytes_.assign(size() + 2 * kMargin, kPoison);
    array_.data = bytes_.data() + kMargin;
    if (values != nullptr) std::memcpy(array_.data, values, size());
    before_ = bytes_;
  }
  Memory(Memory&&) = default;  // a vector's bytes stay where they are

  const Array& array() const { return array_; }
  size_t size() const { return array_.count * (array_.dtype == Dtype::kBool ? 1 : 4); }
  bool unchanged() const { return bytes_ == before_; }
  bool marginsUnchanged() const {
    return std::memcmp(bytes_.data(), before_.data(), kMargin) == 0 && std::memcmp(bytes_.data() + kMargin + size(), before_.data() + kMargin + size(), kMargin) == 0;
  }

 private:
  static constexpr size_t kMargin = 4096;
  static constexpr uint8_t kPoison = 0xff;
  Array array_;
  std::vector<uint8_t> bytes_, before_;
};

class EmulatedCall final : public cuda::Call {
 public:
  std::vector<Memory> given, made, scratches;
  std::vector<bool> written;
  std::vector<Dtype> outputTypes;
  std::map<std::string, double> attributes;
  emulation::Order order;

  int inputs() const override { return static_cast<int>(given.size()); }
  const Array& input(int index) override { return given.at(index).array(); }
  Array output(int index, const Sizes& sizes) override {
    expect(index == static_cast<int>(made.size()), "outputs in their order");
    made.emplace_back(outputTypes.at(index), sizes, nullptr);
    return made.back().array();
  }
  Array owned(int index) override {
    written.at(index) = true;
    return input(index);
  }
  float* scratch(int64_t floats) override {
    scratches.emplace_back(Dtype::kFloat, Sizes{floats}, nullptr);
    return scratches.back().array().floats();
  }
  double number(const char* attribute) const override { return attributes.at(attribute); }

  void finish() {
    for (size_t i = 0; i < given.size(); ++i) expect(written[i] ? given[i].marginsUnchanged() : given[i].unchanged(), "input " + std::to_string(i) + " as it was");
    for (const auto* all : {&made, &scratches})
      for (const Memory& memory : *all) expect(memory.marginsUnchanged(), "no write beyond an array");
  }

 protected:
  void queue(const cuda::Launch& launch) override { emulation::runGrid(launch.grid, order, launch.body); }
};

// What follows is for Node.js.

uint32_t lengthOf(napi_env env, napi_value array) {
  uint32_t length = 0;
  napi_get_array_length(env, array, &length);
  return length;
}

napi_value at(napi_env env, napi_value array, uint32_t index) {
  napi_value element;
  napi_get_element(env, array, index, &element);
  return element;
}

napi_value property(napi_env env, napi_value object, const char* name) {
  napi_value value;
  napi_get_named_property(env, object, name, &value);
  return value;
}

double numberOf(napi_env env, napi_value value) {
  double number = 0;
  napi_get_value_double(env, value, &number);
  return number;
}

std::string textOf(napi_env env, napi_value value) {
  char text[128];
  size_t length = 0;
  napi_get_value_string_utf8(env, value, text, sizeof text, &length);
  return std::string(text, length);
}

void* bytesOf(napi_env env, napi_value typed, napi_typedarray_type* type) {
  void* data = nullptr;
  napi_get_typedarray_info(env, typed, type, nullptr, &data, nullptr, nullptr);
  return data;
}

/** `{ values, shape }` */
Memory memoryOf(napi_env env, napi_value told) {
  Sizes sizes;
  const napi_value shape = property(env, told, "shape");
  for (uint32_t axis = 0; axis < lengthOf(env, shape); ++axis) sizes.push_back(static_cast<int64_t>(numberOf(env, at(env, shape, axis))));
  napi_typedarray_type type;
  const void* values = bytesOf(env, property(env, told, "values"), &type);
  return Memory(type == napi_uint8_array ? Dtype::kBool : type == napi_int32_array ? Dtype::kInt : Dtype::kFloat, sizes, values);
}

napi_value toldOf(napi_env env, const Memory& memory) {
  const bool flags = memory.array().dtype == Dtype::kBool;
  napi_value told, buffer, values, shape;
  void* data = nullptr;
  napi_create_object(env, &told);
  napi_create_arraybuffer(env, memory.size(), &data, &buffer);
  if (memory.size() > 0) std::memcpy(data, memory.array().data, memory.size());
  napi_create_typedarray(env, flags ? napi_uint8_array : napi_float32_array, memory.array().count, buffer, 0, &values);
  napi_create_array(env, &shape);
  for (uint32_t axis = 0; axis < memory.array().sizes.size(); ++axis) {
    napi_value size;
    napi_create_int64(env, memory.array().sizes[axis], &size);
    napi_set_element(env, shape, axis, size);
  }
  napi_set_named_property(env, told, "values", values);
  napi_set_named_property(env, told, "shape", shape);
  return told;
}

/** `run({ op, inputs, attributes: [[name, number]], outputs: [dtype], order }) → outputs`; what an op owns is written back into its `values`. */
napi_value run(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value request, results;
  napi_get_cb_info(env, info, &count, &request, nullptr, nullptr);
  EmulatedCall call;
  call.order = static_cast<emulation::Order>(numberOf(env, property(env, request, "order")));
  const napi_value inputs = property(env, request, "inputs"), attributes = property(env, request, "attributes"), outputs = property(env, request, "outputs");
  for (uint32_t i = 0; i < lengthOf(env, inputs); ++i) call.given.push_back(memoryOf(env, at(env, inputs, i)));
  call.written.assign(call.given.size(), false);
  for (uint32_t i = 0; i < lengthOf(env, attributes); ++i) {
    const napi_value pair = at(env, attributes, i);
    call.attributes[textOf(env, at(env, pair, 0))] = numberOf(env, at(env, pair, 1));
  }
  for (uint32_t i = 0; i < lengthOf(env, outputs); ++i) call.outputTypes.push_back(textOf(env, at(env, outputs, i)) == "bool" ? Dtype::kBool : Dtype::kFloat);
  const std::string op = textOf(env, property(env, request, "op"));
  try {
    ops().at(op)(call);
    call.finish();
  } catch (const std::exception& error) {
    napi_throw_error(env, "CHOP_EMULATED", (op + ": " + error.what()).c_str());
    return nullptr;
  }
  napi_typedarray_type type;
  for (uint32_t i = 0; i < call.given.size(); ++i)
    if (call.written[i] && call.given[i].size() > 0) std::memcpy(bytesOf(env, property(env, at(env, inputs, i), "values"), &type), call.given[i].array().data, call.given[i].size());
  napi_create_array(env, &results);
  for (uint32_t i = 0; i < call.made.size(); ++i) napi_set_element(env, results, i, toldOf(env, call.made[i]));
  return results;
}

}  // namespace

cuda::Op::Op(const char* name, void (*run)(Call&)) { chop::ops()[name] = run; }

}  // namespace chop

/** `{ run, ops: string[], orders }` */
NAPI_MODULE_INIT() {
  napi_value function, names, orders;
  napi_create_function(env, "run", NAPI_AUTO_LENGTH, chop::run, nullptr, &function);
  napi_set_named_property(env, exports, "run", function);
  napi_create_array(env, &names);
  uint32_t index = 0;
  for (const auto& [name, run] : chop::ops()) {
    napi_value text;
    napi_create_string_utf8(env, name.c_str(), name.size(), &text);
    napi_set_element(env, names, index++, text);
  }
  napi_set_named_property(env, exports, "ops", names);
  napi_create_int32(env, chop::emulation::kOrders, &orders);
  napi_set_named_property(env, exports, "orders", orders);
  return exports;
}
