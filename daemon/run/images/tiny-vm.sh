#!/bin/bash
# tiny-vm.sh WORKDIR OUT: a small bootable disk, for BIOS and for UEFI, as qcow2.
#
# Layout (GPT, sectors of 512 bytes): GRUB's core for BIOS, an EFI partition with GRUB, the root (ext4) with the kernel
# and its initramfs in /boot. Every part is made as a file and copied to its place, so nothing is ever mounted.
set -euo pipefail
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$(dirname "$(readlink -f "$0")")/lib.sh"

work=$1 out=$2
packages=$work/packages
epoch=$(image_epoch "$work")
export SOURCE_DATE_EPOCH=$epoch E2FSPROGS_FAKE_TIME=$epoch MTOOLS_SKIP_CHECK=1

disk_mib=512
bios_first=2048 bios_sectors=2048   # 1 MiB
efi_first=4096 efi_sectors=32768    # 16 MiB
root_first=36864                    # to the end, less the second partition table
root_sectors=$((disk_mib * 2048 - root_first - 2048))

# Fixed, since the same packages have to give the same bits; a cloud image's identifiers repeat in its copies anyway.
disk_guid=4c6f6467-6500-4000-8000-000000000001
bios_guid=4c6f6467-6500-4000-8000-000000000002
efi_guid=4c6f6467-6500-4000-8000-000000000003
root_guid=4c6f6467-6500-4000-8000-000000000004
root_uuid=4c6f6467-6500-4000-8000-000000000005

# What finds the root, in the initramfs; ext4 is built in. And what the running system wants.
modules_early="virtio_pci virtio_blk virtio_scsi sd_mod"
modules_late="virtio_net virtio_console virtio_balloon virtio_rng button evdev sr_mod isofs vfat nls_cp437 nls_ascii
    nls_iso8859_1 nls_utf8 ahci ata_piix virtiofs overlay vmw_vsock_virtio_transport"

# module_files TREE NAME...: the files of these modules and of all they depend on, dependencies first, each once.
module_files() {
    local tree=$1 name
    shift
    for name in "$@"; do
        # A module that this release builds in, or does not have, is none to copy.
        modprobe --dirname "$tree" --set-version "$release" --show-depends "$name" 2>/dev/null || true
    done | sed -n "s,^insmod .*\(/lib/modules/$release/[^ ]*\).*,\1,p" | awk '!seen[$0]++'
}

# The kernel of Debian 13 has its modules compressed; busybox loads only plain ones.
copy_module() {
    local from=$1 to=${2%.xz}
    mkdir -p "$(dirname "$to")"
    case $from in *.xz) xz --decompress --stdout "$from" >"$to" ;; *) cp "$from" "$to" ;; esac
}

kernel_tree() { # the kernel's modules where modprobe looks for them, with their index
    local tree=$1
    mkdir -p "$tree/lib"
    if [ -d "$packages/usr/lib/modules" ]; then ln -s "$packages/usr/lib/modules" "$tree/lib/modules"
    else ln -s "$packages/lib/modules" "$tree/lib/modules"; fi
    depmod --basedir "$tree" "$release"
}

make_initramfs() {
    local tree=$1 initramfs=$work/initramfs file number=10
    mkdir -p "$initramfs"/{bin,dev,modules,proc,root,sys}
    install -m 755 "$(find "$packages" -path '*bin/busybox' -type f | head -n 1)" "$initramfs/bin/busybox"
    overlay "$here/vm/initramfs" "$initramfs"
    # shellcheck disable=SC2086 # a list
    for file in $(module_files "$tree" $modules_early); do
        copy_module "$tree$file" "$initramfs/modules/$number-$(basename "$file")"
        number=$((number + 1))
    done
    set_dates "$initramfs" "$epoch"
    (cd "$initramfs" && find . -print0 | LC_ALL=C sort -z |
        cpio --quiet --null --create --format=newc --reproducible --owner=0:0) | zstd -q -19 -T1
}

copy_modules() {
    local tree=$1 root=$2 file
    # shellcheck disable=SC2086 # lists
    for file in $(module_files "$tree" $modules_early $modules_late); do copy_module "$tree$file" "$root$file"; done
    cp "$tree/lib/modules/$release"/modules.{builtin,builtin.modinfo,order} "$root/lib/modules/$release/"
    depmod --basedir "$root" "$release"
    rm -f "$root/lib/modules/$release"/*.bin # busybox reads the text form
    echo "$modules_late" | tr -s ' \n' '\n' | sed '/^$/d' >"$root/etc/modules"
}

# The guest agent and the libraries it is linked with, asked of the very loader that will load them.
copy_agent() {
    local root=$1 agent loader libraries
    agent=$(find "$packages" -name qemu-ga -type f)
    loader=$(readlink -f "$(find "$packages" -name 'ld-linux-x86-64.so.2' | head -n 1)")
    libraries=$(find "$packages" -name 'lib*.so*' -printf '%h\n' | sort -u | paste -sd:)
    mkdir -p "$root/lib/x86_64-linux-gnu" "$root/lib64"
    "$loader" --library-path "$libraries" --list "$agent" >"$work/libraries"
    if grep 'not found' "$work/libraries" >&2; then
        echo "images: the guest agent needs libraries that fetch.sh does not name" >&2
        exit 1
    fi
    awk -v from="$packages/" '$1 !~ "/" && index($3, from) == 1 { print $1, $3 }' "$work/libraries" | while read -r name file; do
        install -m 644 "$(readlink -f "$file")" "$root/lib/x86_64-linux-gnu/$name"
    done
    install -m 755 "$loader" "$root/lib64/ld-linux-x86-64.so.2"
    install -m 755 "$agent" "$root/bin/qemu-ga"
}

make_root() {
    local root=$1 tree=$work/kernel
    busybox_tree "$packages" "$root"
    overlay "$here/vm/root" "$root"
    kernel_tree "$tree"
    mkdir -p "$root/boot" "$root/lib/modules/$release" "$root/var/lib/cloud"
    cp "$packages/boot/vmlinuz-$release" "$root/boot/vmlinuz"
    make_initramfs "$tree" >"$root/boot/initramfs"
    copy_modules "$tree" "$root"
    copy_agent "$root"
    printf 'NAME="Lodge tiny-vm"\nID=lodge-tiny-vm\nPRETTY_NAME="Lodge tiny-vm (Linux %s, busybox)"\n' "$release" >"$root/etc/os-release"
    set_dates "$root" "$epoch"
}

root_filesystem() {
    local root=$1 image=$2
    truncate -s $((root_sectors * 512)) "$image"
    # Only features that every GRUB in use can read.
    mke2fs -q -t ext4 -b 4096 -L root -U "$root_uuid" -d "$root" -m 0 \
        -O none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,huge_file,dir_nlink,extra_isize,metadata_csum \
        -E "hash_seed=$root_uuid,lazy_itable_init=1,lazy_journal_init=1,root_owner=0:0" "$image"
    # The one thing it takes from the builder's files that cannot be set on them: the time of the last change.
    (cd "$root" && find . -mindepth 1 -printf "set_inode_field \"/%P\" ctime @$epoch\n") >"$work/ctimes"
    echo "set_inode_field / ctime @$epoch" >>"$work/ctimes"
    debugfs -w -f "$work/ctimes" "$image" >/dev/null 2>"$work/debugfs.log"
}

# What GRUB does, built into it: no menu and no configuration file to read. $1 where the file is to go.
grub_script() {
    cat >"$1" <<SCRIPT
search.fs_uuid $root_uuid root
linux (\$root)/boot/vmlinuz root=UUID=$root_uuid console=tty0 console=ttyS0,115200 quiet
initrd (\$root)/boot/initramfs
boot
SCRIPT
}

efi_filesystem() {
    local image=$1
    grub-mkimage -O x86_64-efi -p /boot/grub -c "$work/grub.script" -o "$work/bootx64.efi" \
        part_gpt ext2 search_fs_uuid linux all_video efi_gop boot
    touch --date="@$epoch" "$work/bootx64.efi"
    truncate -s $((efi_sectors * 512)) "$image"
    mkfs.vfat -F 16 -n EFI -i 4c6f6467 --invariant "$image" >/dev/null
    mmd -i "$image" ::/EFI ::/EFI/BOOT
    mcopy -m -i "$image" "$work/bootx64.efi" ::/EFI/BOOT/BOOTX64.EFI
}

# little_endian BYTES NUMBER: the number as raw bytes.
little_endian() {
    local bytes=$1 number=$2
    for ((; bytes > 0; bytes--, number >>= 8)); do
        # shellcheck disable=SC2059 # the format is the escaped byte
        printf "\\x$(printf %02x $((number & 255)))"
    done
}

write_at() { dd if=/dev/stdin of="$1" bs=1 seek="$2" conv=notrunc status=none; }

copy_sectors() { dd if="$1" of="$disk" bs=1M oflag=seek_bytes seek=$(($2 * 512)) conv=notrunc,sparse status=none; }

# What grub-bios-setup does, without a device: boot.img into the first sector, core.img into its partition, and the
# places in both that say where the rest is (GRUB's include/grub/i386/pc/boot.h).
install_bios_loader() {
    local boot=$work/boot.img core=$work/core.img core_sectors
    grub-mkimage -O i386-pc -p /boot/grub -c "$work/grub.script" -o "$core" biosdisk part_gpt ext2 search_fs_uuid linux boot
    core_sectors=$((($(stat -c %s "$core") + 511) / 512))
    [ "$core_sectors" -le "$bios_sectors" ] || { echo "images: GRUB's core does not fit its partition" >&2; exit 1; }
    cp /usr/lib/grub/i386-pc/boot.img "$boot"
    little_endian 8 "$bios_first" | write_at "$boot" $((0x5c))  # first sector of the core
    printf '\x90\x90' | write_at "$boot" $((0x66))              # trust the drive number that the BIOS passes
    little_endian 8 $((bios_first + 1)) | write_at "$core" $((0x1f4)) # the core's own list of sectors: from
    little_endian 2 $((core_sectors - 1)) | write_at "$core" $((0x1fc)) # how many
    little_endian 2 $((0x820)) | write_at "$core" $((0x1fe))          # to which segment
    dd if="$boot" of="$disk" bs=440 count=1 conv=notrunc status=none  # what follows is the partition table
    copy_sectors "$core" "$bios_first"
}

main() {
    release=$(basename "$packages"/boot/vmlinuz-*)
    release=${release#vmlinuz-}
    disk=$work/disk.raw
    make_root "$work/vm"
    root_filesystem "$work/vm" "$work/root.ext4"
    grub_script "$work/grub.script"
    efi_filesystem "$work/efi.fat"
    truncate -s "${disk_mib}M" "$disk"
    sgdisk --clear --disk-guid="$disk_guid" --set-alignment=1 \
        --new=1:$bios_first:+$bios_sectors --typecode=1:ef02 --partition-guid=1:$bios_guid --change-name=1:bios \
        --new=2:$efi_first:+$efi_sectors --typecode=2:ef00 --partition-guid=2:$efi_guid --change-name=2:efi \
        --new=3:$root_first:+$root_sectors --typecode=3:8304 --partition-guid=3:$root_guid --change-name=3:root \
        "$disk" >/dev/null
    install_bios_loader
    copy_sectors "$work/efi.fat" $efi_first
    copy_sectors "$work/root.ext4" $root_first
    qemu-img convert -q -f raw -O qcow2 -c -m 1 -o compression_type=zstd,compat=1.1 "$disk" "$out"
}

main
