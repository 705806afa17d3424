# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# Back ends of ggml that are not part of the prefix, one library each: FOLDER/libggml-NAME.so. Nothing
# loads them unless GGML_BACKEND_PATH says so. Sourced by tools/setup, after llama.sh.

# The version of ggml in use; a back end must be of the same.
ggml_version() {
    local prefix=$1
    if [ -e "$prefix/versions" ]; then
        awk '$1 == "libggml0" { print $2 }' "$prefix/versions"
    else
        dpkg-query -W -f='${Version}' libggml0 2>/dev/null
    fi
}

# Fetches the package of back end `name` in the version of ggml that is there; false when the archive
# has moved on to another one.
fetch_device() {
    local name=$1 folder=$2 version=$3 work package=libggml0-backend-$1
    say "fetching ggml's back end '$name' $version into $folder"
    open_package_world "$folder"
    (cd "$work" && private_apt download "$package=$version") >/dev/null 2>&1 || return 1
    dpkg-deb -x "$work/$package"_*.deb "$work/root"
    mkdir -p "$folder"
    mv "$work"/root/usr/lib/*/ggml/backends*/"libggml-$name.so" "$folder/"
}

# Tests that need the back end are skipped without it, so that this is no failure.
ensure_device() {
    local name=$1 folder=$2 version
    [ -e "$folder/libggml-$name.so" ] && return
    command -v apt-get >/dev/null || return 0
    version=$(ggml_version "$3")
    ([ -n "$version" ] && fetch_device "$name" "$folder" "$version") ||
        say "no back end '$name' for ggml $version: its tests will be skipped (remove $3 to renew both)"
}
