#pragma once

#include <mpi.h>

#include <algorithm>
#include <cstddef>
#include <string>

namespace bench {

/// Such as "Open MPI v4.1.4" or "MPICH 4.0.2": the first words of what the library says about itself.
inline std::string mpi_version() {
    char text[MPI_MAX_LIBRARY_VERSION_STRING];
    int length = 0;
    MPI_Get_library_version(text, &length);
    std::string whole(text, static_cast<std::size_t>(length));
    whole.erase(std::min(whole.find_first_of(",\n"), whole.size()));
    if (auto const at = whole.find("Version:\t"); at != whole.npos) whole.erase(at, 9);
    return whole;
}

}  // namespace bench
