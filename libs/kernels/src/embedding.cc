#include <algorithm>
#include <string>

#include "native/lanes.h"
#include "native/native.h"

namespace chop {
namespace {

/** Columns that one task of the gradient takes: a token's row is added in pieces, so that no two tasks write to one place. */
constexpr int64_t kColumns = 64;

void expectIds(const Array& ids, int64_t vocab) {
  for (int64_t i = 0; i < ids.count; ++i)
    if (ids.ints()[i] < 0 || ids.ints()[i] >= vocab) throw Refusal("token id " + std::to_string(ids.ints()[i]) + ", expected 0 to " + std::to_string(vocab - 1));
}

void embedding(Call& call) {
  const Array &table = call.input(0), &ids = call.input(1);
  Call::expect(table.rank() == 2, "table [vocab, width]");
  expectIds(ids, table.size(0));
  const int64_t width = table.size(1);
  Sizes sizes = ids.sizes;
  sizes.push_back(width);
  const Array out = call.output(0, sizes);
  call.parallel(ids.count, width, [&](int64_t from, int64_t to) {
    for (int64_t i = from; i < to; ++i) std::copy_n(table.floats() + ids.ints()[i] * width, width, out.floats() + i * width);
  });
}

/** dtable[ids[i]] += dy[i], in the order of i; the rest 0. `like`: the table, for its size. */
void embeddingGrad(Call& call) {
  const Array &dy = call.input(0), &ids = call.input(1), &like = call.input(2);
  Call::expect(like.rank() == 2 && dy.count == ids.count * like.size(1), "dy [..., width], ids [...] and table [vocab, width]");
  expectIds(ids, like.size(0));
  const int64_t width = like.size(1), vocab = like.size(0);
  const Array dtable = call.output(0, like.sizes);
  call.parallel(vocab, width, [&](int64_t from, int64_t to) { std::fill(dtable.floats() + from * width, dtable.floats() + to * width, 0.0f); });
  const int64_t pieces = (width + kColumns - 1) / kColumns;
  call.parallel(pieces, ids.count * kColumns, [&](int64_t from, int64_t to) {
    const int64_t begin = from * kColumns, end = std::min(width, to * kColumns);
    for (int64_t i = 0; i < ids.count; ++i) {
      float* sum = dtable.floats() + ids.ints()[i] * width;
      const float* row = dy.floats() + i * width;
      for (int64_t column = begin; column < end; ++column) sum[column] += row[column];
    }
  });
}

const Op kEmbedding("ChopEmbedding", "table: float, ids: int32 -> y: float", "", embedding);
const Op kEmbeddingGrad("ChopEmbeddingGrad", "dy: float, ids: int32, table: float -> dtable: float", "", embeddingGrad);

}  // namespace
}  // namespace chop
