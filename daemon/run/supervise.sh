#!/bin/bash
# supervise.sh: starts libvirtd, lodged and lodge-gate and starts again whichever of them ends, until SIGTERM; then shuts
# guests down and stops them in the right order. Guests are nobody's children here: they outlive each of the three.
# When this script ends, so does the PID namespace, and with it whatever still runs.
#
# It looks four times a second instead of waiting with `wait -n`, which misses a child that ends while bash does
# something else.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=common.sh source-path=SCRIPTDIR
. "$here/common.sh"
state=$LODGE_STATE
bin=$LODGE_TREE/build/bin
log=$state/log

guests_s=30                         # what guests get to shut down
tick_s=0.25
steady_ms=5000                      # who ran this long did not die of its start
delays_ms=(0 200 1000 2000 5000 10000) # before the first, second … new start in a row
log_max=$((32 << 20))               # bytes after which a log is set aside
log_check_ms=60000

daemons=(libvirtd lodged gate)

# Signals as they were before any shell: bash lets what it starts in the background ignore SIGINT, and so would guests. A
# session of its own for each: what is sent to the supervisor's group is not meant for them.
become() { exec env --default-signal setsid "$@"; }

# run NAME: becomes a daemon, or the command that ends guests in order.
run() {
    case $1 in
        libvirtd) become libvirtd --config /etc/libvirt/libvirtd.conf ;;
        lodged)
            if [ -n "$password" ]; then export LODGE_ADMIN_PASSWORD=$password; fi
            become "$bin/lodged" --state "$state"
            ;;
        gate) become "$bin/lodge-gate" --state "$state" --listen "$LODGE_LISTEN" --static "$LODGE_TREE/build/webui" ;;
        shutdown) become "$bin/lodge" node shutdown-guests --timeout-s "$guests_s" --wait -q --state "$state" ;;
    esac
}

# Bash's own remarks (a child was killed …) go to a log; the terminal gets what is said on purpose.
say() { printf 'lodge: %s\n' "$*" >&3 || true; }

# QEMU runs as root here: the sources may lie in a home that no other user can enter, and /dev/kvm may be root's alone. The
# appliance has users for it.
configure_libvirt() {
    local uuid=$state/libvirt/host-uuid
    [ -s "$uuid" ] || cat /proc/sys/kernel/random/uuid >"$uuid"
    cat >/etc/libvirt/libvirtd.conf <<CONF
listen_tls = 0
listen_tcp = 0
auth_unix_ro = "none"
auth_unix_rw = "none"
unix_sock_ro_perms = "0700"
unix_sock_rw_perms = "0700"
host_uuid = "$(cat "$uuid")"
log_outputs = "3:stderr"
CONF
    cat >/etc/libvirt/qemu.conf <<CONF
security_driver = "none"
stdio_handler = "file"
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
namespaces = [ ]
CONF
}

declare -A pid_of=() started_ms=() start_at_ms=() failures=()

pause() { read -r -t "$tick_s" -u "$silence" || true; } # nobody ever writes there

start() {
    local name=$1
    run "$name" </dev/null >>"$log/$name.log" 2>&1 3>&- {silence}<&- &
    pid_of[$name]=$!
    now_ms "started_ms[$name]"
}

how_it_ended() {
    if [ "$1" -gt 128 ]; then printf 'was killed by signal %s' $(($1 - 128)); else printf 'ended with status %s' "$1"; fi
}

last_line() { tail -n 1 "$log/$1.log" 2>/dev/null | cut -c 1-300; }

plan_new_start() {
    local name=$1 status=$2 now lived delay
    now_ms now
    lived=$((now - started_ms[$name]))
    if [ "$lived" -ge "$steady_ms" ]; then failures[$name]=0; fi
    delay=${delays_ms[failures[$name] < ${#delays_ms[@]} ? failures[$name] : -1]}
    failures[$name]=$((failures[$name] + 1))
    unset "pid_of[$name]"
    start_at_ms[$name]=$((now + delay))
    say "$name $(how_it_ended "$status") after $lived ms; it is started again$([ "$delay" -eq 0 ] || echo " in $delay ms"), guests run on"
    if [ "${failures[$name]}" -gt 2 ]; then
        say "$name has failed ${failures[$name]} times in a row. The end of $log/$name.log: $(last_line "$name")"
    fi
}

look_after() {
    local name=$1 now status=0 pid=${pid_of[$1]:-}
    if [ -n "$pid" ]; then
        if kill -0 "$pid" 2>/dev/null; then return 0; fi
        wait "$pid" || status=$?
        plan_new_start "$name" "$status"
    fi
    now_ms now
    if [ "$now" -ge "${start_at_ms[$name]}" ]; then start "$name"; fi
}

set_large_logs_aside() {
    local file now
    now_ms now
    [ "$now" -ge "$logs_checked_ms" ] || return 0
    logs_checked_ms=$((now + log_check_ms))
    for file in "$log"/*.log; do
        [ "$(stat -c %s "$file")" -gt "$log_max" ] || continue
        cp "$file" "$file.1" # the daemons append to the file they have open
        : >"$file"
    done
}

supervise() {
    local name
    while [ "$stops" -eq 0 ]; do
        for name in "${daemons[@]}"; do look_after "$name"; done
        set_large_logs_aside
        pause
    done
}

# stop NAME SECONDS: asks, and after that time does not ask any more.
stop() {
    local name=$1 pid=${pid_of[$1]:-} deadline now
    [ -n "$pid" ] || return 0
    now_ms now
    deadline=$((now + $2 * 1000))
    kill -TERM "$pid" 2>/dev/null || return 0
    while kill -0 "$pid" 2>/dev/null && [ "$now" -lt "$deadline" ]; do
        read -r -t 0.05 -u "$silence" || true
        now_ms now
    done
    if kill -KILL "$pid" 2>/dev/null; then say "$name did not stop within $2 s and was killed"; fi
}

# Ends when guests are down, when their time is over, or when somebody asks to stop a second time.
stop_guests() {
    local asked deadline now status=0
    run shutdown </dev/null >>"$log/shutdown.log" 2>&1 3>&- {silence}<&- &
    asked=$!
    now_ms now
    deadline=$((now + (guests_s + 15) * 1000))
    while kill -0 "$asked" 2>/dev/null && [ "$now" -lt "$deadline" ] && [ "$stops" -eq 1 ]; do
        pause
        now_ms now
    done
    if kill -KILL "$asked" 2>/dev/null; then
        say "guests that have not shut down yet are stopped now"
        return 0
    fi
    wait "$asked" || status=$?
    [ "$status" -eq 0 ] || say "guests could not be shut down in order: $(last_line shutdown)"
}

stop_all() {
    stop_guests
    stop gate 5
    stop lodged 10
    stop libvirtd 5
}

# Warnings and errors of the daemons show on the terminal; all lines are in their logs.
show_warnings() {
    tail --quiet --lines=0 --follow=name "$log/lodged.log" "$log/gate.log" 2>/dev/null | grep --line-buffered -E '^[^ ]+ [^ ]+ (error|warning): ' >&3
}

# Whether a request gets through the gate to lodged and back; with which answer does not matter.
api_answers() {
    local status
    status=$(curl --silent --insecure --noproxy '*' --max-time 5 --output /dev/null --write-out '%{http_code}' \
        "https://$LODGE_LISTEN/api/v1/session" || true)
    [ "$status" != 000 ] && [ "$status" != 503 ]
}

# Tells the user where to go once there is something to go to. A child: it waits, which the supervisor must not.
announce() {
    local tries=0 address=${LODGE_LISTEN%:*} password=''
    until api_answers; do
        pause
        tries=$((tries + 1))
        if [ $((tries % 120)) -eq 0 ]; then say "still not ready; the logs are in $log"; fi
    done
    case $address in 0.0.0.0 | '[::]') address=$(hostname) ;; esac
    if [ -s "$state/run/first-password" ]; then
        password="  Password: $(cat "$state/run/first-password")   (shown this once)"$'\n'
    fi
    printf '\n  Lodge is ready: https://%s:%s/\n  User: admin\n%s  State: %s   Logs: %s   Stop with Ctrl-C\n\n' \
        "$address" "${LODGE_LISTEN##*:}" "$password" "$state" "$log" >&3
    rm -f "$state/run/first-password"
}

main() {
    local name
    mkdir -p "$log"
    exec 3>&2 2>>"$log/supervisor.log"
    exec {silence}<> <(:)
    stops=0 logs_checked_ms=0
    trap 'stops=$((stops + 1))' TERM INT HUP
    ulimit -n "$(ulimit -Hn)"
    # Only lodged needs it, and only until it has a registry.
    password=''
    if [ ! -e "$state/registry.db" ]; then password=${LODGE_ADMIN_PASSWORD:-}; fi
    unset LODGE_ADMIN_PASSWORD
    # For guests this start is a boot of their host: those that ran before start again.
    LODGE_BOOT_ID=$(cat /proc/sys/kernel/random/uuid)
    export LODGE_BOOT_ID
    configure_libvirt
    for name in "${daemons[@]}"; do
        : >>"$log/$name.log"
        failures[$name]=0 start_at_ms[$name]=0
    done
    show_warnings &
    announce &
    supervise
    stop_all
}

# On one line: bash reads a script as it goes, and this file may change (git pull) while it runs.
main; exit
