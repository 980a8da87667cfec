include(${CMAKE_CURRENT_LIST_DIR}/arguments.cmake)

# tutti_example(NAME [LIBRARIES target...] [TEST_ARGS argument...] [LABELS label...])
# Builds NAME.cpp of the current directory into the program NAME, target example.NAME, and registers it as a test.
function(tutti_example name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LIBRARIES;TEST_ARGS;LABELS")
    tutti_no_other_arguments(${name})
    tutti_program(example.${name} ${name} ${arg_LIBRARIES})
    tutti_program_test(example.${name} "example;${arg_LABELS}" ${arg_TEST_ARGS})
endfunction()

# tutti_bench(NAME [PORTABLE] [LIBRARIES target...] [SMOKE_ARGS argument...] [LABELS label...])
# Builds NAME.cpp of the current directory into the program NAME, target bench.NAME; a test only where SMOKE_ARGS make it short.
# PORTABLE: also into NAME_portable, for any processor of this machine's kind, which bench.NAME may run.
function(tutti_bench name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "PORTABLE" "" "LIBRARIES;SMOKE_ARGS;LABELS")
    tutti_no_other_arguments(${name})
    tutti_bench_program(${name} ${name} ${arg_LIBRARIES})
    if(arg_PORTABLE)
        set(TUTTI_NATIVE OFF)    # in this function
        tutti_bench_program(${name}_portable ${name} ${arg_LIBRARIES})
        add_dependencies(bench.${name} bench.${name}_portable)
    endif()
    if(arg_SMOKE_ARGS)
        tutti_program_test(bench.${name} "bench;${arg_LABELS}" ${arg_SMOKE_ARGS})
    endif()
endfunction()

# A bench tells its readers how it was compiled.
function(tutti_bench_program program name)
    tutti_program(bench.${program} ${name} ${ARGN})
    string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
    set(flags ${CMAKE_CXX_FLAGS} ${CMAKE_CXX_FLAGS_${type}})
    if(TUTTI_NATIVE)
        list(APPEND flags -march=native)
    endif()
    string(JOIN " " flags ${flags})
    set_target_properties(bench.${program} PROPERTIES OUTPUT_NAME ${program})
    target_compile_definitions(bench.${program} PRIVATE "TUTTI_BENCH_FLAGS=\"${flags}\"")
endfunction()

function(tutti_program target name)
    add_executable(${target} ${name}.cpp)
    set_target_properties(${target} PROPERTIES OUTPUT_NAME ${name})
    target_link_libraries(${target} PRIVATE tutti::tutti ${ARGN})
    if(TUTTI_NATIVE)
        target_compile_options(${target} PRIVATE -march=native)
    endif()
endfunction()

function(tutti_program_test target labels)
    add_test(NAME ${target} COMMAND ${target} ${ARGN})
    set_tests_properties(${target} PROPERTIES LABELS "${labels}" TIMEOUT 60 SKIP_RETURN_CODE 77)
endfunction()
