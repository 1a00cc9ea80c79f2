// Memory for the length of a call that stays for the next: what was just used is still in the caches, and its pages are there.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "pages.h"

namespace chop {

/** One call after the other takes the same blocks again; a block grows to the largest that was asked for in its place. */
class Scratch {
 public:
  void reset() { used_ = 0; }

  /** Not cleared, aligned to a cache line; a large one to a large page. */
  float* take(int64_t floats) {
    if (used_ == blocks_.size()) blocks_.emplace_back();
    Block& block = blocks_[used_++];
    const uint64_t bytes = static_cast<uint64_t>(floats) * sizeof(float);
    if (block.bytes < bytes) {
      const uint64_t unit = bytes < kLargePage ? kLine : kLargePage;
      block.data.reset();  // first, lest both stand there
      block.bytes = (bytes + unit - 1) / unit * unit;
      block.data.reset(static_cast<float*>(std::aligned_alloc(unit, block.bytes)));
      if (!block.data) {
        block.bytes = 0;
        throw std::bad_alloc();
      }
      preferLargePages(block.data.get(), block.bytes);
    }
    return block.data.get();
  }

 private:
  static constexpr uint64_t kLine = 64;

  struct Free {
    void operator()(float* data) const { std::free(data); }
  };
  struct Block {
    uint64_t bytes = 0;
    std::unique_ptr<float, Free> data;
  };

  std::vector<Block> blocks_;
  size_t used_ = 0;
};

}  // namespace chop
