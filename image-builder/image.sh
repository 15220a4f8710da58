#!/bin/bash
# image.sh: build/image/{lodge.squashfs,vmlinuz,initrd.img,manifest}: the host system, from the packages of base.sh, Lodge's own
# package and the files beside this script. The same packages give the same bits.
#
#   LODGE_ZSTD  level of compression: 3 unless set, quick and 10% larger; 15 and more for a release
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$here/lib.sh"

level=${LODGE_ZSTD:-3}
out=$build/image
root=$out/root

# The packages of base.sh below, all that this script changes above them.
mount_root() {
    rm -rf "$out/upper" "$out/work"
    mkdir -p "$root" "$out/upper" "$out/work"
    mount -t overlay -o "lowerdir=$cache/base,upperdir=$out/upper,workdir=$out/work" lodge-image "$root"
}

install_lodge() {
    local deb
    deb=$(echo "$build"/deb/trixie/lodge_*.deb)
    cp "$deb" "$root/lodge.deb"
    enter "$root" dpkg --install --path-exclude='/usr/share/man/*' --path-exclude='/usr/share/doc/lodge/*' /lodge.deb >"$out/dpkg.log" 2>&1 ||
        die "Lodge's package cannot be installed: $(grep -m 2 -E 'dpkg|depends' "$out/dpkg.log" | tr '\n' ' ')"
    rm "$root/lodge.deb"
}

add_files() {
    # With the modes that they are meant to have, whatever the umask of whoever fetched these sources.
    tar --create --directory="$here/files" --owner=0 --group=0 --mode='u=rwX,go=rX' . |
        tar --extract --directory="$root" --no-overwrite-dir --touch
    install -m 755 "$tree/iso/first-boot/lodge-host" "$root/usr/lib/lodge/lodge-host"
    install -m 755 "$tree/iso/first-boot/lodge-mirror" "$root/usr/sbin/lodge-mirror"
    find "$build/deb/trixie/programs" -type f -exec install -m 755 -t "$root/usr/lib/lodge" {} +
    ln -s ../lib/lodge/lodge-installer "$root/usr/sbin/lodge-installer"
    mkdir -p "$root/usr/share/keymaps/lodge"
    cp "$cache"/keymaps/*.map.gz "$root/usr/share/keymaps/lodge/"
    "$here/firmware.sh" "$root" "$out/firmware"
}

leave_out() { "$here/leave-out.sh" "$root" "$out/left-out"; }

set_up_services() {
    enter "$root" systemctl preset-all >/dev/null 2>&1
    # Lodge's own unit shuts guests down; libvirt's would do it too early.
    enter "$root" systemctl mask libvirt-guests.service systemd-networkd-wait-online.service >/dev/null 2>&1
    # The host's screen is there instead; a mask, since systemd would start the second for the kernel's console by itself.
    enter "$root" systemctl mask getty@tty1.service serial-getty@ttyS0.service >/dev/null 2>&1
    enter "$root" systemctl set-default multi-user.target >/dev/null 2>&1
}

# The installed package of the image already holds one kernel only.
make_initrd() {
    local key kernel
    key=$({ cat "$cache/base.stamp" "$0"; hash_of "$here/initramfs" "$here/leave-out.sh" "$here/files/etc/mdadm" "$root/usr/lib/firmware"; } | text_hash)
    if ! is_made "$cache/initrd.stamp" "$key"; then
        say "initial file system"
        cp "$here/initramfs/initramfs.conf" "$root/etc/initramfs-tools/initramfs.conf"
        cp "$here/initramfs/hooks/lodge" "$root/etc/initramfs-tools/hooks/lodge"
        cp "$here/initramfs/scripts/lodge" "$root/usr/share/initramfs-tools/scripts/lodge"
        kernel=$(basename "$root"/usr/lib/modules/*)
        enter "$root" mkinitramfs -o /boot/lodge.img "$kernel" >"$out/initrd.log" 2>&1 ||
            die "the initial file system cannot be made: $out/initrd.log says why"
        mv "$root/boot/lodge.img" "$cache/initrd.img"
        make_stamp "$cache/initrd.stamp" "$key"
    fi
    # New files: a medium that is just being made has links to the old ones.
    cp --remove-destination "$cache/initrd.img" "$out/initrd.img"
    cp --remove-destination "$root"/boot/vmlinuz-* "$out/vmlinuz"
}

# What the running system never reads, or must not share with another installation.
clean() {
    rm -rf "${root:?}"/boot/* "$root"/vmlinuz* "$root"/initrd.img* "$root"/usr/lib/firmware/{intel-ucode,amd-ucode} \
        "$root"/etc/machine-id "$root"/var/lib/dbus/machine-id "$root"/etc/ssh/ssh_host_* "$root"/etc/hostname "$root"/etc/nvme/host{id,nqn} \
        "$root"/etc/{passwd,group,shadow,gshadow,subuid,subgid}- "$root"/etc/apt/{sources.list*,apt.conf.d/99mmdebstrap} "$root"/etc/resolv.conf \
        "$root"/etc/initramfs-tools "$root"/usr/share/initramfs-tools "$root"/etc/.pwd.lock \
        "$root"/usr/share/{bash-completion/completions/ceph*,bug,doc-base,menu,pixmaps,icons,applications,zsh} \
        "$root"/var/cache/* "$root"/var/lib/apt/* "$root"/var/lib/systemd/* "$root"/var/log/* "$root"/var/lib/ucf \
        "$root"/var/lib/dpkg/*-old "$root"/var/lib/dpkg/lock* "$root"/var/backups/* "$root"/run/* "$root"/tmp/* "$root"/root/.??*
    find "$root/usr" -name __pycache__ -prune -exec rm -rf {} +
    # /run is where it is, and resolved writes it there.
    ln -s ../run/systemd/resolve/stub-resolv.conf "$root/etc/resolv.conf"
    : >"$root/etc/machine-id"
    # Neither /etc nor what is in /usr is newer than the other: nothing has to be brought up to date at boot.
    : >"$root/etc/.updated"
}

# Debian's profiles for desktop programs would be compiled at each boot. What stays is for what the image has.
keep_profiles() {
    find "$root/etc/apparmor.d" -mindepth 1 -maxdepth 1 ! -name abi ! -name abstractions ! -name tunables ! -name local \
        ! -name disable ! -name libvirt ! -name 'lxc*' ! -name 'usr.bin.lxc-*' ! -name 'usr.lib.libvirt.*' ! -name usr.sbin.libvirtd \
        ! -name usr.sbin.chronyd ! -name usr.bin.swtpm -exec rm -rf {} +
}

# The state partition is empty at first: each boot makes the folders of /var that packages have brought.
factory_var() {
    mkdir -p "$root/usr/lib/sysimage"
    mv "$root/var/lib/dpkg" "$root/usr/lib/sysimage/dpkg"
    {
        echo '# Made from what the packages of this image have in /var.'
        find "$root/var" -mindepth 1 -type d -printf 'd /var/%P %m %U %G -\n' -o -type l -printf 'L /var/%P - - - - %l\n' | sort
        echo 'L+ /var/lib/dpkg - - - - /usr/lib/sysimage/dpkg'
        # No cache of libraries or journals is older than the image.
        echo 'd /var/log/journal 2755 root systemd-journal -'
        echo 'd /var/cache/apparmor 0755 root root -'
        echo 'f /var/.updated 0644 root root -'
    } >"$root/usr/lib/tmpfiles.d/lodge-var.conf"
    find "$root/var" -type f -delete
    mkdir -p "$root/var/lib/lodge-host"
}

write_manifest() {
    local format
    # shellcheck disable=SC2016 # for dpkg-query
    format='${Package} ${Version} ${Installed-Size}\n'
    {
        echo "# Package, version and size in KiB of everything in this image."
        dpkg-query --admindir="$root/usr/lib/sysimage/dpkg" -W -f "$format" | sort
        for deb in "$cache"/packages/firmware/*.deb; do
            echo "$(dpkg-deb -f "$deb" Package) $(dpkg-deb -f "$deb" Version) chosen-files"
        done
    } >"$out/manifest"
    cp "$out/manifest" "$root/usr/share/lodge/manifest"
    text_hash <"$out/manifest" >"$root/usr/lib/lodge/image-id"
    sed -n '1s/.*(\(.*\)).*/\1/p' "$tree/debian/changelog" >"$root/usr/lib/lodge/image-version"
}

squash() {
    rm -f "$out/lodge.squashfs.new"
    # Times after the sources' are set to it, so that no file tells when it was built.
    SOURCE_DATE_EPOCH=$SOURCE_DATE_EPOCH mksquashfs "$root" "$out/lodge.squashfs.new" -comp zstd -Xcompression-level "$level" \
        -noappend -exit-on-error -no-exports -no-xattrs -quiet -no-progress -processors "$(nproc)" >"$out/squash.log" 2>&1 ||
        die "the image cannot be compressed: $(tail -n 1 "$out/squash.log")"
    mv "$out/lodge.squashfs.new" "$out/lodge.squashfs"
}

report() {
    (cd "$root" && du -x -k -d 3 usr etc var | sort -rn | sed -n 1,40p) >"$out/sizes"
    say "squashfs $(megabytes "$(stat -c %s "$out/lodge.squashfs")"), kernel $(megabytes "$(stat -c %s "$out/vmlinuz")")," \
        "initrd $(megabytes "$(stat -c %s "$out/initrd.img")"), firmware $(megabytes "$(awk '$2 == "total" { print $1 }' "$out/firmware")") unpacked"
}

main() {
    local key
    mkdir -p "$out"
    take_lock "$cache/base.lock" # what lies below this image stays as it is meanwhile
    take_lock "$out/lock"
    key=$({ cat "$cache/base.stamp" "$build/deb/trixie/stamp" "$cache/keymaps/.stamp"; echo "$level"
        hash_of "$here" "$tree/iso/first-boot"; } | text_hash)
    if is_made "$out/stamp" "$key"; then return 0; fi
    say "image"
    rm -f "$out/stamp"
    mount_root
    install_lodge
    add_files
    leave_out
    set_up_services
    make_initrd
    keep_profiles
    clean
    factory_var
    write_manifest
    squash
    report
    umount "$root"
    rm -rf "$out/upper" "$out/work"
    make_stamp "$out/stamp" "$key"
}

in_own_mounts "$@"
SOURCE_DATE_EPOCH=$(source_date_epoch)
export SOURCE_DATE_EPOCH
main
