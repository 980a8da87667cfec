#pragma once

#include <memory>
#include <utility>

namespace tutti {

/// A collective or a message that was started and may still run; move-only. Its buffers belong to it until `wait` returns.
/// Dropping it waits too; an error found then is not lost, since it has revoked the group and the next call throws it.
/// Must not outlive the communicator that started it.
class pending {
public:
    /// How a communicator drives one started collective.
    class request {
    public:
        virtual ~request() = default;
        virtual void wait() = 0;   ///< returns when the collective is complete
        virtual bool ready() = 0;  ///< makes what progress it can without waiting; true when complete
    };

    /// A collective that is already complete.
    pending() = default;
    explicit pending(std::unique_ptr<request> running) : running_{std::move(running)} {}
    pending(pending&&) noexcept = default;
    pending& operator=(pending&& other) noexcept {
        if (this != &other) {
            finish();
            running_ = std::move(other.running_);
        }
        return *this;
    }
    ~pending() { finish(); }

    /// Returns when the collective is complete on this rank. Local; may be called again.
    /// @throws as the blocking form of the collective
    void wait() {
        if (auto const running = std::exchange(running_, nullptr)) running->wait();
    }
    /// True when the collective is complete on this rank. Never waits for a peer; does this rank's share of the work once it can.
    /// @throws as the blocking form of the collective
    bool ready() {
        if (running_ && running_->ready()) running_ = nullptr;
        return !running_;
    }

private:
    void finish() noexcept {
        try {
            wait();
        } catch (...) {}
    }

    std::unique_ptr<request> running_;
};

namespace detail {

/// A collective whose result is not done until something is done to it on this rank.
template <class Finish>
class finished_later final : public pending::request {
public:
    finished_later(pending running, Finish finish) : running_{std::move(running)}, finish_{std::move(finish)} {}
    void wait() override {
        running_.wait();
        finish_();
    }
    bool ready() override {
        if (!running_.ready()) return false;
        finish_();
        return true;
    }

private:
    pending running_;
    Finish finish_;
};

/// `running`, followed by `finish()` once it is complete without an error.
template <class Finish>
pending then(pending running, Finish finish) {
    return pending{std::make_unique<finished_later<Finish>>(std::move(running), std::move(finish))};
}

}  // namespace detail
}  // namespace tutti
