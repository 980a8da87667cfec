#pragma once

#include <algorithm>
#include <cstddef>
#include <memory>
#include <new>

namespace tutti::detail {

/// Bytes on the heap that begin at a multiple of `alignment`, 64 at least. Not initialised.
class aligned_bytes {
public:
    aligned_bytes() = default;
    explicit aligned_bytes(std::size_t size, std::size_t alignment = 64)
        : bytes_{nullptr, release{std::align_val_t{std::max<std::size_t>(alignment, 64)}}} {
        if (size != 0) bytes_.reset(static_cast<std::byte*>(::operator new[](size, bytes_.get_deleter().alignment)));
    }

    std::byte* data() const { return bytes_.get(); }

private:
    struct release {
        std::align_val_t alignment{64};
        void operator()(std::byte* bytes) const { ::operator delete[](bytes, alignment); }
    };

    std::unique_ptr<std::byte[], release> bytes_{nullptr, release{}};
};

}  // namespace tutti::detail
