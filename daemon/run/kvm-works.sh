#!/bin/bash
# kvm-works.sh IMAGE CACHE: succeeds when a real guest boots with KVM on this machine; else fails and prints why not.
# That /dev/kvm is there proves nothing: it may open and create a machine on which no kernel gets anywhere. So a
# guest is booted once, and the answer is kept in CACHE until the kernel, QEMU or the image changes.
set -euo pipefail

boots_within_s=10

answer_key() { printf '%s %s %s' "$(uname -r)" "$(qemu-system-x86_64 --version | head -n 1)" "$(stat -c %Y "$1")"; }

boots_with_kvm() {
    local image=$1 serial found=1
    serial=$(mktemp)
    timeout --signal=KILL "$boots_within_s" qemu-system-x86_64 -accel kvm -M q35 -cpu host -m 256 -nodefaults -display none \
        -drive "file=$image,if=virtio,format=qcow2,snapshot=on" -serial "file:$serial" </dev/null >/dev/null 2>&1 &
    while kill -0 $! 2>/dev/null; do
        if grep -q GUEST-UP "$serial"; then
            found=0
            break
        fi
        sleep 0.1
    done
    kill $! 2>/dev/null || true
    wait $! 2>/dev/null || true
    rm -f "$serial"
    return "$found"
}

[ $# -eq 2 ] || { echo "usage: kvm-works.sh IMAGE CACHE" >&2; exit 2; }
image=$1 cache=$2
if [ ! -w /dev/kvm ]; then
    echo "there is no /dev/kvm that can be opened"
    exit 1
fi
if [ ! -f "$image" ]; then
    echo "there is no starter image to try it with"
    exit 1
fi
key=$(answer_key "$image")
if [ "$(sed -n 1p "$cache" 2>/dev/null)" != "$key" ]; then
    mkdir -p "$(dirname "$cache")"
    answer=no
    if boots_with_kvm "$image" 2>/dev/null; then answer=yes; fi
    printf '%s\n%s\n' "$key" "$answer" >"$cache"
fi
if [ "$(sed -n 2p "$cache")" != yes ]; then
    echo "/dev/kvm is there, but no guest boots with it"
    exit 1
fi
