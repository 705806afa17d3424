# shellcheck shell=bash
# SPDX-License-Identifier: MIT
# libllama and ggml: the system's when they are new enough, else Debian's newest packages together
# with the C library they need, unpacked into a private prefix. Sourced by tools/setup.
#
#   PREFIX/include    headers of llama and ggml, nothing else
#   PREFIX/lib        shared libraries, their loader, ggml's back ends
#   PREFIX/doc        licence of each package
#   PREFIX/versions   "package version" lines; its presence means the prefix is complete

llama_least=0.7 # keep in step with cmake/ErgonLlama.cmake
ggml_least=0.27
llama_packages=(libllama-dev libggml-dev)

system_has_llama() {
    pkg-config --atleast-version=$llama_least llama 2>/dev/null &&
        pkg-config --atleast-version=$ggml_least ggml 2>/dev/null
}

# True when the system's own package sources offer a libllama that is new enough.
system_offers_llama() {
    local candidate
    candidate=$(apt-cache policy libllama-dev 2>/dev/null | awk '/Candidate:/ { print $2 }')
    candidate=${candidate#*:} # without the epoch
    [ -n "$candidate" ] && [ "$candidate" != '(none)' ] &&
        dpkg --compare-versions "$candidate" ge $llama_least
}

# The first Debian archive among the system's package sources.
debian_mirror() {
    if [ -n "${ERGON_DEBIAN_MIRROR:-}" ]; then
        printf '%s\n' "$ERGON_DEBIAN_MIRROR"
        return
    fi
    # Release files that were never fetched have no label; then only the path tells
    apt-get indextargets --format '$(REPO_URI)|$(RELEASE)|$(COMPONENT)|$(LABEL)' \
        'Created-By: Packages' 2>/dev/null |
        awk -F'|' '$3 == "main" && ($4 == "Debian" || ($4 == "" && $1 ~ /debian\/?$/)) &&
                   $2 !~ /-(security|updates)/ { print $1; exit }'
}

# apt-get with a package world of its own under $work: no system source, state or cache is touched.
private_apt() {
    apt-get -qq \
        -o Dir::Etc::sourcelist="$work/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::Etc::preferences=/dev/null -o Dir::Etc::preferencesparts=/dev/null \
        -o Dir::State="$work/state" -o Dir::State::status="$work/state/status" \
        -o Dir::Cache="$work/cache" -o Acquire::Languages=none \
        -o APT::Sandbox::User="$(id -un)" -o APT::Install-Recommends=false "$@"
}

prepare_private_apt() {
    local mirror=$1 keyring=/usr/share/keyrings/debian-archive-keyring.gpg
    [ -r $keyring ] || die "cannot read '$keyring' (install debian-archive-keyring)"
    mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" "$work/root"
    : >"$work/state/status" # nothing is installed: apt then computes the whole closure
    printf 'deb [arch=%s signed-by=%s] %s %s main\n' \
        "$(dpkg --print-architecture)" $keyring "$mirror" "${ERGON_DEBIAN_SUITE:-sid}" \
        >"$work/sources.list"
}

# Lays the unpacked packages of $work/root out as described above, in $work/prefix.
lay_out_prefix() {
    local triplet deb doc out=$work/prefix
    triplet=$(cd "$work/root/usr/lib" && echo ./*/libllama.so)
    mkdir -p "$out/doc" "$out/lib"
    cp -a "$work/headers/usr/include" "$out/include"
    (cd "$work/root/usr/lib/$(dirname "$triplet")" &&
        cp -a ./*.so ./*.so.* ggml pkgconfig "$out/lib/")
    for doc in "$work"/root/usr/share/doc/*/copyright; do
        cp "$doc" "$out/doc/$(basename "$(dirname "$doc")")"
    done
    for deb in "$work"/cache/archives/*.deb; do
        dpkg-deb --show --showformat='${Package} ${Version}\n' "$deb"
    done >"$out/versions"
}

unpack_packages() {
    local deb
    for deb in "$work"/cache/archives/*.deb; do
        dpkg-deb -x "$deb" "$work/root"
    done
    for deb in "${llama_packages[@]}"; do
        dpkg-deb -x "$work"/cache/archives/"$deb"_*.deb "$work/headers"
    done
}

# A package world beside `folder`, in the variable `work` of the caller, removed at the end.
open_package_world() {
    local folder=$1 mirror
    command -v apt-get >/dev/null ||
        die "no libllama >= $llama_least here (see docs/building.md for systems without apt)"
    mirror=$(debian_mirror)
    [ -n "$mirror" ] ||
        die "no Debian archive among this system's package sources (set ERGON_DEBIAN_MIRROR=URL)"
    mkdir -p "$(dirname "$folder")"
    work=$(mktemp -d "$(dirname "$folder")/fetch.XXXXXX")
    # shellcheck disable=SC2064 # the folder as it is called now
    trap "rm -rf '$work'" EXIT
    prepare_private_apt "$mirror"
    private_apt -o APT::Update::Error-Mode=any update ||
        die "cannot read the package list of Debian ${ERGON_DEBIAN_SUITE:-sid}"
}

fetch_llama() {
    local prefix=$1 work
    say "fetching libllama and its C library from Debian ${ERGON_DEBIAN_SUITE:-sid} into $prefix"
    open_package_world "$prefix"
    private_apt -y --download-only install "${llama_packages[@]}" ||
        die "cannot fetch ${llama_packages[*]}"
    unpack_packages
    lay_out_prefix
    rm -rf "$prefix"
    mv "$work/prefix" "$prefix" # last, so that an interrupted fetch leaves no half prefix
    say "$(grep -E '^lib(llama|ggml)-dev ' "$prefix/versions" | tr '\n' ' ')in $prefix"
}

ensure_llama() {
    local prefix=$1
    [ "$(uname)" != Darwin ] || return 0 # Homebrew's, which CMake finds or asks for
    if [ -e "$prefix/versions" ] || system_has_llama; then
        return
    fi
    if command -v apt-cache >/dev/null && system_offers_llama; then
        ensure_packages "${llama_packages[@]}"
    else
        fetch_llama "$prefix"
    fi
}
