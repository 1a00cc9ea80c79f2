#include <algorithm>
#include <cstring>

#include "native/lanes.h"
#include "native/native.h"

namespace chop {
namespace {

/** An entry of a group stays if fewer than n go before it: those that are larger, and equal ones with a lower index. */
CHOP_INLINE void keepInGroup(const float* scores, uint8_t* kept, int n, int m) {
  for (int i = 0; i < m; ++i) {
    int before = 0;
    for (int j = 0; j < i; ++j) before += scores[j] >= scores[i];
    for (int j = i + 1; j < m; ++j) before += scores[j] > scores[i];
    kept[i] = before < n;
  }
}

/** How many go before each entry of groups of four, from the `Step`-th beside it in its group: an earlier one goes before an equal one. */
template <int L, int Step, int... Lane>
CHOP_INLINE typename Lanes<L>::Ints goesBefore(typename Lanes<L>::Vector scores, std::integer_sequence<int, Lane...>) {
  constexpr typename Lanes<L>::Ints beside = {(Lane / 4 * 4 + (Lane + Step) % 4)...}, earlier = {((Lane + Step) % 4 < Lane % 4 ? -1 : 0)...};
  const typename Lanes<L>::Vector other = __builtin_shuffle(scores, beside);
  return ((other >= scores) & earlier) | ((other > scores) & ~earlier);
}

/** Groups of four, as many at once as a register holds. */
template <int L>
CHOP_INLINE void keepInFours(const float* scores, uint8_t* kept, int64_t groups, int n) {
  constexpr std::make_integer_sequence<int, L> all;
  typedef uint8_t Bytes __attribute__((vector_size(L)));
  int64_t entry = 0;
  for (; entry + L <= groups * 4; entry += L) {
    const typename Lanes<L>::Vector some = load<L>(scores + entry);
    const typename Lanes<L>::Ints before = goesBefore<L, 1>(some, all) + goesBefore<L, 2>(some, all) + goesBefore<L, 3>(some, all);  // −1 for each
    const Bytes bytes = __builtin_convertvector((before > -n) & 1, Bytes);
    std::memcpy(kept + entry, &bytes, sizeof bytes);
  }
  for (; entry < groups * 4; entry += 4) keepInGroup(scores + entry, kept + entry, n, 4);
}

/** `M`: the size of a group where the compiler is to know it, or 0. */
template <int M>
CHOP_INLINE void keepInGroups(const float* scores, uint8_t* kept, int64_t groups, int n, int m) {
  const int size = M == 0 ? m : M;
  for (int64_t group = 0; group < groups; ++group) keepInGroup(scores + group * size, kept + group * size, n, size);
}

#define CHOP_FOURS(NAME, TARGET, LANES) \
  TARGET void keepInFours##NAME(const float* scores, uint8_t* kept, int64_t groups, int n) { keepInFours<LANES>(scores, kept, groups, n); }

CHOP_FOURS(Base, , 4)
#if CHOP_X86
CHOP_FOURS(V3, CHOP_V3, 8)
CHOP_FOURS(V4, CHOP_V4, 16)
#endif

CHOP_LEVELS void keepInOthers(const float* scores, uint8_t* kept, int64_t groups, int n, int m) {
  if (m == 8) keepInGroups<8>(scores, kept, groups, n, m);
  else keepInGroups<0>(scores, kept, groups, n, m);
}

void keepNofM(Call& call) {
  const Array& scores = call.input(0);
  const int n = static_cast<int>(call.number("n")), m = static_cast<int>(call.number("m"));
  Call::expect(m >= 1 && scores.rank() >= 1 && scores.size(-1) % m == 0, "an inner length that is a multiple of m");
  const Array kept = call.output(0, scores.sizes);
  const auto keepInFours = CHOP_OF_LEVEL(keepInFours);
  call.parallel(scores.count / m, m * m, [&](int64_t from, int64_t to) {
    if (m == 4) keepInFours(scores.floats() + from * m, kept.bools() + from * m, to - from, n);
    else keepInOthers(scores.floats() + from * m, kept.bools() + from * m, to - from, n, m);
  });
}

/** Whole numbers in the order of the floats; −0 is 0, and what is no number counts as +∞. */
CHOP_LEVELS void keysOf(const float* scores, uint32_t* keys, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    uint32_t bits;
    std::memcpy(&bits, scores + i, sizeof bits);
    bits = (bits & 0x7fffffffu) == 0 ? 0 : bits;
    const uint32_t ordered = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
    keys[i] = (bits & 0x7fffffffu) > 0x7f800000u ? 0xff800000u : ordered;
  }
}

/** The `count` largest of a row; among equals the first. */
void keepRow(const float* scores, uint8_t* kept, uint32_t* keys, int64_t n, int64_t count) {
  keysOf(scores, keys, n);
  std::nth_element(keys, keys + (count - 1), keys + n, std::greater<uint32_t>());
  const uint32_t last = keys[count - 1];
  int64_t equal = count - std::count_if(keys, keys + count, [last](uint32_t key) { return key > last; });
  keysOf(scores, keys, n);
  for (int64_t i = 0; i < n; ++i) kept[i] = keys[i] > last || (keys[i] == last && equal-- > 0);
}

void keepLargest(Call& call) {
  const Array& scores = call.input(0);
  Call::expect(scores.rank() == 2, "scores [out, in]");
  const int64_t n = scores.size(1), count = static_cast<int64_t>(call.number("count"));
  Call::expect(count >= 0 && count <= n, "a count of 0 to in");
  const Array kept = call.output(0, scores.sizes);
  if (count == 0 || count == n) {
    std::fill_n(kept.bools(), scores.count, static_cast<uint8_t>(count != 0));
    return;
  }
  auto* keys = reinterpret_cast<uint32_t*>(call.scratch(scores.count));
  call.parallel(scores.rows(), 20 * n, [&](int64_t from, int64_t to) {
    for (int64_t row = from; row < to; ++row) keepRow(scores.floats() + row * n, kept.bools() + row * n, keys + row * n, n, count);
  });
}

const Op kKeepNofM("ChopKeepNofM", "scores: float -> kept: bool", "n, m", keepNofM);
const Op kKeepLargest("ChopKeepLargest", "scores: float -> kept: bool", "count", keepLargest);

}  // namespace
}  // namespace chop
