# What 'make install' puts where, apart from the engine (ergon_engine()). Fixed names rather than
# GNUInstallDirs: the tree is relocatable, and 'make dist' packs it as it is.

if(TARGET ergon)
    install(TARGETS ergon DESTINATION bin)
    set(pages ${CMAKE_BINARY_DIR}/pages) # src/cli
    install(FILES ${pages}/ergon.1 DESTINATION share/man/man1)
    install(FILES ${pages}/ergon.bash DESTINATION share/bash-completion/completions RENAME ergon)
    install(FILES ${pages}/_ergon DESTINATION share/zsh/site-functions)
    install(FILES ${pages}/ergon.fish DESTINATION share/fish/vendor_completions.d)
endif()
if(TARGET ergon_probe)
    install(TARGETS ergon_probe ARCHIVE DESTINATION lib)
endif()
install(DIRECTORY include/ergon DESTINATION include)
install(DIRECTORY models/ DESTINATION share/ergon/models FILES_MATCHING PATTERN "tales-*.gguf")
install(DIRECTORY docs/ DESTINATION share/doc/ergon FILES_MATCHING PATTERN "*.md")
install(FILES LICENSE README.md DESTINATION share/doc/ergon OPTIONAL)
