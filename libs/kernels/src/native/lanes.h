// Vectors of floats, and the level of the processor that the kernels run at.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <utility>

// Assemblers learnt the instructions of AMX together with compilers that have its header.
#if defined(__x86_64__) && defined(__GNUC__) && defined(__linux__) && __has_include(<amxtileintrin.h>)
#define CHOP_AMX 1
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#else
#define CHOP_AMX 0
#endif

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

// What turning is made of; each is one instruction, and none needs a register for its order of lanes.
/** In every block of four lanes: `first[i], second[i]` for two lanes i from `From` on. */
template <int L, int From, int... Lane>
CHOP_INLINE typename Lanes<L>::Vector interleave(typename Lanes<L>::Vector first, typename Lanes<L>::Vector second, std::integer_sequence<int, Lane...>) {
  constexpr typename Lanes<L>::Ints lanes = {(Lane % 2 * L + Lane / 4 * 4 + Lane % 4 / 2 + From)...};
  return __builtin_shuffle(first, second, lanes);
}

/** In every block of four lanes: two neighbours from `From` on of the first row, then of the second. */
template <int L, int From, int... Lane>
CHOP_INLINE typename Lanes<L>::Vector join(typename Lanes<L>::Vector first, typename Lanes<L>::Vector second, std::integer_sequence<int, Lane...>) {
  constexpr typename Lanes<L>::Ints lanes = {(Lane % 4 / 2 * L + Lane / 4 * 4 + Lane % 2 + From)...};
  return __builtin_shuffle(first, second, lanes);
}

/** Blocks of four lanes: half of those of the first row, `From`, `From + Step`, …, then of the second. */
template <int L, int From, int Step, int... Lane>
CHOP_INLINE typename Lanes<L>::Vector blocks(typename Lanes<L>::Vector first, typename Lanes<L>::Vector second, std::integer_sequence<int, Lane...>) {
  constexpr typename Lanes<L>::Ints lanes = {(Lane / (L / 2) * L + (From + Lane % (L / 2) / 4 * Step) * 4 + Lane % 4)...};
  return __builtin_shuffle(first, second, lanes);
}

/** Turns an `L` × `L` matrix that lies in `L` registers: squares of four first, then their rows, blocks of four lanes, go where they belong. */
template <int L>
CHOP_INLINE void turn(typename Lanes<L>::Vector* rows) {
  constexpr std::make_integer_sequence<int, L> all;
#pragma GCC unroll 4
  for (int row = 0; row < L; row += 4) {
    const auto a = interleave<L, 0>(rows[row], rows[row + 1], all), b = interleave<L, 2>(rows[row], rows[row + 1], all);
    const auto c = interleave<L, 0>(rows[row + 2], rows[row + 3], all), d = interleave<L, 2>(rows[row + 2], rows[row + 3], all);
    rows[row] = join<L, 0>(a, c, all), rows[row + 1] = join<L, 2>(a, c, all);
    rows[row + 2] = join<L, 0>(b, d, all), rows[row + 3] = join<L, 2>(b, d, all);
  }
  if constexpr (L == 8)
#pragma GCC unroll 4
    for (int row = 0; row < 4; ++row) {
      const auto first = rows[row], second = rows[row + 4];
      rows[row] = blocks<L, 0, 1>(first, second, all), rows[row + 4] = blocks<L, 1, 1>(first, second, all);
    }
  if constexpr (L == 16)
#pragma GCC unroll 4
    for (int row = 0; row < 4; ++row) {
      const auto a = blocks<L, 0, 1>(rows[row], rows[row + 4], all), b = blocks<L, 2, 1>(rows[row], rows[row + 4], all);
      const auto c = blocks<L, 0, 1>(rows[row + 8], rows[row + 12], all), d = blocks<L, 2, 1>(rows[row + 8], rows[row + 12], all);
      rows[row] = blocks<L, 0, 2>(a, c, all), rows[row + 4] = blocks<L, 1, 2>(a, c, all);
      rows[row + 8] = blocks<L, 0, 2>(b, d, all), rows[row + 12] = blocks<L, 1, 2>(b, d, all);
    }
}

enum class Level { kBase, kV3, kV4 };

/** The highest level of this processor, or the lower one that the environment variable `CHOP_LEVEL` (`base`, `v3`; `v4` is AVX-512 without avx512_bf16, `pairs` with it, without AMX) asks for. */
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

/** What this processor's level has, of `NAMEBase`, `NAMEV3` and `NAMEV4`. */
#if CHOP_X86
#define CHOP_OF_LEVEL(NAME) (level() == Level::kV4 ? NAME##V4 : level() == Level::kV3 ? NAME##V3 : NAME##Base)
#else
#define CHOP_OF_LEVEL(NAME) NAME##Base
#endif

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

/** Whether the processor multiplies tiles of bfloat16 (AMX), and lets this process do so. */
inline bool hasTiles() {
#if CHOP_AMX
  static const bool has = [] {
    constexpr unsigned kTile = 1u << 24, kBfloat16 = 1u << 22;      // cpuid 7, EDX
    constexpr long kRequestPermission = 0x1023, kTileData = 18;      // arch_prctl(ARCH_REQ_XCOMP_PERM, XFEATURE_XTILEDATA)
    unsigned a = 0, b = 0, c = 0, d = 0;
    if (!hasBfloat16Pairs() || std::getenv("CHOP_LEVEL") != nullptr) return false;
    if (!__get_cpuid_count(7, 0, &a, &b, &c, &d) || !(d & kTile) || !(d & kBfloat16)) return false;
    return syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
  }();
  return has;
#else
  return false;
#endif
}

inline const char* levelName() {
  if (hasTiles()) return "x86-64-v4 with amx_bf16";
  if (hasBfloat16Pairs()) return "x86-64-v4 with avx512_bf16";
  return level() == Level::kV4 ? "x86-64-v4" : level() == Level::kV3 ? "x86-64-v3" : "base";
}

}  // namespace chop
