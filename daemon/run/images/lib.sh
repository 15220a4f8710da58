# shellcheck shell=bash
# lib.sh: what the two image scripts share. Sourced.

here=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")

# The date of everything in an image: when Debian built its kernel. It follows from the packages alone.
image_epoch() { stat -c %Y "$1"/packages/boot/vmlinuz-*; }

# busybox_tree PACKAGES ROOT: a root with busybox, a link for each of its commands, and the files of common/.
busybox_tree() {
    local packages=$1 root=$2 busybox applet
    busybox=$(find "$packages" -path '*bin/busybox' -type f | head -n 1)
    mkdir -p "$root"/{bin,dev,etc,mnt,proc,root,run,sys,tmp,usr,var/lib,var/log}
    chmod 1777 "$root/tmp"
    chmod 700 "$root/root"
    ln -s bin "$root/sbin"
    ln -s ../bin "$root/usr/bin"
    ln -s ../bin "$root/usr/sbin"
    ln -s ../run "$root/var/run"
    ln -s ../run/resolv.conf "$root/etc/resolv.conf"
    install -m 755 "$busybox" "$root/bin/busybox"
    for applet in $("$busybox" --list); do
        case $applet in busybox | dpkg* | rpm*) ;; *) ln -s busybox "$root/bin/$applet" ;; esac
    done
    overlay "$here/common" "$root"
}

# overlay FROM ROOT: lays files over a root, links in their place included. Modes: bin and init.d run, the rest does not.
overlay() {
    local from=$1 root=$2 file
    find "$from" -type f -printf '%P\n' | while read -r file; do
        mkdir -p "$root/$(dirname "$file")"
        rm -f "$root/$file"
        case $file in
            bin/* | etc/init.d/* | init) install -m 755 "$from/$file" "$root/$file" ;;
            *) install -m 644 "$from/$file" "$root/$file" ;;
        esac
    done
}

set_dates() { find "$1" -exec touch --no-dereference --date="@$2" {} +; }
