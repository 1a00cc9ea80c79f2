// Large pages for large pieces of memory. Linux gives pages of 4 KB where nobody asks: filling a tensor then faults at each, and reading one misses the table of pages at
// each, which a virtual machine has to walk twice.
#pragma once

#include <cstdint>

#if defined(__linux__)
#include <sys/mman.h>
#endif

namespace chop {

/** Bytes of a large page. */
constexpr uint64_t kLargePage = uint64_t{2} << 20;

/** Asks for large pages in memory that is about to be filled, as far as whole ones fit; pages that are there already stay as they are. */
inline void preferLargePages(void* data, uint64_t bytes) {
#if defined(__linux__)
  const auto at = reinterpret_cast<uint64_t>(data);
  const uint64_t first = (at + kLargePage - 1) / kLargePage * kLargePage, last = (at + bytes) / kLargePage * kLargePage;
  if (first < last) madvise(reinterpret_cast<void*>(first), last - first, MADV_HUGEPAGE);
#endif
}

}  // namespace chop
