# tutti_precompile(NAME HEADERS header... [LIBRARIES target...])
# Defines the library NAME, which holds nothing but precompiled headers. By g++ alone: clang 14 crashes on its own.
function(tutti_precompile name)
    cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "HEADERS;LIBRARIES")
    tutti_no_other_arguments(${name})
    set(nothing ${CMAKE_CURRENT_BINARY_DIR}/nothing.cpp)
    file(CONFIGURE OUTPUT ${nothing} CONTENT "")
    add_library(${name} OBJECT ${nothing})
    target_link_libraries(${name} PRIVATE ${arg_LIBRARIES})
    if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
        target_precompile_headers(${name} PRIVATE ${arg_HEADERS})
    endif()
endfunction()

# tutti_precompiled(TARGET NAME): TARGET takes what NAME has precompiled, where it is compiled with the same flags; else g++ says that it
# does not. What uses LibTorch never is: it defines macros that the standard library asks for.
function(tutti_precompiled target name)
    if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
        target_precompile_headers(${target} REUSE_FROM ${name})
        target_compile_options(${target} PRIVATE -Wno-error=invalid-pch)
    endif()
endfunction()
