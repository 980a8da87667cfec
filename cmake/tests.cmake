include(${CMAKE_CURRENT_LIST_DIR}/arguments.cmake)

# tutti_test(PATH [LABELS label...] [TIMEOUT seconds] [LIBRARIES target...])
# Builds tests/PATH.cpp with doctest's main and registers it; target and test are called PATH with dots for slashes.
# Tests of what runs on threads carry the label `sanitized`: the asan and tsan presets run these, and the target tests.sanitized
# builds no more than them. Exit code 77 is a skip.
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
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} SKIP_RETURN_CODE 77)
    if("sanitized" IN_LIST arg_LABELS)
        add_dependencies(tests.sanitized ${name})
    endif()
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

# tutti_mpi_test(PATH RANKS number... TIMEOUT seconds [LIBRARIES target...] [ARGS_BEYOND_2 argument...])
# The same with doctest's main, as a test PATH.NAME.N for each number of ranks. ARGS_BEYOND_2 make it shorter on more than 2
# ranks, which may share a core: MPICH's then wait for one another's turns.
function(tutti_mpi_test path)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "RANKS;LIBRARIES;ARGS_BEYOND_2")
    tutti_mpi_program(${path} LIBRARIES tests.main ${arg_LIBRARIES})
    string(REPLACE / . name ${path})
    foreach(mpi IN LISTS TUTTI_MPIS)
        foreach(ranks IN LISTS arg_RANKS)
            set(arguments)
            if(ranks GREATER 2)
                set(arguments ${arg_ARGS_BEYOND_2})
            endif()
            add_test(NAME ${name}.${mpi}.${ranks}
                COMMAND ${mpi.${mpi}_launcher} -np ${ranks} $<TARGET_FILE:${name}.${mpi}> ${arguments})
            set_tests_properties(${name}.${mpi}.${ranks} PROPERTIES LABELS mpi TIMEOUT ${arg_TIMEOUT} SKIP_RETURN_CODE 77
                PROCESSORS 2 ENVIRONMENT "${tutti_mpi_environment}")
        endforeach()
    endforeach()
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
