#include <algorithm>

#include "native/lanes.h"
#include "native/native.h"

namespace chop {
namespace {

CHOP_LEVELS void sum(const float* x, const float* row, float* y, int64_t n) {
  for (int64_t i = 0; i < n; ++i) y[i] = x[i] + row[i];
}

/** Where the first of the tokens of `x` stands; all of them have a row. */
int64_t firstPosition(const Array& x, const Array& table, const Array& at) {
  Call::expect(x.rank() == 3 && table.rank() == 2 && x.size(2) == table.size(1) && at.count == 1, "x [batch, tokens, width], table [context, width] and one position");
  const int64_t first = at.ints()[0];
  Call::expect(first >= 0 && first + x.size(1) <= table.size(0), "a text of at most " + std::to_string(table.size(0)) + " tokens");
  return first;
}

/** y[b, t] = x[b, t] + table[at + t] */
void positionEmbedding(Call& call) {
  const Array &x = call.input(0), &table = call.input(1);
  const int64_t first = firstPosition(x, table, call.input(2)), tokens = x.size(1), width = x.size(2);
  const Array y = call.output(0, x.sizes);
  call.parallel(x.size(0) * tokens, width, [&](int64_t from, int64_t to) {
    for (int64_t token = from; token < to; ++token)
      sum(x.floats() + token * width, table.floats() + (first + token % tokens) * width, y.floats() + token * width, width);
  });
}

/** dtable[at + t] = Σ over b of dy[b, t], in order; the other rows 0. `like`: the table, for its size. */
void positionEmbeddingGrad(Call& call) {
  const Array &dy = call.input(0), &like = call.input(1);
  const int64_t first = firstPosition(dy, like, call.input(2)), tokens = dy.size(1), width = dy.size(2);
  const Array dtable = call.output(0, like.sizes);
  call.parallel(like.size(0), dy.size(0) * width, [&](int64_t from, int64_t to) {
    for (int64_t position = from; position < to; ++position) {
      float* total = dtable.floats() + position * width;
      std::fill_n(total, width, 0.0f);
      const int64_t token = position - first;
      if (token < 0 || token >= tokens) continue;
      for (int64_t batch = 0; batch < dy.size(0); ++batch) sum(total, dy.floats() + (batch * tokens + token) * width, total, width);
    }
  });
}

const Op kPositionEmbedding("ChopPositionEmbedding", "x: float, table: float, at: int32 -> y: float", "", positionEmbedding);
const Op kPositionEmbeddingGrad("ChopPositionEmbeddingGrad", "dy: float, table: float, at: int32 -> dtable: float", "", positionEmbeddingGrad);

}  // namespace
}  // namespace chop
