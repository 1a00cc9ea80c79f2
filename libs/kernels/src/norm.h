// What the normalisations share: the features of a row, and the numbers that a call gives with them.
#pragma once

#ifndef __CUDACC_RTC__
#include "native/native.h"
#endif

namespace chop {

/** `n` features a row, of which `live` count (a masked width), and `eps` under the root. */
struct Norm {
  int64_t n;
  float live, eps;
};

#ifndef __CUDACC_RTC__
inline Norm normOf(const Operands& call, const Array& x, const Array& gain) {
  Operands::expect(gain.rank() == 1 && x.rank() >= 1 && x.size(-1) == gain.count, "x [..., n] and gain [n]");
  return {gain.count, static_cast<float>(call.number("live")), static_cast<float>(call.number("eps"))};
}
#endif

}  // namespace chop
