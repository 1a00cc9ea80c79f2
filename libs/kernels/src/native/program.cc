#include "program.h"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>

#include "native.h"
#include "scratch.h"

namespace chop {
namespace {

/** A value that a step reads or makes; what a run is given is found anew in every run. */
struct Value {
  Place place;
  int64_t at;
  Array array;
};

struct Step {
  const Definition* op;
  std::vector<float> attributes;
  std::vector<Value> inputs, outputs;
};

/** A step as its op sees it; threads and the memory of given tensors are those of the call that replays. What stands was the step's own when it was recorded. */
class StepCall final : public Call {
 public:
  StepCall(Call& outer, Step& step, Scratch& scratch) : outer_(outer), step_(step), scratch_(scratch) { scratch.reset(); }

  int inputs() const override { return static_cast<int>(step_.inputs.size()); }
  const Array& input(int index) override { return step_.inputs.at(index).array; }

  Array output(int index, const Sizes& sizes) override {
    const Value& value = step_.outputs.at(index);
    expect(value.array.sizes == sizes, "the sizes that were recorded");
    return value.place == kResult ? outer_.output(0, sizes) : value.array;
  }

  Array owned(int index) override {
    const Value& value = step_.inputs.at(index);
    expect(value.place == kGiven || value.place == kStanding, "a tensor from outside to write into");
    if (value.place == kGiven) outer_.owned(static_cast<int>(value.at) + 1);
    return value.array;
  }

  float* scratch(int64_t floats) override { return scratch_.take(floats); }

  double number(const char* attribute) const override {
    const auto& names = step_.op->attributes;
    return step_.attributes.at(std::find(names.begin(), names.end(), attribute) - names.begin());
  }

  int threads() const override { return outer_.threads(); }
  void parallel(int64_t items, int64_t cost, const std::function<void(int64_t, int64_t)>& work) override { outer_.parallel(items, cost, work); }

 private:
  Call& outer_;
  Step& step_;
  Scratch& scratch_;
};

/** Reads a program's numbers, none beyond the last. */
class Reader {
 public:
  Reader(const double* code, size_t length) : at_(code), end_(code + length) {}
  bool done() const { return at_ == end_; }
  double number() {
    Call::expect(at_ < end_, "a whole program");
    return *at_++;
  }
  int64_t whole() { return static_cast<int64_t>(number()); }

  Value value() {
    const int64_t kind = whole(), at = whole(), rank = whole();
    Call::expect(kind >= kGiven && kind <= kWords && at >= 0, "a place");
    Value value{static_cast<Place>(kind), at, {}};
    value.array.dtype = kind == kInts || kind == kWords ? Dtype::kInt : Dtype::kFloat;
    value.array.count = 1;
    for (int64_t axis = 0; axis < rank; ++axis) {
      value.array.sizes.push_back(whole());
      value.array.count *= value.array.sizes.back();
    }
    return value;
  }

  std::vector<Value> values() {
    std::vector<Value> all(static_cast<size_t>(std::max<int64_t>(0, whole())));
    for (Value& each : all) each = value();
    return all;
  }

 private:
  const double *at_, *end_;
};

class Program {
 public:
  Program(const std::vector<std::string>& ops, const double* code, size_t length) {
    int64_t floats = 0;
    Reader reader(code, length);
    while (!reader.done()) {
      Step step{definitionOf(ops.at(reader.whole())), {}, {}, {}};
      Call::expect(step.op != nullptr, "ops that are there");
      for (size_t i = 0; i < step.op->attributes.size(); ++i) step.attributes.push_back(static_cast<float>(reader.number()));
      step.inputs = reader.values();
      step.outputs = reader.values();
      for (const auto* all : {&step.inputs, &step.outputs})
        for (const Value& value : *all)
          if (value.place == kMade) floats = std::max(floats, value.at + value.array.count);
      steps_.push_back(std::move(step));
    }
    float* memory = memory_.take(floats);
    for (Step& step : steps_)
      for (auto* all : {&step.inputs, &step.outputs})
        for (Value& value : *all)
          if (value.place == kMade) value.array.data = memory + value.at;
  }

  /** Learns where the tensors lie that stay there. Inputs of the call: the number of the program, those of floats, those of whole numbers. */
  void stand(Call& call, int64_t floats) {
    const std::lock_guard<std::mutex> alone(running_);
    for (Step& step : steps_)
      for (Value& value : step.inputs)
        if (value.place == kStanding || value.place == kWords) find(value, call, value.at + (value.place == kWords ? floats : 0));
    stands_ = true;
  }

  /** Inputs of the call: whole numbers, then the tensors of this run. */
  void run(Call& call) {
    const std::lock_guard<std::mutex> alone(running_);
    Call::expect(stands_, "a program that knows its standing tensors");
    for (Step& step : steps_) {
      for (Value& value : step.inputs) {
        if (value.place == kGiven) find(value, call, value.at);
        if (value.place != kInts) continue;
        Call::expect(value.at + value.array.count <= call.input(0).count, "as many whole numbers as were recorded");
        value.array.data = call.input(0).ints() + value.at;
      }
      StepCall each(call, step, scratch_);
      step.op->run(each);
    }
  }

 private:
  /** A value in the tensor of that number, behind the call's whole numbers. */
  static void find(Value& value, Call& call, int64_t number) {
    Call::expect(number + 1 < call.inputs(), "as many tensors as were recorded");
    const Array& given = call.input(static_cast<int>(number + 1));
    Call::expect(value.array.count == given.count && value.array.dtype == given.dtype, "tensors of the sizes that were recorded");
    value.array.data = given.data;
  }

  std::vector<Step> steps_;
  bool stands_ = false;
  Scratch memory_, scratch_;
  std::mutex running_;
};

std::mutex& guard() {
  static auto* mutex = new std::mutex();
  return *mutex;
}

std::map<int32_t, std::shared_ptr<Program>>& programs() {
  static auto* all = new std::map<int32_t, std::shared_ptr<Program>>();
  return *all;
}

/** The program whose number comes first among the call's whole numbers. */
std::shared_ptr<Program> programOf(Call& call) {
  const Array& ints = call.input(0);
  Call::expect(ints.count >= 1, "the number of a program");
  const std::lock_guard<std::mutex> alone(guard());
  const auto found = programs().find(ints.ints()[0]);
  Call::expect(found != programs().end(), "a program that was not forgotten");
  return found->second;
}

void stand(Call& call) { programOf(call)->stand(call, static_cast<int64_t>(call.number("floats"))); }

void replay(Call& call) { programOf(call)->run(call); }

const Op kStand("ChopStand", "ints: int32, standing: N * float, words: M * int32", "floats", stand);
/** `ints`: the number of the program, and what its whole numbers are now. */
const Op kReplay("ChopReplay", "ints: int32, given: N * float -> y: float", "", replay);

}  // namespace

int32_t defineProgram(const std::vector<std::string>& ops, const double* code, size_t length) {
  auto program = std::make_shared<Program>(ops, code, length);
  const std::lock_guard<std::mutex> alone(guard());
  static int32_t last = 0;
  programs()[++last] = std::move(program);
  return last;
}

void forgetProgram(int32_t number) {
  const std::lock_guard<std::mutex> alone(guard());
  programs().erase(number);
}

}  // namespace chop
