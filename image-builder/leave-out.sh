#!/bin/bash
# leave-out.sh ROOT LIST: takes from the root file system what packages bring and a host never uses. LIST says what went and what it
# weighed, in KiB. docs/appliance.md says what is left.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$here/lib.sh"

root=$1 list=$2
kernel=$(basename "$root"/usr/lib/modules/*)
cd "$root"

# Wireless cards cannot be bridged; sound, television and sensors serve nobody on a host. These graphics drivers do not work without
# firmware that the image has not, and would take the screen from the firmware's, which does.
drivers=(drivers/net/wireless net/wireless net/mac80211 drivers/bluetooth net/bluetooth drivers/nfc net/nfc drivers/isdn
    drivers/media sound drivers/iio drivers/comedi drivers/staging drivers/gpu/drm/{amd,radeon,nouveau,xe})

files=(
    # The emulator of 64-bit machines starts 32-bit systems too.
    usr/bin/qemu-system-i386 usr/bin/qemu-system-x86_64-microvm
    # A host is a client of Ceph's block devices: rbd, ceph and rados stay.
    usr/bin/{radosgw-admin,cephfs-journal-tool,cephfs-data-scan,cephfs-table-tool,ceph-syn}
    # What looks at file systems of XFS while they are mounted, and for their names 37 MB of Unicode that nothing else uses.
    usr/sbin/xfs_scrub{,_all} usr/lib/systemd/system/*xfs_scrub* usr/lib/x86_64-linux-gnu/libicu*
    # Firmware of processors that are not this one's.
    usr/share/qemu/{skiboot.lid,slof.bin,palcode-clipper,s390-ccw.img,vof.bin,{bamboo,canyonlands}.dtb}
    usr/share/qemu/{openbios,u-boot,hppa-firmware,npcm}*
    # networkd would take bridges and cards for its own that are called as those of systemd's machines and containers.
    usr/lib/systemd/network/80-{6rd,container,namespace,vm,wifi}*.network
    # UEFI as one file, for a QEMU without libvirt, and GRUB as Debian signs it: grub-install makes its own.
    usr/share/ovmf/OVMF.fd usr/share/qemu/OVMF.fd usr/lib/grub/x86_64-efi/monolithic
)

# The modules in these folders, without those that another driver needs.
unwanted_modules() {
    awk -v folders="${drivers[*]}" '
        function unwanted(path, i) {
            for (i = 1; i <= n; i++) if (index(path, "kernel/" folder[i] "/") == 1) return 1
            return 0
        }
        BEGIN { n = split(folders, folder, " ") }
        { sub(":$", "", $1); all[$1]; if (!unwanted($1)) for (i = 2; i <= NF; i++) needed[$i] }
        END { for (module in all) if (unwanted(module) && !(module in needed)) print module }' modules.dep | sort
}

# remove NAME PATH...
remove() {
    local name=$1 kib
    shift
    kib=$(du -k --total --summarize "$@" | tail -n 1 | cut -f 1)
    echo "$kib $name" >>"$list"
    rm -r "$@"
}

# A later version of a package may want a library that no other wanted before.
check_libraries() {
    local gone needed
    gone=$(printf '%s\n' "${files[@]##*/}" | grep '\.so\.')
    needed=$(grep -rlaF "$gone" usr/bin usr/sbin usr/libexec usr/lib/x86_64-linux-gnu || true)
    [ -z "$needed" ] || die "libraries that leave-out.sh takes away are needed by" "$needed"
}

: >"$list"
for file in "${files[@]}"; do remove "$file" "$file"; done
check_libraries
cd "usr/lib/modules/$kernel"
mapfile -t modules < <(unwanted_modules)
remove "modules of the kernel" "${modules[@]}"
find kernel -type d -empty -delete
chroot "$root" depmod "$kernel"
