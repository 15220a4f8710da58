#!/usr/bin/python3
"""How long another request takes while many lists are filtered at once: lodged-fake and the gate, thousands of guests."""

import os
import statistics
import sys
import threading
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "api"))

from daemons import Daemons  # noqa: E402

GUESTS = int(os.environ.get("BENCH_GUESTS", "3000"))
PARALLEL = int(os.environ.get("BENCH_PARALLEL", "16"))
SECONDS = float(os.environ.get("BENCH_SECONDS", "4"))
QUERIES = {"filter": "filter=status.state=running,metadata.labels.team=a", "fields": "fields=metadata.name,status.state"}


def make_guests(pair):
    def some(start):
        client = pair.admin()
        for i in range(start, GUESTS, 8):
            spec = {"type": "vm", "memory": "16MiB", "disks": [], "nics": [{"name": "eth0"}]}
            client.put(f"/guests/g{i:05}", {"metadata": {"labels": {"team": "ab"[i % 2]}}, "spec": spec}).expect(201)
        client.close()

    pair.admin().close()
    threads = [threading.Thread(target=some, args=(i,)) for i in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()


def latencies(pair, until):
    client, found = pair.admin(), []
    while time.monotonic() < until:
        begun = time.perf_counter()
        client.get("/guests/g00000").expect(200)
        found.append((time.perf_counter() - begun) * 1000)
        time.sleep(0.002)
    client.close()
    found.sort()
    return found


def under(pair, query):
    """Other requests while this list is asked for by many; how many lists were answered, and how fast."""
    until, counts, took = time.monotonic() + SECONDS, [0] * PARALLEL, []

    def ask(n):
        client = pair.api(token=(pair.root / "token").read_text())
        while time.monotonic() < until:
            begun = time.perf_counter()
            client.get(f"/guests?{query}").expect(200)
            took.append((time.perf_counter() - begun) * 1000)
            counts[n] += 1
        client.close()

    threads = [threading.Thread(target=ask, args=(i,)) for i in range(PARALLEL)]
    for one in threads:
        one.start()
    found = latencies(pair, until)
    for one in threads:
        one.join()
    return found, sum(counts) / SECONDS, statistics.median(took)


def show(what, found, more=""):
    print(f"{what:<28} median {statistics.median(found):7.2f} ms   p99 {found[int(len(found) * 0.99)]:8.2f} ms   worst {found[-1]:8.2f} ms   {more}", flush=True)


def main():
    pair = Daemons()
    pair.start()
    try:
        make_guests(pair)
        show("nothing else", latencies(pair, time.monotonic() + 2))
        for what, query in QUERIES.items():
            found, rate, median = under(pair, query)
            show(f"{PARALLEL} lists with {what}", found, f"{rate:.0f} lists/s of {median:.0f} ms")
    finally:
        pair.end()


if __name__ == "__main__":
    main()
