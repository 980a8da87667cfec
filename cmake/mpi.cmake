# Defines tutti::mpi, the library with the MPI that CMake finds; read by the project and by find_package(tutti COMPONENTS mpi).
find_package(MPI QUIET COMPONENTS CXX GLOBAL)
if(MPI_CXX_FOUND AND NOT TARGET tutti::mpi)
    add_library(tutti::mpi INTERFACE IMPORTED GLOBAL)
    target_link_libraries(tutti::mpi INTERFACE tutti::tutti MPI::MPI_CXX)
endif()
