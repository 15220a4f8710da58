#!/bin/bash
# keymaps.sh BUILDROOT OUT: compiles the console's keyboard maps of keymaps.list with the tools of the build root, so that
# the image needs neither them nor X's keyboard data.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$here/lib.sh"

buildroot=$1 out=$2
stamp=$out/.stamp
key=$(cat "$here/keymaps.list" "$0" "$cache/buildroot-trixie.stamp" | text_hash)
if is_made "$stamp" "$key"; then exit 0; fi
SOURCE_DATE_EPOCH=$(source_date_epoch)
rm -rf "$out"
mkdir -p "$out"
while read -r name layout variant; do
    case $name in '' | '#'*) continue ;; esac
    enter "$buildroot" ckbcomp -model pc105 "$layout" ${variant:+"$variant"} 2>/dev/null | gzip -9n >"$out/$name.map.gz"
    [ "$(stat -c %s "$out/$name.map.gz")" -gt 500 ] || die "no keyboard map could be made for $name"
done <"$here/keymaps.list"
make_stamp "$stamp" "$key"
