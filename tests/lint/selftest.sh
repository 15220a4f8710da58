#!/bin/bash
# selftest.sh: proves that each check of run.sh can fail: for each there is a tree in planted/ with one violation, which
# has to be found and named; and a clean tree, in which none may find anything.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
top=$(readlink -f "$here/../..")

# check: what its message about the planted violation has to hold
declare -A names=(
    [layers]='wire must not include core/guest.h'
    [headers]='unknown type name'
    [format]='crooked.c:1:13'
    [shell]='SC2086'
    [cppcheck]='arrayIndexOutOfBounds'
    [tidy]='bugprone-suspicious-memset-usage'
)

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

lint() { # lint TREE CHECK: run on a copy, with the project's own settings
    rm -rf "$scratch/tree"
    cp -r "$here/planted/$1" "$scratch/tree"
    cp "$top/.clang-format" "$top/.clang-tidy" "$scratch/tree"
    "$here/run.sh" --root "$scratch/tree" "$2" >"$scratch/out" 2>&1
}

complain() {
    echo "selftest: $1:"
    cat "$scratch/out"
    status=1
}

status=0
for check in "${!names[@]}"; do
    if lint "$check" "$check"; then complain "$check does not fail for a planted violation"
    elif ! grep -qF "${names[$check]}" "$scratch/out"; then complain "$check fails without naming the planted violation (${names[$check]})"
    fi
    lint clean "$check" || complain "$check finds something in a clean tree"
done
exit "$status"
