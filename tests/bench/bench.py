#!/usr/bin/python3
"""The figures of Lodge, each beside its baseline in the same run: ratios of medians of alternating pairs.

Requests and lists: lodged-fake and the gate against libmicrohttpd alone that sends the same bytes (raw_http.c), both over
TLS from the same machine, by wrk. A change: through the API against one commit by SQLite alone (raw_commit.c). Starts of real guests: starts.py."""

import http.client
import json
import os
import re
import ssl
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE / "tests/api"))

import starts  # noqa: E402
from daemons import Daemons, free_port, wait_for  # noqa: E402

SECONDS = int(os.environ.get("BENCH_SECONDS", "2"))
PAIRS = int(os.environ.get("BENCH_PAIRS", "5"))
CONNECTIONS = 8
THREADS = os.cpu_count() or 1

_missed = []


def line(figure, value, baseline, ratio, goal, met):
    mark = "" if met is None else "ok" if met else "MISSED"
    print(f"{figure:<58} {value:>16} {baseline:>16} {ratio:>8} {goal:>8} {mark}", flush=True)
    if met is False:
        _missed.append(figure)


def rate(value):
    return f"{value:,.0f} /s" if value >= 100 else f"{value:,.1f} /s"


class Raw:
    """The baseline: raw_http with these bytes and the gate's own certificate."""

    def __init__(self, pair, body):
        self.port = free_port()
        self.file = pair.root / "body"
        self.file.write_bytes(body)
        tls = pair.state / "tls"
        self.process = subprocess.Popen(
            [TREE / "build/test/raw_http", str(self.port), tls / "cert.pem", tls / "key.pem", self.file, str(THREADS)], cwd=pair.root)
        wait_for(lambda: _listens(self.port), "raw_http")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait(10)


def _listens(port):
    import socket
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
        return True
    except OSError:
        return False


def wrk(port, path, token=None):
    """Requests per second; any error or refusal ends the run."""
    command = ["wrk", f"-t{min(2, CONNECTIONS)}", f"-c{CONNECTIONS}", f"-d{SECONDS}s", "--timeout", "10s"]
    if token:
        command += ["-H", f"Authorization: Bearer {token}"]
    text = subprocess.run([*command, f"https://127.0.0.1:{port}{path}"], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise SystemExit(f"wrk met errors:\n{text}")
    return float(re.search(r"Requests/sec:\s+([\d.]+)", text).group(1))


def against_raw(figure, pair, token, path, goal):
    body = pair.api(token=token).get(path).expect(200).body
    ours, raw = [], []
    with Raw(pair, body) as baseline:
        wrk(baseline.port, "/")  # both warm
        wrk(pair.port, path, token)
        for _ in range(PAIRS):
            raw.append(wrk(baseline.port, "/"))
            ours.append(wrk(pair.port, path, token))
    ratio = statistics.median(o / r for o, r in zip(ours, raw))
    line(f"{figure} ({len(body):,} bytes)", rate(statistics.median(ours)), rate(statistics.median(raw)), f"{ratio:.2f}", f">= {goal}", ratio >= goal)


class Client:
    """One kept connection whose answers are read and timed, without parsing."""

    def __init__(self, port, token=None):
        context = ssl._create_unverified_context()  # noqa: S323 the port is our own
        self.connection = http.client.HTTPSConnection("127.0.0.1", port, context=context)
        self.connection.connect()
        self.connection.sock.setsockopt(6, 1, 1)
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def timed(self, method, path, body=None):
        begun = time.perf_counter()
        self.connection.request(method, path, body, {**self.headers, **({"Content-Type": "application/json"} if body else {})})
        answer = self.connection.getresponse()
        answer.read()
        if answer.status >= 300:
            raise SystemExit(f"{method} {path}: {answer.status}")
        return time.perf_counter() - begun


def list_after_change(figure, pair, token, admin, path):
    """One reader; before each list a guest is changed, so that nothing of the answer as a whole can be kept."""
    body = pair.api(token=token).get(path).expect(200).body
    ours, raw = [], []
    with Raw(pair, body) as baseline:
        a, b, changer = Client(pair.port, token), Client(baseline.port), Client(pair.port, admin)
        for i in range(PAIRS * 3):
            changer.timed("PATCH", "/api/v1/guests/a-00002", json.dumps({"metadata": {"description": str(i)}}))
            ours.append(a.timed("GET", path))
            raw.append(b.timed("GET", "/"))
    ratio = statistics.median(raw) / statistics.median(ours)
    line(figure, f"{statistics.median(ours) * 1e3:.1f} ms", f"{statistics.median(raw) * 1e3:.1f} ms", f"{ratio:.2f}", "-", None)


def spec(i):
    return {"type": "vm", "memory": "1GiB", "cpu": {"cores": 1}, "nics": [{"name": "eth0"}], "run": "manual" if i % 3 else "last"}


def make_guests(pair, token, begin, end):
    """Guests a-… and b-… in turn, by several connections: their commits share a sync."""
    numbers = iter(range(begin, end))
    lock = threading.Lock()

    def work():
        client = Client(pair.port, token)
        while True:
            with lock:
                i = next(numbers, None)
            if i is None:
                return
            body = json.dumps({"metadata": {"labels": {"team": f"t{i % 7}"}}, "spec": spec(i)})
            client.timed("PUT", f"/api/v1/guests/{'ab'[i % 2]}-{i:05}", body)

    workers = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def half_user(pair, api):
    api.put("/roles/half", {"spec": {"permissions": ["guests.read"]}}).expect(201)
    api.put("/users/half", {"spec": {}}).expect(201)
    api.put("/bindings/half", {"spec": {"subject": "user:half", "role": "half", "path": "/guests/a-*"}}).expect(201)
    return api.put("/tokens/half", {"spec": {"user": "half"}}).expect(201).json["secret"]


def private_dirty_mb(pid):
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(re.search(r"Private_Dirty:\s+(\d+) kB", text).group(1)) / 1024


def memory(figure, pair, goal):
    time.sleep(6)  # a poll of all guests has passed, and what the last requests needed is given back
    used = private_dirty_mb(pair.lodged.pid)
    line(f"private dirty memory of lodged, {figure}", f"{used:.1f} MB", "-", "-", f"<= {goal} MB", used <= goal)


def bench_create(pair, token):
    (pair.root / "row").write_text(json.dumps({"metadata": {"name": "x"}, "spec": spec(0)}))
    raw = subprocess.Popen([TREE / "build/test/raw_commit", pair.root / "raw.db", pair.root / "row"], stdin=subprocess.PIPE,
                           stdout=subprocess.PIPE, text=True, cwd=pair.root)
    client, ours, base = Client(pair.port, token), [], []
    for i in range(300):
        raw.stdin.write("x")
        raw.stdin.flush()
        base.append(float(raw.stdout.readline()))
        ours.append(client.timed("PUT", f"/api/v1/guests/create-{i:05}", json.dumps({"spec": spec(i)})) * 1e6)
    raw.stdin.close()
    raw.wait(10)
    for i in range(300):
        client.timed("DELETE", f"/api/v1/guests/create-{i:05}")
    mine, sqlite = statistics.median(ours), statistics.median(base)
    line("durable create of a guest document, p50", f"{mine:,.0f} us", f"{sqlite:,.0f} us", f"{mine / sqlite:.2f}", "<= 3", mine <= 3 * sqlite)


def bench_restart(pair, token):
    seconds, reads = [], []
    for _ in range(PAIRS):
        pair.stop_lodged()
        begun = time.perf_counter()
        (pair.state / "registry.db").read_bytes()
        reads.append(time.perf_counter() - begun)
        begun = time.perf_counter()
        pair.start_lodged(wait=False)
        while pair.cli("session", "session", "-q", state=pair.state).returncode != 0:
            assert time.perf_counter() - begun < 30, "no answer"
        seconds.append(time.perf_counter() - begun)
    took = statistics.median(seconds)
    line("restart with 1,000 guests to the first answer", f"{took:.3f} s", f"{statistics.median(reads):.3f} s", "-", "<= 0.25 s", took <= 0.25)
    wait_for(lambda: pair.api(token=token).get("/session").status == 200, "the gate")


def bench_lists(pair, admin, half, count, goal):
    against_raw(f"list of {count:,} guests, admin", pair, admin, "/api/v1/guests", goal)
    against_raw(f"list of {count:,} guests, a user who sees half", pair, half, "/api/v1/guests", goal)
    list_after_change("  the same list after every change, admin, one reader", pair, admin, admin, "/api/v1/guests")
    list_after_change("  the same list after every change, half, one reader", pair, half, admin, "/api/v1/guests")


def bench_starts():
    for kind, goal_ms in (("vm", 15), ("container", 10)):
        ours, base, more = starts.measure(kind)
        against = "virsh create" if kind == "vm" else "lxc-start"
        line(f"start of a {kind}, POST to running, against {against}", f"{ours * 1e3:.1f} ms", f"{base * 1e3:.1f} ms",
             f"{more * 1e3:+.1f} ms", f"<= +{goal_ms}", more * 1e3 <= goal_ms)


def run(wanted):
    pair = Daemons(where="/var/tmp")
    try:
        pair.start()
        api = pair.admin()
        token = api.token
        if "memory" in wanted:
            memory("idle", pair, 10)
        if "small" in wanted:
            against_raw("small authenticated GET, 8 connections", pair, token, "/api/v1/session", 0.5)
            api.put("/roles/small", {"spec": {"permissions": ["guests.read"]}}).expect(201)
            against_raw("  the same of one document", pair, token, "/api/v1/roles/small", 0.5)
        half = half_user(pair, api)
        if "create" in wanted:
            bench_create(pair, token)
        if wanted & {"lists", "restart", "memory"}:
            make_guests(pair, token, 0, 1000)
        if "memory" in wanted:
            memory("1,000 guests", pair, 20)
        if "restart" in wanted:
            bench_restart(pair, token)
        if "lists" in wanted:
            bench_lists(pair, token, half, 1000, 0.7)
        if wanted & {"lists", "memory"}:
            make_guests(pair, token, 1000, 10000)
        if "memory" in wanted:
            memory("10,000 guests", pair, 90)
        if "lists" in wanted:
            bench_lists(pair, token, half, 10000, 0.4)
    finally:
        pair.end()


def main():
    everything = ["memory", "small", "create", "restart", "lists", "starts"]
    wanted = set(sys.argv[1:]) or set(everything)
    if wanted - set(everything):
        raise SystemExit(f"figures are: {' '.join(everything)}")
    print(f"{THREADS} CPUs, {PAIRS} pairs of {SECONDS} s, medians\n")
    print(f"{'figure':<58} {'Lodge':>16} {'baseline':>16} {'ratio':>8} {'goal':>8}")
    run(wanted)
    if "starts" in wanted:
        bench_starts()
    if _missed:
        print(f"\nmissed: {'; '.join(_missed)}")


if __name__ == "__main__":
    main()
