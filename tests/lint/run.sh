#!/bin/bash
# run.sh [--root DIR] [CHECK...]: what `make lint` runs: all checks, or those named. Says what is wrong and where, and
# fails when anything is. `selftest` plants a violation for each of the others and demands that it is found.
set -euo pipefail
export LC_ALL=C.UTF-8

here=$(dirname "$(readlink -f "$0")")
root=$(readlink -f "$here/../..")
cache=$root/build/lint
all_checks=(layers headers format shell cppcheck tidy selftest)

c_files() { # c_files SUFFIX...
    local suffix names=()
    for suffix in "$@"; do names+=(-o -name "*.$suffix"); done
    for top in daemon storage cluster iso tests; do
        if [ -d "$root/$top" ]; then
            find "$root/$top" -path '*/planted' -prune -o -type f \( "${names[@]:1}" \) -print
        fi
    done | sort
}

shell_files() {
    find "$root" \( -name build -o -name .git -o -name node_modules -o -name planted \) -prune -o -type f -size -200k -print0 |
        xargs -0 grep -lIE --null -m 1 '^#!.*[/ ](ba|da|a)?sh( |$)|^# shellcheck shell=' | sort -z | tr '\0' '\n'
}

# The compiler's flags as the build has them.
compile_flags() {
    if [ -f "$root/Makefile" ]; then
        # shellcheck disable=SC2016 # for make
        make --no-print-directory -s -C "$root" --eval='print-flags: ; @echo $(cflags) $(pkg_cflags)' print-flags |
            tr ' ' '\n' | grep -E '^-(I|D|std|isystem)' || true
    else
        printf '%s\n' -std=gnu17 -D_GNU_SOURCE -Idaemon -I.
    fi
}

check_layers() { "$here/layers.py" "$root"; }

# Each header compiles alone: whoever includes it needs nothing before it.
check_headers() {
    local flags
    mapfile -t flags < <(compile_flags)
    c_files h | (cd "$root" && xargs -r -P "$(nproc)" -I {} gcc -fsyntax-only -x c "${flags[@]}" -include {} /dev/null)
}

check_format() { c_files c h | xargs -r clang-format --dry-run --Werror --style="file:$root/.clang-format"; }

check_shell() { shell_files | xargs -r -d '\n' shellcheck --external-sources --source-path=SCRIPTDIR; }

check_cppcheck() {
    local folders=() top
    for top in daemon storage cluster iso; do
        if [ -d "$root/$top" ]; then folders+=("$root/$top"); fi
    done
    mkdir -p "$cache/cppcheck"
    cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability --inline-suppr \
        --suppressions-list="$here/cppcheck.txt" --library=posix,gnu --library="$here/cppcheck.cfg" --cppcheck-build-dir="$cache/cppcheck" -j "$(nproc)" \
        -D_GNU_SOURCE -I "$root/daemon" -I "$root" --template='{file}:{line}: {severity}: {message} [{id}]' "${folders[@]}" 2>&1
}

# A file that was found good is not looked at again until it, a header of it, the checks or the flags change.
tidy_one() {
    local file=$1 key out
    shift
    # Not where these functions themselves are defined.
    case ${file#"$root/"} in
        daemon/base/err.c) ;;
        *) if [ -e "$root/daemon/base/err.h" ]; then set -- "$@" -include "$here/analyzer.h"; fi ;;
    esac
    key=$({ cat "$root/.clang-tidy"; printf '%s\n' "$@"; clang -E -P "$@" "$file" 2>&1; } | sha256sum | cut -d' ' -f1)
    [ -e "$cache/tidy/$key" ] && return 0
    if out=$(clang-tidy --quiet --config-file="$root/.clang-tidy" "$file" -- "$@" 2>&1); then
        : >"$cache/tidy/$key"
        return 0
    fi
    printf '%s\n' "$out" | grep -v 'warnings generated\|warnings treated as errors' | sed "s,$root/,,"
    return 1
}

check_tidy() {
    local flags
    mkdir -p "$cache/tidy"
    mapfile -t flags < <(compile_flags)
    export -f tidy_one
    export root cache here
    # shellcheck disable=SC2016 # for the inner shell
    c_files c | (cd "$root" && xargs -r -P "$(nproc)" -I {} bash -c 'tidy_one "$@"' tidy {} "${flags[@]}")
}

check_selftest() { "$here/selftest.sh"; }

main() {
    local check failed=() begun
    while [ $# -gt 0 ] && [[ $1 == --* ]]; do
        case $1 in
            --root) root=$(readlink -f "$2") cache=$root/build/lint; shift 2 ;;
            *) echo "usage: run.sh [--root DIR] [${all_checks[*]}]" >&2; exit 2 ;;
        esac
    done
    [ $# -gt 0 ] || { set -- "${all_checks[@]}"; "$root/daemon/run/need.sh" lint; }
    cd "$root"
    for check in "$@"; do
        begun=$SECONDS
        if "check_$check"; then
            echo "lint: $check passed ($((SECONDS - begun)) s)"
        else
            echo "lint: $check FAILED ($((SECONDS - begun)) s)"
            failed+=("$check")
        fi
    done
    [ ${#failed[@]} -eq 0 ] || { echo "lint: FAILED: ${failed[*]}"; exit 1; }
}

main "$@"
