// Threads that stay awake between the pieces of a long piece of work: waking one for each of several hundred short ops would cost more than the ops.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <thread>

#include "native.h"

namespace chop {

/** Whoever comes first leads; the others help in what the leader shares, and spin in between. Nobody waits for a thread that has not come. */
class Team {
 public:
  /** Runs `lead` once, with the threads of `call`. */
  static void run(Call& call, const std::function<void(Team&)>& lead) {
    // A task of its own for every thread, whatever TensorFlow thinks of its cost.
    constexpr int64_t kLong = int64_t{1} << 32;
    Team team(call.threads());
    call.parallel(team.threads_, kLong, [&](int64_t from, int64_t to) {
      for (int64_t member = from; member < to; ++member) team.join(lead);
    });
    if (team.failed_) std::rethrow_exception(team.failed_);
  }

  int threads() const { return threads_; }

  /** As Call::parallel; for the leader alone. */
  void share(int64_t items, int64_t cost, const std::function<void(int64_t from, int64_t to)>& work) {
    const int64_t pieces = std::min(items, threads_ * kPiecesPerThread);
    if (threads_ == 1 || pieces < 2 || items * cost < kWorthSharing) {
      if (items > 0) work(0, items);
      return;
    }
    work_ = &work;
    items_ = items;
    done_.store(0, std::memory_order_relaxed);
    round_ = (round_ + 1) & kRoundMask;
    ticket_.store(round_ << kRoundShift | static_cast<uint64_t>(pieces) << kPiecesShift, std::memory_order_release);
    while (takePiece()) {}
    while (done_.load(std::memory_order_acquire) < pieces) rest();
  }

 private:
  /** Pieces per thread: one that is held up leaves its share to the others. */
  static constexpr int64_t kPiecesPerThread = 4;
  /** Cycles, roughly, below which telling others costs more than it saves. */
  static constexpr int64_t kWorthSharing = 20000;
  // A ticket holds the round, how many pieces it has, and how many have been taken (or asked for in vain).
  static constexpr int kPiecesShift = 24, kRoundShift = 36;
  static constexpr uint64_t kTakenMask = (uint64_t{1} << kPiecesShift) - 1, kPiecesMask = (uint64_t{1} << (kRoundShift - kPiecesShift)) - 1;
  static constexpr uint64_t kRoundMask = (uint64_t{1} << (64 - kRoundShift)) - 1;

  explicit Team(int threads) : threads_(static_cast<int>(std::min<int64_t>(threads, kPiecesMask / kPiecesPerThread))) {}

  void join(const std::function<void(Team&)>& lead) {
    if (led_.exchange(true)) return help();
    try {
      lead(*this);
    } catch (...) {
      failed_ = std::current_exception();
    }
    over_.store(true, std::memory_order_release);
  }

  void help() {
    uint64_t seen = 0;
    while (!over_.load(std::memory_order_acquire)) {
      const uint64_t now = ticket_.load(std::memory_order_acquire) >> kRoundShift;
      if (now == seen) {
        rest();
        continue;
      }
      while (takePiece()) {}
      seen = now;
    }
  }

  /** Does one piece of the round that is on, if one is left. What a piece reads stands until it is done. */
  bool takePiece() {
    const uint64_t ticket = ticket_.fetch_add(1, std::memory_order_acq_rel);
    const int64_t piece = ticket & kTakenMask, pieces = ticket >> kPiecesShift & kPiecesMask;
    if (piece >= pieces) return false;
    (*work_)(piece * items_ / pieces, (piece + 1) * items_ / pieces);
    done_.fetch_add(1, std::memory_order_acq_rel);
    return true;
  }

  static void rest() {
#if defined(__x86_64__)
    __builtin_ia32_pause();
#else
    std::this_thread::yield();
#endif
  }

  const int threads_;
  std::atomic<bool> led_{false}, over_{false};
  std::exception_ptr failed_;
  uint64_t round_ = 0;
  alignas(64) std::atomic<uint64_t> ticket_{0};
  alignas(64) std::atomic<int64_t> done_{0};
  const std::function<void(int64_t, int64_t)>* work_ = nullptr;
  int64_t items_ = 0;
};

}  // namespace chop
