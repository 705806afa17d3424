# SPDX-License-Identifier: MIT
# Thin: CMake knows how to build, the scripts in tools/ do the rest.

PREFIX ?= /usr/local
MODEL ?= tales
PROMPT ?= Once upon a time
TOKENS ?= 320
FUZZ_SECONDS ?= 20
KILLS ?= 100
CAMPAIGN_SECONDS ?= 600
export CTEST_PARALLEL_LEVEL ?= $(shell nproc 2>/dev/null || sysctl -n hw.ncpu)
export MODEL PROMPT TOKENS

all: ## build build/bin/ergon and build/bin/ergon-llama
	@tools/setup build
	@test -e build/CMakeCache.txt || cmake --preset release -DERGON_TESTS=OFF
	@cmake --build --preset release

demo: all ## profile a prompt on the bundled model (MODEL= PROMPT= TOKENS=)
	@tools/demo

test: ## build and run every test
	@tools/setup test
	@cmake --preset release -DERGON_TESTS=ON
	@cmake --build --preset release
	@ctest --preset release

test-vulkan: ## run the engine on ggml's Vulkan back end and a driver in software (takes minutes)
	@tools/setup vulkan
	@cmake --preset release -DERGON_TESTS=ON
	@cmake --build --preset release
	@ERGON_TEST_VULKAN=1 ctest --preset release -L vulkan

bench: ## build and run the benchmarks
	@tools/setup test
	@cmake --preset release -DERGON_TESTS=ON
	@cmake --build --preset release
	@tools/bench

overhead: ## measure what profiling costs and write it into docs/overhead.md (on an idle machine)
	@tools/setup test
	@cmake --preset release -DERGON_TESTS=ON
	@cmake --build --preset release
	@tools/overhead

install: all ## install a relocatable tree below PREFIX=/usr/local
	@cmake --install build --prefix "$(DESTDIR)$(PREFIX)"

dist: all ## pack build/ergon-VERSION-linux-ARCH.tar.gz, which needs nothing installed
	@tools/dist

format: ## clang-format every C file
	@tools/setup test
	@tests/gates/files c | xargs clang-format -i

sanitize: sanitize-asan sanitize-tsan ## run the tests under Address-, UB- and ThreadSanitizer

sanitize-asan sanitize-tsan: sanitize-%:
	@tools/setup test
	@cmake --preset $*
	@cmake --build --preset $*
	@ctest --preset $*

fuzz: ## run each fuzzer for FUZZ_SECONDS=20
	@tools/setup fuzz
	@cmake --preset fuzz
	@cmake --build --preset fuzz
	@tools/fuzz $(FUZZ_SECONDS)

campaign: ## kill KILLS=100 engines and as many recorders, then fuzz, CAMPAIGN_SECONDS=600 each
	@tools/setup test
	@cmake --preset release -DERGON_TESTS=ON
	@cmake --build --preset release
	@cd tests && ERGON_KILLS=$(KILLS) ../build/tests/test_system_kill
	@$(MAKE) --no-print-directory fuzz FUZZ_SECONDS=$(CAMPAIGN_SECONDS)

check-bare: ## 'make demo' and 'make test' in a bare Debian, as root (BARE=suite)
	@tools/check-bare $(BARE)

check-dist: ## the demo from the tarball in older and newer Debians, as root
	@tools/check-dist

clean: ## remove every build folder (not .prefix/)
	@rm -rf build build-asan build-dev build-fuzz build-tsan

help: ## this list
	@awk -F':.*## ' '/^[a-z][a-z-]*:.*## / { printf "make %-11s %s\n", $$1, $$2 }' Makefile

.PHONY: all demo test test-vulkan bench overhead install dist format sanitize sanitize-asan sanitize-tsan fuzz \
	campaign check-bare check-dist clean help
