// What a native kernel is written against. TensorFlow itself is seen by runtime.cc alone, so that a kernel compiles in a second.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <stdexcept>
#include <string>
#include <vector>

namespace chop {

enum class Dtype { kFloat, kInt, kBool, kBfloat16 };

using Sizes = std::vector<int64_t>;

/** An input or output of an op: row-major, borrowed for the length of the call. */
struct Array {
  void* data = nullptr;
  Dtype dtype = Dtype::kFloat;
  Sizes sizes;
  int64_t count = 0;

  float* floats() const { return static_cast<float*>(data); }
  int32_t* ints() const { return static_cast<int32_t*>(data); }
  uint8_t* bools() const { return static_cast<uint8_t*>(data); }
  uint16_t* halves() const { return static_cast<uint16_t*>(data); }
  int rank() const { return static_cast<int>(sizes.size()); }
  /** The length of an axis; negative ones count from the last. */
  int64_t size(int axis) const { return sizes.at(axis < 0 ? sizes.size() + axis : axis); }
  /** How many vectors lie along the last axis. */
  int64_t rows() const { return sizes.empty() || sizes.back() == 0 ? 0 : count / sizes.back(); }
};

/** A call that cannot be served; becomes an error of the op, never a crash. Thrown on the calling thread only. */
struct Refusal : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/** What a run of an op is given and what it makes, whatever the device. */
class Operands {
 public:
  virtual ~Operands() = default;
  virtual int inputs() const = 0;
  virtual const Array& input(int index) = 0;
  virtual Array output(int index, const Sizes& sizes) = 0;
  /**
   * An input that the op writes into; to be asked for before the first write.
   * @throws Refusal where others hold its memory too (another tensor, JavaScript): the row then copies it, and calls again.
   */
  virtual Array owned(int index) = 0;
  /** Memory for the length of this call, aligned to a cache line, not cleared. */
  virtual float* scratch(int64_t floats) = 0;
  /** An attribute: a number that stays the same over many calls. */
  virtual double number(const char* attribute) const = 0;
  /** @throws Refusal unless `holds`. */
  static void expect(bool holds, const std::string& expected) {
    if (!holds) throw Refusal("expected " + expected);
  }
};

/** One run of an op on the processor. */
class Call : public Operands {
 public:
  virtual int threads() const = 0;
  /** Splits `items` over TensorFlow's own threads. `cost`: processor cycles of one item, roughly. */
  virtual void parallel(int64_t items, int64_t cost, const std::function<void(int64_t from, int64_t to)>& work) = 0;
};

/**
 * Registers an op with TensorFlow. `signature`: `x: float, gain: float -> y: float`; `xs: N * float` is a list of any length (a second one: `ys: M * int32`), T is float or bfloat16.
 * `attributes`: their names, all float. An op without outputs writes into its inputs.
 */
struct Op {
  Op(const char* name, const char* signature, const char* attributes, void (*run)(Call&));
};

/** An op as it was registered. */
struct Definition {
  std::vector<std::string> inputs;  // by name; a list's ends with `*` and the name of its length
  std::vector<std::string> attributes;
  int outputs;
  void (*run)(Call&);
};

/** The op of that name, or null. */
const Definition* definitionOf(const std::string& name);

}  // namespace chop
