#pragma once

#include <tutti/detail/least_standard.hpp>

#include <cstddef>
#include <new>
#include <utility>

namespace tutti::detail {

/// Bytes on the heap that begin at a multiple of `alignment`, 64 at least. Not initialised.
class aligned_bytes {
public:
    aligned_bytes() = default;
    explicit aligned_bytes(std::size_t size, std::size_t alignment = 64)
        : alignment_{std::max<std::size_t>(alignment, 64)},
          bytes_{size != 0 ? static_cast<std::byte*>(::operator new[](size, alignment_)) : nullptr} {}
    aligned_bytes(aligned_bytes&& other) noexcept
        : alignment_{other.alignment_},
          bytes_{std::exchange(other.bytes_, nullptr)} {}
    aligned_bytes& operator=(aligned_bytes&& other) noexcept {
        std::swap(alignment_, other.alignment_);
        std::swap(bytes_, other.bytes_);
        return *this;
    }
    ~aligned_bytes() {
        if (bytes_) ::operator delete[](bytes_, alignment_);
    }

    std::byte* data() const { return bytes_; }

private:
    std::align_val_t alignment_{64};
    std::byte* bytes_ = nullptr;
};

}  // namespace tutti::detail
