#include <algorithm>
#include <cstring>

#include "native/native.h"

namespace chop {
namespace {

constexpr int64_t kBitsOfWord = 32;

/** A bit for each of eight bytes, the highest for the first: 1 where it is not zero. */
uint8_t bitsOf(const uint8_t* eight) {
  uint64_t bytes;
  std::memcpy(&bytes, eight, sizeof bytes);
  bytes |= bytes >> 4;
  bytes |= bytes >> 2;
  bytes |= bytes >> 1;
  // The product brings byte i's lowest bit to bit 63 − i of the highest byte; no two of its terms meet.
  return static_cast<uint8_t>((bytes & 0x0101010101010101u) * 0x8040201008040201u >> 56);
}

void packBits(Call& call) {
  const Array& kept = call.input(0);
  const int64_t n = kept.count;
  const Array bits = call.output(0, {(n + kBitsOfWord - 1) / kBitsOfWord});
  auto* bytes = reinterpret_cast<uint8_t*>(bits.ints());
  call.parallel(bits.count, kBitsOfWord, [&](int64_t from, int64_t to) {
    for (int64_t byte = from * 4; byte < to * 4; ++byte) {
      const int64_t left = n - byte * 8;
      uint8_t last[8] = {};
      if (left > 0 && left < 8) std::copy_n(kept.bools() + byte * 8, left, last);
      bytes[byte] = bitsOf(left >= 8 ? kept.bools() + byte * 8 : last);
    }
  });
}

const Op kPackBits("ChopPackBits", "kept: bool -> bits: int32", "", packBits);

}  // namespace
}  // namespace chop
