#!/bin/bash
# sandbox.sh: goes into the namespaces in which Lodge runs, and starts the supervisor there. Called by run.sh, with its
# environment; then again by itself, as the first process of the PID namespace, to make the mounts.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=common.sh source-path=SCRIPTDIR
. "$here/common.sh"
state=$LODGE_STATE

# cover FOLDER MODE PATH...: lays an empty folder over FOLDER and brings back into it those of the paths that lie there.
cover() {
    local folder=$1 mode=$2 path fd kept=()
    shift 2
    for path in "$@"; do
        if [[ $path == "$folder"/?* && -d $path ]]; then
            exec {fd}<"$path"
            kept+=("$fd:$path")
        fi
    done
    mount -t tmpfs -o "mode=$mode,nosuid,nodev" "lodge-$LODGE_INSTANCE" "$folder"
    for path in ${kept[@]+"${kept[@]}"}; do
        fd=${path%%:*} path=${path#*:}
        mkdir -p "$path"
        # The descriptor, not the path that it had, which leads into the cover now.
        mount --no-canonicalize --rbind "/proc/self/fd/$fd" "$path"
        exec {fd}<&-
    done
}

# An empty /run: nothing of Lodge's shows on the host, and libvirt finds neither systemd nor D-Bus there, to which the
# process numbers of this namespace would mean other processes.
mount_run() {
    local resolver
    resolver=$(readlink -f /etc/resolv.conf || true)
    cover /run 755 "${resolver%/*}" /run/udev "$state" "$LODGE_TREE"
    mkdir -p /run/lock /run/lxc
}

# The highest folder above a path that only its owner may enter, as homes often are.
closed_folder_above() {
    local path=$1 folder=''
    while path=$(dirname "$path") && [ "$path" != / ]; do
        if [ $((0$(stat -c %a "$path") & 1)) -eq 0 ]; then folder=$path; fi
    done
    printf '%s' "$folder"
}

# The gate, dnsmasq and the root users of containers are not root, and have to get to the state and the programs.
open_the_way() {
    local path folder
    for path in "$state" "$LODGE_TREE"; do
        folder=$(closed_folder_above "$path")
        if [ -n "$folder" ]; then cover "$folder" 755 "$state" "$LODGE_TREE"; fi
    done
    for path in "$state" "$state/run" "$LODGE_TREE/build"; do
        if ! setpriv --reuid=65534 --regid=65534 --clear-groups test -x "$path"; then
            say "WARNING: $path can only be entered by root, and not all of Lodge runs as root. chmod o+x helps."
        fi
    done
}

mount_libvirt() {
    local place
    for place in etc:/etc/libvirt lib:/var/lib/libvirt cache:/var/cache/libvirt log:/var/log/libvirt run:/run/libvirt; do
        mkdir -p "$state/libvirt/${place%%:*}" "${place#*:}"
        mount --bind "$state/libvirt/${place%%:*}" "${place#*:}"
    done
}

# libvirt does not start without the user that it would run QEMU as, even when it is told another; on Debian 12 only the
# package that also starts libvirt on the host makes it.
mount_accounts() {
    local file
    for file in passwd group; do
        if getent "$file" libvirt-qemu >/dev/null; then continue; fi
        cp "/etc/$file" "/run/$file"
        case $file in
            passwd) echo 'libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin' ;;
            group) echo 'libvirt-qemu:x:64055:' ;;
        esac >>"/run/$file"
        mount --bind "/run/$file" "/etc/$file"
    done
}

mount_all() {
    mount -t proc proc /proc
    mount_cgroups
    mount_run
    open_the_way
    # With all processes of the run before gone, what they left in their /run is as stale as after a boot.
    rm -rf "$state/libvirt/run"
    find "$state/run" -mindepth 1 -maxdepth 1 ! -name lock ! -name first-password -exec rm -rf {} +
    mount_libvirt
    mount_accounts
}

if [ "${1:-}" = --inside ]; then
    mount_all
    exec tini -- "$here/supervise.sh"
fi
exec "$here/in-cgroup.sh" "lodge-$LODGE_INSTANCE" \
    unshare --mount --pid --fork --kill-child=KILL --propagation private "$0" --inside
