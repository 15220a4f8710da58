#!/bin/bash
# boot.sh NAME: becomes the first process of a sandbox that stands for a whole host (sandbox.py starts it): mount, PID,
# network, UTS and control group namespaces of its own.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
run=$here/../../daemon/run
# shellcheck source=../../daemon/run/common.sh source-path=SCRIPTDIR
. "$run/common.sh"

if [ "$1" != --inside ]; then
    exec "$run/in-cgroup.sh" "$1" \
        unshare --mount --uts --net --pid --fork --kill-child=KILL --propagation private "$0" --inside "$2"
fi

hostname "$2"
mount -t proc proc /proc
mount -t tmpfs -o mode=755 run /run
mkdir -p /run/lock /run/sys
# /sys shows the network namespace of whoever mounts it; the control groups move over into the new one.
mount_cgroups
mount -t sysfs sysfs /run/sys
mount --move /sys/fs/cgroup /run/sys/fs/cgroup
mount --move /run/sys /sys
rmdir /run/sys
ip link set lo up
exec tini -- sleep infinity
