#include <cmath>
#include <vector>

#include "native/softmax.h"

namespace chop {
namespace {

CHOP_LEVELS float logProbability(const float* logits, int64_t vocab, int64_t target) {
  const Peak peak = peakOf(logits, vocab, 1.0f);
  return logits[target] - peak.largest - std::log(peak.sum);
}

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
  Call::expect(targets.count == hidden.size(0), "one target per row");
  for (int64_t row = 0; row < targets.count; ++row)
    if (targets.ints()[row] < 0 || targets.ints()[row] >= weight.size(0))
      throw Refusal("target " + std::to_string(targets.ints()[row]) + ", expected 0 to " + std::to_string(weight.size(0) - 1));
}

/** log softmax(hidden · weightᵀ)[target] of each row */
void tokenLogProbabilities(Call& call) {
  const Array &hidden = call.input(0), &weight = call.input(1), &targets = call.input(2);
  expectTargets(hidden, weight, targets);
  const int64_t rows = hidden.size(0), vocab = weight.size(0), block = rowsPerBlock(rows, vocab);
  const Array out = call.output(0, {rows});
  float* logits = call.scratch(block * vocab);
  for (int64_t from = 0; from < rows; from += block) {
    const int64_t count = std::min(block, rows - from);
    logitsOf(call, hidden, weight, from, count, logits);
    call.parallel(count, vocab * 4, [&](int64_t begin, int64_t end) {
      for (int64_t row = begin; row < end; ++row) out.floats()[from + row] = logProbability(logits + row * vocab, vocab, targets.ints()[from + row]);
    });
  }
}

/** −Σ shares log p(targets), and the gradients of it */
void crossEntropy(Call& call) {
  const Array &hidden = call.input(0), &weight = call.input(1), &targets = call.input(2), &shares = call.input(3);
  expectTargets(hidden, weight, targets);
  Call::expect(shares.count == hidden.size(0), "one share per row");
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

const Op kLogProbabilities("ChopTokenLogProbabilities", "hidden: float, weight: T, targets: int32 -> values: float", "precision", tokenLogProbabilities);
const Op kCrossEntropy("ChopCrossEntropy", "hidden: float, weight: T, targets: int32, shares: float -> loss: float, dhidden: float, dweight: float", "precision",
                     crossEntropy);

}  // namespace
}  // namespace chop
