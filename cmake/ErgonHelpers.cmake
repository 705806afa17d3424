# ergon_room(NAME SOURCES file… [LINK target…]): the static library of one room of src/.
function(ergon_room name)
    cmake_parse_arguments(ROOM "" "" "SOURCES;LINK" ${ARGN})
    add_library(ergon_${name} STATIC ${ROOM_SOURCES})
    set_property(GLOBAL APPEND PROPERTY ERGON_ROOMS ergon_${name}) # for tests/gates/mutable_state
    target_link_libraries(ergon_${name} PUBLIC ${ROOM_LINK} PRIVATE ergon_flags)
    target_include_directories(ergon_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/include)
endfunction()

# Tests of what only Linux has: mounts, /proc, device numbers.
set(ERGON_LINUX_TESTS store_open record_session system_abuse system_import system_kill system_live engine_run)

# ergon_test(NAME [SOURCES file…] [LINK target…] [LABELS label…] [WRAP symbol…]): one cmocka program,
# test_NAME.c unless SOURCES says otherwise, run in the source tree's tests/ folder. WRAP names
# functions the linker redirects to __wrap_NAME (fault injection). Only Linux builds those tests, and
# ERGON_LINUX_TESTS.
function(ergon_test name)
    cmake_parse_arguments(TEST "" "" "SOURCES;LINK;LABELS;WRAP" ${ARGN})
    if(NOT TEST_SOURCES)
        set(TEST_SOURCES test_${name}.c)
    endif()
    set(runs_here TRUE)
    if(NOT CMAKE_SYSTEM_NAME STREQUAL "Linux" AND (TEST_WRAP OR name IN_LIST ERGON_LINUX_TESTS))
        set(runs_here FALSE)
    endif()
    add_executable(test_${name} ${TEST_SOURCES})
    target_link_libraries(test_${name} PRIVATE ${TEST_LINK} PkgConfig::CMOCKA ergon_flags)
    target_include_directories(test_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
    target_compile_options(test_${name} PRIVATE -UNDEBUG) # what asserts must be able to fail
    set_target_properties(test_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    foreach(symbol ${TEST_WRAP})
        target_link_options(test_${name} PRIVATE -Wl,--wrap=${symbol})
    endforeach()
    if(NOT runs_here)
        set_target_properties(test_${name} PROPERTIES EXCLUDE_FROM_ALL ON)
        message(STATUS "not built: test_${name}, which needs Linux")
        return()
    endif()
    add_test(NAME ${name} COMMAND test_${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/tests)
    set_tests_properties(${name} PROPERTIES TIMEOUT 300)
    if(TEST_LABELS)
        set_tests_properties(${name} PROPERTIES LABELS "${TEST_LABELS}")
    endif()
endfunction()

# ergon_fuzzer(NAME [LINK target…]): fuzz_NAME.c, an LLVMFuzzerTestOneInput() whose inputs are in
# corpus/NAME. In a fuzz build a libFuzzer program; else the test fuzz_NAME, which replays the corpus.
function(ergon_fuzzer name)
    cmake_parse_arguments(FUZZ "" "" "LINK" ${ARGN})
    add_executable(fuzz_${name} fuzz_${name}.c)
    target_link_libraries(fuzz_${name} PRIVATE ${FUZZ_LINK} ergon_flags)
    target_compile_options(fuzz_${name} PRIVATE -UNDEBUG)
    if(ERGON_FUZZ)
        target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
        return()
    endif()
    target_sources(fuzz_${name} PRIVATE replay.c)
    set_target_properties(fuzz_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
    add_test(NAME fuzz_${name} COMMAND fuzz_${name} ${CMAKE_CURRENT_SOURCE_DIR}/corpus/${name})
    set_tests_properties(fuzz_${name} PROPERTIES TIMEOUT 120)
endfunction()

# ergon_bench(NAME [LINK target…]): bench_NAME.c, run by 'make bench'.
function(ergon_bench name)
    cmake_parse_arguments(BENCH "" "" "LINK" ${ARGN})
    add_executable(bench_${name} bench_${name}.c)
    target_link_libraries(bench_${name} PRIVATE ${BENCH_LINK} ergon_flags)
    set_target_properties(bench_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/bench)
endfunction()

# ergon_add_all(KIND COMMAND): calls COMMAND(ROOM_topic LINK ergon_ROOM) for each KIND_ROOM_topic.c of
# this folder. A program that needs more is added by hand before.
function(ergon_add_all kind command)
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${kind}_*.c)
    foreach(source ${sources})
        get_filename_component(program ${source} NAME_WE)
        string(REGEX REPLACE "^${kind}_" "" name ${program})
        string(REGEX MATCH "^[a-z]+" room ${name})
        if(NOT TARGET ${program} AND TARGET ergon_${room})
            cmake_language(CALL ${command} ${name} LINK ergon_${room})
        endif()
    endforeach()
endfunction()
