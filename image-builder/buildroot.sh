#!/bin/bash
# buildroot.sh DIST: build/cache/buildroot-DIST, a root file system of that Debian release with all that building Lodge's
# package takes. Made anew only when the list of packages or the mirror has changed.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$here/lib.sh"

[ $# -eq 1 ] || { echo "usage: buildroot.sh DIST" >&2; exit 2; }
dist=$1 root=$cache/buildroot-$1 stamp=$cache/buildroot-$1.stamp
in_own_mounts "$@"
take_lock "$cache/buildroot.lock"
key=$(cat "$here/buildroot.packages" "$here/bootstrap.sh" "$cache/apt/$dist/id" | text_hash)
if is_made "$stamp" "$key"; then exit 0; fi
say "build root of $dist"
rm -f "$stamp"
list=$(mktemp)
sed_program=''
if [ "$dist" = bookworm ]; then sed_program='s/^systemd-dev$/systemd/'; fi
sed "$sed_program" "$here/buildroot.packages" >"$list"
"$here/bootstrap.sh" "$dist" "$root" "$cache/packages/buildroot-$dist" "$list"
rm -f "$list"
make_stamp "$stamp" "$key"
