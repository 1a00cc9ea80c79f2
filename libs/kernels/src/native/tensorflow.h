// How an op sees TensorFlow, on whatever device: its operands, and the kernel that TensorFlow calls. Only the sources that register ops include this.
#pragma once

#include <map>
#include <string>
#include <type_traits>
#include <vector>

#include "native.h"
#include "scratch.h"
#include "tensorflow/core/common_runtime/dma_helper.h"
#include "tensorflow/core/framework/op_kernel.h"

namespace chop {

namespace tf = tensorflow;

inline Dtype dtypeOf(tf::DataType type) {
  switch (type) {
    case tf::DT_FLOAT: return Dtype::kFloat;
    case tf::DT_INT32: return Dtype::kInt;
    case tf::DT_BOOL: return Dtype::kBool;
    case tf::DT_BFLOAT16: return Dtype::kBfloat16;
    default: throw Refusal("a dtype that no kernel takes");
  }
}

inline Array arrayOf(const tf::Tensor& tensor) {
  Array array;
  array.data = const_cast<char*>(tensor.tensor_data().data());
  array.dtype = dtypeOf(tensor.dtype());
  for (int axis = 0; axis < tensor.dims(); ++axis) array.sizes.push_back(tensor.dim_size(axis));
  array.count = tensor.NumElements();
  return array;
}

/** The operands of a call in TensorFlow's memory; `Interface` is what the device's kernels are written against. */
template <class Interface>
class TensorFlowCall : public Interface {
 public:
  TensorFlowCall(tf::OpKernelContext* context, const std::map<std::string, float>& attributes) : context_(context), attributes_(attributes) {
    for (int i = 0; i < context->num_inputs(); ++i) inputs_.push_back(arrayOf(context->input(i)));
    kept().reset();
  }

  int inputs() const override { return static_cast<int>(inputs_.size()); }
  const Array& input(int index) override { return inputs_.at(index); }

  Array output(int index, const Sizes& sizes) override {
    tf::Tensor* tensor = nullptr;
    check(context_->allocate_output(index, tf::TensorShape(sizes), &tensor));
    return arrayOf(*tensor);
  }

  Array owned(int index) override {
    tf::TensorBuffer* buffer = tf::DMAHelper::buffer(const_cast<tf::Tensor*>(&context_->input(index)));
    // A handle holds its buffer twice, lest an op that is done with the input takes the memory for its output.
    constexpr int kOwnReferences = 2;
    if (buffer->root_buffer() != buffer || buffer->RefCount() > kOwnReferences || !buffer->OwnsMemory()) throw Refusal(kShared);
    return input(index);
  }

  float* scratch(int64_t floats) override {
    if (std::is_same_v<Interface, Call> && floats <= kKept) return kept().take(floats);
    scratch_.emplace_back();
    check(context_->allocate_temp(tf::DT_FLOAT, tf::TensorShape({floats + kAlignment}), &scratch_.back()));
    const auto at = reinterpret_cast<uintptr_t>(scratch_.back().tensor_data().data());
    return reinterpret_cast<float*>((at + 4 * kAlignment - 1) / (4 * kAlignment) * (4 * kAlignment));
  }

  double number(const char* attribute) const override { return attributes_.at(attribute); }

 protected:
  tf::OpKernelContext* context() const { return context_; }

 private:
  static constexpr const char* kShared = "CHOP_SHARED_MEMORY";  // the message that kernel.ts waits for
  static constexpr int64_t kAlignment = 16;  // floats: a cache line

  /** Scratch of up to so many floats stays for the next op. */
  static constexpr int64_t kKept = int64_t{32} << 20;

  /** Of this thread, which runs one op at a time. */
  static Scratch& kept() {
    static thread_local Scratch scratch;
    return scratch;
  }

  static void check(const absl::Status& status) {
    if (!status.ok()) throw Refusal(std::string(status.message()));
  }

  tf::OpKernelContext* context_;
  const std::map<std::string, float>& attributes_;
  std::vector<Array> inputs_;
  std::vector<tf::Tensor> scratch_;
};

/** What TensorFlow calls. `Served` is a call on some device; its `runOf(op)` is what that op does there. */
template <class Served>
class Kernel final : public tf::OpKernel {
 public:
  explicit Kernel(tf::OpKernelConstruction* construction) : OpKernel(construction), run_(Served::runOf(type_string())) {
    for (const std::string& name : definitionOf(type_string())->attributes) {
      float value;
      OP_REQUIRES_OK(construction, construction->GetAttr(name, &value));
      attributes_[name] = value;
    }
  }

  void Compute(tf::OpKernelContext* context) override {
    try {
      Served call(context, attributes_);
      run_(call);
    } catch (const std::exception& error) {
      context->SetStatus(tf::errors::InvalidArgument(type_string(), ": ", error.what()));
    }
  }

 private:
  decltype(Served::runOf(std::string())) run_;
  std::map<std::string, float> attributes_;
};

/** Tells TensorFlow that an op runs on a device. */
template <class Served>
void registerKernel(const char* op, const char* device) {
  new tf::kernel_factory::OpKernelRegistrar(tf::register_kernel::Name(op).Device(device).Build(), "chop::Kernel",
                                            [](tf::OpKernelConstruction* construction) -> tf::OpKernel* { return new Kernel<Served>(construction); });
}

}  // namespace chop
