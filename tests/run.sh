#!/bin/bash
# run.sh: all tests, as `make test` runs them: unit tests (build/test/NAME of each tests/unit/NAME.c), the
# console's types and units, tests of the API with fake drivers, the installer, system tests
# with real daemons, guests and networks, then the console in a browser. All always run; the status is 0 only when all passed. Arguments go to pytest.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

unit_timeout_s=120

# halt_on_error: a finding is a failure. Leaks count too.
export ASAN_OPTIONS=detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1

# run_unit PROGRAM: silent when it passes; all it said when not.
run_unit() {
    local program=$1 out=$1.out status=0
    timeout --kill-after=5 "$unit_timeout_s" "$program" >"$out" 2>&1 || status=$?
    if [ "$status" -ne 0 ]; then
        cat "$out"
        echo "FAILED: $program (status $status)"
    fi
    return "$status"
}

unit_tests() {
    local programs=() source program failed=0 passed
    for source in tests/unit/*.c; do
        program=build/test/$(basename "$source" .c)
        if [ -x "$program" ]; then programs+=("$program"); fi # some sources are parts of several programs
    done
    if [ ${#programs[@]} -eq 0 ]; then
        echo "FAILED: there are no unit tests in build/test"
        return 1
    fi
    export -f run_unit
    export unit_timeout_s
    # shellcheck disable=SC2016 # the inner shell expands it
    printf '%s\0' "${programs[@]}" | xargs -0 -n 1 -P "$(nproc)" bash -c 'run_unit "$1"' unit || failed=1
    passed=$(sed -n 's/^\[  PASSED  \] \([0-9]*\) test.*/\1/p' "${programs[@]/%/.out}" | awk '{ sum += $1 } END { print sum + 0 }')
    echo "[  PASSED  ] $passed unit tests in ${#programs[@]} programs"
    return "$failed"
}

# python_tests FOLDER [ARGUMENT...]: as root, since daemons and guests need it.
python_tests() {
    local root=()
    if [ "$(id -u)" -ne 0 ]; then root=(sudo --preserve-env=LODGE_TEST_KEEP); fi
    "${root[@]}" /usr/bin/python3 -B -m pytest -p no:cacheprovider -q "$@"
}

main() {
    local status=0 begun=$SECONDS
    daemon/run/need.sh build run test
    make --no-print-directory -j"$(nproc)" all unit-tests
    daemon/run/images/build.sh build/images build/cache/images # here: the tests' hosts have no network
    unit_tests || status=1
    make --no-print-directory check || status=1
    python_tests tests/api "$@" || status=1
    python_tests tests/installer "$@" || status=1
    python_tests tests/system "$@" || status=1
    python_tests tests/browser "$@" || status=1
    echo "tests: $([ "$status" -eq 0 ] && echo "all passed" || echo "FAILED") in $((SECONDS - begun)) s"
    return "$status"
}

main "$@"
