#include "row-sums.h"

#include <algorithm>

#include "lanes.h"

namespace chop {
namespace {

constexpr int64_t kBlock = 64;

CHOP_LEVELS void addTo(float* total, const float* sums, int64_t n) {
  for (int64_t i = 0; i < n; ++i) total[i] += sums[i];
}

CHOP_LEVELS void addTo(double* total, const double* sums, int64_t n) {
  for (int64_t i = 0; i < n; ++i) total[i] += sums[i];
}

template <typename T>
void sum(Call& call, int64_t rows, int64_t width, int64_t cost, const std::function<void(int64_t, T*)>& add, T* total) {
  const int64_t blocks = (rows + kBlock - 1) / kBlock;
  T* partial = reinterpret_cast<T*>(call.scratch(blocks * width * static_cast<int64_t>(sizeof(T) / sizeof(float))));
  std::fill_n(partial, blocks * width, T{0});
  call.parallel(blocks, kBlock * cost, [&](int64_t from, int64_t to) {
    for (int64_t row = from * kBlock; row < std::min(rows, to * kBlock); ++row) add(row, partial + row / kBlock * width);
  });
  std::fill_n(total, width, T{0});
  for (int64_t block = 0; block < blocks; ++block) addTo(total, partial + block * width, width);
}

}  // namespace

void sumOverRows(Call& call, int64_t rows, int64_t width, int64_t cost, const std::function<void(int64_t, float*)>& add, float* total) {
  sum(call, rows, width, cost, add, total);
}

void sumOverRows(Call& call, int64_t rows, int64_t width, int64_t cost, const std::function<void(int64_t, double*)>& add, double* total) {
  sum(call, rows, width, cost, add, total);
}

}  // namespace chop
