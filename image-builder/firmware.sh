#!/bin/bash
# firmware.sh ROOT LIST: puts those firmware files into the root file system that the drivers of its kernel ask for, of disks and
# of wired network: not wireless, sound and graphics. LIST says what was taken and what it weighs.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$here/lib.sh"

drivers=(net/ethernet net/phy net/usb net/mdio scsi ata nvme block message usb/host infiniband)

wanted() {
    local kernel driver modules=()
    kernel=$(echo "$root"/usr/lib/modules/*)
    for driver in "${drivers[@]}"; do
        if [ -d "$kernel/kernel/drivers/$driver" ]; then modules+=("$kernel/kernel/drivers/$driver"); fi
    done
    find "${modules[@]}" -name '*.ko*' -print0 | xargs -0 modinfo -F firmware | sort -u
}

# take FILE: with everything that it links to.
take() {
    local file=$1 target
    mkdir -p "$to/$(dirname "$file")"
    cp -a "$from/$file" "$to/$file"
    if [ -L "$from/$file" ]; then
        target=$(realpath --relative-to="$from" "$from/$file")
        [ -e "$to/$target" ] || take "$target"
    fi
}

root=$1 list=$2
scratch=$(mktemp -d "$build/firmware.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
from=$scratch/usr/lib/firmware to=$root/usr/lib/firmware
for package in "$cache"/packages/firmware/*.deb; do dpkg-deb --extract "$package" "$scratch"; done
mkdir -p "$to"
while read -r name; do
    # Some drivers name a family with a star; a name without a file belongs to a device that brings its own.
    for file in "$from"/$name; do
        if [ -e "$file" ]; then take "${file#"$from/"}"; fi
    done
done < <(wanted)
# Licenses come along.
mkdir -p "$root/usr/share/doc"
for package in "$scratch"/usr/share/doc/*; do
    mkdir -p "$root/usr/share/doc/${package##*/}"
    cp "$package/copyright" "$root/usr/share/doc/${package##*/}/"
done
(cd "$to" && find . -type f -printf '%s %P\n' | awk '{ n = split($2, part, "/"); sum[n > 1 ? part[1] "/" : $2] += $1; all += $1 }
    END { for (f in sum) print sum[f], f; print all, "total" }' | sort -rn) >"$list"
