#include <cmath>
#include <vector>

#include "native/softmax.h"

namespace chop {
namespace {

/**
 * With q = softmax(student / T) and p = softmax(teacher / T): returns KL(p ‖ q), and leaves share (q − p) / T in `student`. `scale` = 1 / T.
 */
CHOP_LEVELS float divergenceGrad(float* student, const float* teacher, int64_t vocab, float share, float scale) {
  const Peak s = peakOf(student, vocab, scale), t = peakOf(teacher, vocab, scale);
  const float between = std::log(s.sum) - std::log(t.sum), own = 1.0f / s.sum, theirs = 1.0f / t.sum, factor = share * scale;
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < vocab; ++i) {
    const float u = (student[i] - s.largest) * scale, v = (teacher[i] - t.largest) * scale;
    const float p = exponential(v) * theirs;
    sum += p * (v - u + between);
    student[i] = factor * (exponential(u) * own - p);
  }
  return sum;
}

/** Σ shares KL(teacher ‖ student), and the gradients of it for the student */
void klDivergence(Call& call) {
  const Array &hidden = call.input(0), &weight = call.input(1), &teacherHidden = call.input(2), &teacherWeight = call.input(3), &shares = call.input(4);
  expectProjection(hidden, weight);
  expectProjection(teacherHidden, teacherWeight);
  const int64_t rows = hidden.size(0), vocab = weight.size(0), block = rowsPerBlock(rows, 2 * vocab);
  Call::expect(teacherHidden.size(0) == rows && teacherWeight.size(0) == vocab && shares.count == rows, "as many rows, token ids and shares on both sides");
  const float scale = 1.0f / static_cast<float>(call.number("temperature"));
  const Array loss = call.output(0, {}), dhidden = call.output(1, hidden.sizes), dweight = call.output(2, weight.sizes);
  float *student = call.scratch(block * vocab), *teacher = call.scratch(block * vocab);
  std::vector<float> values(rows);
  for (int64_t from = 0; from < rows; from += block) {
    const int64_t count = std::min(block, rows - from);
    logitsOf(call, hidden, weight, from, count, student);
    logitsOf(call, teacherHidden, teacherWeight, from, count, teacher);
    call.parallel(count, vocab * 12, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row)
        values[from + row] = divergenceGrad(student + row * vocab, teacher + row * vocab, vocab, shares.floats()[from + row], scale);
    });
    projectBack(call, student, hidden, weight, from, count, dhidden, dweight);
  }
  if (rows == 0) std::fill_n(dweight.floats(), dweight.count, 0.0f);
  double sum = 0;
  for (int64_t row = 0; row < rows; ++row) sum += double{values[row]} * shares.floats()[row];
  *loss.floats() = static_cast<float>(sum);
}

const Op kKlDivergence("ChopKlDivergence",
                       "hidden: float, weight: T, teacherHidden: float, teacherWeight: float, shares: float -> loss: float, dhidden: float, dweight: float",
                       "temperature, precision", klDivergence);

}  // namespace
}  // namespace chop
