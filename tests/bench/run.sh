#!/bin/bash
# run.sh: `make bench`. Prints each figure next to its baseline in the same run; arguments name the figures to run
# (small, lists, create, memory, restart, starts), all without. BENCH_SECONDS and BENCH_PAIRS make it longer,
# BENCH_STARTS is the number of starts.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/../.."

daemon/run/need.sh build run bench
make --no-print-directory -j"$(nproc)" bench-programs all
daemon/run/images/build.sh build/images build/cache/images # the hosts of the benchmarks have no network
root=()
if [ "$(id -u)" -ne 0 ]; then root=(sudo "--preserve-env=BENCH_SECONDS,BENCH_PAIRS,BENCH_STARTS"); fi
exec "${root[@]}" /usr/bin/python3 -B tests/bench/bench.py "$@"
