# Kernels by a command of its own: CMake 3.25 has no C++20 for nvcc 13.
find_program(TUTTI_NVCC nvcc HINTS ${CUDAToolkit_BIN_DIR} /usr/local/cuda/bin)
set(TUTTI_CUDA_ARCHITECTURE sm_90 CACHE STRING "What kernels are compiled for: nvcc's -arch, such as sm_90 or native")
mark_as_advanced(TUTTI_NVCC)

# tutti_kernels(TARGET SOURCE): adds what nvcc makes of SOURCE, a .cu, to TARGET.
function(tutti_kernels target source)
    cmake_path(GET source STEM name)
    set(object ${CMAKE_CURRENT_BINARY_DIR}/${target}.${name}.cu.o)
    add_custom_command(OUTPUT ${object}
        COMMAND ${TUTTI_NVCC} -std=c++20 -arch=${TUTTI_CUDA_ARCHITECTURE} --expt-relaxed-constexpr -fmad=false
            -Werror all-warnings -I ${PROJECT_SOURCE_DIR}/include -MD -MF ${object}.d -c ${CMAKE_CURRENT_SOURCE_DIR}/${source}
            -o ${object}
        MAIN_DEPENDENCY ${source} DEPFILE ${object}.d VERBATIM)
    target_sources(${target} PRIVATE ${object})
endfunction()
