// Dao et al. 2022, arXiv 2205.14135: the softmax is carried along the tiles of keys, so that the scores are never written out whole.
#include "attention.h"

#include <cmath>
#include <limits>

#include "native/exp.h"

namespace chop {
namespace {

constexpr float kNone = -std::numeric_limits<float>::infinity();
/** Floats of the widest register, and rows whose scores are taken in together. */
constexpr int kLanes = 16;

/** What is known of the rows so far: the largest score of each, and Σ exp(score − largest). */
struct Softmax {
  float *largest, *sum;
};

/**
 * Takes the scores of one more tile into at most `kLanes` rows: they become exp(score − largest), and what was summed with the old largest score is scaled.
 * Each key has its lane, and the lanes of a row are summed in their order, those of all rows at once: a row's numbers do not depend on the rows beside it.
 */
CHOP_LEVELS void carry(float* scores, const Seen* seen, int64_t rows, const Softmax& known, float* sums, int64_t width) {
  float origin[kLanes], shrink[kLanes], total[kLanes] = {};
  alignas(64) float lanes[kLanes * kLanes] = {}, turned[kLanes * kLanes];
  // Whole registers, so that each key keeps its lane of the sums whatever else is seen.
  const auto begin = [&](int64_t row) { return static_cast<int>(seen[row].from) / kLanes * kLanes; };
  const auto end = [&](int64_t row) { return seen[row].from < seen[row].to ? (static_cast<int>(seen[row].to) + kLanes - 1) / kLanes * kLanes : begin(row); };
  for (int64_t row = 0; row < kLanes; ++row) origin[row] = known.largest[row];
  for (int64_t row = 0; row < rows; ++row) {
    const int low = static_cast<int>(seen[row].from), high = static_cast<int>(seen[row].to);
    float *at = scores + row * kKeys, largest = origin[row];
#pragma omp simd reduction(max : largest)
    for (int key = begin(row); key < end(row); ++key) {
      at[key] = key >= low && key < high ? at[key] : kNone;
      largest = at[key] > largest ? at[key] : largest;
    }
    origin[row] = largest;
  }
  for (int row = 0; row < kLanes; ++row) {
    const float before = known.largest[row];
    known.largest[row] = origin[row];
    origin[row] = origin[row] == kNone ? 0.0f : origin[row];  // −∞ − −∞ is no number
    shrink[row] = exponential(before - origin[row]);
  }
  for (int64_t row = 0; row < rows; ++row) {
    float* lane = lanes + row * kLanes;
    for (float *at = scores + row * kKeys + begin(row), *last = scores + row * kKeys + end(row); at < last; at += kLanes)
      for (int i = 0; i < kLanes; ++i) {
        at[i] = exponential(at[i] - origin[row]);
        lane[i] += at[i];
      }
  }
  tileProduct().turn(lanes, kLanes, kLanes, kLanes, turned, kLanes);
  for (int lane = 0; lane < kLanes; ++lane)
    for (int row = 0; row < kLanes; ++row) total[row] += turned[lane * kLanes + row];
  for (int row = 0; row < kLanes; ++row) known.sum[row] = known.sum[row] * shrink[row] + total[row];
  for (int64_t row = 0; row < rows; ++row)
    for (int64_t i = 0; i < width; ++i) sums[row * width + i] *= shrink[row];
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
      if (block.low < block.from) alone(0, block.from);
      if (block.from < block.to)
        tile.straight(weights + row * kKeys + block.from, kKeys, v + block.from * width + column, width, sums + row * width + column, width, block.to - block.from, true);
      if (block.high > block.to) alone(block.to, kKeys);
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
  const int64_t rows = roundedUp(queries * of.group, kTileRowsMultiple);
  return rows * (of.inner + kKeys + of.width) + 2 * roundedUp(rows, kLanes) + kKeys * (of.inner + of.width);
}

void attendTo(const Heads& of, const Queries& task, const float* q, const float* k, const float* v, float* out, float* lse, float* memory) {
  const auto [batch, head, first, count] = task;
  const int64_t used = count * of.group, rows = roundedUp(used, kTileRowsMultiple);
  float *scaled = memory, *scores = scaled + rows * of.inner, *sums = scores + rows * kKeys;
  float *keys = sums + rows * of.width, *values = keys + kKeys * of.inner;
  const int64_t states = roundedUp(rows, kLanes);
  const Softmax known{values + kKeys * of.width, values + kKeys * of.width + states};
  copyQueries(of, q, batch, first, count, head, of.scale, of.inner, scaled);
  std::fill_n(scaled + used * of.inner, (rows - used) * of.inner, 0.0f);
  std::fill_n(sums, rows * of.width, 0.0f);
  // Rows that lie close together already need no copy: what stands behind the last key is not looked at.
  const bool close = of.kv == 1 && of.inner == of.width;
  std::fill_n(known.largest, states, kNone);
  std::fill_n(known.sum, states, 0.0f);
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
    for (int64_t row = 0; row < used; row += kLanes) {
      const int64_t together = std::min<int64_t>(kLanes, used - row);
      Seen own[kLanes];
      bool see = false;
      for (int64_t i = 0, query = row / of.group, each = row % of.group; i < together; ++i) {
        own[i] = range[query];
        see |= own[i].from < own[i].to;
        if (own[i].gaps) hide(of, batch, first + query, firstKey, own[i], kNone, scores + (row + i) * kKeys);
        if (++each == of.group) each = 0, ++query;
      }
      if (see) carry(scores + row * kKeys, own, together, {known.largest + row, known.sum + row}, sums + row * of.width, of.width);
    }
    mix(range, of.group, scores, close ? v + of.key(batch, firstKey, head) : values, of.width, sums, used);
  }
  for (int64_t query = first, row = 0; query < first + count; ++query)
    for (int64_t each = 0; each < of.group; ++each, ++row) {
      divide(sums + row * of.width, known.sum[row], out + of.query(batch, query, head) + each * of.inner, of.inner);
      if (lse != nullptr) lse[(batch * of.heads + head * of.group + each) * of.t + query] = known.largest[row] + std::log(known.sum[row]);
    }
}

}  // namespace chop
