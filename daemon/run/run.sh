#!/bin/bash
# run.sh: runs Lodge from the source tree, in the foreground, on any Debian machine (`make run`).
#
#   LODGE_STATE           everything it keeps; build/state unless set
#   LODGE_LISTEN          address and port of the API and the console; 127.0.0.1:8443 unless set
#   LODGE_ADMIN_PASSWORD  the first password of the user admin; counts at the first start only
#
# All programs live in a sandbox of mount, process and control group namespaces (sandbox.sh) under a supervisor
# (supervise.sh). SIGTERM, SIGHUP or Ctrl-C shuts guests down and stops all; a second one, a second or more later, no longer
# waits for guests. What is left on the host is removed (clean.sh), after a SIGKILL at the next start.
set -euo pipefail
umask 022
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=common.sh source-path=SCRIPTDIR
. "$here/common.sh"
tree=$(readlink -f "$here/../..")

become_root() {
    [ "$(id -u)" -ne 0 ] || return 0
    command -v sudo >/dev/null || die "virtual machines and containers need root, and there is no sudo here: run this as root"
    say "virtual machines and containers need root: going on with sudo"
    exec sudo --preserve-env=LODGE_STATE,LODGE_LISTEN,LODGE_ADMIN_PASSWORD,LODGE_LOG "$0" "$@"
}

# Accepts PORT, ADDRESS:PORT and [ADDRESS]:PORT.
parse_listen() {
    local given=$1
    case $given in
        *:*) address=${given%:*} port=${given##*:} ;;
        *) address=127.0.0.1 port=$given ;;
    esac
    if ! [[ $port =~ ^[0-9]{1,5}$ ]] || [ "$port" -lt 1 ] || [ "$port" -gt 65535 ]; then
        die "LODGE_LISTEN=$given names no port from 1 to 65535. It looks like 127.0.0.1:8443"
    fi
    [ -n "$address" ] || address=0.0.0.0
}

refuse_taken_port() {
    local holder
    # Held at this address, or at all addresses: either way it cannot be bound.
    holder=$(ss -Htlnp "sport = :$port" | awk -v a="$address:$port" \
        '$4 == a || $4 ~ /^(0\.0\.0\.0|\*|\[::\]):/ || a ~ /^(0\.0\.0\.0|\[::\]):/ { print; exit }')
    [ -n "$holder" ] || return 0
    holder=$(sed -n 's/.*users:(("\([^"]*\)",pid=\([0-9]*\).*/\1 (process \2)/p' <<<"$holder")
    die "port $port is taken by ${holder:-another program}. Choose another one: LODGE_LISTEN=$address:$((port == 65535 ? 8443 : port + 1)) make run"
}

take_lock() {
    mkdir -p "$state/run"
    chmod o+x "$state" "$state/run"
    exec {lock}<>"$state/run/lock"
    flock --nonblock "$lock" || die "Lodge already runs with the state in $state (process $(cat "$state/run/lock")). Stop it, or run" \
        "a second one beside it with another LODGE_STATE and LODGE_LISTEN"
    : >"$state/run/lock"
    echo $$ >&"$lock"
}

refuse_missing_programs() {
    local program
    for program in lodged lodge-gate lodge; do
        [ -x "$tree/build/bin/$program" ] || die "build/bin/$program is not there: run make first"
    done
}

build_images() {
    mkdir -p "$tree/build/webui"
    "$here/images/build.sh" "$tree/build/images" "$tree/build/cache/images" ||
        say "WARNING: there are no starter images (the reason stands above); everything else works"
}

# Sets LODGE_KVM to yes or no for lodged.
look_for_kvm() {
    local why
    LODGE_KVM=yes
    if why=$("$here/kvm-works.sh" "$tree/build/images/tiny-vm.qcow2" "$tree/build/cache/kvm"); then return 0; fi
    LODGE_KVM=no
    say "WARNING: no KVM: $why. Virtual machines are emulated in software, which is about ten times slower."
}

# The first process inside the sandbox, the only child of unshare: it passes signals on to the supervisor.
# shellcheck disable=SC2317 # called by trap
sandbox_init() {
    local child
    for child in $(<"/proc/$sandbox/task/$sandbox/children"); do
        if [ "$(cat "/proc/$child/comm")" = tini ]; then printf '%s\n' "$child"; fi
    done
}

# shellcheck disable=SC2317 # called by trap
pass_on_stop() {
    local now
    trap '' INT TERM HUP # bash would handle them in the middle of this; what comes meanwhile is the same press
    now_ms now
    if ! is_same_press "$now" "$stopped_ms"; then
        stops=$((stops + 1))
        if [ "$stops" -eq 1 ]; then
            say "stopping: guests get 30 s to shut down (once more: stop them at once)"
        else
            say "stopping at once: guests that have not shut down yet lose their power"
        fi
        pass_on
        now_ms stopped_ms
    fi
    trap pass_on_stop INT TERM HUP
}

# shellcheck disable=SC2317 # called by trap
pass_on() {
    local init tries
    for ((tries = 0; tries < 50; tries++)); do # a stop may come before the sandbox is there
        init=$(sandbox_init 2>/dev/null)
        if [ -n "$init" ] && kill -TERM "$init" 2>/dev/null; then return 0; fi
        kill -0 "$sandbox" 2>/dev/null || return 0
        sleep 0.1
    done
    kill -KILL "$sandbox" 2>/dev/null || true
}

main() {
    local status=0
    become_root "$@"
    "$here/need.sh" run
    state=$(readlink -m "${LODGE_STATE:-$tree/build/state}")
    parse_listen "${LODGE_LISTEN:-127.0.0.1:8443}"
    refuse_missing_programs
    take_lock
    refuse_taken_port
    "$here/clean.sh" "$state" || die "what an earlier run left on this host could not be removed; the reason stands above"
    build_images
    look_for_kvm

    export LODGE_STATE=$state LODGE_LISTEN=$address:$port LODGE_TREE=$tree
    LODGE_INSTANCE=$(instance_id "$state")
    export LODGE_INSTANCE LODGE_KVM LODGE_STARTER_IMAGES=$tree/build/images
    unset JOURNAL_STREAM NOTIFY_SOCKET LISTEN_PID LISTEN_FDS DBUS_SESSION_BUS_ADDRESS XDG_RUNTIME_DIR

    stops=0 stopped_ms=0
    # A session of its own, so that Ctrl-C reaches only this script; and the end of this script, even by SIGKILL, is the
    # end of the sandbox.
    setsid setpriv --pdeathsig KILL "$here/sandbox.sh" {lock}>&- </dev/null &
    sandbox=$!
    trap pass_on_stop INT TERM HUP
    while :; do
        status=0
        wait "$sandbox" || status=$?
        kill -0 "$sandbox" 2>/dev/null || break
    done
    trap '' INT TERM HUP # what is left takes a moment, and has to be done
    "$here/clean.sh" "$state" || status=1
    if [ "$status" -eq 0 ]; then say "stopped"; else say "stopped after a failure (status $status); the logs are in $state/log"; fi
    return "$status"
}

# On one line: bash reads a script as it goes, and this file may change (git pull) while it runs.
main "$@"; exit
