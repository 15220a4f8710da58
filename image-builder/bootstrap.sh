#!/bin/bash
# bootstrap.sh DIST ROOT PACKAGES_CACHE PACKAGES_FILE [MMDEBSTRAP_OPTION...]: a root file system of Debian in the folder ROOT, made by
# mmdebstrap of the packages that the file lists, one a line. Packages are kept in the cache and fetched only once.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$here/lib.sh"

# How this machine reaches a mirror, and is known to it. mmdebstrap leaves it in 99mmdebstrap, which image.sh takes away.
reach_options() {
    local key value
    printf '%s\n' '--aptopt=Dir::Etc::netrc "/etc/apt/auth.conf"' '--aptopt=Dir::Etc::netrcparts "/etc/apt/auth.conf.d"'
    for key in Acquire::http::Proxy Acquire::https::Proxy; do
        value=$(apt-config dump --format '%v%n' "$key")
        if [ -n "$value" ]; then printf '%s\n' "--aptopt=$key \"$value\""; fi
    done
}

packages_of() { sed 's/#.*//; s/[[:space:]]//g; /^$/d' "$1" | paste -sd,; }

# Leaves in the cache exactly what this root was made of.
keep_used() {
    local wanted file
    # shellcheck disable=SC2016 # for dpkg-query
    wanted=$(chroot "$root" dpkg-query -W -f '${Package}_${Version}_${Architecture}.deb\n' | sed 's/:/%3a/')
    for file in "$packages"/*.deb; do
        grep -qxF "${file##*/}" <<<"$wanted" || rm -f "$file"
    done
}

[ $# -ge 4 ] || { echo "usage: bootstrap.sh DIST ROOT PACKAGES_CACHE PACKAGES_FILE [OPTION...]" >&2; exit 2; }
dist=$1 root=$2 packages=$3 list=$4
shift 4
mkdir -p "$packages"
rm -rf "$root"
mapfile -t reach < <(reach_options)
# The hooks link files instead of copying them: cache and root lie on one file system.
mmdebstrap --mode=root --variant=minbase --include="$(packages_of "$list")" --format=directory \
    --skip=download/empty --skip=essential/unlink "${reach[@]}" \
    --aptopt='APT::Install-Recommends "false"' --aptopt='Acquire::Languages "none"' --aptopt='Acquire::Retries "3"' \
    --setup-hook="mkdir -p \"\$1/var/cache/apt/archives\"; cp -l '$packages'/*.deb \"\$1/var/cache/apt/archives/\" 2>/dev/null || true" \
    --customize-hook="cp -ln \"\$1\"/var/cache/apt/archives/*.deb '$packages/' 2>/dev/null || true" \
    "$@" "$dist" "$root" "$cache/apt/$dist/sources.list" >"$root.log" 2>&1 ||
    die "the packages cannot be installed: $(grep -m 3 -E '^(E:|dpkg: error)' "$root.log" | tr '\n' ' ') ($root.log says more)"
keep_used
