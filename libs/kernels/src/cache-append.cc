#include <algorithm>

#include "native/native.h"

namespace chop {
namespace {

/** Writes `fresh` [b, t, …] into `cache` [b, capacity, …], from position `at` on. */
void cacheAppend(Call& call) {
  const Array &fresh = call.input(1), &position = call.input(2);
  const Array cache = call.owned(0);
  Call::expect(position.count == 1 && cache.rank() >= 2 && fresh.rank() == cache.rank() && fresh.size(0) == cache.size(0) &&
                   std::equal(fresh.sizes.begin() + 2, fresh.sizes.end(), cache.sizes.begin() + 2),
               "a cache [b, capacity, ...], tokens [b, t, ...] of the same batch and sizes, and one position");
  const int64_t at = position.ints()[0], tokens = fresh.size(1), capacity = cache.size(1);
  Call::expect(at >= 0 && at + tokens <= capacity, "room for the tokens");
  const int64_t batches = fresh.size(0), token = cache.count / std::max<int64_t>(1, batches * capacity);
  call.parallel(batches, tokens * token, [&](int64_t from, int64_t to) {
    for (int64_t batch = from; batch < to; ++batch)
      std::copy_n(fresh.floats() + batch * tokens * token, tokens * token, cache.floats() + (batch * capacity + at) * token);
  });
}

const Op kCacheAppend("ChopCacheAppend", "cache: float, fresh: float, at: int32", "", cacheAppend);

}  // namespace
}  // namespace chop
