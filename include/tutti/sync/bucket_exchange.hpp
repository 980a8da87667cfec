#pragma once

#include <tutti/collectives/all_reduce.hpp>
#include <tutti/concepts/blocks.hpp>
#include <tutti/concepts/communicator.hpp>
#include <tutti/concepts/element_type.hpp>
#include <tutti/concepts/pending.hpp>
#include <tutti/detail/aligned_bytes.hpp>
#include <tutti/detail/copy_bytes.hpp>
#include <tutti/sync/all_reduce.hpp>
#include <tutti/sync/buckets.hpp>

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <span>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

namespace tutti::sync::detail {

/// Known to detach before it runs.
template <class Comm>
concept always_detaches = detaches<Comm> && requires {
    requires std::bool_constant<Comm::can_detach()>::value;
};

/// Sums gradients over the ranks, bucket by bucket, each once its blocks are final and the buckets before it have left.
template <class Comm>
class bucket_exchange {
public:
    bucket_exchange(Comm& world, std::size_t first_limit, std::size_t limit)
        : world_{&world},
          first_limit_{first_limit},
          limit_{limit} {}
    bucket_exchange(bucket_exchange const&) = delete;
    bucket_exchange& operator=(bucket_exchange const&) = delete;
    virtual ~bucket_exchange() = default;

    /// From here until `finish` returns, blocks that are announced are the exchange's.
    /// @param weight  of this rank's gradients
    template <class Gradients>
    void begin(Gradients&& gradients, double weight) {
        blocks_.clear();
        for_each_block(gradients, [&](auto each) {
            using T = typename decltype(each)::value_type;
            blocks_.push_back(
                {{&element_type_of<T>, each.size()}, reinterpret_cast<std::byte*>(each.data()), &scale<T>, &sum<T>, &start_sum<T>});
        });
        if (buckets_.empty()) lay_out();
        for (std::size_t k = 0; k < buckets_.size(); ++k) missing_[k] = buckets_[k].last - buckets_[k].first;
        ratio_ = weight * world_->size();
        next_ = 0;
        begun_ = true;
    }

    /// Block `k` is final.
    void announce(std::size_t k) {
        --missing_[bucket_of_[k]];
        while (next_ < buckets_.size() && missing_[next_] == 0) launch(next_++);
        go_on();
    }

    /// Leaves the sums in the gradients; returns what they are still to be multiplied by.
    /// @throws what the exchange has thrown
    template <class Gradients>
    double finish(Gradients&& gradients, double weight) {
        if (!begun_) begin(gradients, weight);
        while (next_ < buckets_.size()) launch(next_++);
        begun_ = false;
        complete();
        if (error_) std::rethrow_exception(std::exchange(error_, nullptr));
        return 1.0 / world_->size();
    }

protected:
    virtual void launch(std::size_t bucket) = 0;
    virtual void go_on() = 0;     ///< without waiting
    virtual void complete() = 0;  ///< returns when nothing is on its way

    /// Weighs the gradients of a bucket, and gathers them where they are several blocks.
    void pack(std::size_t number) {
        bucket const& which = buckets_[number];
        std::byte* to = gathered_[number].data();
        for (std::size_t k = which.first; k < which.last; ++k) {
            block const& each = blocks_[k];
            if (needs_weight(ratio_)) each.scale(each.data, each.count, ratio_);
            if (is_gathered(which)) tutti::detail::copy_bytes(std::exchange(to, to + each.bytes()), each.data, each.bytes());
        }
    }
    void unpack(std::size_t number) {
        bucket const& which = buckets_[number];
        if (!is_gathered(which)) return;
        std::byte const* from = gathered_[number].data();
        for (std::size_t k = which.first; k < which.last; ++k) {
            block const& each = blocks_[k];
            tutti::detail::copy_bytes(each.data, std::exchange(from, from + each.bytes()), each.bytes());
        }
    }
    /// Where the numbers of a bucket lie that was packed.
    std::byte* data(std::size_t number) const {
        bucket const& which = buckets_[number];
        return is_gathered(which) ? gathered_[number].data() : blocks_[which.first].data;
    }
    void keep_error() { error_ = std::current_exception(); }

    template <class T>
    static void scale(std::byte* data, std::size_t count, double by) {
        for (T& g : std::span{reinterpret_cast<T*>(data), count}) g *= static_cast<T>(by);
    }
    template <class T>
    static void sum([[maybe_unused]] void* group, [[maybe_unused]] std::byte* data, [[maybe_unused]] std::size_t count) {
        if constexpr (detaches<Comm>) {
            using detached = std::remove_reference_t<decltype(std::declval<Comm&>().detach())>;
            tutti::all_reduce(*static_cast<detached*>(group), std::span{reinterpret_cast<T*>(data), count});
        }
    }
    template <class T>
    static pending start_sum([[maybe_unused]] Comm& world, [[maybe_unused]] std::byte* data, [[maybe_unused]] std::size_t count) {
        if constexpr (always_detaches<Comm>) return {};
        else return tutti::start_all_reduce(world, std::span{reinterpret_cast<T*>(data), count});
    }

    struct block : bucket_item {
        std::byte* data;
        void (*scale)(std::byte* data, std::size_t count, double by);
        void (*sum)(void* group, std::byte* data, std::size_t count);  // of the detached group, whose type depends on Comm alone
        pending (*start_sum)(Comm& world, std::byte* data, std::size_t count);
    };
    block const& first_block(std::size_t number) const { return blocks_[buckets_[number].first]; }

    Comm* world_;
    std::vector<bucket> buckets_;  // as they leave
    std::exception_ptr error_;     // of the exchange; no bucket leaves after it

private:
    static bool is_gathered(bucket const& which) { return which.last - which.first > 1; }
    void lay_out() {
        buckets_ = buckets_of(std::span<block const>{blocks_}, first_limit_, limit_);
        bucket_of_.resize(blocks_.size());
        missing_.resize(buckets_.size());
        for (std::size_t number = 0; number < buckets_.size(); ++number) {
            bucket const& which = buckets_[number];
            for (std::size_t k = which.first; k < which.last; ++k) bucket_of_[k] = number;
            gathered_.emplace_back(is_gathered(which) ? which.count * blocks_[which.first].type->size : 0);
        }
    }

    std::size_t first_limit_, limit_;
    std::vector<block> blocks_;                           // of this pass
    std::vector<std::size_t> bucket_of_;                  // of each block
    std::vector<std::size_t> missing_;                    // blocks of each bucket that are not final
    std::vector<tutti::detail::aligned_bytes> gathered_;  // the numbers of each bucket, if it has several blocks
    std::size_t next_ = 0;                                // bucket to leave
    double ratio_ = 1;                                    // of this rank's share of the batch to an even one
    bool begun_ = false;
};

/// The same by a thread of its own, on a group that nothing else uses.
template <class Comm>
class exchange_beside final : public bucket_exchange<Comm> {
public:
    exchange_beside(Comm& world, std::size_t first_limit, std::size_t limit)
        : bucket_exchange<Comm>{world, first_limit, limit},
          group_(world.detach()),
          thread_{[this] { run(); }} {}
    ~exchange_beside() override {
        bool idle = true;
        {
            std::lock_guard const lock{mutex_};
            idle = done_ == launched_;
            over_ = true;
        }
        bell_.notify_all();
        try {
            if (!idle) this->world_->abort("left in the middle of an exchange of gradients");
        } catch (...) {}  // the thread finds out by itself
        thread_.join();
    }

private:
    void launch(std::size_t /*bucket*/) override {
        {
            std::lock_guard const lock{mutex_};
            ++launched_;
        }
        bell_.notify_all();
    }
    void go_on() override {}
    void complete() override {
        std::unique_lock lock{mutex_};
        bell_.wait(lock, [&] { return done_ == launched_; });
        done_ = launched_ = 0;
    }

    void run() {
        for (std::unique_lock lock{mutex_};;) {
            bell_.wait(lock, [&] { return over_ || done_ != launched_; });
            if (over_) return;
            std::size_t const bucket = done_;
            lock.unlock();
            if (!this->error_) exchange(bucket);
            lock.lock();
            ++done_;
            bell_.notify_all();
        }
    }
    void exchange(std::size_t bucket) {
        try {
            this->pack(bucket);
            this->first_block(bucket).sum(&group_, this->data(bucket), this->buckets_[bucket].count);
            this->unpack(bucket);
        } catch (...) { this->keep_error(); }
    }

    std::remove_reference_t<decltype(std::declval<Comm&>().detach())> group_;
    std::mutex mutex_;  // guards what follows; all else is the thread's from `launch` until it is done
    std::condition_variable bell_;
    std::size_t launched_ = 0, done_ = 0;  // buckets of this pass
    bool over_ = false;
    std::thread thread_;
};

/// The same by the rank's own thread: sums are started, and go on when a block is announced.
template <class Comm>
class exchange_in_passing final : public bucket_exchange<Comm> {
public:
    using bucket_exchange<Comm>::bucket_exchange;
    ~exchange_in_passing() override {
        try {
            if (done_ != running_.size()) this->world_->abort("left in the middle of an exchange of gradients");
        } catch (...) {}
    }

private:
    void launch(std::size_t bucket) override {
        if (this->error_) return;
        attempt([&] {
            this->pack(bucket);
            running_.push_back(
                this->first_block(bucket).start_sum(*this->world_, this->data(bucket), this->buckets_[bucket].count));
        });
    }
    void go_on() override {
        attempt([&] {
            while (!this->error_ && done_ < running_.size() && running_[done_].ready()) this->unpack(done_++);
        });
    }
    void complete() override {
        attempt([&] {
            for (; !this->error_ && done_ < running_.size(); this->unpack(done_++)) running_[done_].wait();
        });
        running_.clear();
        done_ = 0;
    }
    template <class Act>
    void attempt(Act act) {
        try {
            act();
        } catch (...) { this->keep_error(); }
    }

    std::vector<pending> running_;  // of the buckets that have left
    std::size_t done_ = 0;          // of these
};

}  // namespace tutti::sync::detail
