// Threads that stay awake between the pieces of a long piece of work: waking one for each of several hundred short ops, or for each part of a product, would cost more than
// the ops.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>

namespace chop {

/** One thread leads: whoever made the team. Threads of a pool are asked for help at the first work that is worth it, and spin in between until the team is gone. Nobody waits for a thread that has not come. */
class Team {
 public:
  /** Has a thread of a pool run something, some time. */
  using Schedule = std::function<void(std::function<void()>)>;

  Team(int threads, Schedule schedule) : threads_(static_cast<int>(std::min<int64_t>(threads, kPiecesMask / kPiecesPerThread))), schedule_(std::move(schedule)) {}
  ~Team() {
    if (room_) room_->over.store(true, std::memory_order_release);
  }
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int threads() const { return threads_; }

  /** As Call::parallel; for the leader alone. */
  void share(int64_t items, int64_t cost, const std::function<void(int64_t from, int64_t to)>& work) {
    const int64_t pieces = std::min({items, threads_ * kPiecesPerThread, std::max(threads_ * kFewPiecesPerThread, items * cost / kPiece)});
    if (threads_ == 1 || pieces < 2 || items * cost < (room_ ? kWorthSharing : kWorthWaking)) {
      if (items > 0) work(0, items);
      return;
    }
    if (!room_) call();
    room_->open(items, pieces, work);
    while (room_->takePiece()) {}
    for (Wait wait; room_->done.load(std::memory_order_acquire) < pieces;) wait();
  }

 private:
  /** Pieces per thread: one that is held up leaves its share to the others. */
  static constexpr int64_t kFewPiecesPerThread = 4, kPiecesPerThread = 16;
  // Cycles, roughly. Below the first it costs more to tell others than it saves; below the second, to wake them; a piece of the third may be cut further.
  static constexpr int64_t kWorthSharing = 20'000, kWorthWaking = 100'000, kPiece = 200'000;
  // A ticket holds the round, how many pieces it has, and how many have been taken (or asked for in vain).
  static constexpr int kPiecesShift = 24, kRoundShift = 36;
  static constexpr uint64_t kTakenMask = (uint64_t{1} << kPiecesShift) - 1, kPiecesMask = (uint64_t{1} << (kRoundShift - kPiecesShift)) - 1;
  static constexpr uint64_t kRoundMask = (uint64_t{1} << (64 - kRoundShift)) - 1;

  /** Waiting: awake for a while, since nearly all that is waited for comes in microseconds; then whoever else wants the processor goes first. */
  class Wait {
   public:
    void operator()() {
      if (++looks_ > kLooks) return std::this_thread::yield();
#if defined(__x86_64__)
      __builtin_ia32_pause();
#endif
    }

   private:
    static constexpr int kLooks = 4000;
    int looks_ = 0;
  };

  /** Where a team works. A thread that comes when all is over still finds it. */
  struct Room {
    std::atomic<bool> over{false};
    uint64_t round = 0;
    alignas(64) std::atomic<uint64_t> ticket{0};
    alignas(64) std::atomic<int64_t> done{0};
    const std::function<void(int64_t, int64_t)>* work = nullptr;
    int64_t items = 0;

    /** Begins a round. */
    void open(int64_t count, int64_t pieces, const std::function<void(int64_t, int64_t)>& all) {
      work = &all;
      items = count;
      done.store(0, std::memory_order_relaxed);
      round = (round + 1) & kRoundMask;
      ticket.store(round << kRoundShift | static_cast<uint64_t>(pieces) << kPiecesShift, std::memory_order_release);
    }

    void help() {
      uint64_t seen = 0;
      for (Wait wait; !over.load(std::memory_order_acquire);) {
        const uint64_t now = ticket.load(std::memory_order_acquire) >> kRoundShift;
        if (now == seen) {
          wait();
          continue;
        }
        while (takePiece()) {}
        seen = now;
        wait = Wait();
      }
    }

    /** Does one piece of the round that is on, if one is left. What a piece reads stands until it is done. */
    bool takePiece() {
      const uint64_t taken = ticket.fetch_add(1, std::memory_order_acq_rel);
      const int64_t piece = taken & kTakenMask, pieces = taken >> kPiecesShift & kPiecesMask;
      if (piece >= pieces) return false;
      (*work)(piece * items / pieces, (piece + 1) * items / pieces);
      done.fetch_add(1, std::memory_order_acq_rel);
      return true;
    }
  };

  void call() {
    room_ = std::make_shared<Room>();
    for (int helper = 1; helper < threads_; ++helper) schedule_([room = room_] { room->help(); });
  }

  const int threads_;
  const Schedule schedule_;
  std::shared_ptr<Room> room_;
};

}  // namespace chop
