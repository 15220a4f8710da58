#!/bin/bash
# clean.sh STATE: removes from the host what an instance made there and could not take away itself: its processes,
# control groups, nft tables, links, loop devices and the switch for IPv4 forwarding. Run before each start (after a SIGKILL there is no other time) and
# after each stop; whoever calls it holds the instance's lock, so what it finds belongs to nobody any more.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=common.sh source-path=SCRIPTDIR
. "$here/common.sh"

instance_cgroups() {
    local path
    cgroup_mounts | while read -r path _; do
        if [ -d "$path/lodge-$id" ]; then printf '%s\n' "$path/lodge-$id"; fi
        if [ -d "$path/system.slice/lodge-$id.scope" ]; then printf '%s\n' "$path/system.slice/lodge-$id.scope"; fi
    done
}

cgroup_processes() { instance_cgroups | while read -r group; do find "$group" -name cgroup.procs -exec cat {} + 2>/dev/null; done | sort -un; }

end_processes() {
    local tries pids
    for ((tries = 0; tries < 100; tries++)); do
        pids=$(cgroup_processes | grep -vxF -e 0 -e $$ || true)
        [ -n "$pids" ] || return 0
        xargs -r kill -KILL <<<"$pids" 2>/dev/null || true
        sleep 0.05
    done
    say "these processes of an earlier run do not end: $(tr '\n' ' ' <<<"$pids")"
}

remove_cgroups() {
    local tries
    for ((tries = 0; tries < 40; tries++)); do
        instance_cgroups | while read -r group; do find "$group" -depth -type d -exec rmdir {} + 2>/dev/null || true; done
        [ -n "$(instance_cgroups)" ] || return 0
        sleep 0.05
    done
    say "these control groups of an earlier run cannot be removed: $(instance_cgroups | tr '\n' ' ')"
}

remove_nft_tables() {
    local family name
    # A kernel without packet filter has no tables.
    { nft list tables 2>/dev/null || true; } | while read -r _ family name; do
        if [ "$name" = "lodge_$id" ]; then nft delete table "$family" "$name"; fi
    done
}

remove_links() {
    local link name
    for link in /sys/class/net/*/ifalias; do
        if [ "$(cat "$link" 2>/dev/null)" = "lodge:$id" ]; then
            name=${link%/ifalias}
            ip link delete "${name##*/}" 2>/dev/null || true # the other end of a pair goes with the first
        fi
    done
}

# lodged writes down what forwarding was before it turned it on (daemon/network/forwarding.h). While another instance still
# has links, its guests need it: the record then waits for that one's end, in a place that goes with the boot as it does.
restore_forwarding() {
    local own=$state/run/forwarding shared=/run/lodge-forwarding record link
    for record in "$own" "$shared"; do
        [ -e "$record" ] || continue
        if [ "$(head -n 1 "$record")" != "$(cat /proc/sys/kernel/random/boot_id) $(readlink /proc/self/ns/net)" ]; then rm "$record"; fi
    done
    # A shared one is older than ours.
    if [ -e "$own" ]; then mv --no-clobber "$own" "$shared" && rm -f "$own"; fi
    if [ ! -e "$shared" ] || others_have_links; then return 0; fi
    if [ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ]; then
        echo 0 >/proc/sys/net/ipv4/ip_forward # turns it off for each link, also where it was on
        tail -n +2 "$shared" | while read -r link; do
            if [ -e "/proc/sys/net/ipv4/conf/$link/forwarding" ]; then echo 1 >"/proc/sys/net/ipv4/conf/$link/forwarding"; fi
        done
    fi
    rm "$shared"
}

others_have_links() {
    local alias
    for alias in /sys/class/net/*/ifalias; do
        case $(cat "$alias" 2>/dev/null) in lodge:*) return 0 ;; esac
    done
    return 1
}

# By device and inode: the path that the kernel shows may be from a mount that is gone.
remove_loop_devices() {
    local device number inode state_device
    [ -d "$state" ] || return 0
    state_device=$(stat -c %Hd:%Ld "$state")
    { losetup --list --noheadings --output NAME,BACK-MAJ:MIN,BACK-INO 2>/dev/null || true; } | while read -r device number inode; do
        [ "$number" = "$state_device" ] || continue
        if [ -n "$(find "$state" -xdev -inum "$inode" -print -quit)" ]; then losetup --detach "$device" || say "cannot detach $device"; fi
    done
}

[ $# -eq 1 ] || { echo "usage: clean.sh STATE" >&2; exit 2; }
state=$(readlink -m "$1")
id=$(instance_id "$state")
end_processes
remove_nft_tables
remove_links
restore_forwarding
remove_loop_devices
remove_cgroups
