#pragma once

#include <tutti/detail/aligned_bytes.hpp>

#include <cstddef>
#include <cstring>
#include <span>

namespace tutti::detail {

/// Room for elements whose type is known where they are used; zeros at first.
class room {
public:
    room() = default;
    room(std::size_t count, std::size_t size) : bytes_{count * size}, count_{count} {
        if (count * size != 0) std::memset(bytes_.data(), 0, count * size);
    }

    std::size_t size() const { return count_; }
    template <class T>
    std::span<T> as() const {
        return {reinterpret_cast<T*>(bytes_.data()), count_};
    }

private:
    aligned_bytes bytes_;
    std::size_t count_ = 0;
};

}  // namespace tutti::detail
