# What Homebrew has installed is found, with those of its packages that it keeps out of the way because
# macOS brings older ones.
find_program(ERGON_BREW brew)
if(ERGON_BREW)
    execute_process(COMMAND ${ERGON_BREW} --prefix OUTPUT_VARIABLE prefix OUTPUT_STRIP_TRAILING_WHITESPACE)
    list(APPEND CMAKE_PREFIX_PATH ${prefix} ${prefix}/opt/sqlite ${prefix}/opt/libarchive)
endif()
