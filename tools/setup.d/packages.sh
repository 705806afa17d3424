# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Debian packages, installed with apt as root or through sudo. Sourced by tools/setup.

build_packages=(gcc libc6-dev make cmake ninja-build pkg-config
    libsqlite3-dev libjansson-dev libzstd-dev libarchive-dev libplist-dev libwebsockets-dev)
test_packages=(libcmocka-dev g++ clang clang-format sqlite3 unzip zsh curl python3 chromium fonts-dejavu-core)
fuzz_packages=(libclang-rt-dev)
vulkan_packages=(libvulkan1 mesa-vulkan-drivers)

# Those of the named packages that are not installed, one per line.
missing_packages() {
    local installed
    # dpkg-query fails when it does not know one of them, which is an answer and no error
    installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "$@" 2>/dev/null || true)
    printf '%s\n' "$@" | while read -r package; do
        grep -qx "$package installed" <<<"$installed" || printf '%s\n' "$package"
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        "$@"
    elif command -v sudo >/dev/null; then
        sudo "$@"
    else
        die "this needs root and there is no sudo; run as root: $*"
    fi
}

apt_install() {
    say "installing with apt: $*"
    {
        as_root apt-get -q update &&
            as_root env DEBIAN_FRONTEND=noninteractive \
                apt-get -q -y --no-install-recommends -o Dpkg::Use-Pty=0 install "$@"
    } >"$apt_log" 2>&1 || {
        cat "$apt_log" >&2
        die "apt could not install: $*"
    }
}

ensure_packages() {
    local missing apt_log
    command -v apt-get >/dev/null || return 0 # elsewhere CMake names what it does not find
    mapfile -t missing < <(missing_packages "$@")
    [ ${#missing[@]} -gt 0 ] || return 0
    apt_log=$(mktemp)
    apt_install "${missing[@]}"
    rm -f "$apt_log"
}

# npm fetches what the dashboard is built with, a newer Node included, so any npm will do.
ensure_npm() {
    [ "${ERGON_WEB:-ON}" != OFF ] && ! command -v npm >/dev/null || return 0
    ensure_packages npm
}
