# Stops at a misspelt keyword, which cmake_parse_arguments would otherwise drop.
macro(tutti_no_other_arguments)
    if(arg_UNPARSED_ARGUMENTS)
        message(FATAL_ERROR "${CMAKE_CURRENT_FUNCTION}(${ARGV0}): unknown arguments: ${arg_UNPARSED_ARGUMENTS}")
    endif()
endmacro()
