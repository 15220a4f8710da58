#!/bin/bash
# tiny-container.sh WORKDIR OUT: the root file system of a small system container, as a compressed tar archive.
set -euo pipefail
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$(readlink -f "$0")")/lib.sh"

work=$1 out=$2 root=$1/container
epoch=$(image_epoch "$work")

busybox_tree "$work/packages" "$root"
overlay "$here/container/root" "$root"
set_dates "$root" "$epoch"
tar --create --directory="$root" --sort=name --numeric-owner --owner=0 --group=0 --format=posix \
    --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime . | zstd -q -10 -T1 -o "$out"
