// The scores are computed again, a tile at a time, from the logarithm that the forward pass kept (arXiv 2205.14135, algorithm 4).
#include "attention.h"
#include "native/exp.h"

namespace chop {
namespace {

/** Rows of a tile (queries of the heads of one group): its scores and their gradients stay in the first- and second-level cache. */
constexpr int64_t kRows = 48;

/** A task takes the keys of one key-value head, of long sequences a part of them: at least so many tiles, at most so many parts. */
constexpr int64_t kPartTiles = 3, kParts = 4;

CHOP_LEVELS float dot(const float* a, const float* b, int64_t n) {
  float sum = 0;
#pragma omp simd reduction(+ : sum)
  for (int64_t i = 0; i < n; ++i) sum += a[i] * b[i];
  return sum;
}

/** Scores become probabilities p = exp(score − lse), and their gradients dp those of the scores: p (dp − Σ dy ∘ out). */
CHOP_LEVELS void softmaxGrad(float* scores, float* gradients, int64_t from, int64_t to, float lse, float along) {
  const int low = static_cast<int>(from), high = static_cast<int>(to);
  for (int key = 0; key < kKeys; ++key) {
    const float p = exponential(scores[key] - lse), gradient = p * (gradients[key] - along);
    const bool inside = key >= low && key < high;
    scores[key] = inside ? p : 0.0f;
    gradients[key] = inside ? gradient : 0.0f;
  }
}

CHOP_LEVELS void add(float* to, const float* from, int64_t n) {
  for (int64_t i = 0; i < n; ++i) to[i] += from[i];
}

CHOP_LEVELS void addScaled(float* to, const float* from, float factor, int64_t n, bool first) {
  for (int64_t i = 0; i < n; ++i) to[i] = (first ? 0.0f : to[i]) + from[i] * factor;
}

/** `sums[key] += Σ weights[row][key] · of[row]` over the rows that see a key of the block. */
void gather(const Seen* seen, int64_t group, int64_t count, const float* weights, const float* of, int64_t width, float* sums) {
  const TileProduct& tile = tileProduct();
  for (int64_t key = 0; key < kKeys; key += tile.rows) {
    int64_t from = 0, to = count;
    const auto sees = [&](int64_t query) { return seen[query].from < key + tile.rows && seen[query].to > key; };
    while (from < to && !sees(from)) ++from;
    while (to > from && !sees(to - 1)) --to;
    if (from == to) continue;
    for (int64_t column = 0; column < width; column += tile.columns)
      tile.turned(weights + from * group * kKeys + key, kKeys, of + from * group * width + column, width, sums + key * width + column, width, (to - from) * group, true);
  }
}

/** `to[row] = Σ weights[row][key] · keys[key]` over the keys that a block of rows sees. */
void spread(const Seen* seen, int64_t group, const float* weights, const float* keys, int64_t width, float* to, int64_t rows) {
  const TileProduct& tile = tileProduct();
  for (int64_t column = 0; column < width; column += tile.columns)
    for (int64_t row = 0; row < rows; row += tile.rows) {
      const Block block = blockOf(seen, group, row, std::min(rows, row + tile.rows));
      tile.straight(weights + row * kKeys + block.low, kKeys, keys + block.low * width + column, width, to + row * width + column, width,
                    std::max<int64_t>(0, block.high - block.low), false);
    }
}

/** What the backward pass reads, and where it writes: dq in parts, one per part of the keys, of which the sum is dq / scale. */
struct Pass {
  const float *dy, *q, *k, *v, *lse, *along;
  float *dq, *dk, *dv;
  int64_t queries, rows;
};

/** The memory of a thread. */
struct Memory {
  float *q, *dy, *scores, *gradients, *dq, *dk, *dv, *keys, *turnedKeys, *turnedValues;

  static int64_t floats(const Heads& of, int64_t rows) { return 3 * rows * of.width + 2 * rows * kKeys + 3 * kKeys * of.width + 2 * kKeys * of.inner; }

  Memory(const Heads& of, int64_t rows, float* from)
      : q(from), dy(q + rows * of.width), scores(dy + rows * of.width), gradients(scores + rows * kKeys), dq(gradients + rows * kKeys), dk(dq + rows * of.width),
        dv(dk + kKeys * of.width), keys(dv + kKeys * of.width), turnedKeys(keys + kKeys * of.width), turnedValues(turnedKeys + kKeys * of.inner) {}
};

/** One tile of queries against one of keys, whose dk and dv grow. */
void tileGrad(const Heads& of, const Pass& pass, const Memory& memory, int64_t batch, int64_t head, int64_t firstKey, int64_t first) {
  const int64_t count = std::min(pass.queries, of.t - first), rows = count * of.group;
  Seen range[kRows];
  bool any = false;
  for (int64_t i = 0; i < count; ++i) {
    range[i] = seen(of, batch, first + i, firstKey);
    any |= range[i].from < range[i].to;
  }
  if (!any) return;
  copyQueries(of, pass.q, batch, first, count, head, of.scale, of.width, memory.q);
  copyQueries(of, pass.dy, batch, first, count, head, 1, of.width, memory.dy);
  scoreTile(range, of, memory.q, of.width, memory.turnedKeys, memory.scores, rows);
  scoreTile(range, of, memory.dy, of.width, memory.turnedValues, memory.gradients, rows);
  for (int64_t row = 0; row < rows; ++row) {
    const Seen& own = range[row / of.group];
    const int64_t query = first + row / of.group, each = head * of.group + row % of.group;
    float *scores = memory.scores + row * kKeys, *gradients = memory.gradients + row * kKeys;
    const int64_t at = (batch * of.heads + each) * of.t + query;
    softmaxGrad(scores, gradients, own.from, own.to, pass.lse[at], pass.along[at]);
    if (own.gaps) hide(of, batch, query, firstKey, own, 0, scores);
    if (own.gaps) hide(of, batch, query, firstKey, own, 0, gradients);
  }
  gather(range, of.group, count, memory.scores, memory.dy, of.width, memory.dv);
  gather(range, of.group, count, memory.gradients, memory.q, of.width, memory.dk);
  spread(range, of.group, memory.gradients, memory.keys, of.width, memory.dq, rows);
  for (int64_t row = 0; row < rows; ++row)
    add(pass.dq + of.query(batch, first + row / of.group, head) + row % of.group * of.inner, memory.dq + row * of.width, of.inner);
}

/** The keys `from … to − 1` of one key-value head. */
void partGrad(const Heads& of, const Pass& pass, const Memory& memory, int64_t batch, int64_t head, int64_t from, int64_t to) {
  for (int64_t at = 0; at < of.t; ++at) std::fill_n(pass.dq + of.query(batch, at, head), of.group * of.inner, 0.0f);
  std::fill_n(memory.q, 2 * pass.rows * of.width, 0.0f);
  for (int64_t firstKey = from; firstKey < to; firstKey += kKeys) {
    copyKeys(of, pass.k, batch, firstKey, head, memory.keys);
    turnKeys(of, pass.k, batch, firstKey, head, memory.turnedKeys);
    turnKeys(of, pass.v, batch, firstKey, head, memory.turnedValues);
    std::fill_n(memory.dk, 2 * kKeys * of.width, 0.0f);
    const int64_t begin = std::max<int64_t>(0, firstKey - of.offset) / pass.queries * pass.queries;
    const int64_t end = std::min(of.t, firstKey + kKeys + of.window - of.offset);
    for (int64_t first = begin; first < end; first += pass.queries) tileGrad(of, pass, memory, batch, head, firstKey, first);
    for (int64_t key = 0; key < std::min(kKeys, of.s - firstKey); ++key) {
      std::copy_n(memory.dk + key * of.width, of.inner, pass.dk + of.key(batch, firstKey + key, head));
      std::copy_n(memory.dv + key * of.width, of.inner, pass.dv + of.key(batch, firstKey + key, head));
    }
  }
}

/** With p the probabilities: dv = pᵀ dy, dp = dy vᵀ, ds = p (dp − Σ dy ∘ out), dq = scale · ds k, dk = scale · dsᵀ q. */
void attentionGrad(Call& call) {
  const Heads of = placedHeadsOf(call, 1, 6);
  const Array &dy = call.input(0), &q = call.input(1), &k = call.input(2), &v = call.input(3), &out = call.input(4), &lse = call.input(5);
  Call::expect(dy.sizes == q.sizes && out.sizes == q.sizes && lse.sizes == Sizes({of.b, of.heads, of.t}), "dy and out of the shape of q, lse [b, heads, t]");
  const Array dq = call.output(0, q.sizes), dk = call.output(1, k.sizes), dv = call.output(2, v.sizes);
  const int64_t tiles = (of.s + kKeys - 1) / kKeys, partTiles = std::max(kPartTiles, (tiles + kParts - 1) / kParts), parts = (tiles + partTiles - 1) / partTiles;
  float *along = call.scratch(of.b * of.heads * of.t), *dqParts = call.scratch(parts * q.count);
  call.parallel(of.b * of.t, of.heads * of.inner, [&](int64_t from, int64_t to) {
    for (int64_t row = from * of.heads; row < to * of.heads; ++row) {
      const int64_t at = row / of.heads, head = row % of.heads;
      along[(at / of.t * of.heads + head) * of.t + at % of.t] = dot(dy.floats() + row * of.inner, out.floats() + row * of.inner, of.inner);
    }
  });
  const int64_t queries = std::max<int64_t>(1, kRows / of.group), rows = roundedUp(queries * of.group, kTileRowsMultiple);
  const int64_t cost = partTiles * kKeys * of.t * of.group * of.inner / 3;
  shareTasks(call, of.b * of.kv * parts, cost, Memory::floats(of, rows), [&](int64_t task, float* memory) {
    // The first keys are seen most: they come first.
    const int64_t batch = task % of.b, head = task / of.b % of.kv, part = task / (of.b * of.kv);
    const Pass pass{dy.floats(), q.floats(), k.floats(), v.floats(), lse.floats(), along, dqParts + part * q.count, dk.floats(), dv.floats(), queries, rows};
    partGrad(of, pass, Memory(of, rows, memory), batch, head, part * partTiles * kKeys, std::min(of.s, (part + 1) * partTiles * kKeys));
  });
  const int64_t n = of.heads * of.inner;
  call.parallel(of.b * of.t, n * (parts + 1), [&](int64_t from, int64_t to) {
    for (int64_t part = 0; part < parts; ++part) addScaled(dq.floats() + from * n, dqParts + part * q.count + from * n, of.scale, (to - from) * n, part == 0);
  });
}

const Op kAttentionGrad("ChopAttentionGrad", "dy: float, q: float, k: float, v: float, out: float, lse: float, offset: int32, segments: N * int32 -> dq: float, dk: float, dv: float",
                        "scale, window", attentionGrad);

}  // namespace
}  // namespace chop
