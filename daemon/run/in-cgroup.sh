#!/bin/bash
# in-cgroup.sh NAME COMMAND...: becomes COMMAND in control groups of its own, called NAME, in every hierarchy of this host.
# A control group namespace makes them the roots, so that what COMMAND starts sees and makes groups only below. The
# process stays the same one throughout; the groups stay behind and are removed by name (clean.sh).
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=common.sh source-path=SCRIPTDIR
. "$here/common.sh"

# give_controllers GROUP: lets the groups below it use all that it has itself.
give_controllers() {
    local controller missing=''
    for controller in $(<"$1/cgroup.controllers"); do
        echo "+$controller" >"$1/cgroup.subtree_control" || missing+=" $controller"
    done
    [ -z "$missing" ] || { say "WARNING: the host delegates no control over$missing: guests run without these limits"; return 1; }
}

# No process substitution before an exec: what comes after it would have a child that nobody waits for.
make_and_enter() {
    local path type unified=''
    while read -r path type _; do
        mkdir -p "$path/$name"
        if [ -e "$path/$name/cpuset.cpus" ] && [ "$type" = cgroup ]; then # version 1 takes no process before these are set
            cat "$path/cpuset.cpus" >"$path/$name/cpuset.cpus"
            cat "$path/cpuset.mems" >"$path/$name/cpuset.mems"
        fi
        echo $$ >"$path/$name/cgroup.procs"
        if [ "$type" = cgroup2 ]; then
            unified=$path/$name
            give_controllers "$path" 2>/dev/null || true # what the host does not give is missing below, which is said there
        fi
    done <<<"$(cgroup_mounts)"
    exec unshare --cgroup "$0" --leaf "$unified" "$@"
}

# Version 2 gives controllers only to a group whose processes are all in leaves. By this name liblxc knows the leaf of the
# first process, and makes its groups beside it rather than below.
enter_leaf() {
    local unified=$1
    shift
    if [ -n "$unified" ]; then
        mkdir -p "$unified/init.scope"
        echo $$ >"$unified/init.scope/cgroup.procs"
        give_controllers "$unified" || true
    fi
    exec "$@"
}

case $1 in
    --leaf)
        shift
        enter_leaf "$@"
        ;;
    --scope)
        shift
        exec unshare --cgroup "$0" --leaf "/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)" "$@"
        ;;
esac

name=$1
shift
# Under systemd on pure version 2 the group is a scope that systemd delegates: only then does it leave it alone.
if [ -d /run/systemd/system ] && [ "$(cgroup_mounts | awk '{ print $2 }' | sort -u)" = cgroup2 ]; then
    exec systemd-run --quiet --scope --collect --unit="$name" --slice=system.slice --property=Delegate=yes "$0" --scope "$@"
fi
make_and_enter "$@"
