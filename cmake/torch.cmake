# tutti_find_torch()
# Defines the target torch.found where CMake finds LibTorch. Its headers are no C++20 to clang 14.
function(tutti_find_torch)
    if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
        return()
    endif()
    set(CMAKE_MESSAGE_LOG_LEVEL WARNING)    # its package talks
    find_package(Torch QUIET)
    if(Torch_FOUND AND NOT TARGET torch.found)
        add_library(torch.found INTERFACE IMPORTED GLOBAL)
        target_link_libraries(torch.found INTERFACE tutti::tutti ${TORCH_LIBRARIES})
    endif()
endfunction()
