#include <cmath>

#include "native/lanes.h"
#include "native/native.h"

namespace chop {
namespace {

/** Ī ← β₁ Ī + (1 − β₁) I, then Ū ← β₂ Ū + (1 − β₂) |I − Ī|. */
CHOP_LEVELS void update(float* smooth, float* uncertain, const float* sensitivity, int64_t n, float beta1, float rest1, float beta2, float rest2) {
  for (int64_t i = 0; i < n; ++i) {
    smooth[i] = beta1 * smooth[i] + rest1 * sensitivity[i];
    uncertain[i] = beta2 * uncertain[i] + rest2 * std::fabs(sensitivity[i] - smooth[i]);
  }
}

void platonUpdate(Call& call) {
  const Array& sensitivity = call.input(2);
  const Array smooth = call.owned(0), uncertain = call.owned(1);
  Call::expect(uncertain.sizes == smooth.sizes && sensitivity.sizes == smooth.sizes, "state and sensitivity of one shape");
  const double beta1 = call.number("beta1"), beta2 = call.number("beta2");
  call.parallel(smooth.count, 6, [&](int64_t from, int64_t to) {
    update(smooth.floats() + from, uncertain.floats() + from, sensitivity.floats() + from, to - from, static_cast<float>(beta1), static_cast<float>(1 - beta1),
           static_cast<float>(beta2), static_cast<float>(1 - beta2));
  });
}

/** sum ← sum + |θ · ∂L/∂θ| */
CHOP_LEVELS void add(float* sum, const float* weight, const float* gradient, int64_t n) {
  for (int64_t i = 0; i < n; ++i) sum[i] += std::fabs(weight[i] * gradient[i]);
}

void addSensitivity(Call& call) {
  const Array &weight = call.input(1), &gradient = call.input(2);
  const Array sum = call.owned(0);
  Call::expect(weight.sizes == sum.sizes && gradient.sizes == sum.sizes, "sum, weight and gradient of one shape");
  call.parallel(sum.count, 3, [&](int64_t from, int64_t to) { add(sum.floats() + from, weight.floats() + from, gradient.floats() + from, to - from); });
}

const Op kAddSensitivity("ChopAddSensitivity", "sum: float, weight: float, gradient: float", "", addSensitivity);
const Op kPlatonUpdate("ChopPlatonUpdate", "smooth: float, uncertain: float, sensitivity: float", "beta1, beta2", platonUpdate);

}  // namespace
}  // namespace chop
