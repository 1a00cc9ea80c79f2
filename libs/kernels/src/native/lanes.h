// Vectors of floats, and the level of the processor that the kernels run at.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

#define CHOP_INLINE inline __attribute__((always_inline))

// A loop function with this mark is compiled once per level; the loader picks. (`haswell` falls to default on AMD; `avx2` alone omits FMA.)
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define CHOP_LEVELS __attribute__((target_clones("default", "arch=x86-64-v3", "arch=x86-64-v4")))
#define CHOP_V3 __attribute__((target("arch=x86-64-v3")))
#define CHOP_V4 __attribute__((target("arch=x86-64-v4")))
#define CHOP_X86 1
#else
#define CHOP_LEVELS
#define CHOP_X86 0
#endif

namespace chop {

/** `L` floats in one register. `Unaligned` reads and writes them anywhere. */
template <int L>
struct Lanes {
  typedef float Vector __attribute__((vector_size(4 * L)));
  typedef float Unaligned __attribute__((vector_size(4 * L), aligned(4)));
  typedef int32_t Ints __attribute__((vector_size(4 * L)));
  typedef uint32_t Bits __attribute__((vector_size(4 * L)));
  typedef uint16_t Halves __attribute__((vector_size(2 * L), aligned(2)));
};

template <int L>
CHOP_INLINE typename Lanes<L>::Vector load(const float* from) {
  return *reinterpret_cast<const typename Lanes<L>::Unaligned*>(from);
}

template <int L>
CHOP_INLINE void store(float* to, typename Lanes<L>::Vector value) {
  *reinterpret_cast<typename Lanes<L>::Unaligned*>(to) = value;
}

/** Exchanges blocks of `H` lanes between rows that are `H` apart. */
template <int L, int H, int... Lane>
CHOP_INLINE void exchange(typename Lanes<L>::Vector* rows, std::integer_sequence<int, Lane...>) {
  constexpr typename Lanes<L>::Ints low = {(Lane & H ? L + Lane - H : Lane)...}, high = {(Lane & H ? L + Lane : Lane + H)...};
#pragma GCC unroll 16
  for (int row = 0; row < L; ++row) {
    if (row & H) continue;
    const auto first = rows[row], second = rows[row + H];
    rows[row] = __builtin_shuffle(first, second, low);
    rows[row + H] = __builtin_shuffle(first, second, high);
  }
}

/** Turns an `L` × `L` matrix that lies in `L` registers. */
template <int L>
CHOP_INLINE void turn(typename Lanes<L>::Vector* rows) {
  using All = std::make_integer_sequence<int, L>;
  if constexpr (L >= 16) exchange<L, 8>(rows, All());
  if constexpr (L >= 8) exchange<L, 4>(rows, All());
  exchange<L, 2>(rows, All());
  exchange<L, 1>(rows, All());
}

enum class Level { kBase, kV3, kV4 };

/** The highest level of this processor, or the lower one that the environment variable `CHOP_LEVEL` (`base`, `v3`; `v4` is AVX-512 without avx512_bf16) asks for. */
inline Level level() {
  static const Level chosen = [] {
#if CHOP_X86
    const char* asked = std::getenv("CHOP_LEVEL");
    const std::string limit(asked == nullptr ? "" : asked);
    if (limit != "base" && limit != "v3" && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq"))
      return Level::kV4;
    if (limit != "base" && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return Level::kV3;
#endif
    return Level::kBase;
  }();
  return chosen;
}

/** Whether the processor multiplies pairs of bfloat16 (avx512_bf16), and may. */
inline bool hasBfloat16Pairs() {
#if CHOP_X86
  static const bool has = [] {
    const char* asked = std::getenv("CHOP_LEVEL");
    return level() == Level::kV4 && (asked == nullptr || std::string(asked) != "v4") && __builtin_cpu_supports("avx512bf16");
  }();
  return has;
#else
  return false;
#endif
}

inline const char* levelName() {
  if (hasBfloat16Pairs()) return "x86-64-v4 with avx512_bf16";
  return level() == Level::kV4 ? "x86-64-v4" : level() == Level::kV3 ? "x86-64-v3" : "base";
}

}  // namespace chop
