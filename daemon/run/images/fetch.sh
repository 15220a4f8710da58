#!/bin/bash
# fetch.sh CACHEDIR: brings the Debian packages of the starter images into CACHEDIR and writes CACHEDIR/manifest, a line
# "SHA256 FILE" for each. What the manifest names and the folder holds is not fetched again, unless it was fetched on another
# release of Debian or by another list: remove the folder to get newer versions.
set -euo pipefail
cd "${1:?usage: fetch.sh CACHEDIR}"

# Names that differ between Debian 12 and 13 stand in one row; the first that apt knows is taken.
rows="
busybox-static
linux-image-cloud-amd64
qemu-guest-agent
libc6
libglib2.0-0t64 libglib2.0-0
libpcre2-8-0
libatomic1
libnuma1
libudev1
libcap2
liburing2
"

candidate() { apt-cache policy "$1" | sed -n 's/^ *Candidate: //p'; }

first_known() {
    local package version
    for package in "$@"; do
        version=$(candidate "$package")
        if [ -n "$version" ] && [ "$version" != "(none)" ]; then printf '%s\n' "$package"; return 0; fi
    done
    echo "images: apt knows no package $*. Are the package lists there (apt-get update)?" >&2
    return 1
}

# The kernel's package is the one that the metapackage depends on.
real_package() {
    case $1 in
        linux-image-cloud-amd64) apt-cache depends --important "$1" | sed -n 's/^ *Depends: \(linux-image\)/\1/p' | head -n 1 ;;
        *) printf '%s\n' "$1" ;;
    esac
}

# What was asked for, and of which release.
asked_for() {
    # shellcheck source=/dev/null
    . /etc/os-release
    printf '%s %s' "${VERSION_ID:-}" "$rows" | sha256sum
}

complete() { [ -s manifest ] && [ "$(cat key 2>/dev/null)" = "$(asked_for)" ] && sha256sum --check --quiet --status manifest; }

fetch() {
    local row wanted=()
    while read -r row; do
        [ -n "$row" ] || continue
        # shellcheck disable=SC2086 # alternatives, separated by spaces
        wanted+=("$(real_package "$(first_known $row)")")
    done <<<"$rows"
    rm -f ./*.deb manifest key
    echo "images: fetching ${#wanted[@]} Debian packages" >&2
    apt-get -q -o APT::Sandbox::User=root download "${wanted[@]}" >fetch.log 2>&1 || return 1
    sha256sum -- *.deb >manifest.new
    asked_for >key
    mv manifest.new manifest
}

if ! complete && ! fetch; then
    echo "images: apt-get could not download the packages:" >&2
    tail -n 5 fetch.log >&2
    echo "images: if the package lists are old, 'apt-get update' as root helps; then run this again" >&2
    exit 1
fi
