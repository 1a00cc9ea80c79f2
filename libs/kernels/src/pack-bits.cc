#include <cstring>

#include "native/native.h"

namespace chop {
namespace {

/** A bit for each of eight bytes, the highest for the first: 1 where it is not zero. */
int32_t bitsOf(const uint8_t* eight) {
  uint64_t bytes;
  std::memcpy(&bytes, eight, sizeof bytes);
  bytes |= bytes >> 4;
  bytes |= bytes >> 2;
  bytes |= bytes >> 1;
  // The product brings byte i's lowest bit to bit 63 − i of the highest byte; no two of its terms meet.
  return static_cast<int32_t>((bytes & 0x0101010101010101u) * 0x8040201008040201u >> 56);
}

void packBits(Call& call) {
  const Array& kept = call.input(0);
  const int64_t n = kept.count;
  const Array pairs = call.output(0, {(n + 15) / 16});
  call.parallel(pairs.count, 16, [&](int64_t from, int64_t to) {
    for (int64_t pair = from; pair < to; ++pair) {
      const uint8_t* bytes = kept.bools() + pair * 16;
      const int64_t left = n - pair * 16;
      uint8_t last[16] = {};
      if (left < 16) std::memcpy(last, bytes, left), bytes = last;
      pairs.ints()[pair] = bitsOf(bytes) | bitsOf(bytes + 8) << 8;
    }
  });
}

const Op kPackBits("ChopPackBits", "kept: bool -> pairs: int32", "", packBits);

}  // namespace
}  // namespace chop
