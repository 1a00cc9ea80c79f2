// Dao et al. 2022, arXiv 2205.14135: the softmax is carried along the tiles of keys, so that the scores are never written out whole.
#include "attention.h"

#include <cmath>
#include <limits>

#include "native/exp.h"

namespace chop {
namespace {

constexpr float kNone = -std::numeric_limits<float>::infinity();
/** Floats of the widest register. */
constexpr int kLanes = 16;

/** What is known of a row so far: its largest score, Σ exp(score − largest). */
struct Softmax {
  float largest = kNone, sum = 0;
};

/** Takes the scores of one more tile into a row: they become exp(score − largest), and what was summed with the old largest score is scaled. */
CHOP_LEVELS void carry(float* scores, int64_t from, int64_t to, Softmax& row, float* sums, int64_t width) {
  const int low = static_cast<int>(from), high = static_cast<int>(to);
  // Whole registers, so that each key keeps its lane of the sums whatever else is seen.
  const int begin = low / kLanes * kLanes, end = (high + kLanes - 1) / kLanes * kLanes;
  float largest = row.largest;
#pragma omp simd reduction(max : largest)
  for (int key = begin; key < end; ++key) {
    scores[key] = key >= low && key < high ? scores[key] : kNone;
    largest = scores[key] > largest ? scores[key] : largest;
  }
  const float origin = largest == kNone ? 0.0f : largest;  // −∞ − −∞ is no number
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int key = begin; key < end; ++key) {
    scores[key] = exponential(scores[key] - origin);
    sum += scores[key];
  }
  const float shrink = exponential(row.largest - origin);
  row.largest = largest;
  row.sum = row.sum * shrink + sum;
  for (int64_t i = 0; i < width; ++i) sums[i] *= shrink;
}

CHOP_LEVELS void divide(const float* sums, float by, float* out, int64_t n) {
  for (int64_t i = 0; i < n; ++i) out[i] = sums[i] / by;
}

/**
 * `sums[row] += Σ weight · v[key]` over the keys that the row sees and no others, in their order: the keys that a block of rows sees together go
 * through the tile, those before and after row by row.
 */
void mix(const Seen* seen, int64_t group, const float* weights, const float* v, int64_t width, float* sums, int64_t rows) {
  const TileProduct& tile = tileProduct();
  for (int64_t column = 0; column < width; column += tile.columns)
    for (int64_t row = 0; row < rows; row += tile.rows) {
      const int64_t end = std::min(rows, row + tile.rows);
      Block block = blockOf(seen, group, row, end);
      if (block.from >= block.to) block.from = block.to = kKeys;
      const auto alone = [&](int64_t low, int64_t high) {
        for (int64_t each = row; each < end; ++each) {
          const int64_t from = std::max(low, seen[each / group].from), to = std::min(high, seen[each / group].to);
          if (from < to) tile.single(weights + each * kKeys + from, kKeys, v + from * width + column, width, sums + each * width + column, width, to - from, true);
        }
      };
      alone(0, block.from);
      if (block.from < block.to)
        tile.straight(weights + row * kKeys + block.from, kKeys, v + block.from * width + column, width, sums + row * width + column, width, block.to - block.from, true);
      alone(block.to, kKeys);
    }
}

/** softmax(scale · q kᵀ + mask) v, and the logarithm of each row's Σ exp(score): `[b, heads, t]`. */
void attention(Call& call) {
  const Heads of = placedHeadsOf(call, 0, 3);
  const Array &q = call.input(0), &k = call.input(1), &v = call.input(2);
  const Array out = call.output(0, q.sizes), lse = call.output(1, {of.b, of.heads, of.t});
  const int64_t queries = std::min(of.t, queriesOf(of)), tiles = (of.t + queries - 1) / std::max<int64_t>(1, queries);
  const int64_t cost = queries * of.group * of.inner * std::min(of.offset + of.t, of.window) / 4;
  shareTasks(call, of.b * of.kv * tiles, cost, attendFloats(of, queries), [&](int64_t task, float* memory) {
    // The last queries see most: they come first.
    const int64_t first = (tiles - 1 - task / (of.b * of.kv)) * queries;
    const Queries some{task % of.b, task / of.b % of.kv, first, std::min(queries, of.t - first)};
    attendTo(of, some, q.floats(), k.floats(), v.floats(), out.floats(), lse.floats(), memory);
  });
}

const Op kAttention("ChopAttention", "q: float, k: float, v: float, offset: int32, segments: N * int32 -> out: float, lse: float", "scale, window", attention);

}  // namespace

int64_t attendFloats(const Heads& of, int64_t queries) {
  return roundedUp(queries * of.group, kTileRowsMultiple) * (of.inner + kKeys + of.width + 2) + kKeys * (of.inner + of.width);
}

void attendTo(const Heads& of, const Queries& task, const float* q, const float* k, const float* v, float* out, float* lse, float* memory) {
  const auto [batch, head, first, count] = task;
  const int64_t used = count * of.group, rows = roundedUp(used, kTileRowsMultiple);
  float *scaled = memory, *scores = scaled + rows * of.inner, *sums = scores + rows * kKeys;
  float *keys = sums + rows * of.width, *values = keys + kKeys * of.inner;
  auto* state = reinterpret_cast<Softmax*>(values + kKeys * of.width);
  copyQueries(of, q, batch, first, count, head, of.scale, of.inner, scaled);
  std::fill_n(scaled + used * of.inner, (rows - used) * of.inner, 0.0f);
  std::fill_n(sums, rows * of.width, 0.0f);
  // Rows that lie close together already need no copy: what stands behind the last key is not looked at.
  const bool close = of.kv == 1 && of.inner == of.width;
  std::fill_n(state, used, Softmax{});
  Seen range[kQueryRows];
  for (int64_t firstKey = firstTile(of, first); firstKey < of.offset + first + count; firstKey += kKeys) {
    bool any = false;
    for (int64_t i = 0; i < count; ++i) {
      range[i] = seen(of, batch, first + i, firstKey);
      any |= range[i].from < range[i].to;
    }
    if (!any) continue;
    turnKeys(of, k, batch, firstKey, head, keys);
    if (!close) copyKeys(of, v, batch, firstKey, head, values);
    scoreTile(range, of, scaled, of.inner, keys, scores, used);
    for (int64_t row = 0; row < used; ++row) {
      const Seen& own = range[row / of.group];
      if (own.from >= own.to) continue;
      if (own.gaps) hide(of, batch, first + row / of.group, firstKey, own, kNone, scores + row * kKeys);
      carry(scores + row * kKeys, own.from, own.to, state[row], sums + row * of.width, of.width);
    }
    mix(range, of.group, scores, close ? v + of.key(batch, firstKey, head) : values, of.width, sums, used);
  }
  for (int64_t row = 0; row < used; ++row) {
    const int64_t query = first + row / of.group, each = row % of.group;
    divide(sums + row * of.width, state[row].sum, out + of.query(batch, query, head) + each * of.inner, of.inner);
    if (lse != nullptr) lse[(batch * of.heads + head * of.group + each) * of.t + query] = state[row].largest + std::log(state[row].sum);
  }
}

}  // namespace chop
