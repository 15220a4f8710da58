# shellcheck shell=bash
# common.sh: names that the scripts of `make run` share. Sourced.

# The reader of these lines may be gone (a closed terminal, a pipe): that stops nothing.
trap '' PIPE
say() { printf 'lodge: %s\n' "$*" >&2 || true; }
die() { say "$*"; exit 1; }

# The instance's name on this host, so that two with different states live side by side: lodged puts it into the alias
# of each link that it makes and into the names of its nft tables; the control groups carry it too.
instance_id() { printf '%s' "$1" | sha256sum | cut -c 1-8; }

now_ms() { printf -v "$1" '%s' $((${EPOCHREALTIME/[.,]/} / 1000)); }

# is_same_press NOW_MS LAST_MS: whether a signal to stop is the one before it once more: a terminal sends Ctrl-C to a whole
# group of processes, and some of them pass it on.
is_same_press() { [ "$2" -ne 0 ] && [ $(($1 - $2)) -lt 1000 ]; }

# cgroup_mounts: PATH TYPE OPTIONS of each control group hierarchy that is mounted, whatever the host's mixture of
# version 1 and 2 is. (A place stands twice in the kernel's list when a later mount covers an earlier one.)
cgroup_mounts() { awk '($3 == "cgroup" || $3 == "cgroup2") && !seen[$2]++ { print $2, $3, $4 }' /proc/self/mounts; }

# mount_cgroups: in a new mount namespace, the same hierarchies at the same places, each with this control group
# namespace's root.
mount_cgroups() {
    local mounts links path type options controllers
    mounts=$(cgroup_mounts)
    [ -n "$mounts" ] || return 0
    links=$(find /sys/fs/cgroup -maxdepth 1 -type l -printf '%l %p\n')
    umount --lazy /sys/fs/cgroup # the kernel mounts no hierarchy over itself
    if [[ $mounts == "/sys/fs/cgroup cgroup2 "* ]]; then
        mount -t cgroup2 cgroup2 /sys/fs/cgroup
        return 0
    fi
    mount -t tmpfs -o mode=755 cgroup /sys/fs/cgroup
    while read -r path type options; do
        mkdir -p "$path"
        if [ "$type" = cgroup2 ]; then
            mount -t cgroup2 cgroup2 "$path"
            continue
        fi
        # Of the host's options only those that say which hierarchy this is.
        controllers=$(tr , '\n' <<<"$options" | grep -vE '^(rw|ro|nosuid|nodev|noexec|relatime|noatime|xattr|clone_children|release_agent=.*)$' | paste -sd,)
        case $controllers in name=*) controllers=none,$controllers ;; esac
        mount -t cgroup -o "$controllers" cgroup "$path"
    done <<<"$mounts"
    while read -r target path; do
        if [ -n "$target" ]; then ln -s "$target" "$path"; fi
    done <<<"$links"
}
