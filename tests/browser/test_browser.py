"""The console in a real browser (Chromium by playwright-core): *.test.mjs hold the tests, this starts what they look at."""

import contextlib
import http.server
import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "api"), str(HERE.parent / "lab")]

from daemons import PASSWORD, Daemons  # noqa: E402
from stack import PASSWORD as STACK_PASSWORD  # noqa: E402
from stack import Stack  # noqa: E402

SPEC = {"type": "vm", "memory": "64MiB", "nics": [{"name": "eth0"}]}


def run(name, environment, command=(), timeout=600, **more):
    """node's test runner on one file; its own words on a failure, its figures in any case."""
    only = os.environ.get("LODGE_BROWSER_ONLY")  # a pattern of test names, for work on one of them
    options = [f"--test-name-pattern={only}"] if only else []
    process = subprocess.Popen(
        [*command, "node", "--test", "--test-reporter=tap", *options, str(HERE / name)], env={**os.environ, **environment},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True, **more)
    try:
        output, _ = process.communicate(timeout=timeout)
    finally:  # however this ends: asked to end, it takes its browser along
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        process.wait(20)
    print("\n".join(line.partition("# figure: ")[2] for line in output.splitlines() if "# figure: " in line))
    assert process.returncode == 0, output[-20000:]


class Control:
    """What the tests in the browser cannot do themselves, behind an HTTP server on loopback."""

    def __init__(self, pair):
        self.pair = pair

    def many(self, count):
        def make(numbers):
            client = self.pair.admin()
            for i in numbers:
                client.put(f"/guests/g-{i:05}", {"metadata": {"labels": {"team": f"t{i % 7}"}}, "spec": SPEC}).expect(201)

        with ThreadPoolExecutor(8) as pool:
            list(pool.map(make, [range(k, count, 8) for k in range(8)]))

    def events(self, count):
        client = self.pair.admin()
        for i in range(count):
            client.patch(f"/guests/g-{i % 50:05}", {"metadata": {"description": f"{i} {'x' * 200}"}}).expect(200)

    def do(self, words):
        what, *number = words
        if what == "lodged-stop":
            self.pair.stop_lodged()
        elif what == "lodged-start":
            self.pair.start_lodged()
        else:
            getattr(self, what)(int(number[0]))

    def serve(self):
        control = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                control.do(self.path.strip("/").split("/"))
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"ok")

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server


@pytest.fixture
def pair():
    daemons = Daemons(where="/var/tmp").start()
    daemons.admin().close()  # makes its token, before several threads want it
    yield daemons
    daemons.end()


def test_the_console_on_fakes(pair, capsys):
    server = Control(pair).serve()
    with capsys.disabled():
        run("fake.test.mjs", {
            "LODGE_URL": f"https://127.0.0.1:{pair.port}", "LODGE_PASSWORD": PASSWORD, "CONTROL_PORT": str(server.server_port),
            "LODGE_CLI": str(HERE.parents[1] / "build/bin/lodge"), "LODGE_STATE": str(pair.state)})
    server.shutdown()
    assert json.dumps(pair.complaints()) == "[]"


def test_a_guests_page_and_the_wizard_on_fakes(pair, capsys):
    with capsys.disabled():
        run("guest.test.mjs", {"LODGE_URL": f"https://127.0.0.1:{pair.port}", "LODGE_PASSWORD": PASSWORD})
    assert json.dumps(pair.complaints()) == "[]"


def test_the_console_on_real_guests(capsys):
    with tempfile.TemporaryDirectory(prefix="lodge-browser-", dir="/var/tmp") as folder:
        os.chmod(folder, 0o755)
        stack = Stack(folder).plug()
        try:
            stack.start()
            with capsys.disabled():
                run("real.test.mjs", {"LODGE_URL": "https://127.0.0.1:8443", "LODGE_PASSWORD": STACK_PASSWORD}, stack.sandbox.command([]),
                    preexec_fn=stack.sandbox._enter_cgroups)
            assert stack.stop() == 0
            assert stack.sandbox.traces() == []
        finally:
            stack.unplug()
