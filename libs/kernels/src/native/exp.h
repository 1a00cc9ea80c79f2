// Exponentials without branches, so that a loop over them becomes vectors.
#pragma once

#include <cstdint>
#include <cstring>

#include "lanes.h"

namespace chop {

CHOP_INLINE int32_t bitsOf(float value) {
  int32_t bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

CHOP_INLINE float ofBits(int32_t bits) {
  float value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/** 2ⁿ for −126 ≤ n ≤ 127. */
CHOP_INLINE float powerOfTwo(int32_t n) { return ofBits(static_cast<int32_t>(static_cast<uint32_t>(n + 127) << 23)); }

/**
 * `eˣ` within 2 units in the last place: x = n ln 2 + r with |r| ≤ ln 2 / 2, and a polynomial for eʳ (minimax, relative error 3e-9). Gradual
 * underflow, 0 and ∞ beyond; no-numbers stay.
 */
CHOP_INLINE float exponential(float x) {
  constexpr float kLog2e = 1.44269504f, kLn2High = 0.693145752f, kLn2Low = 1.42860677e-6f;
  constexpr float kRound = 12582912.0f;  // 1.5 · 2²³: adding it leaves an integer in the low bits
  x = x < -105.0f ? -105.0f : x;
  x = x > 90.0f ? 90.0f : x;
  const float shifted = x * kLog2e + kRound;
  const int32_t n = bitsOf(shifted) - bitsOf(kRound);
  const float whole = shifted - kRound;
  const float r = x - whole * kLn2High - whole * kLn2Low;
  float tail = 0.00138144649f;
  tail = tail * r + 0.00836878084f;
  tail = tail * r + 0.0416683927f;
  tail = tail * r + 0.166665196f;
  tail = tail * r + 0.49999994f;
  const float value = tail * (r * r) + r + 1.0f;
  // In two steps: neither 2¹²⁸ nor 2⁻¹⁵⁰ is a float.
  const int32_t half = n >> 1;
  return value * powerOfTwo(half) * powerOfTwo(n - half);
}

/** `1 / (1 + e⁻ˣ)` */
CHOP_INLINE float sigmoid(float x) { return 1.0f / (1.0f + exponential(-x)); }

/**
 * The normal distribution function `Φ(x) = erfc(−x / √2) / 2`, and at x < 0 its small values as precise as the large ones:
 * erfc(z) = e^(−z²) t P(t) with t = 1 / (1 + 0.4 z), z ≥ 0 (minimax, relative error 6e-8).
 */
CHOP_INLINE float normalCumulative(float x) {
  const float z = (x < 0.0f ? -x : x) * 0.707106781f;
  const float t = 1.0f / (1.0f + 0.4f * z);
  float p = 0.041253332f;
  p = p * t - 0.140320629f;
  p = p * t + 0.0839901045f;
  p = p * t + 0.0879612043f;
  p = p * t + 0.0797585919f;
  p = p * t + 0.193392351f;
  p = p * t + 0.201887801f;
  p = p * t + 0.226443082f;
  p = p * t + 0.225634232f;
  const float tail = 0.5f * p * t * exponential(-0.5f * x * x);
  return x < 0.0f ? tail : 1.0f - tail;
}

}  // namespace chop
