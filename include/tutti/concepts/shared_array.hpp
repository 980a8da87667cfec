#pragma once

#include <cstddef>
#include <memory>
#include <utility>

namespace tutti {

/// n elements, zero at first, in memory that the peers of a communicator can reach, so that its collectives copy less: what
/// `world.allocate<T>(n)` gives. Move-only; the memory lives as long as this. Must not outlive the communicator.
template <class T>
class shared_array {
public:
    shared_array() = default;
    shared_array(std::shared_ptr<void> memory, T* data, std::size_t size) : memory_{std::move(memory)}, data_{data}, size_{size} {}
    shared_array(shared_array&& other) noexcept
        : memory_{std::move(other.memory_)},
          data_{std::exchange(other.data_, nullptr)},
          size_{std::exchange(other.size_, 0)} {}
    shared_array& operator=(shared_array&& other) noexcept {
        memory_ = std::move(other.memory_);
        data_ = std::exchange(other.data_, nullptr);
        size_ = std::exchange(other.size_, 0);
        return *this;
    }

    T* data() const { return data_; }
    std::size_t size() const { return size_; }
    T* begin() const { return data_; }
    T* end() const { return data_ + size_; }
    T& operator[](std::size_t i) const { return data_[i]; }

private:
    std::shared_ptr<void> memory_;
    T* data_ = nullptr;
    std::size_t size_ = 0;
};

namespace detail {

/// Such an array on the heap, for ranks that reach one another's memory anyway.
template <class T>
shared_array<T> heap_array(std::size_t size) {
    std::shared_ptr<T[]> memory{new T[size]{}};
    return {memory, memory.get(), size};
}

}  // namespace detail
}  // namespace tutti
