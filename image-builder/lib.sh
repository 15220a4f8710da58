# shellcheck shell=bash
# lib.sh: what the scripts that build package, image and ISO share. Sourced.

tree=$(dirname "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")")
# LODGE_BUILD is another folder for all that is built. Read by the scripts that source this one.
# shellcheck disable=SC2034
build=${LODGE_BUILD:-$tree/build} cache=${LODGE_BUILD:-$tree/build}/cache

# The same text, times and modes wherever and by whom it is built.
export LC_ALL=C.UTF-8 TZ=UTC PATH="$PATH:/usr/sbin:/sbin"
umask 022

say() { printf 'image: %s\n' "$*" >&2; }
die() { say "$*"; exit 1; }

# The time of the last entry of debian/changelog: what is built from the same sources carries the same times.
source_date_epoch() {
    local line
    line=$(sed -n 's/^ -- .*>  //p;T;q' "$tree/debian/changelog")
    date --date="$line" +%s
}

# hash_of PATH...: one hash of the files in these paths, of their names and modes.
hash_of() {
    {
        find "$@" \( -type f -o -type l \) -printf '%m %p %l\n' | sort
        find "$@" -type f -print0 | sort -z | xargs -0 -r sha256sum
    } | sed "s,$tree/,,g" | text_hash
}

text_hash() { sha256sum | cut -d' ' -f1; }

# is_made STAMP KEY: whether the stage of this stamp was finished with this key. make_stamp says so, last of all.
is_made() { [ "$(cat "$1" 2>/dev/null)" = "$2" ]; }
make_stamp() { printf '%s\n' "$2" >"$1.new" && mv "$1.new" "$1"; }

# take_lock FILE: one build at a time; the others wait.
take_lock() {
    local fd
    mkdir -p "$(dirname "$1")"
    exec {fd}>>"$1"
    flock --nonblock "$fd" || { say "another build holds $1: waiting for it"; flock "$fd"; }
}

# in_own_mounts "$@": begins the script again in a mount namespace of its own, so that no mount outlives it.
in_own_mounts() {
    if [ "${LODGE_OWN_MOUNTS:-}" = "$0" ]; then return 0; fi
    [ "$(id -u)" -eq 0 ] || die "building a system image needs root: run this as root or with sudo"
    LODGE_OWN_MOUNTS=$0 exec unshare --mount --pid --fork --kill-child --propagation private "$0" "$@"
}

# enter ROOT COMMAND...: runs a command in another root file system, with its own /proc, an empty /tmp and no network.
enter() {
    local root=$1
    shift
    # shellcheck disable=SC2016 # the inner shell expands it
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 TZ=UTC DEBIAN_FRONTEND=noninteractive \
        SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" unshare --mount --net --propagation private sh -eu -c '
        root=$1; shift
        mount -t proc proc "$root/proc"
        mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
        mount --bind /dev "$root/dev"
        exec chroot "$root" "$@"' sh "$root" "$@"
}

# Bytes as MB of a million, which is how a medium is sold.
megabytes() { awk -v n="$1" 'BEGIN { printf "%.1f MB", n / 1e6 }'; }
