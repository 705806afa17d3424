# Options and the flags every target of ours is compiled with.

option(ERGON_TESTS "Build tests and benchmarks" ON)
option(ERGON_FUZZ "Build the fuzz targets (clang, libFuzzer)" OFF)
option(ERGON_WERROR "Treat warnings as errors" OFF)
set(ERGON_SANITIZE "" CACHE STRING "Sanitizers, e.g. address,undefined or thread")

add_library(ergon_flags INTERFACE)
target_compile_definitions(ergon_flags INTERFACE _GNU_SOURCE ERGON_VERSION="${PROJECT_VERSION}")
target_include_directories(ergon_flags INTERFACE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/include)
target_compile_options(ergon_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wshadow -Wpointer-arith -Wstrict-prototypes -Wmissing-prototypes
    -Wvla -Wformat=2 -Wundef -fno-common
    # gcc cannot see that outputs are read only where the call succeeded
    $<$<C_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>
    $<$<BOOL:${ERGON_WERROR}>:-Werror>)
if(ERGON_SANITIZE)
    target_compile_options(ergon_flags INTERFACE
        -fsanitize=${ERGON_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(ergon_flags INTERFACE -fsanitize=${ERGON_SANITIZE})
endif()
if(ERGON_FUZZ) # coverage feedback from every room; only the fuzz programs have a fuzzer's main
    target_compile_options(ergon_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
