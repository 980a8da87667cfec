include(${CMAKE_CURRENT_LIST_DIR}/arguments.cmake)

# tutti_example(NAME [TIMED] [LIBRARIES target...] [TEST_ARGS argument...] [LABELS label...])
# Builds NAME.cpp of the current directory into the program NAME, target example.NAME, and registers it as a test.
# TIMED: it says how fast it is. The others are optimised less, which takes two thirds of the time to compile.
function(tutti_example name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "TIMED" "" "LIBRARIES;TEST_ARGS;LABELS")
    tutti_no_other_arguments(${name})
    tutti_program(example.${name} ${name} ${arg_LIBRARIES})
    if(NOT arg_TIMED)
        target_compile_options(example.${name} PRIVATE $<$<CONFIG:Release>:-O1>)
    endif()
    add_test(NAME example.${name} COMMAND example.${name} ${arg_TEST_ARGS})
    tutti_program_test_properties(example.${name} "example;${arg_LABELS}")
endfunction()

# tutti_bench(NAME [PORTABLE] [LIBRARIES target...] [SMOKE_ARGS argument...] [LABELS label...])
# Builds NAME.cpp of the current directory into the program NAME, target bench.NAME; a test only where SMOKE_ARGS make it short.
# PORTABLE: also into NAME_portable, for any processor of this machine's kind, which NAME may run. Then bench.NAME builds both, and
# target `all` the program bench.NAME.native alone.
function(tutti_bench name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "PORTABLE" "" "LIBRARIES;SMOKE_ARGS;LABELS")
    tutti_no_other_arguments(${name})
    set(program bench.${name})
    if(arg_PORTABLE)
        set(program bench.${name}.native)
    endif()
    tutti_bench_program(${program} ${name} ${name} ${arg_LIBRARIES})
    if(arg_PORTABLE)
        set(TUTTI_NATIVE OFF)    # in this function
        tutti_bench_program(bench.${name}.portable ${name} ${name}_portable ${arg_LIBRARIES})
        set_target_properties(bench.${name}.portable PROPERTIES EXCLUDE_FROM_ALL ON)
        add_custom_target(bench.${name} DEPENDS ${program} bench.${name}.portable)
    endif()
    if(arg_SMOKE_ARGS)
        add_test(NAME bench.${name} COMMAND ${program} ${arg_SMOKE_ARGS})
        tutti_program_test_properties(bench.${name} "bench;${arg_LABELS}")
    endif()
endfunction()

function(tutti_bench_program target source program)
    tutti_program(${target} ${source} ${ARGN})
    tutti_bench_flags(${target})
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ${program})
    if(TUTTI_NATIVE AND NOT torch.found IN_LIST ARGN)
        tutti_precompiled(${target} bench.precompiled)
    endif()
endfunction()

# A bench tells its readers how it was compiled.
function(tutti_bench_flags target)
    string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
    set(flags ${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${type}})
    if(TUTTI_NATIVE)
        list(APPEND flags -march=native)
        target_compile_options(${target} PRIVATE -march=native)
    endif()
    string(JOIN " " flags ${flags})
    target_compile_definitions(${target} PRIVATE "TUTTI_BENCH_FLAGS=\"${flags}\"")
endfunction()

function(tutti_program target name)
    add_executable(${target} ${name}.cpp)
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name})
    target_link_libraries(${target} PRIVATE tutti::tutti ${ARGN})
    if(TUTTI_NATIVE)
        target_compile_options(${target} PRIVATE -march=native)
    endif()
endfunction()

function(tutti_program_test_properties test labels)
    set_tests_properties(${test} PROPERTIES LABELS "${labels}" TIMEOUT 60 SKIP_RETURN_CODE 77)
endfunction()

# g++ 12 takes the deliberately undefined registers of its own AVX-512 header for mistakes: gcc.gnu.org/PR105593
function(tutti_with_undefined_registers target)
    target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized;-Wno-uninitialized>)
endfunction()
