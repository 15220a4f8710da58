#!/bin/bash
# run.sh [PYTEST ARGUMENT...]: `make test-appliance`: builds the medium, then tries it and what it installs in machines under QEMU, in
# software emulation. Each figure is printed with its goal. Disks and saved machines stay in build/appliance.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

build_max_s=480 again_max_s=15

# Each stage says what it makes: silence means that there was nothing to do.
build_medium() {
    local begun=$SECONDS log=build/appliance/build.log
    mkdir -p build/appliance
    rm -f build/appliance/build-seconds
    make --no-print-directory iso >"$log" 2>&1 || { tail -n 30 "$log"; return 1; }
    if grep -q 'image: image$' "$log"; then echo $((SECONDS - begun)) >build/appliance/build-seconds; fi
}

# How long it takes to build is shown only: downloads and whoever else uses the machine decide it as well. That nothing is built again
# is held to its goal, by the better of two.
build_figures() {
    local begun again taken=''
    if [ -e build/appliance/build-seconds ]; then
        echo "building the medium, what was not yet in the cache downloaded: $(cat build/appliance/build-seconds) s (to reach: <= $build_max_s s)"
    fi
    for _ in 1 2; do
        begun=$SECONDS
        make --no-print-directory iso >/dev/null 2>&1
        again=$((SECONDS - begun))
        if [ -z "$taken" ] || [ "$again" -lt "$taken" ]; then taken=$again; fi
        if [ "$taken" -le "$again_max_s" ]; then break; fi
    done
    echo "building it again, with nothing changed: $taken s (to reach: <= $again_max_s s)"
    [ "$taken" -le "$again_max_s" ]
}

# A row is files, one after the other, beside the other row: machines have one processor each. host and cards
# begin with what test_install leaves, or wait for it.
rows=("install host package iso faults" "stick interrupted cards")
last="figures" # alone

pytest=(/usr/bin/python3 -B -m pytest -p no:cacheprovider -q --durations=5)
results=build/appliance/results # NAME STATUS of each file
running=() # processes

# Who has only so much time (CI) gives it: the file that runs is tried to its end, and those after it are said not to be tried.
in_time() { [ "$SECONDS" -lt "${LODGE_TRY_S:-1000000}" ]; }
again_in_time() { [ "$SECONDS" -lt $((${LODGE_TRY_S:-1000000} + 900)) ]; }

# In the background, since a shell that is ended while it waits for a program in the foreground leaves it behind.
try() {
    "${pytest[@]}" "$@" &
    running=($!)
    wait "$!"
}

try_file() {
    local status=0
    if in_time; then
        try "tests/appliance/test_$1.py" || status=$?
    else
        echo "appliance tests: test_$1.py was NOT TRIED: LODGE_TRY_S=$LODGE_TRY_S seconds are over"
        status=untried
    fi
    echo "$1 $status" >>"$results"
}

try_row() {
    local name
    trap 'kill "${running[@]}"; exit 1' TERM
    for name in $1; do try_file "$name"; done
}

try_rows() {
    local row process log
    for row in "${rows[@]}"; do
        try_row "$row" >"build/appliance/${row%% *}.log" 2>&1 &
        running+=($!)
    done
    for process in "${running[@]}"; do wait "$process" || true; done
    for row in "${rows[@]}"; do cat "build/appliance/${row%% *}.log"; done
}

# Now and then the emulator lets a machine stumble or hang, which no test can tell from Lodge's own doing: once more, alone.
try_all() {
    local failed name status
    rm -f "$results"
    try_rows
    try_file "$last"
    mapfile -t failed < <(sed -nE 's/ [1-9][0-9]*$//p' "$results")
    for name in "${failed[@]}"; do
        again_in_time || break
        echo "appliance tests: tried again: test_$name.py"
        status=0
        try "tests/appliance/test_$name.py" || status=$?
        sed -i "s/^$name .*/$name $status/" "$results"
    done
    # Not tried at first is not failed; each file has its line, or a row was cut off.
    ! grep -qE ' [1-9][0-9]*$' "$results" && grep -q ' 0$' "$results" && [ "$(wc -l <"$results")" -eq "$(wc -w <<<"${rows[*]} $last")" ]
}

main() {
    local status=0 begun=$SECONDS
    daemon/run/need.sh build run image appliance
    build_medium
    build_figures || status=1
    trap 'kill "${running[@]}" 2>/dev/null || true' EXIT
    # test_NAME.py and more arguments instead of all of them.
    if [ $# -eq 0 ]; then try_all || status=1; else try "$@" || status=1; fi
    echo "appliance tests: $([ "$status" -eq 0 ] && echo "all that were tried passed" || echo "FAILED") in $((SECONDS - begun)) s"
    return "$status"
}

main "$@"
