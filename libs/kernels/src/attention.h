// What both passes of attention share: the shapes, which keys a query sees, and tiles copied so that they lie close together.
#pragma once

#include <algorithm>

#include "native/lanes.h"
#include "native/native.h"
#include "native/tile.h"

namespace chop {

/** Keys of a tile, counted from key 0: a multiple of the rows and of the columns of every level's tile. */
constexpr int64_t kKeys = 96;

struct Heads {
  int64_t b, t, s, heads, kv, inner, group, width;  // width: inner, filled up to whole tiles
  int64_t offset, window;                           // position of the first query among the keys; how far back one sees
  float scale;
  const int32_t* segments;  // [b, s] or null

  /** Where the heads of one group begin in q, out and dy: `group · inner` numbers. */
  int64_t query(int64_t batch, int64_t at, int64_t head) const { return ((batch * t + at) * heads + head * group) * inner; }
  int64_t key(int64_t batch, int64_t at, int64_t head) const { return ((batch * s + at) * kv + head) * inner; }
};

/** Reads and checks the shapes of q, k and v, the first of which is input `first`. */
Heads headsOf(Call& call, int first);

/**
 * The same with the position of the first query, which is input `offset`; the segments may follow. Keys after the last query are not looked at: a cache may
 * have room for more.
 */
Heads placedHeadsOf(Call& call, int first, int offset);

/** The keys `from … to − 1` of a tile that a query sees; with gaps, not all of them. */
struct Seen {
  int64_t from = 0, to = 0;
  bool gaps = false;
};

Seen seen(const Heads& of, int64_t batch, int64_t query, int64_t firstKey);

/** Puts `value` wherever the range of a query has a gap. */
inline void hide(const Heads& of, int64_t batch, int64_t query, int64_t firstKey, const Seen& range, float value, float* row) {
  const int32_t* marks = of.segments + batch * of.s;
  for (int64_t key = range.from; key < range.to; ++key)
    if (marks[firstKey + key] != marks[of.offset + query]) row[key] = value;
}

/** Some queries of the heads of one group: what a thread does at a time, at most kQueryRows of their rows. */
struct Queries {
  int64_t batch, head, first, count;
};

/** Rows of a task (queries of the heads of one group): what a tile of keys costs to copy is shared by so many. */
constexpr int64_t kQueryRows = 192;

/** Queries of a task, at least one. */
inline int64_t queriesOf(const Heads& of) { return std::max<int64_t>(1, kQueryRows / of.group); }

/** The first key of the first tile that a query, or one after it, sees. */
inline int64_t firstTile(const Heads& of, int64_t query) { return std::max<int64_t>(0, of.offset + query - of.window + 1) / kKeys * kKeys; }

/** Memory that `attendTo` needs for so many queries. In floats. */
int64_t attendFloats(const Heads& of, int64_t queries);

/** `out = softmax(scale · q kᵀ + mask) v` for some queries; `lse`, where it is wanted: the logarithm of each row's Σ exp(score), `[b, heads, t]`. */
void attendTo(const Heads& of, const Queries& task, const float* q, const float* k, const float* v, float* out, float* lse, float* memory);

/** What `rows` of a block see together: each sees at least `from … to − 1` if that is not empty, and nothing outside `low … high − 1`. */
struct Block {
  int64_t low = kKeys, high = 0, from = 0, to = kKeys;
};

inline Block blockOf(const Seen* seen, int64_t group, int64_t row, int64_t end) {
  Block block;
  for (int64_t i = row / group; i <= (end - 1) / group; ++i) {
    block.from = std::max(block.from, seen[i].from);
    block.to = std::min(block.to, seen[i].to);
    if (seen[i].from >= seen[i].to) continue;
    block.low = std::min(block.low, seen[i].from);
    block.high = std::max(block.high, seen[i].to);
  }
  return block;
}

/** `count` queries from `at` on, the rows of one group close together: `to[(query · group + head)][stride]`, times `factor`. */
void copyQueries(const Heads& of, const float* from, int64_t batch, int64_t at, int64_t count, int64_t head, float factor, int64_t stride, float* to);

/** The keys (or values) of a tile as rows `to[key][width]`, zeros beyond. */
void copyKeys(const Heads& of, const float* from, int64_t batch, int64_t firstKey, int64_t head, float* to);

/** The keys (or values) of a tile as columns `to[inner][key]`, zeros beyond. */
void turnKeys(const Heads& of, const float* from, int64_t batch, int64_t firstKey, int64_t head, float* to);

/** `scores[row][key] = q · kᵀ` wherever a row of a block sees a key of a panel. q has `stride` between rows; k comes from turnKeys. */
void scoreTile(const Seen* seen, const Heads& of, const float* q, int64_t stride, const float* k, float* scores, int64_t rows);

}  // namespace chop
