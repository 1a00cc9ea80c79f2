// The matrix units of newer Intel processors (AMX): eight registers of tiles, and the product of two of bfloat16 that is added to one of float32.
#pragma once

#include "lanes.h"

namespace chop {

/** Words along k in a tile register: 32 steps in pairs. */
constexpr int kTileWords = 16;

#if CHOP_AMX

/** What LDTILECFG reads: eight registers of 16 rows. */
struct alignas(64) TileConfig {
  uint8_t palette = 1, start = 0, reserved[14] = {};
  uint16_t bytes[16] = {64, 64, 64, 64, 64, 64, 64, 64};  // of a row
  uint8_t rows[16] = {16, 16, 16, 16, 16, 16, 16, 16};
};

/** The tile registers of this thread, while it lives. The instructions are written out: intrinsics exist for a whole file of that target only. */
class TileRegisters {
 public:
  explicit TileRegisters(const TileConfig& config = {}) { __asm__ volatile("ldtilecfg %0" ::"m"(config)); }
  ~TileRegisters() { __asm__ volatile("tilerelease"); }
  TileRegisters(const TileRegisters&) = delete;
  TileRegisters& operator=(const TileRegisters&) = delete;

  /** Floats of a whole register. */
  static constexpr int64_t kTile = 16 * kTileWords;

  template <int T>
  static CHOP_INLINE void zero() {
    __asm__ volatile("tilezero %%tmm%c0" ::"i"(T));
  }
  /** 16 rows that begin `stride` floats apart. */
  template <int T>
  static CHOP_INLINE void load(const float* from, int64_t stride = kTileWords) {
    __asm__ volatile("tileloadd (%0,%1), %%tmm%c2" ::"r"(from), "r"(stride * sizeof(float)), "i"(T) : "memory");
  }
  template <int T>
  static CHOP_INLINE void store(float* to, int64_t stride) {
    __asm__ volatile("tilestored %%tmm%c2, (%0,%1)" ::"r"(to), "r"(stride * sizeof(float)), "i"(T) : "memory");
  }
  /** C += A · B */
  template <int C, int A, int B>
  static CHOP_INLINE void multiply() {
    __asm__ volatile("tdpbf16ps %%tmm%c2, %%tmm%c1, %%tmm%c0" ::"i"(C), "i"(A), "i"(B));
  }

  // 32 × 32 numbers stand in registers 0 to 3; 4 and 5 hold a's rows, 6 and 7 b's columns.

  static CHOP_INLINE void zeroSquare() { zero<0>(), zero<1>(), zero<2>(), zero<3>(); }
  static CHOP_INLINE void loadSquare(const float* c, int64_t stride) {
    load<0>(c, stride), load<1>(c + 16, stride), load<2>(c + 16 * stride, stride), load<3>(c + 16 * stride + 16, stride);
  }
  static CHOP_INLINE void storeSquare(float* c, int64_t stride) {
    store<0>(c, stride), store<1>(c + 16, stride), store<2>(c + 16 * stride, stride), store<3>(c + 16 * stride + 16, stride);
  }
  static CHOP_INLINE void loadRows(const float* a) { load<4>(a), load<5>(a + kTile); }
  static CHOP_INLINE void loadColumns(const float* b) { load<6>(b), load<7>(b + kTile); }
  static CHOP_INLINE void multiplySquare() { multiply<0, 4, 6>(), multiply<1, 4, 7>(), multiply<2, 5, 6>(), multiply<3, 5, 7>(); }
};

#endif

}  // namespace chop
