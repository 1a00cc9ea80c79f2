#include <cstring>

#include "native/lanes.h"
#include "native/native.h"

namespace chop {
namespace {

constexpr int64_t kElements = 32, kHalf = 2, kNibbles = 16;

/** A float16 of a file, little-endian. A subnormal one is a whole number of 2⁻²⁴. */
CHOP_INLINE float half(const uint8_t* bytes) {
  const uint32_t bits = bytes[0] | bytes[1] << 8, magnitude = bits & 0x7fffu;
  const uint32_t sign = (bits & 0x8000u) << 16;
  if (magnitude < 0x400u) return (sign ? -1.0f : 1.0f) * static_cast<float>(magnitude) * 0x1p-24f;
  const uint32_t wide = sign | (magnitude < 0x7c00u ? (magnitude << 13) + 0x38000000u : 0x7f800000u | magnitude << 13);
  float value;
  std::memcpy(&value, &wide, sizeof value);
  return value;
}

/** x = q · d */
CHOP_LEVELS void q8_0(const uint8_t* from, float* to, int64_t blocks) {
  for (int64_t block = 0; block < blocks; ++block, from += kHalf + kElements, to += kElements) {
    const float d = half(from);
    const auto* q = reinterpret_cast<const int8_t*>(from + kHalf);
    for (int64_t i = 0; i < kElements; ++i) to[i] = q[i] * d;
  }
}

/** x = (q − 8) · d, the low nibbles first */
CHOP_LEVELS void q4_0(const uint8_t* from, float* to, int64_t blocks) {
  for (int64_t block = 0; block < blocks; ++block, from += kHalf + kNibbles, to += kElements) {
    const float d = half(from);
    const uint8_t* q = from + kHalf;
    for (int64_t i = 0; i < kNibbles; ++i) to[i] = ((q[i] & 15) - 8) * d;
    for (int64_t i = 0; i < kNibbles; ++i) to[kNibbles + i] = ((q[i] >> 4) - 8) * d;
  }
}

/** x = q · d + m, the low nibbles first */
CHOP_LEVELS void q4_1(const uint8_t* from, float* to, int64_t blocks) {
  for (int64_t block = 0; block < blocks; ++block, from += 2 * kHalf + kNibbles, to += kElements) {
    const float d = half(from), m = half(from + kHalf);
    const uint8_t* q = from + 2 * kHalf;
    for (int64_t i = 0; i < kNibbles; ++i) to[i] = (q[i] & 15) * d + m;
    for (int64_t i = 0; i < kNibbles; ++i) to[kNibbles + i] = (q[i] >> 4) * d + m;
  }
}

/** By ggml's number: bytes of a block of 32 elements, and how they are read. */
struct Type {
  int number;
  int64_t bytes;
  void (*read)(const uint8_t* from, float* to, int64_t blocks);
};

constexpr Type kTypes[] = {{2, kHalf + kNibbles, q4_0}, {3, 2 * kHalf + kNibbles, q4_1}, {8, kHalf + kElements, q8_0}};

void dequantise(Call& call) {
  const Array& blocks = call.input(0);
  const int number = static_cast<int>(call.number("type"));
  for (const Type& type : kTypes) {
    if (type.number != number) continue;
    Call::expect(blocks.count % type.bytes == 0, "whole blocks");
    const int64_t count = blocks.count / type.bytes;
    const Array values = call.output(0, {count * kElements});
    call.parallel(count, 2 * kElements,
                  [&](int64_t from, int64_t to) { type.read(blocks.bools() + from * type.bytes, values.floats() + from * kElements, to - from); });
    return;
  }
  throw Refusal("expected type 2 (Q4_0), 3 (Q4_1) or 8 (Q8_0)");
}

const Op kDequantise("ChopDequantise", "blocks: bool -> values: float", "type", dequantise);

}  // namespace
}  // namespace chop
