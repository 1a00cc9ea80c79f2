#include "native/cuda/device.h"

namespace chop::cuda {

/** Queries or keys of a tile; features that products of two tiles take at a time. A warp's threads stand beside one another along a tile. */
constexpr int kTile = 32;
/** Rows of a tile that one thread has, and how many numbers of each at a time: features `kTile` apart. */
constexpr int kOwn = kTile * kTile / kThreads, kAcross = 4;
constexpr int kColumns = kTile * kAcross;

struct Heads {
  int64_t b, t, s, heads, kv, inner, window;
  float scale;
  const int* offset;    // position of the first query among the keys: one number
  const int* segments;  // [b, s] or null

  __device__ int64_t group() const { return heads / kv; }
  /** Where a query, or its out and dy, and where a key or value begins. */
  __device__ int64_t query(int64_t batch, int64_t at, int64_t head) const { return ((batch * t + at) * heads + head) * inner; }
  __device__ int64_t key(int64_t batch, int64_t at, int64_t head) const { return ((batch * s + at) * kv + head) * inner; }
  /** Where a query's number stands in lse and the like, `[b, heads, t]`. */
  __device__ int64_t row(int64_t batch, int64_t at, int64_t head) const { return (batch * heads + head) * t + at; }

  __device__ bool sees(int64_t batch, int64_t query, int64_t key) const {
    const int64_t at = *offset + query;
    return query < t && at < s && key <= at && key > at - window && (segments == nullptr || segments[batch * s + key] == segments[batch * s + at]);
  }
};

__device__ int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
__device__ int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

/** Some queries (or keys) of a head (of a key-value head): what a block of threads does. */
struct Tile {
  int64_t batch, head, first, end;

  __device__ int64_t count() const { return end - first; }
};

/** The tile of this block, of `heads` heads and `length` queries or keys. */
__device__ Tile tileOfBlock(int64_t heads, int64_t length) {
  const int64_t tiles = (length + kTile - 1) / kTile, head = blockIdx.x / tiles, first = blockIdx.x % tiles * kTile;
  return {head / heads, head % heads, first, least(length, first + kTile)};
}

/** The keys that some query of a tile sees: all between them are looked at, and none beyond. */
__device__ Tile keysOf(const Heads& of, const Tile& queries) {
  const int64_t first = most(0, *of.offset + queries.first - of.window + 1);
  return {queries.batch, queries.head / of.group(), first / kTile * kTile, least(of.s, *of.offset + queries.end)};
}

/** The queries that see some key of a tile. */
__device__ Tile queriesOf(const Heads& of, const Tile& keys, int64_t head) {
  const int64_t first = most(0, keys.first - *of.offset);
  return {keys.batch, head, first / kTile * kTile, least(of.t, keys.end - 1 + of.window - *of.offset)};
}

/** This thread's rows of a tile are `kOwn` from this one on. */
__device__ int ownRow() { return threadIdx.x / kTile * kOwn; }
/** And its place along the other tile. */
__device__ int ownPlace() { return threadIdx.x % kTile; }

/** `[i]`: row `ownRow() + i` of one tile times row `ownPlace()` of another: `inner` features each, rows `strideA` and `strideB` apart, `countA` and `countB` of them. */
__device__ void multiplyTiles(const float* a, int64_t strideA, int64_t countA, const float* b, int64_t strideB, int64_t countB, int64_t inner, float (&products)[kOwn]) {
  __shared__ float left[kTile][kTile + 1], right[kTile][kTile + 1];
  for (float& product : products) product = 0;
  for (int64_t from = 0; from < inner; from += kTile) {
    const int64_t feature = from + ownPlace();
    __syncthreads();  // someone may still read the slice before this one
    for (int i = ownRow(); i < ownRow() + kOwn; ++i) {
      left[i][ownPlace()] = feature < inner && i < countA ? a[i * strideA + feature] : 0.0f;
      right[i][ownPlace()] = feature < inner && i < countB ? b[i * strideB + feature] : 0.0f;
    }
    __syncthreads();
    for (int k = 0; k < kTile; ++k)
      for (int i = 0; i < kOwn; ++i) products[i] += left[ownRow() + i][k] * right[ownPlace()][k];
  }
}

/** Weights of the rows of one tile for those of another, and where there are any: what is no number elsewhere does not come through. */
struct Weights {
  float of[kTile][kTile + 1];
  bool seen[kTile][kTile];
};

/** `sums[i][j] += Σ weights[ownRow() + i][k] · rows[k][ownPlace() + j · kTile]` over `count` rows, `stride` apart, `columns` wide. */
__device__ void addRows(const Weights& weights, const float* rows, int64_t stride, int64_t count, int64_t columns, float (&sums)[kOwn][kAcross]) {
  for (int64_t k = 0; k < count; ++k) {
    float values[kAcross];
    for (int j = 0; j < kAcross; ++j) values[j] = ownPlace() + j * kTile < columns ? rows[k * stride + ownPlace() + j * kTile] : 0.0f;
    for (int i = 0; i < kOwn; ++i)
      if (weights.seen[ownRow() + i][k])
        for (int j = 0; j < kAcross; ++j) sums[i][j] += weights.of[ownRow() + i][k] * values[j];
  }
}

/** `to[ownRow() + i][ownPlace() + j · kTile] = sums[i][j]` in the `count` rows and `columns` that there are, rows `stride` apart. */
__device__ void storeRows(const float (&sums)[kOwn][kAcross], float* to, int64_t stride, int64_t count, int64_t columns) {
  for (int i = 0; i < kOwn && ownRow() + i < count; ++i)
    for (int64_t j = 0, column = ownPlace(); j < kAcross && column < columns; ++j, column += kTile) to[(ownRow() + i) * stride + column] = sums[i][j];
}

/**
 * A block for each tile of queries: `out = softmax(scale · q kᵀ + mask) v` and `lse`, the logarithm of each row's Σ exp(score). Tiles of keys pass by; what was summed shrinks
 * whenever a larger score comes (Milakov and Gimelshein 2018, arXiv 1805.02867). Features beyond `kColumns` are a pass of their own.
 */
extern "C" __global__ void attentionForward(const float* q, const float* k, const float* v, float* out, float* lse, const Heads of) {
  __shared__ Weights weights;
  __shared__ float largest[kTile], shrink[kTile];
  const Tile queries = tileOfBlock(of.heads, of.t), keys = keysOf(of, queries);
  const int64_t query = of.query(queries.batch, queries.first, queries.head), strideQ = of.heads * of.inner, strideK = of.kv * of.inner;
  for (int64_t column = 0; column < of.inner; column += kColumns) {
    float sums[kOwn][kAcross] = {}, totals[kOwn] = {};
    if (threadIdx.x < kTile) largest[threadIdx.x] = -INFINITY;
    for (int64_t first = keys.first; first < keys.end; first += kTile) {
      const int64_t key = of.key(keys.batch, first, keys.head), count = least(kTile, keys.end - first);
      float scores[kOwn];
      multiplyTiles(q + query, strideQ, queries.count(), k + key, strideK, count, of.inner, scores);
      for (int i = 0; i < kOwn; ++i) {
        const bool seen = ownPlace() < count && of.sees(queries.batch, queries.first + ownRow() + i, first + ownPlace());
        weights.seen[ownRow() + i][ownPlace()] = seen;
        weights.of[ownRow() + i][ownPlace()] = seen ? scores[i] * of.scale : -INFINITY;
      }
      __syncthreads();
      if (threadIdx.x < kTile) {
        float now = largest[threadIdx.x];
        for (int i = 0; i < kTile; ++i) now = fmaxf(now, weights.of[threadIdx.x][i]);
        // Nothing seen so far: nothing to shrink.
        shrink[threadIdx.x] = now == largest[threadIdx.x] ? 1.0f : expf(largest[threadIdx.x] - now);
        largest[threadIdx.x] = now;
      }
      __syncthreads();
      for (int i = 0; i < kOwn; ++i) {
        float& weight = weights.of[ownRow() + i][ownPlace()];
        // Scores of −∞ alone weigh nothing, yet.
        const float origin = largest[ownRow() + i] == -INFINITY ? 0.0f : largest[ownRow() + i];
        weight = weights.seen[ownRow() + i][ownPlace()] ? expf(weight - origin) : 0.0f;
      }
      __syncthreads();
      for (int i = 0; i < kOwn; ++i) {
        totals[i] *= shrink[ownRow() + i];
        for (int j = 0; j < kAcross; ++j) sums[i][j] *= shrink[ownRow() + i];
        for (int each = 0; each < count; ++each) totals[i] += weights.of[ownRow() + i][each];
      }
      addRows(weights, v + key + column, strideK, count, of.inner - column, sums);
    }
    for (int i = 0; i < kOwn; ++i)
      for (float& sum : sums[i]) sum /= totals[i];
    storeRows(sums, out + query + column, strideQ, queries.count(), of.inner - column);
    if (column == 0 && ownPlace() == 0)
      for (int i = 0; i < kOwn && ownRow() + i < queries.count(); ++i)
        lse[of.row(queries.batch, queries.first + ownRow() + i, queries.head)] = largest[ownRow() + i] + logf(totals[i]);
    __syncthreads();  // before the next pass begins anew
  }
}

/** A row's Σ dy ∘ out, `[b, heads, t]`: a warp for each row, `kThreads / kTile` rows for a block at a time. */
extern "C" __global__ void attentionAlong(const float* dy, const float* out, float* along, const Heads of) {
  __shared__ float parts[kThreads];
  const int64_t rows = of.b * of.heads * of.t, together = kThreads / kTile;
  for (int64_t first = blockIdx.x * together; first < rows; first += gridDim.x * together) {
    const int64_t row = first + threadIdx.x / kTile, from = of.query(row / of.t / of.heads, row % of.t, row / of.t % of.heads);
    float sum = 0;
    if (row < rows)
      for (int64_t i = from + ownPlace(); i < from + of.inner; i += kTile) sum += dy[i] * out[i];
    parts[threadIdx.x] = sum;
    __syncthreads();
    if (row < rows && ownPlace() == 0) {
      for (int i = 1; i < kTile; ++i) sum += parts[threadIdx.x + i];
      along[row] = sum;
    }
    __syncthreads();
  }
}

/** A block for each tile of queries. With p the weights and ds = scale · p ∘ (dy vᵀ − along): dq = ds k. */
extern "C" __global__ void attentionBackwardQueries(const float* dy, const float* q, const float* k, const float* v, const float* lse, const float* along, float* dq, const Heads of) {
  __shared__ Weights slopes;
  const Tile queries = tileOfBlock(of.heads, of.t), keys = keysOf(of, queries);
  const int64_t query = of.query(queries.batch, queries.first, queries.head), strideQ = of.heads * of.inner, strideK = of.kv * of.inner;
  for (int64_t column = 0; column < of.inner; column += kColumns) {
    float sums[kOwn][kAcross] = {};
    for (int64_t first = keys.first; first < keys.end; first += kTile) {
      const int64_t key = of.key(keys.batch, first, keys.head), count = least(kTile, keys.end - first);
      float scores[kOwn], changes[kOwn];
      multiplyTiles(q + query, strideQ, queries.count(), k + key, strideK, count, of.inner, scores);
      multiplyTiles(dy + query, strideQ, queries.count(), v + key, strideK, count, of.inner, changes);
      for (int i = 0; i < kOwn; ++i) {
        const int64_t at = queries.first + ownRow() + i, row = of.row(queries.batch, at, queries.head);
        const bool seen = ownPlace() < count && of.sees(queries.batch, at, first + ownPlace());
        slopes.seen[ownRow() + i][ownPlace()] = seen;
        if (seen) slopes.of[ownRow() + i][ownPlace()] = of.scale * expf(scores[i] * of.scale - lse[row]) * (changes[i] - along[row]);
      }
      __syncthreads();
      addRows(slopes, k + key + column, strideK, count, of.inner - column, sums);
    }
    storeRows(sums, dq + query + column, strideQ, queries.count(), of.inner - column);
  }
}

/** A block for each tile of keys, whose queries pass by: dk = dsᵀ q, dv = pᵀ dy, over all heads of the group in their order. */
extern "C" __global__ void attentionBackwardKeys(const float* dy, const float* q, const float* k, const float* v, const float* lse, const float* along, float* dk, float* dv, const Heads of) {
  __shared__ Weights weights, slopes;
  const Tile keys = tileOfBlock(of.kv, of.s);
  const int64_t key = of.key(keys.batch, keys.first, keys.head), strideQ = of.heads * of.inner, strideK = of.kv * of.inner;
  for (int64_t column = 0; column < of.inner; column += kColumns) {
    float sumsOfK[kOwn][kAcross] = {}, sumsOfV[kOwn][kAcross] = {};
    for (int64_t head = keys.head * of.group(); head < (keys.head + 1) * of.group(); ++head) {
      const Tile queries = queriesOf(of, keys, head);
      for (int64_t first = queries.first; first < queries.end; first += kTile) {
        const int64_t query = of.query(keys.batch, first, head), count = least(kTile, queries.end - first), at = first + ownPlace();
        float scores[kOwn], changes[kOwn];
        multiplyTiles(k + key, strideK, keys.count(), q + query, strideQ, count, of.inner, scores);
        multiplyTiles(v + key, strideK, keys.count(), dy + query, strideQ, count, of.inner, changes);
        for (int i = 0; i < kOwn; ++i) {
          const bool seen = ownPlace() < count && ownRow() + i < keys.count() && of.sees(keys.batch, at, keys.first + ownRow() + i);
          weights.seen[ownRow() + i][ownPlace()] = slopes.seen[ownRow() + i][ownPlace()] = seen;
          if (!seen) continue;
          const int64_t row = of.row(keys.batch, at, head);
          weights.of[ownRow() + i][ownPlace()] = expf(scores[i] * of.scale - lse[row]);
          slopes.of[ownRow() + i][ownPlace()] = of.scale * weights.of[ownRow() + i][ownPlace()] * (changes[i] - along[row]);
        }
        __syncthreads();
        addRows(weights, dy + query + column, strideQ, count, of.inner - column, sumsOfV);
        addRows(slopes, q + query + column, strideQ, count, of.inner - column, sumsOfK);
      }
    }
    storeRows(sumsOfV, dv + key + column, strideK, keys.count(), of.inner - column);
    storeRows(sumsOfK, dk + key + column, strideK, keys.count(), of.inner - column);
  }
}

#ifndef __CUDACC_RTC__
namespace {

/** The shapes of q, k and v, the first of which is input `first`. The position of the first query is input `offset`, in the GPU's memory as all; the segments may follow. */
Heads headsOf(Call& call, int first, int offset) {
  const Array &q = call.input(first), &k = call.input(first + 1), &v = call.input(first + 2);
  call.expect(q.rank() == 4 && k.rank() == 4 && k.sizes == v.sizes && q.size(0) == k.size(0) && q.size(3) == k.size(3) && k.size(2) > 0 && q.size(2) % k.size(2) == 0,
              "q [b, t, heads, inner], k and v [b, s, kv, inner], heads a multiple of kv");
  Heads of = {q.size(0), q.size(1), k.size(1), q.size(2), k.size(2), q.size(3), static_cast<int64_t>(call.number("window")), static_cast<float>(call.number("scale")), call.input(offset).ints(), nullptr};
  if (of.window == 0) of.window = of.s;
  call.expect(call.input(offset).count == 1 && of.t <= of.s && of.window > 0, "one position, keys for all queries, a window of at least 1");
  if (call.inputs() > offset + 1) {
    call.expect(call.input(offset + 1).sizes == Sizes({of.b, of.s}), "segments [b, s]");
    of.segments = call.input(offset + 1).ints();
  }
  return of;
}

/** A block for each tile of so many heads, of `length` queries or keys. */
Grid tilesOf(int64_t heads, int64_t length) { return {heads * ((length + kTile - 1) / kTile)}; }

void attention(Call& call) {
  const Heads of = headsOf(call, 0, 3);
  const Array &q = call.input(0), &k = call.input(1), &v = call.input(2);
  const Array out = call.output(0, q.sizes), lse = call.output(1, {of.b, of.heads, of.t});
  call.launch(KERNEL(attentionForward), tilesOf(of.b * of.heads, of.t), q.floats(), k.floats(), v.floats(), out.floats(), lse.floats(), of);
}

void attentionGrad(Call& call) {
  const Heads of = headsOf(call, 1, 6);
  const Array &dy = call.input(0), &q = call.input(1), &k = call.input(2), &v = call.input(3), &out = call.input(4), &lse = call.input(5);
  call.expect(dy.sizes == q.sizes && out.sizes == q.sizes && lse.sizes == Sizes({of.b, of.heads, of.t}), "dy and out of the shape of q, lse [b, heads, t]");
  const Array dq = call.output(0, q.sizes), dk = call.output(1, k.sizes), dv = call.output(2, v.sizes);
  float* along = call.scratch(lse.count);
  call.launch(KERNEL(attentionAlong), elements(lse.count * kTile), dy.floats(), out.floats(), along, of);
  call.launch(KERNEL(attentionBackwardQueries), tilesOf(of.b * of.heads, of.t), dy.floats(), q.floats(), k.floats(), v.floats(), lse.floats(), along, dq.floats(), of);
  call.launch(KERNEL(attentionBackwardKeys), tilesOf(of.b * of.kv, of.s), dy.floats(), q.floats(), k.floats(), v.floats(), lse.floats(), along, dk.floats(), dv.floats(), of);
}

const Op kAttention("ChopAttention", attention);
const Op kAttentionGrad("ChopAttentionGrad", attentionGrad);

}  // namespace
#endif

}  // namespace chop::cuda
