#include <cmath>
#include <vector>

#include "native/softmax.h"

namespace chop {
namespace {

CHOP_LEVELS Peak plainPeak(const float* logits, int64_t vocab) { return peakOf(logits, vocab, 1.0f); }

/** logits ← share (softmax(logits) − onehot(target)); returns log p(target). */
CHOP_LEVELS float logitsGrad(float* logits, int64_t vocab, int64_t target, float share) {
  const Peak peak = peakOf(logits, vocab, 1.0f);
  const float value = logits[target] - peak.largest - std::log(peak.sum), factor = share / peak.sum;
  for (int64_t i = 0; i < vocab; ++i) logits[i] = factor * exponential(logits[i] - peak.largest);
  logits[target] -= share;
  return value;
}

void expectTargets(const Array& hidden, const Array& weight, const Array& targets) {
  expectProjection(hidden, weight);
  for (int64_t i = 0; i < targets.count; ++i)
    if (targets.ints()[i] < 0 || targets.ints()[i] >= weight.size(0))
      throw Refusal("target " + std::to_string(targets.ints()[i]) + ", expected 0 to " + std::to_string(weight.size(0) - 1));
}

/** log softmax(hidden · weightᵀ)[target] after the row of each target: the one of its number, or that which `rows` tells. A row is multiplied once. */
void tokenLogProbabilities(Call& call) {
  const Array &hidden = call.input(0), &weight = call.input(1), &targets = call.input(2);
  expectTargets(hidden, weight, targets);
  const int64_t rows = hidden.size(0), vocab = weight.size(0), block = rowsPerBlock(rows, vocab);
  const int32_t* rowOf = call.inputs() > 3 ? call.input(3).ints() : nullptr;
  Call::expect(targets.count == (rowOf ? call.input(3).count : rows), "one row per target");
  for (int64_t i = 0; rowOf && i < targets.count; ++i) Call::expect(rowOf[i] >= 0 && rowOf[i] < rows, "rows of hidden");
  const Array out = call.output(0, {targets.count});
  float* logits = call.scratch(block * vocab);
  std::vector<Peak> peaks(block);
  for (int64_t from = 0; from < rows; from += block) {
    const int64_t count = std::min(block, rows - from);
    logitsOf(call, hidden, weight, from, count, logits);
    call.parallel(count, vocab * 4, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) peaks[row] = plainPeak(logits + row * vocab, vocab);
    });
    for (int64_t i = 0; i < targets.count; ++i) {
      const int64_t row = (rowOf ? rowOf[i] : i) - from;
      if (row >= 0 && row < count) out.floats()[i] = logits[row * vocab + targets.ints()[i]] - peaks[row].largest - std::log(peaks[row].sum);
    }
  }
}

/** −Σ shares log p(targets), and the gradients of it */
void crossEntropy(Call& call) {
  const Array &hidden = call.input(0), &weight = call.input(1), &targets = call.input(2), &shares = call.input(3);
  expectTargets(hidden, weight, targets);
  Call::expect(targets.count == hidden.size(0) && shares.count == hidden.size(0), "one target and one share per row");
  const int64_t rows = hidden.size(0), vocab = weight.size(0), block = rowsPerBlock(rows, vocab);
  const Array loss = call.output(0, {}), dhidden = call.output(1, hidden.sizes), dweight = call.output(2, weight.sizes);
  float* logits = call.scratch(block * vocab);
  std::vector<float> values(rows);
  for (int64_t from = 0; from < rows; from += block) {
    const int64_t count = std::min(block, rows - from);
    logitsOf(call, hidden, weight, from, count, logits);
    call.parallel(count, vocab * 6, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row)
        values[from + row] = logitsGrad(logits + row * vocab, vocab, targets.ints()[from + row], shares.floats()[from + row]);
    });
    projectBack(call, logits, hidden, weight, from, count, dhidden, dweight);
  }
  if (rows == 0) std::fill_n(dweight.floats(), dweight.count, 0.0f);
  double sum = 0;
  for (int64_t row = 0; row < rows; ++row) sum -= double{values[row]} * shares.floats()[row];
  *loss.floats() = static_cast<float>(sum);
}

const Op kLogProbabilities("ChopTokenLogProbabilities", "hidden: float, weight: T, targets: int32, rows: N * int32 -> values: float", "precision", tokenLogProbabilities);
const Op kCrossEntropy("ChopCrossEntropy", "hidden: float, weight: T, targets: int32, shares: float -> loss: float, dhidden: float, dweight: float", "precision",
                     crossEntropy);

}  // namespace
}  // namespace chop
