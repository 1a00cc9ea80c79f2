// The weight lies as it is stored, row after row, and there are three ways through it. With few tokens, rows of the weight stand in the lanes, and a position
// picks one of four inputs in a register. Many tokens stand in the lanes: a weight is broadcast, and its position is an address. For matrix units, which the dense
// product uses, rows of the weight are unpacked.
#include <algorithm>
#include <cmath>
#include <vector>

#include "native/lanes.h"
#include "native/native.h"
#include "native/product.h"
#include "native/tile.h"
#include "swiglu.h"

namespace chop {
namespace {

/** Up to so many tokens, rows of the weight stand in the lanes. */
constexpr int64_t kFewTokens = 6;
/** Rows of the weight that one task multiplies by a block of tokens: their chains stay in the second-level cache. */
constexpr int64_t kRows = 64;
/** Rows of the weight that are unpacked at once. */
constexpr int64_t kUnpacked = 3072;
/** Registers of tokens in a block, and in the last one where half as many will do. */
constexpr int kMost = 6, kHalf = 3;
/** Inputs whose positions stand in one word. */
constexpr int64_t kWord = 32;

/** `in / 2` values a row, and their positions within their group of four inputs: two bits each, 16 to a word, the first lowest. */
struct Packed {
  const float* values;
  const uint32_t* positions;
  int64_t out, in;

  const float* valuesOf(int64_t row, int64_t input) const { return values + (row * in + input) / 2; }
  /** The positions of the values from `input` on, as far as its word goes. */
  uint32_t positionsOf(int64_t row, int64_t input) const { return positions[row * ((in + kWord - 1) / kWord) + input / kWord] >> input % kWord; }
};

/** What is made of x: `x Wᵀ`, or `x Wᵀ + b`, or of two weights alike `silu(x Wᵀ) · (x Uᵀ)`. */
struct Work {
  Packed weight;
  const float* bias;  // where there is one
  const Packed* up;   // where there is one
};

/** `M` tokens times `n` ≤ `L` rows of the weight, which are turned in registers. */
template <int M, int L>
CHOP_INLINE void fewTokens(const Packed& weight, const float* bias, int64_t row, int64_t n, const float* x, float* y) {
  using Vector = typename Lanes<L>::Vector;
  for (int64_t begin = 0; begin < weight.in; begin += kDepth) {
    const int64_t end = std::min(weight.in, begin + kDepth);
    Vector sums[M] = {};
    int64_t step = begin;
    if (n == L)
      for (; step + 2 * L <= end; step += 2 * L) {
        Vector values[L];
        typename Lanes<L>::Ints positions;
#pragma GCC unroll 16
        for (int lane = 0; lane < L; ++lane) values[lane] = load<L>(weight.valuesOf(row + lane, step));
        // As in native/few-rows.cc: the processor follows one row by itself, but not so many.
        if (M == 1 && step % kWord == 0)
#pragma GCC unroll 16
          for (int lane = 0; lane < L; ++lane) __builtin_prefetch(weight.valuesOf(row + L + lane, step));
#pragma GCC unroll 16
        for (int lane = 0; lane < L; ++lane) positions[lane] = static_cast<int32_t>(weight.positionsOf(row + lane, step));
        turn<L>(values);
#pragma GCC unroll 16
        for (int i = 0; i < L; ++i) {
          const typename Lanes<L>::Ints lane = (positions >> (2 * i) & 3) + i / 2 * 4 % L;
#pragma GCC unroll 4
          for (int token = 0; token < M; ++token) sums[token] += values[i] * __builtin_shuffle(load<L>(x + token * weight.in + step + i / 2 * 4 / L * L), lane);
        }
      }
    for (; step < end; step += 2) {
      Vector values = {};
      int64_t from[L] = {};
      for (int64_t lane = 0; lane < n; ++lane) {
        values[lane] = *weight.valuesOf(row + lane, step);
        from[lane] = step / 4 * 4 + (weight.positionsOf(row + lane, step) & 3);
      }
      for (int token = 0; token < M; ++token) {
        Vector inputs = {};
        for (int64_t lane = 0; lane < n; ++lane) inputs[lane] = x[token * weight.in + from[lane]];
        sums[token] += values * inputs;
      }
    }
    for (int token = 0; token < M; ++token) {
      float* to = y + token * weight.out + row;
      const float* add = begin > 0 ? to : bias == nullptr ? nullptr : bias + row;
      for (int64_t lane = 0; lane < n; ++lane) to[lane] = add == nullptr ? sums[token][lane] : add[lane] + sums[token][lane];
    }
  }
}

/** Rows `[from, to)` of the weight. */
template <int L>
CHOP_INLINE void fewTokens(const Packed& weight, const float* bias, int64_t from, int64_t to, const float* x, float* y, int64_t tokens) {
  for (int64_t row = from; row < to; row += L) {
    const int64_t n = std::min<int64_t>(L, to - row);
    int64_t token = 0;
    for (; token + 4 <= tokens; token += 4) fewTokens<4, L>(weight, bias, row, n, x + token * weight.in, y + token * weight.out);
    for (; token + 2 <= tokens; token += 2) fewTokens<2, L>(weight, bias, row, n, x + token * weight.in, y + token * weight.out);
    if (token < tokens) fewTokens<1, L>(weight, bias, row, n, x + token * weight.in, y + token * weight.out);
  }
}

/** A block of tokens: `registers` full of them, those from `count` on zeros. */
struct Tokens {
  int64_t first, count;
  int registers;
  float* inputs;  // [in][width]
};

/** `inputs[i][token] = x[first + token][i]`; squares are turned in registers. */
template <int L>
CHOP_INLINE void turnTokens(const Tokens& tokens, const float* x, int64_t in) {
  const int64_t width = tokens.registers * L;
  x += tokens.first * in;
  for (int64_t group = 0; group < width; group += L) {
    int64_t input = 0;
    for (; input + L <= in; input += L) {
      typename Lanes<L>::Vector square[L] = {};
#pragma GCC unroll 16
      for (int lane = 0; lane < L; ++lane)
        if (group + lane < tokens.count) square[lane] = load<L>(x + (group + lane) * in + input);
      turn<L>(square);
#pragma GCC unroll 16
      for (int i = 0; i < L; ++i) store<L>(tokens.inputs + (input + i) * width + group, square[i]);
    }
    for (; input < in; ++input)
      for (int64_t token = group; token < group + L; ++token) tokens.inputs[input * width + token] = token < tokens.count ? x[token * in + input] : 0.0f;
  }
}

/** Goes on with the chains of `R` rows of the weight and `T` registers of tokens over `N` values, two of every four inputs. */
template <int R, int T, int L, int N>
CHOP_INLINE void multiplyValues(const Packed& weight, int64_t row, int64_t input, const float* inputs, typename Lanes<L>::Vector (&sums)[R][T]) {
  using Vector = typename Lanes<L>::Vector;
  const float* values[R];
  uint32_t positions[R];
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r) values[r] = weight.valuesOf(row + r, input), positions[r] = weight.positionsOf(row + r, input);
#pragma GCC unroll 8
  for (int i = 0; i < N; ++i)
#pragma GCC unroll 4
    for (int r = 0; r < R; ++r) {
      const float* from = inputs + (input + i / 2 * 4 + (positions[r] >> 2 * i & 3)) * (T * L);
      const Vector value = values[r][i] - Vector{};  // broadcast
#pragma GCC unroll 12
      for (int t = 0; t < T; ++t) sums[r][t] += value * load<L>(from + t * L);
    }
}

/** The chains `[R][T · L]` of `R` rows of the weight, over the inputs `[begin, end)`. */
template <int R, int T, int L>
CHOP_INLINE void multiply(const Packed& weight, int64_t row, int64_t begin, int64_t end, const float* inputs, float* chains) {
  typename Lanes<L>::Vector sums[R][T];
  // The processor does not see that the next rows follow.
#pragma GCC unroll 4
  for (int r = 0; r < R; ++r)
    for (int64_t input = begin; input < end; input += kWord) __builtin_prefetch(weight.valuesOf(row + R + r, input));
  const bool fresh = begin % kDepth == 0;
#pragma GCC unroll 12
  for (int i = 0; i < R * T; ++i) sums[i / T][i % T] = fresh ? typename Lanes<L>::Vector{} : load<L>(chains + i * L);
  int64_t input = begin;
  for (; input + 16 <= end; input += 16) multiplyValues<R, T, L, 8>(weight, row, input, inputs, sums);
  for (; input < end; input += 4) multiplyValues<R, T, L, 2>(weight, row, input, inputs, sums);
#pragma GCC unroll 12
  for (int i = 0; i < R * T; ++i) store<L>(chains + i * L, sums[i / T][i % T]);
}

/** `y[token][row]` becomes `sums[row][token]`, of `width` tokens a row. */
template <int L>
CHOP_INLINE void finish(const Tokens& tokens, const float* sums, int64_t rows, float* y, int64_t stride) {
  const int64_t width = tokens.registers * L;
  for (int64_t group = 0; group < tokens.count; group += L)
    for (int64_t row = 0; row < rows; row += L) {
      float square[L][L];
      typename Lanes<L>::Vector turned[L] = {};
#pragma GCC unroll 16
      for (int lane = 0; lane < L; ++lane)
        if (row + lane < rows) turned[lane] = load<L>(sums + (row + lane) * width + group);
      turn<L>(turned);
      const int64_t high = std::min<int64_t>(L, tokens.count - group), wide = std::min<int64_t>(L, rows - row);
      float* to = y + (tokens.first + group) * stride + row;
      if (wide == L) {
#pragma GCC unroll 16
        for (int token = 0; token < L; ++token)
          if (token < high) store<L>(to + token * stride, turned[token]);
        continue;
      }
      std::memcpy(square, turned, sizeof square);
      for (int64_t token = 0; token < high; ++token)
        for (int64_t lane = 0; lane < wide; ++lane) to[token * stride + lane] = square[token][lane];
    }
}

/** Fetches where the numbers of tokens `[from, to)` of a block will be written: the lines come while the last inputs are multiplied. */
CHOP_INLINE void fetchResults(const Tokens& tokens, int64_t from, int64_t to, const float* y, int64_t stride, int64_t rows) {
  constexpr int64_t kLine = 64 / sizeof(float);
  for (int64_t token = from; token < std::min(to, tokens.count); ++token)
    for (int64_t row = 0; row < rows; row += kLine) __builtin_prefetch(y + (tokens.first + token) * stride + row, 1);
}

/**
 * `sums[row][token]` of rows `[from, from + rows)` of the weight, at most `kRows`, and a block of tokens, `R` rows at once; `bias`: of these rows, `y`: where the
 * first of them will be written.
 */
template <int R, int T, int L>
CHOP_INLINE void sumRows(const Packed& weight, const float* bias, int64_t from, int64_t rows, const Tokens& tokens, const float* y, float* sums) {
  constexpr int64_t kPart = 1024 / L, kWidth = T * L;  // inputs: those of a block of tokens stay in the first-level cache
  alignas(64) float later[kRows * kWidth];
  for (int64_t begin = 0; begin < weight.in; begin += kPart) {
    const int64_t end = std::min(weight.in, begin + kPart);
    float* chains = begin < kDepth ? sums : later;
    int64_t row = 0;
    for (; row + R <= rows; row += R) {
      if (end == weight.in) fetchResults(tokens, row * kWidth / rows, (row + R) * kWidth / rows, y, weight.out, rows);
      multiply<R, T, L>(weight, from + row, begin, end, tokens.inputs, chains + row * kWidth);
    }
    for (; row < rows; ++row) multiply<1, T, L>(weight, from + row, begin, end, tokens.inputs, chains + row * kWidth);
    if (end % kDepth != 0 && end != weight.in) continue;
    if (chains == later)
      for (int64_t i = 0; i < rows * kWidth; ++i) sums[i] += later[i];
    else if (bias != nullptr)
      for (int64_t i = 0; i < rows * kWidth; ++i) sums[i] += bias[i / kWidth];
  }
}

/** Rows `[from, from + rows)` of what is made of a block of tokens. */
template <int R, int T, int L>
CHOP_INLINE void manyTokens(const Work& of, int64_t from, int64_t rows, const Tokens& tokens, float* y) {
  alignas(64) float sums[kRows * T * L];
  sumRows<R, T, L>(of.weight, of.bias == nullptr ? nullptr : of.bias + from, from, rows, tokens, y + from, sums);
  if (of.up != nullptr) {
    alignas(64) float others[kRows * T * L];
    sumRows<R, T, L>(*of.up, nullptr, from, rows, tokens, y + from, others);
    gated(sums, others, sums, rows * T * L);
  }
  finish<L>(tokens, sums, rows, y + from, of.weight.out);
}

template <int L>
CHOP_INLINE void manyTokens(const Work& of, int64_t from, int64_t rows, const Tokens& tokens, float* y) {
  if (tokens.registers == kMost) manyTokens<2, kMost, L>(of, from, rows, tokens, y);
  else manyTokens<4, kHalf, L>(of, from, rows, tokens, y);
}

/** What differs between the levels of a processor. */
struct Shape {
  int lanes;
  void (*few)(const Packed&, const float* bias, int64_t from, int64_t to, const float* x, float* y, int64_t tokens);
  void (*turn)(const Tokens&, const float* x, int64_t in);
  void (*many)(const Work&, int64_t from, int64_t rows, const Tokens&, float* y);
};

#define CHOP_SHAPE(NAME, TARGET, LANES)                                                                                             \
  TARGET void few##NAME(const Packed& weight, const float* bias, int64_t from, int64_t to, const float* x, float* y, int64_t tokens) {\
    fewTokens<LANES>(weight, bias, from, to, x, y, tokens);                                                                         \
  }                                                                                                                                 \
  TARGET void turn##NAME(const Tokens& tokens, const float* x, int64_t in) { turnTokens<LANES>(tokens, x, in); }                    \
  TARGET void many##NAME(const Work& of, int64_t from, int64_t rows, const Tokens& tokens, float* y) {                              \
    manyTokens<LANES>(of, from, rows, tokens, y);                                                                                   \
  }                                                                                                                                 \
  constexpr Shape k##NAME = {LANES, few##NAME, turn##NAME, many##NAME};

CHOP_SHAPE(Base, , 4)
#if CHOP_X86
CHOP_SHAPE(V3, CHOP_V3, 8)
CHOP_SHAPE(V4, CHOP_V4, 16)
#endif

int64_t parts(int64_t size, int64_t part) { return (size + part - 1) / part; }

/** Rows `[from, to)` of the weight as they would lie if it were dense. */
void unpack(const Packed& weight, int64_t from, int64_t to, float* dense) {
  std::fill_n(dense, (to - from) * weight.in, 0.0f);
  for (int64_t row = from; row < to; ++row, dense += weight.in)
    for (int64_t input = 0; input < weight.in; input += 4) {
      const float* values = weight.valuesOf(row, input);
      const uint32_t positions = weight.positionsOf(row, input);
      dense[input + (positions & 3)] += values[0];
      dense[input + (positions >> 2 & 3)] += values[1];
    }
}

/** The chain of one output over its values alone. */
float chain(const Packed& weight, int64_t row, const float* x, float sum) {
  for (int64_t begin = 0; begin < weight.in; begin += kDepth) {
    float part = 0;
    for (int64_t input = begin; part == part && input < std::min(weight.in, begin + kDepth); input += 2)
      part = std::fma(*weight.valuesOf(row, input), x[input / 4 * 4 + (weight.positionsOf(row, input) & 3)], part);
    sum += part;
  }
  return sum;
}

/** By the dense product. What is not finite came through places that hold nothing, maybe: it is summed again. */
void multiplyUnpacked(Call& call, const Packed& weight, const float* bias, const float* x, float* y, int64_t tokens, Precision precision) {
  const int64_t out = weight.out, in = weight.in;
  float* dense = call.scratch(std::min(out, kUnpacked) * in);
  for (int64_t first = 0; first < out; first += kUnpacked) {
    const int64_t rows = std::min(kUnpacked, out - first);
    call.parallel(rows, in * 2, [&](int64_t from, int64_t to) { unpack(weight, first + from, first + to, dense + from * in); });
    product(call, {x, in}, {dense, in, true}, y + first, out, tokens, rows, in, bias != nullptr, precision);
  }
  call.parallel(tokens, out, [&](int64_t from, int64_t to) {
    for (int64_t i = from * out; i < to * out; ++i)
      if (!std::isfinite(y[i])) y[i] = chain(weight, i % out, x + i / out * in, bias == nullptr ? 0.0f : bias[i % out]);
  });
}

void multiplyUnpacked(Call& call, const Work& of, const float* x, float* y, int64_t tokens, Precision precision) {
  const int64_t out = of.weight.out;
  for (int64_t token = 0; of.bias != nullptr && token < tokens; ++token) std::copy_n(of.bias, out, y + token * out);
  multiplyUnpacked(call, of.weight, of.bias, x, y, tokens, precision);
  if (of.up == nullptr) return;
  float* others = call.scratch(tokens * out);
  multiplyUnpacked(call, *of.up, nullptr, x, others, tokens, precision);
  call.parallel(tokens, 4 * out, [&](int64_t from, int64_t to) { gated(y + from * out, others + from * out, y + from * out, (to - from) * out); });
}

void multiplyFew(Call& call, const Shape& with, const Work& of, const float* x, float* y, int64_t tokens) {
  const int64_t out = of.weight.out, in = of.weight.in, lanes = with.lanes;
  float* others = of.up == nullptr ? nullptr : call.scratch(tokens * out);
  call.parallel(parts(out, lanes), tokens * in + in * lanes / 2, [&](int64_t first, int64_t last) {
    const int64_t from = first * lanes, to = std::min(out, last * lanes);
    with.few(of.weight, of.bias, from, to, x, y, tokens);
    if (of.up == nullptr) return;
    with.few(*of.up, nullptr, from, to, x, others, tokens);
    for (int64_t row = from; row < tokens * out; row += out) gated(y + row, others + row, y + row, to - from);
  });
}

void multiply(Call& call, const Work& of, const float* x, float* y, int64_t tokens, Precision precision) {
  const Shape& with = CHOP_OF_LEVEL(k);
  const int64_t out = of.weight.out, in = of.weight.in, lanes = with.lanes;
  if (precision == Precision::kFloat && hasTiles()) return multiplyUnpacked(call, of, x, y, tokens, precision);
  if (tokens <= kFewTokens) return multiplyFew(call, with, of, x, y, tokens);
  std::vector<Tokens> blocks;
  float* turned = call.scratch(roundedUp(tokens, kHalf * lanes) * in);
  for (int64_t first = 0; first < tokens; first += blocks.back().registers * lanes) {
    const int registers = tokens - first > kHalf * lanes ? kMost : kHalf;
    blocks.push_back({first, std::min(tokens - first, registers * lanes), registers, turned + first * in});
  }
  const int64_t count = static_cast<int64_t>(blocks.size());
  call.parallel(count, lanes * kMost * in, [&](int64_t from, int64_t to) {
    for (int64_t block = from; block < to; ++block) with.turn(blocks[block], x, in);
  });
  // All rows pass by a block of tokens, whose inputs stay in the second-level cache.
  const int64_t groups = parts(out, kRows);
  call.parallel(count * groups, kRows * kMost * in, [&](int64_t from, int64_t to) {
    for (int64_t task = from; task < to; ++task) {
      const int64_t row = task % groups * kRows;
      with.many(of, row, std::min(kRows, out - row), blocks[task / groups], y);
    }
  });
}

/** The packed weight of inputs `at` and `at + 1`, which fits x. */
Packed packedOf(Call& call, int at) {
  const Array &x = call.input(0), &values = call.input(at), &positions = call.input(at + 1);
  Call::expect(x.rank() >= 1 && x.size(-1) % 4 == 0 && x.size(-1) > 0 && values.rank() == 2 && x.size(-1) == 2 * values.size(1), "x [..., in] and values [out, in / 2], in a multiple of 4");
  const int64_t out = values.size(0), in = x.size(-1);
  Call::expect(positions.rank() == 2 && positions.size(0) == out && positions.size(1) == parts(in, kWord), "positions [out, in / 32]");
  return {values.floats(), reinterpret_cast<const uint32_t*>(positions.ints()), out, in};
}

void run(Call& call, const Work& of) {
  const Array& x = call.input(0);
  Sizes sizes = x.sizes;
  sizes.back() = of.weight.out;
  const Array y = call.output(0, sizes);
  const Precision precision = precisionOf(call);
  Call::expect(precision == Precision::kFloat || precision == Precision::kFloatChains, "precision 0 or 3 (float32)");
  if (x.count > 0) multiply(call, of, x.floats(), y.floats(), x.rows(), precision);
}

/** y = x Wᵀ (+ b) */
void packedLinear(Call& call) {
  const Packed weight = packedOf(call, 1);
  const bool biased = call.inputs() == 4;
  Call::expect(!biased || call.input(3).count == weight.out, "bias [out]");
  run(call, {weight, biased ? call.input(3).floats() : nullptr, nullptr});
}

/** swiglu(x Wgateᵀ, x Wupᵀ) */
void packedGatedLinear(Call& call) {
  const Packed gate = packedOf(call, 1), up = packedOf(call, 3);
  Call::expect(gate.out == up.out, "gate and up of the same shape");
  run(call, {gate, nullptr, &up});
}

const Op kPackedLinear("ChopPackedLinear", "x: float, values: float, positions: int32, bias: N * float -> y: float", "precision", packedLinear);
const Op kPackedGatedLinear("ChopPackedGatedLinear", "x: float, gateValues: float, gatePositions: int32, upValues: float, upPositions: int32 -> y: float", "precision", packedGatedLinear);

}  // namespace
}  // namespace chop
