// Threads that stay awake between the pieces of a long piece of work: waking one for each of several hundred short ops, or for each part of a product, would cost more than
// the ops.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

namespace chop {

/** One thread leads: whoever made the team. Threads of a pool are asked for help at the first work that is worth it, and spin in between until the team is gone. Nobody waits for a thread that has not come. */
class Team {
 public:
  /** Has a thread of a pool run something, some time. */
  using Schedule = std::function<void(std::function<void()>)>;

  Team(int threads, Schedule schedule) : threads_(threads), schedule_(std::move(schedule)) {}
  ~Team() {
    if (room_) room_->over.store(true, std::memory_order_release);
  }
  Team(const Team&) = delete;
  Team& operator=(const Team&) = delete;

  int threads() const { return threads_; }

  /** As Call::parallel; for the leader alone. Each thread begins with a stretch of its own, so that what it reads ahead is what it needs next, and then helps with the others'. */
  void share(int64_t items, int64_t cost, const std::function<void(int64_t from, int64_t to)>& work) {
    const int64_t least = threads_ * kFewPiecesPerThread, most = threads_ * kPiecesPerThread;
    const int64_t pieces = std::min(items, std::clamp(items * cost / kPiece, least, most));
    if (threads_ == 1 || pieces < 2 || items * cost < (room_ ? kWorthSharing : kWorthWaking)) {
      if (items > 0) work(0, items);
      return;
    }
    if (!room_) call();
    room_->open(items, (pieces + threads_ - 1) / threads_, work);
    while (room_->takePiece(0)) {}
    for (Wait wait; room_->left.load(std::memory_order_acquire) > 0;) wait();
  }

 private:
  /** Pieces per thread: one that is held up leaves its share to the others. */
  static constexpr int64_t kFewPiecesPerThread = 4, kPiecesPerThread = 16;
  // Cycles, roughly. Below the first it costs more to tell others than it saves; below the second, to wake them; a piece of the third may be cut further.
  static constexpr int64_t kWorthSharing = 20'000, kWorthWaking = 100'000, kPiece = 200'000;
  // A ticket holds the round, how many pieces a stretch has, and how many have been taken (or asked for in vain).
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
  class Room {
   public:
    explicit Room(int threads) : threads_(threads), stretches_(threads) {}

    std::atomic<bool> over{false};
    /** Pieces of this round that are not done. */
    alignas(64) std::atomic<int64_t> left{0};

    /** Begins a round of so many pieces in each stretch. */
    void open(int64_t items, int64_t pieces, const std::function<void(int64_t, int64_t)>& work) {
      work_ = &work;
      items_ = items;
      left.store(pieces * threads_, std::memory_order_relaxed);
      round_ = (round_ + 1) & kRoundMask;
      for (Stretch& stretch : stretches_) stretch.ticket.store(round_ << kRoundShift | static_cast<uint64_t>(pieces) << kPiecesShift, std::memory_order_release);
    }

    void help(int member) {
      uint64_t seen = 0;
      for (Wait wait; !over.load(std::memory_order_acquire);) {
        const uint64_t now = stretches_[member].ticket.load(std::memory_order_acquire) >> kRoundShift;
        if (now == seen) {
          wait();
          continue;
        }
        while (takePiece(member)) {}
        seen = now;
        wait = Wait();
      }
    }

    /** Does one piece of the round that is on, if one is left: of the member's own stretch, or of the next one's. What a piece reads stands until it is done. */
    bool takePiece(int member) {
      for (int next = 0; next < threads_; ++next) {
        const int at = (member + next) % threads_;
        std::atomic<uint64_t>& ticket = stretches_[at].ticket;
        if (takenOf(ticket.load(std::memory_order_acquire)) >= piecesOf(ticket.load(std::memory_order_relaxed))) continue;
        const uint64_t mine = ticket.fetch_add(1, std::memory_order_acq_rel);
        const int64_t pieces = piecesOf(mine), piece = at * pieces + takenOf(mine), all = threads_ * pieces;
        if (takenOf(mine) >= pieces) continue;
        const int64_t from = piece * items_ / all, to = (piece + 1) * items_ / all;
        if (from < to) (*work_)(from, to);
        left.fetch_sub(1, std::memory_order_acq_rel);
        return true;
      }
      return false;
    }

   private:
    struct alignas(64) Stretch {
      std::atomic<uint64_t> ticket{0};
    };

    static int64_t takenOf(uint64_t ticket) { return ticket & kTakenMask; }
    static int64_t piecesOf(uint64_t ticket) { return ticket >> kPiecesShift & kPiecesMask; }

    const int threads_;
    std::vector<Stretch> stretches_;
    uint64_t round_ = 0;
    const std::function<void(int64_t, int64_t)>* work_ = nullptr;
    int64_t items_ = 0;
  };

  void call() {
    room_ = std::make_shared<Room>(threads_);
    for (int member = 1; member < threads_; ++member) schedule_([room = room_, member] { room->help(member); });
  }

  const int threads_;
  const Schedule schedule_;
  std::shared_ptr<Room> room_;
};

}  // namespace chop
