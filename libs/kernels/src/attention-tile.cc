#include <algorithm>

#include "attention.h"

namespace chop {

Heads headsOf(Call& call, int first) {
  const Array &q = call.input(first), &k = call.input(first + 1), &v = call.input(first + 2);
  Call::expect(q.rank() == 4 && k.rank() == 4 && v.sizes == k.sizes, "q [b, t, heads, inner], k and v [b, s, kv, inner]");
  Heads of{};
  of.b = q.size(0), of.t = q.size(1), of.heads = q.size(2), of.inner = q.size(3), of.s = k.size(1), of.kv = k.size(2);
  Call::expect(k.size(0) == of.b && k.size(3) == of.inner && of.kv > 0 && of.heads % of.kv == 0, "k and v of the batch and inner size of q, heads a multiple of kv");
  of.group = of.heads / of.kv;
  of.width = roundedUp(of.inner, tileProduct().columns);
  of.scale = static_cast<float>(call.number("scale"));
  const auto window = static_cast<int64_t>(call.number("window"));
  of.window = window > 0 ? window : of.s;
  return of;
}

Heads placedHeadsOf(Call& call, int first, int offset) {
  Heads of = headsOf(call, first);
  const Array& position = call.input(offset);
  Call::expect(position.count == 1, "one position of the first query");
  of.offset = position.ints()[0];
  Call::expect(of.offset >= 0 && of.offset + of.t <= of.s, "queries at positions within the keys");
  if (call.inputs() > offset + 1) {
    const Array& segments = call.input(offset + 1);
    Call::expect(segments.sizes == Sizes({of.b, of.s}), "segments [b, s]");
    of.segments = segments.ints();
  }
  return of;
}

Seen seen(const Heads& of, int64_t batch, int64_t query, int64_t firstKey) {
  const int64_t position = of.offset + query;
  Seen range{std::max<int64_t>(0, position - of.window + 1 - firstKey), std::min(kKeys, position + 1 - firstKey)};
  if (of.segments == nullptr || range.from >= range.to) return range;
  const int32_t *row = of.segments + batch * of.s, *marks = row + firstKey, own = row[position];
  while (range.from < range.to && marks[range.from] != own) ++range.from;
  while (range.to > range.from && marks[range.to - 1] != own) --range.to;
  for (int64_t key = range.from; key < range.to; ++key) range.gaps |= marks[key] != own;
  return range;
}

void copyQueries(const Heads& of, const float* from, int64_t batch, int64_t at, int64_t count, int64_t head, float factor, int64_t stride, float* to) {
  for (int64_t query = at; query < at + count; ++query) {
    const float* row = from + of.query(batch, query, head);
    for (int64_t each = 0; each < of.group; ++each, row += of.inner, to += stride) {
      for (int64_t i = 0; i < of.inner; ++i) to[i] = row[i] * factor;
      std::fill(to + of.inner, to + stride, 0.0f);
    }
  }
}

void copyKeys(const Heads& of, const float* from, int64_t batch, int64_t firstKey, int64_t head, float* to) {
  const int64_t count = std::min(kKeys, of.s - firstKey);
  for (int64_t key = 0; key < count; ++key, to += of.width) {
    std::copy_n(from + of.key(batch, firstKey + key, head), of.inner, to);
    std::fill(to + of.inner, to + of.width, 0.0f);
  }
  std::fill_n(to, (kKeys - count) * of.width, 0.0f);
}

void turnKeys(const Heads& of, const float* from, int64_t batch, int64_t firstKey, int64_t head, float* to) {
  const int64_t count = std::min(kKeys, of.s - firstKey);
  if (count < kKeys) std::fill_n(to, of.inner * kKeys, 0.0f);
  tileProduct().turn(from + of.key(batch, firstKey, head), of.kv * of.inner, count, of.inner, to, kKeys);
}

void scoreTile(const Seen* seen, const Heads& of, const float* q, int64_t stride, const float* k, float* scores, int64_t rows) {
  const TileProduct& tile = tileProduct();
  for (int64_t column = 0; column < kKeys; column += tile.columns)
    for (int64_t row = 0; row < rows; row += tile.rows) {
      const Block block = blockOf(seen, of.group, row, std::min(rows, row + tile.rows));
      if (block.low < column + tile.columns && block.high > column)
        tile.straight(q + row * stride, stride, k + column, kKeys, scores + row * kKeys + column, kKeys, of.inner, false);
    }
}

}  // namespace chop
