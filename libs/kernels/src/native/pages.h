// Large pages for large tensors. Linux gives pages of 4 KB where nobody asks: filling a tensor then faults at each, and walking across the rows of a matrix misses the
// table of pages at every row.
#pragma once

#include <cstdint>

#if defined(__linux__)
#include <sys/mman.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <mutex>
#include <sstream>
#include <string>
#endif

namespace chop {

/** Bytes of a large page, and of the smallest tensor that asks for them. */
constexpr uint64_t kLargePage = uint64_t{2} << 20;

/**
 * Asks for large pages in the whole mapping of memory that is about to be filled; pages that are there already stay as they are. The allocator hands out parts of few
 * mappings, so that nearly all calls find theirs known.
 */
inline void preferLargePages(const void* data, uint64_t bytes) {
#if defined(__linux__)
  if (bytes < kLargePage) return;
  static std::mutex mutex;
  static std::map<uint64_t, uint64_t> known;  // begin → end
  const auto at = reinterpret_cast<uint64_t>(data);
  const std::lock_guard<std::mutex> lock(mutex);
  const auto after = known.upper_bound(at);
  if (after != known.begin() && at + bytes <= std::prev(after)->second) return;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    uint64_t begin = 0, end = 0;
    char dash = 0;
    std::istringstream(line) >> std::hex >> begin >> dash >> end;
    if (at < begin || at >= end) continue;
    known.erase(known.lower_bound(begin), known.lower_bound(end));  // of mappings that are gone
    known[begin] = end;
    const uint64_t first = (begin + kLargePage - 1) / kLargePage * kLargePage, last = end / kLargePage * kLargePage;
    if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
    return;
  }
#endif
}

}  // namespace chop
