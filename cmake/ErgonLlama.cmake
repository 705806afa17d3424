# Finds libllama and ggml: the system's (pkg-config, on macOS llama.cpp's own CMake package), else the
# private prefix of tools/setup.
#
# Gives the target ergon_llama_api (headers, libraries, ERGON_LLAMA_VERSION and ERGON_GGML_VERSION as
# string definitions), ERGON_LLAMA_VERSION, ERGON_GGML_VERSION, and ERGON_LLAMA_PREFIX (empty when the
# system's own is used); and ergon_engine(), which builds a program on top of it.

set(ERGON_LLAMA_LEAST 0.7) # keep in step with tools/setup.d/llama.sh
set(ERGON_GGML_LEAST 0.27)
set(ERGON_LLAMA_KNOWN "libllama 0.7.0 with ggml 0.27.0") # what the tests ran with
set(ERGON_LLAMA_SYSTEM AUTO CACHE STRING "Use the system's libllama: ON, OFF or AUTO (when new enough)")

# Version: line of a .pc file. Its paths are those of an installed package, so only this is of use.
function(ergon_pc_version file out)
    file(STRINGS ${file} line REGEX "^Version:" LIMIT_COUNT 1)
    string(REGEX REPLACE "^Version:[ \t]*" "" line "${line}")
    set(${out} "${line}" PARENT_SCOPE)
endfunction()

function(ergon_llama_from_system out_found)
    set(${out_found} FALSE PARENT_SCOPE)
    pkg_check_modules(LLAMA QUIET IMPORTED_TARGET llama>=${ERGON_LLAMA_LEAST} ggml>=${ERGON_GGML_LEAST})
    if(NOT LLAMA_FOUND)
        return()
    endif()
    target_link_libraries(ergon_llama_api INTERFACE PkgConfig::LLAMA)
    set(ERGON_LLAMA_VERSION ${LLAMA_llama_VERSION} PARENT_SCOPE)
    set(ERGON_GGML_VERSION ${LLAMA_ggml_VERSION} PARENT_SCOPE)
    set(ERGON_LLAMA_PREFIX "" PARENT_SCOPE)
    set(${out_found} TRUE PARENT_SCOPE)
endfunction()

# Homebrew's llama.cpp numbers its versions otherwise: whether it is one we know is found by compiling.
function(ergon_llama_from_package out_found)
    set(${out_found} FALSE PARENT_SCOPE)
    find_package(llama CONFIG QUIET)
    if(NOT llama_FOUND)
        return()
    endif()
    target_link_libraries(ergon_llama_api INTERFACE llama)
    foreach(name LLAMA GGML)
        set(version unknown)
        if(${name}_VERSION)
            set(version ${${name}_VERSION})
        endif()
        set(ERGON_${name}_VERSION ${version} PARENT_SCOPE)
    endforeach()
    set(ERGON_LLAMA_PREFIX "" PARENT_SCOPE)
    set(${out_found} TRUE PARENT_SCOPE)
endfunction()

function(ergon_llama_from_prefix prefix out_found)
    set(${out_found} FALSE PARENT_SCOPE)
    if(NOT EXISTS ${prefix}/versions)
        return()
    endif()
    ergon_pc_version(${prefix}/lib/pkgconfig/llama.pc llama_version)
    ergon_pc_version(${prefix}/lib/pkgconfig/ggml.pc ggml_version)
    target_include_directories(ergon_llama_api SYSTEM INTERFACE ${prefix}/include)
    # The libraries want a newer C library than the linker sees; the prefix's loader brings it.
    target_link_options(ergon_llama_api INTERFACE -Wl,--allow-shlib-undefined)
    target_link_libraries(ergon_llama_api INTERFACE
        ${prefix}/lib/libllama.so ${prefix}/lib/libggml.so ${prefix}/lib/libggml-base.so)
    set(ERGON_LLAMA_VERSION ${llama_version} PARENT_SCOPE)
    set(ERGON_GGML_VERSION ${ggml_version} PARENT_SCOPE)
    set(ERGON_LLAMA_PREFIX ${prefix} PARENT_SCOPE)
    set(${out_found} TRUE PARENT_SCOPE)
endfunction()

# A newer libllama may have dropped what the engine calls: say so here, with versions, rather than let
# the compiler say it with symbols.
function(ergon_llama_check)
    try_compile(ERGON_LLAMA_COMPILES ${CMAKE_BINARY_DIR}/check-llama
        SOURCES ${CMAKE_SOURCE_DIR}/cmake/check-llama.c
        LINK_LIBRARIES ergon_llama_api
        OUTPUT_VARIABLE output)
    if(NOT ERGON_LLAMA_COMPILES)
        message(FATAL_ERROR "found libllama ${ERGON_LLAMA_VERSION} with ggml ${ERGON_GGML_VERSION}, "
            "whose interface is not the one Ergon is written for (${ERGON_LLAMA_KNOWN}); "
            "docs/building.md says how to use another one\n${output}")
    endif()
endfunction()

add_library(ergon_llama_api INTERFACE IMPORTED GLOBAL)
if(DEFINED ENV{ERGON_PREFIX})
    set(ergon_prefix $ENV{ERGON_PREFIX})
else()
    set(ergon_prefix ${CMAKE_SOURCE_DIR}/.prefix)
endif()
set(ergon_llama_found FALSE)
if(ERGON_LLAMA_SYSTEM)
    ergon_llama_from_system(ergon_llama_found)
endif()
if(NOT ergon_llama_found AND (APPLE OR ERGON_LLAMA_SYSTEM STREQUAL "ON"))
    ergon_llama_from_package(ergon_llama_found)
endif()
if(NOT ergon_llama_found AND NOT APPLE AND NOT ERGON_LLAMA_SYSTEM STREQUAL "ON")
    ergon_llama_from_prefix(${ergon_prefix}/llama ergon_llama_found)
endif()
if(NOT ergon_llama_found)
    message(FATAL_ERROR "no libllama >= ${ERGON_LLAMA_LEAST} with ggml >= ${ERGON_GGML_LEAST}, "
        "neither on this system nor in '${ergon_prefix}/llama' (run tools/setup; on macOS "
        "brew install llama.cpp)")
endif()
message(STATUS "libllama ${ERGON_LLAMA_VERSION}, ggml ${ERGON_GGML_VERSION} ${ERGON_LLAMA_PREFIX}")
target_compile_definitions(ergon_llama_api INTERFACE
    ERGON_LLAMA_VERSION="${ERGON_LLAMA_VERSION}" ERGON_GGML_VERSION="${ERGON_GGML_VERSION}")
ergon_llama_check()

# Writes the start script of program `name`: paths `program` and `libs` are relative to the script.
function(ergon_start_script file program libs)
    set(loader ${libs}/ld-linux*.so.*)
    configure_file(${CMAKE_SOURCE_DIR}/cmake/start.sh.in ${file} @ONLY
        FILE_PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE
                         WORLD_READ WORLD_EXECUTE)
endfunction()

# ergon_engine(NAME SOURCES file… [LINK target…]): an engine program on libllama, started as bin/NAME.
# With the private prefix that is a script which runs bin/NAME-bin on the prefix's loader; installed,
# the program and the libraries are in lib/ergon/.
function(ergon_engine name)
    cmake_parse_arguments(ENGINE "" "" "SOURCES;LINK" ${ARGN})
    add_executable(${name} ${ENGINE_SOURCES})
    target_link_libraries(${name} PRIVATE ${ENGINE_LINK} ergon_llama_api ergon_flags)
    if(NOT ERGON_LLAMA_PREFIX)
        install(TARGETS ${name} DESTINATION bin)
        return()
    endif()
    set_target_properties(${name} PROPERTIES OUTPUT_NAME ${name}-bin SKIP_BUILD_RPATH ON)
    file(MAKE_DIRECTORY ${CMAKE_RUNTIME_OUTPUT_DIRECTORY})
    file(REAL_PATH ${ERGON_LLAMA_PREFIX}/lib libs)
    file(REAL_PATH ${CMAKE_RUNTIME_OUTPUT_DIRECTORY} bin)
    file(RELATIVE_PATH libs ${bin} ${libs})
    ergon_start_script(${bin}/${name} ${name}-bin ${libs})
    ergon_start_script(${CMAKE_BINARY_DIR}/install/${name} ../lib/ergon/${name}-bin ../lib/ergon)
    install(PROGRAMS ${CMAKE_BINARY_DIR}/install/${name} DESTINATION bin)
    install(TARGETS ${name} DESTINATION lib/ergon)
    install(CODE "set(tree \$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX})
        execute_process(COMMAND ${CMAKE_SOURCE_DIR}/tools/bundle ${ERGON_LLAMA_PREFIX}/lib
            \${tree}/lib/ergon \${tree}/lib/ergon/${name}-bin COMMAND_ERROR_IS_FATAL ANY)")
    install(DIRECTORY ${ERGON_LLAMA_PREFIX}/doc/ DESTINATION share/doc/ergon/third-party)
    install(FILES ${ERGON_LLAMA_PREFIX}/versions DESTINATION share/doc/ergon/third-party)
endfunction()
