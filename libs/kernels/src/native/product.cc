// After Goto and van de Geijn 2008, "Anatomy of high-performance matrix multiplication": both factors are copied into slivers that the
// innermost tile reads from end to end; the tile keeps its part of the result in registers.
#include "product.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <new>

#include "few-rows.h"
#include "panel.h"
#include "scratch.h"
#include "tile.h"

namespace chop {
namespace {

/** Tasks of a product for each thread, at least: whoever is done helps the others. */
constexpr int64_t kTasksPerThread = 4;

int64_t tiles(int64_t size, int64_t tile) { return (size + tile - 1) / tile; }

/** Bytes of slivers that stay in the second-level cache while those of the other factor pass by. */
int64_t bytesAtHand() {
  static const int64_t bytes = [] {
    int64_t cache = 0;
#ifdef _SC_LEVEL2_CACHE_SIZE
    cache = sysconf(_SC_LEVEL2_CACHE_SIZE);
#endif
    return cache > 0 ? cache / 2 : int64_t{1} << 18;
  }();
  return bytes;
}

/** One factor in slivers, over a stretch along k. */
struct Side {
  Matrix whole;
  bool rows;             // of the result, or else its columns
  int64_t size, tile;    // of them; of a tile
  int64_t steps, words;  // of a block along k
  int64_t depth;
  void (*pack)(const Matrix&, int64_t depth, int64_t width, float* to);

  int64_t count() const { return tiles(size, tile); }
  /** Floats of one. */
  int64_t sliver() const { return tiles(depth, steps) * words * tile; }
  /** Slivers `[from, to)`. Of a matrix that lies across k, all of them a few steps at a time: its rows are read from one end to the other. */
  void packTiles(int64_t from, int64_t to, float* slivers) const {
    const int64_t chunk = rows == whole.transposed ? kStepsAcross : depth;
    for (int64_t begin = 0; begin < depth; begin += chunk)
      for (int64_t i = from; i < to; ++i) {
        const int64_t at = i * tile;
        pack(rows ? whole.from(at, begin) : whole.from(begin, at), std::min(chunk, depth - begin), std::min(tile, size - at), slivers + (i - from) * sliver() + begin / steps * words * tile);
      }
  }

 private:
  static constexpr int64_t kStepsAcross = 128;  // whole blocks
};

/** The `size` rows of a, or columns of b, from step `start` on, in slivers. */
Side sideOf(const Shape& with, bool rows, const Matrix& factor, int64_t size, int64_t start, int64_t k) {
  const int64_t depth = std::min(with.depth, k - start);
  return rows ? Side{factor.from(0, start), true, size, with.rows, with.grain.steps, with.grain.words, depth, with.packA}
              : Side{factor.from(start, 0), false, size, with.columns, with.grain.steps, with.grain.words, depth, with.packB};
}

/** The slivers that a thread has at hand: of which product, and which group of them. */
struct AtHand {
  Scratch memory;
  uint64_t product = 0;
  int64_t group = 0;
  float* slivers = nullptr;
  float* sums = nullptr;  // of a block

  /** Gets memory and fills it, unless they are there already. @returns false where there is none. */
  template <typename Fill>
  bool get(uint64_t ofProduct, int64_t ofGroup, int64_t floats, int64_t floatsOfSums, const Fill& fill) {
    if (product == ofProduct && group == ofGroup) return true;
    memory.reset();
    try {
      slivers = memory.take(floats);
      if (floatsOfSums > 0) sums = memory.take(floatsOfSums);
    } catch (const std::bad_alloc&) {
      product = 0;
      return false;
    }
    fill();
    product = ofProduct, group = ofGroup;
    return true;
  }

  static AtHand& ofThisThread() {
    static thread_local AtHand mine;
    return mine;
  }
};

uint64_t nextProduct() {
  static std::atomic<uint64_t> products{0};
  return ++products;
}

/** Slivers of two factors, in groups of which each thread keeps one at hand, and in parts that pass by it. */
struct Grouping {
  int64_t near, far;             // slivers
  int64_t groups, parts;         // as many groups for each thread, as equal as tiles allow; parts, so that a thread that is done can help another
  int64_t nearTiles, farTiles;   // of a group and of a part, at most

  struct Task {
    int64_t group, near, nearEnd, far, farEnd;
  };

  /** `bytes`: of one sliver of each factor that is at hand. */
  Grouping(Call& call, int64_t near, int64_t far, int64_t bytes, int64_t leastParts = 1) : near(near), far(far) {
    const int64_t atHand = std::max<int64_t>(1, bytesAtHand() / bytes);
    groups = std::min(near, roundedUp(tiles(near, atHand), call.threads()));
    parts = std::min(far, std::max(leastParts, tiles(kTasksPerThread * call.threads(), groups)));
    nearTiles = tiles(near, groups), farTiles = tiles(far, parts);
  }

  Task task(int64_t index) const {
    const int64_t group = index / parts, part = index % parts;
    return {group, group * near / groups, (group + 1) * near / groups, part * far / parts, (part + 1) * far / parts};
  }
};

/** Whether rows of a are so few that the weights are read as they lie. */
bool fewRows(const Matrix& a, const Matrix& b, int64_t m, Precision precision) {
  return m <= kFewRows && b.transposed && !a.transposed && a.dtype == Dtype::kFloat && ofFloats(precision);
}

/** A whole block: every product for itself, then what is made of them. */
void finishWhole(Call& call, const Matrix& a, const std::vector<Matrix>& b, int64_t m, int64_t n, int64_t k, Precision precision, const std::function<void(const Finished&)>& finish) {
  std::vector<const float*> sums;
  for (const Matrix& each : b) {
    float* c = call.scratch(m * n);
    product(call, a, each, c, n, m, n, k, false, precision);
    sums.push_back(c);
  }
  call.parallel(n, m * static_cast<int64_t>(b.size()), [&](int64_t from, int64_t to) {
    std::vector<const float*> some;
    for (const float* c : sums) some.push_back(c + from);
    finish({0, from, m, to - from, some, n});
  });
}

}  // namespace

void products(Call& call, const Matrix& a, const std::vector<Right>& factors, int64_t m, int64_t k, Precision precision, bool accumulate) {
  const Shape& with = shape(precision);
  int64_t n = 0, columns = 0;  // slivers
  for (const Right& each : factors) n += each.n, columns += tiles(each.n, with.columns);
  if (m == 0 || n == 0) return;
  if (k == 0) {
    for (const Right& each : factors)
      for (int64_t row = 0; row < m && !accumulate; ++row) std::fill_n(each.c + row * each.stride, each.n, 0.0f);
    return;
  }
  if (fewRows(a, factors.front().b, m, precision)) {
    for (const Right& each : factors) multiplyFew(call, a, each.b, each.c, each.stride, m, each.n, k, accumulate);
    return;
  }
  // The smaller side is packed for all threads; of the other one each thread packs a group of slivers that stay in its cache, and multiplies them by all of the smaller one's.
  const bool down = m > n;
  const int64_t farTile = down ? with.columns : with.rows, farCount = down ? columns : tiles(m, with.rows), nearCount = down ? tiles(m, with.rows) : columns;
  float* shared = call.scratch(farCount * farTile * with.words(std::min(k, with.depth)));
  for (int64_t start = 0; start < k; start += with.depth) {
    const int64_t words = with.words(std::min(with.depth, k - start)), nearTile = down ? with.rows : with.columns;
    const Side rows = sideOf(with, true, a, m, start, k);
    /** Slivers `[from, to)` of all factors, one factor's after the other's: `visit(factor, its side, the first and the end of them there)`. */
    const auto eachFactor = [&](int64_t from, int64_t to, const auto& visit) {
      for (const Right& each : factors) {
        const Side side = sideOf(with, false, each.b, each.n, start, k);
        const int64_t first = std::max<int64_t>(from, 0), last = std::min(to, side.count());
        if (first < last) visit(each, side, first, last);
        from -= side.count(), to -= side.count();
      }
    };
    const auto pack = [&](bool ofRows, int64_t from, int64_t to, float* slivers) {
      if (ofRows) return rows.packTiles(from, to, slivers);
      eachFactor(from, to, [&](const Right&, const Side& side, int64_t first, int64_t last) {
        side.packTiles(first, last, slivers);
        slivers += (last - first) * side.sliver();
      });
    };
    call.parallel(farCount, farTile * words, [&](int64_t from, int64_t to) { pack(!down, from, to, shared + from * farTile * words); });
    const Grouping in(call, nearCount, farCount, nearTile * words * sizeof(float));
    const uint64_t product = nextProduct();
    std::atomic<bool> full{false};  // no memory on some thread: told on this one
    call.parallel(in.groups * in.parts, m * n / (in.groups * in.parts) * rows.depth / 16, [&](int64_t from, int64_t to) {
      AtHand& mine = AtHand::ofThisThread();
      for (int64_t index = from; index < to; ++index) {
        const Grouping::Task task = in.task(index);
        if (!mine.get(product, task.group, in.nearTiles * nearTile * words, 0, [&] { pack(down, task.near, task.nearEnd, mine.slivers); })) {
          full = true;
          return;
        }
        const float* others = shared + task.far * farTile * words;
        const float *left = down ? mine.slivers : others, *right = down ? others : mine.slivers;
        const int64_t row = (down ? task.near : task.far) * with.rows, height = std::min(m, (down ? task.nearEnd : task.farEnd) * with.rows) - row;
        eachFactor(down ? task.far : task.near, down ? task.farEnd : task.nearEnd, [&](const Right& each, const Side& side, int64_t first, int64_t last) {
          const int64_t column = first * with.columns, width = std::min(each.n, last * with.columns) - column;
          with.multiply({words, left, right, each.c + row * each.stride + column, each.stride, height, width, accumulate || start > 0, a.from(row, start), each.b.from(start, column), side.depth, down});
          right += (last - first) * side.sliver();
        });
      }
    });
    if (full) throw std::bad_alloc();
  }
}

void productBlocks(Call& call, const Matrix& a, const std::vector<Matrix>& b, int64_t m, int64_t n, int64_t k, Precision precision, const std::function<void(const Finished&)>& finish) {
  if (m == 0 || n == 0) return;
  if (k == 0 || fewRows(a, b.front(), m, precision)) return finishWhole(call, a, b, m, n, k, precision, finish);
  const Shape& with = shape(precision);
  const auto count = static_cast<int64_t>(b.size());
  const bool down = m > count * n;
  const int64_t stretches = tiles(k, with.depth);
  // Whatever is at hand or passes by: a, or all of b. Slivers lie stretch after stretch, within one factor after the other.
  const auto side = [&](bool rows, int64_t stretch, int64_t factor) { return sideOf(with, rows, rows ? a : b[factor], rows ? m : n, stretch * with.depth, k); };
  const int64_t nearFactors = down ? 1 : count, farFactors = down ? count : 1;
  const Side near = side(down, 0, 0), far = side(!down, 0, 0);
  std::vector<float*> passing;
  for (int64_t stretch = 0; stretch < stretches; ++stretch)
    for (int64_t factor = 0; factor < farFactors; ++factor) {
      const Side each = side(!down, stretch, factor);
      float* slivers = call.scratch(each.count() * each.sliver());
      call.parallel(each.count(), each.tile * each.depth, [&](int64_t from, int64_t to) { each.packTiles(from, to, slivers + from * each.sliver()); });
      passing.push_back(slivers);
    }
  // What passes by comes from the second-level cache to the second factor: a part fills half of what is left of it.
  const Grouping in(call, near.count(), far.count(), nearFactors * near.sliver() * sizeof(float), tiles(far.count() * far.sliver() * sizeof(float), bytesAtHand() / 2));
  const int64_t stride = (down ? in.farTiles : in.nearTiles) * with.columns, floatsOfSums = (down ? in.nearTiles : in.farTiles) * with.rows * stride;
  int64_t floats = 0;
  for (int64_t stretch = 0; stretch < stretches; ++stretch) floats += nearFactors * in.nearTiles * side(down, stretch, 0).sliver();
  const uint64_t product = nextProduct();
  std::atomic<bool> full{false};  // no memory on some thread: told on this one
  call.parallel(in.groups * in.parts, count * m * n / (in.groups * in.parts) * k / 16, [&](int64_t from, int64_t to) {
    AtHand& mine = AtHand::ofThisThread();
    for (int64_t index = from; index < to; ++index) {
      const auto [group, i, nearEnd, j, farEnd] = in.task(index);
      const auto fill = [&] {
        float* slivers = mine.slivers;
        for (int64_t stretch = 0; stretch < stretches; ++stretch)
          for (int64_t factor = 0; factor < nearFactors; ++factor) {
            const Side each = side(down, stretch, factor);
            each.packTiles(i, nearEnd, slivers);
            slivers += in.nearTiles * each.sliver();
          }
      };
      if (!mine.get(product, group, floats, count * floatsOfSums, fill)) {
        full = true;
        return;
      }
      const int64_t nearSize = std::min(near.size, nearEnd * near.tile) - i * near.tile, farSize = std::min(far.size, farEnd * far.tile) - j * far.tile;
      Finished block{(down ? i : j) * with.rows, (down ? j : i) * with.columns, down ? nearSize : farSize, down ? farSize : nearSize, {}, stride};
      for (int64_t factor = 0; factor < count; ++factor) block.sums.push_back(mine.sums + factor * floatsOfSums);
      const float* slivers = mine.slivers;
      for (int64_t stretch = 0; stretch < stretches; ++stretch) {
        const Side own = side(down, stretch, 0), other = side(!down, stretch, 0);
        for (int64_t factor = 0; factor < count; ++factor) {
          const float* others = passing[stretch * farFactors + factor % farFactors] + j * other.sliver();
          const float* ours = slivers + factor % nearFactors * in.nearTiles * own.sliver();
          with.multiply({with.words(own.depth), down ? ours : others, down ? others : ours, mine.sums + factor * floatsOfSums, stride, block.rows, block.columns, stretch > 0,
                         a.from(block.row, stretch * with.depth), b[factor].from(stretch * with.depth, block.column), own.depth, down});
        }
        slivers += nearFactors * in.nearTiles * own.sliver();
      }
      finish(block);
    }
  });
  if (full) throw std::bad_alloc();
}

void product(Call& call, const Matrix& a, const Matrix& b, float* c, int64_t stride, int64_t m, int64_t n, int64_t k, bool accumulate, Precision precision) {
  products(call, a, {{b, n, c, stride}}, m, k, precision, accumulate);
}

}  // namespace chop
