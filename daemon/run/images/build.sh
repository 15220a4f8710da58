#!/bin/bash
# build.sh OUTDIR CACHEDIR: makes the starter images OUTDIR/tiny-vm.qcow2 and OUTDIR/tiny-container.tar.zst.
#
# Everything in them comes from Debian packages of this machine's release, kept in CACHEDIR; once they are there no
# network is needed. Does nothing when neither the packages nor the files beside this script changed. The same packages
# give the same bits. Needs no root, no mounts and no loop devices.
set -euo pipefail
umask 022
export LC_ALL=C TZ=UTC PATH="$PATH:/usr/sbin:/sbin"

here=$(dirname "$(readlink -f "$0")")

inputs_id() { # what the images are made of, as one hash
    { cat "$1"; find "$here" -type f -print0 | sort -z | xargs -0 sha256sum | sed "s| $here| |"; } | sha256sum | cut -d' ' -f1
}

main() {
    [ $# -eq 2 ] || { echo "usage: build.sh OUTDIR CACHEDIR" >&2; exit 2; }
    local out cache id name stamp work
    mkdir -p "$1" "$2"
    out=$(readlink -f "$1") cache=$(readlink -f "$2")
    exec {lock}>"$cache/lock"
    flock "$lock" # two builds at once would share the cache and the results
    "$here/fetch.sh" "$cache"
    id=$(inputs_id "$cache/manifest")
    work=$(mktemp -d "$cache/work.XXXXXX")
    # shellcheck disable=SC2064 # the folder of this call
    trap "rm -rf '$work'" EXIT
    for name in tiny-container.tar.zst tiny-vm.qcow2; do
        stamp=$out/.$name.inputs
        if [ -f "$out/$name" ] && [ "$(cat "$stamp" 2>/dev/null)" = "$id" ]; then continue; fi
        echo "images: building $name" >&2
        unpack_once "$cache" "$work"
        # Inside this user namespace the builder's files belong to root, which is how they have to stand in the image.
        unshare --map-root-user "$here/${name%%.*}.sh" "$work" "$work/$name"
        mv "$work/$name" "$out/$name"
        echo "$id" >"$stamp"
    done
}

unpack_once() {
    local cache=$1 work=$2 package
    [ ! -d "$work/packages" ] || return 0
    mkdir "$work/packages"
    while read -r _ package; do dpkg-deb --extract "$cache/$package" "$work/packages"; done <"$cache/manifest"
}

main "$@"
