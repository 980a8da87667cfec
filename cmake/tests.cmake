include(${CMAKE_CURRENT_LIST_DIR}/arguments.cmake)

# tutti_test(PATH [LABELS label...] [TIMEOUT seconds] [LIBRARIES target...])
# Builds tests/PATH.cpp with doctest's main and registers it; target and test are called PATH with dots for slashes.
# Tests of what runs on threads carry the label `sanitized`, by which the asan preset runs them; and `races` where threads do more
# than to call collectives, or call one in a way of its own, by which the tsan preset does. The targets tests.sanitized and
# tests.races build no more than these. Exit code 77 is a skip.
function(tutti_test path)
    tutti_linked_test(${path} ${ARGN})
    string(REPLACE / . name ${path})
    target_sources(${name} PRIVATE ${path}.cpp)
endfunction()

# The same, of what the libraries hold.
function(tutti_linked_test path)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "LABELS;LIBRARIES")
    tutti_no_other_arguments(${path})
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 60)
    endif()
    string(REPLACE / . name ${path})
    add_executable(${name})
    target_link_libraries(${name} PRIVATE tutti::tutti tests.main ${arg_LIBRARIES})
    if(NOT torch.found IN_LIST arg_LIBRARIES)
        tutti_precompiled(${name} tests.precompiled)
    endif()
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} SKIP_RETURN_CODE 77)
    foreach(label IN ITEMS sanitized races)
        if(label IN_LIST arg_LABELS)
            add_dependencies(tests.${label} ${name})
        endif()
    endforeach()
endfunction()

# tutti_mpi_program(PATH [LIBRARIES target...])
# Builds tests/PATH.cpp with each MPI, as target PATH.NAME with dots for slashes.
function(tutti_mpi_program path)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "LIBRARIES")
    tutti_no_other_arguments(${path})
    string(REPLACE / . name ${path})
    foreach(mpi IN LISTS TUTTI_MPIS)
        add_executable(${name}.${mpi} ${path}.cpp)
        target_link_libraries(${name}.${mpi} PRIVATE mpi.${mpi} ${arg_LIBRARIES})
    endforeach()
endfunction()

# tutti_mpi_test(PATH RANKS number... TIMEOUT seconds [LIBRARIES target...])
# The same with doctest's main, as a test PATH.NAME.N for each number of ranks.
function(tutti_mpi_test path)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "RANKS;LIBRARIES")
    tutti_mpi_program(${path} LIBRARIES tests.main ${arg_LIBRARIES})
    string(REPLACE / . name ${path})
    foreach(mpi IN LISTS TUTTI_MPIS)
        tutti_precompiled(${name}.${mpi} tests.precompiled)
        foreach(ranks IN LISTS arg_RANKS)
            add_test(NAME ${name}.${mpi}.${ranks}
                COMMAND ${mpi.${mpi}_launcher} -np ${ranks} $<TARGET_FILE:${name}.${mpi}>)
            tutti_mpi_test_properties(${name}.${mpi}.${ranks} ${mpi} ${arg_TIMEOUT})
        endforeach()
    endforeach()
endfunction()

# For tests that start ranks by one of the TUTTI_MPIS: all of the machine is theirs.
function(tutti_mpi_test_properties test mpi timeout)
    set(environment ${tutti_mpi_environment})
    if(mpi STREQUAL "mpich")
        list(APPEND environment LD_PRELOAD=$<TARGET_FILE:tests.yielding_mpich>)
    endif()
    set_tests_properties(${test} PROPERTIES LABELS mpi TIMEOUT ${timeout} SKIP_RETURN_CODE 77 PROCESSORS 2
        ENVIRONMENT "${environment}")
endfunction()
# tutti_compiler_test(NAME LABEL SCRIPT [argument...])
# Registers NAME.gcc and NAME.clang: SCRIPT, called with the compiler's name and the arguments. Exit code 77 is a skip.
function(tutti_compiler_test name label script)
    foreach(compiler IN ITEMS gcc:g++ clang:clang++)
        string(REGEX MATCH "(.*):(.*)" _ ${compiler})
        set(test ${name}.${CMAKE_MATCH_1})
        add_test(NAME ${test} COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/${script} ${CMAKE_MATCH_2} ${ARGN})
        set_tests_properties(${test} PROPERTIES LABELS ${label} TIMEOUT 120 SKIP_RETURN_CODE 77)
    endforeach()
endfunction()

# tutti_skipped_test(NAME WHAT [label...]): a test that cannot run, since WHAT is missing.
function(tutti_skipped_test name what)
    add_test(NAME ${name} COMMAND sh -c "echo 'needs ${what}'; exit 77")
    set_tests_properties(${name} PROPERTIES LABELS "${ARGN}" SKIP_RETURN_CODE 77)
endfunction()
