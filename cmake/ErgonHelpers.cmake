# ergon_room(NAME SOURCES file… [LINK target…]): the static library of one room of src/.
function(ergon_room name)
    cmake_parse_arguments(ROOM "" "" "SOURCES;LINK" ${ARGN})
    add_library(ergon_${name} STATIC ${ROOM_SOURCES})
    target_link_libraries(ergon_${name} PUBLIC ${ROOM_LINK} PRIVATE ergon_flags)
    target_include_directories(ergon_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/include)
endfunction()

# ergon_test(NAME [SOURCES file…] [LINK target…] [LABELS label…] [WRAP symbol…]): one cmocka program,
# test_NAME.c unless SOURCES says otherwise, run in the source tree's tests/ folder. WRAP names
# functions the linker redirects to __wrap_NAME (fault injection).
function(ergon_test name)
    cmake_parse_arguments(TEST "" "" "SOURCES;LINK;LABELS;WRAP" ${ARGN})
    if(NOT TEST_SOURCES)
        set(TEST_SOURCES test_${name}.c)
    endif()
    add_executable(test_${name} ${TEST_SOURCES})
    target_link_libraries(test_${name} PRIVATE ${TEST_LINK} PkgConfig::CMOCKA ergon_flags)
    target_include_directories(test_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
    foreach(symbol ${TEST_WRAP})
        target_link_options(test_${name} PRIVATE -Wl,--wrap=${symbol})
    endforeach()
    set_target_properties(test_${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
    add_test(NAME ${name} COMMAND test_${name} WORKING_DIRECTORY ${CMAKE_SOURCE_DIR}/tests)
    set_tests_properties(${name} PROPERTIES TIMEOUT 300)
    if(TEST_LABELS)
        set_tests_properties(${name} PROPERTIES LABELS "${TEST_LABELS}")
    endif()
endfunction()

# ergon_fuzzer(NAME [LINK target…]): libFuzzer target fuzz_NAME.c with its corpus in corpus/NAME.
function(ergon_fuzzer name)
    cmake_parse_arguments(FUZZ "" "" "LINK" ${ARGN})
    add_executable(fuzz_${name} fuzz_${name}.c)
    target_compile_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
    target_link_libraries(fuzz_${name} PRIVATE ${FUZZ_LINK} ergon_flags)
endfunction()
