include(${CMAKE_CURRENT_LIST_DIR}/arguments.cmake)

# tutti_test(PATH [LABELS label...] [TIMEOUT seconds] [LIBRARIES target...])
# Builds tests/PATH.cpp with doctest's main and registers it; target and test are called PATH with dots for slashes.
# Tests of what runs on threads carry the label `sanitized`: the asan and tsan presets run these. Exit code 77 is a skip.
function(tutti_test path)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "TIMEOUT" "LABELS;LIBRARIES")
    tutti_no_other_arguments(${path})
    if(NOT arg_TIMEOUT)
        set(arg_TIMEOUT 60)
    endif()
    string(REPLACE / . name ${path})
    add_executable(${name} ${path}.cpp)
    target_link_libraries(${name} PRIVATE tutti::tutti tests.main ${arg_LIBRARIES})
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT} SKIP_RETURN_CODE 77)
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
