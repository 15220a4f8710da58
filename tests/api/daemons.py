"""lodged-fake and the real gate as processes of a test, with a state folder of their own."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

TREE = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(TREE / "tests/lab"))

from api import Api  # noqa: E402
from sandbox import wait_for  # noqa: E402

PASSWORD = "correct horse battery staple"
COMPLAINT = re.compile(r" (error|warning): |Sanitizer")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def connect(address, timeout=None):
    sock = socket.create_connection(address, timeout=timeout)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # a request is two writes: 40 ms without
    return sock


class Daemons:
    """One lodged-fake and one gate. Everything it started is gone after end(), whatever happened before."""

    def __init__(self, gate_options=(), where="/tmp"):
        self.root = Path(tempfile.mkdtemp(prefix="lga-", dir=where))  # short: socket paths hold 107 bytes
        self.root.chmod(0o755)
        self.state = self.root / "s"
        self.plan_file = self.root / "plan"
        self.plan_file.write_text("")
        self.lodged = self.gate = self.port = None
        self.gate_options = list(gate_options)
        self._marks = {}

    # -- life

    def _spawn(self, name, arguments, **environment):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("LODGE_")}
        with open(self.root / f"{name}.log", "ab") as log:
            return subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.root,
                env={**clean, "LODGE_STATE": str(self.state), **environment})

    def start_lodged(self, wait=True, **environment):
        program = os.environ.get("LODGE_TEST_LODGED", TREE / "build/test/lodged-fake")
        seen = self.log("lodged").count("ready on")
        self.lodged = self._spawn(
            "lodged", [program], LODGE_ADMIN_PASSWORD=PASSWORD, LODGE_FAKE_PLAN=str(self.plan_file), **environment)

        def ready():
            assert self.lodged.poll() is None, f"lodged ended with {self.lodged.returncode}:\n{self.log('lodged')}"
            return self.log("lodged").count("ready on") > seen

        if wait:
            wait_for(ready, "start of lodged-fake")
        return self

    def start_gate(self):
        self.port = self.port or free_port()
        seen = self.log("gate").count("serving")
        program = os.environ.get("LODGE_TEST_GATE", TREE / "build/bin/lodge-gate")
        self.gate = self._spawn(
            "gate", [program, "--listen", f"127.0.0.1:{self.port}", "--static", TREE / "build/webui", *self.gate_options])

        def ready():
            assert self.gate.poll() is None, f"the gate ended with {self.gate.returncode}:\n{self.log('gate')}"
            return self.log("gate").count("serving") > seen

        wait_for(ready, "start of lodge-gate")
        return self

    def start(self, **environment):
        return self.start_lodged(**environment).start_gate()

    def stop_lodged(self, number=signal.SIGTERM):
        if self.lodged:
            if self.lodged.poll() is None:
                self.lodged.send_signal(number)
            status = self.lodged.wait(20)
            self.lodged = None
            return status
        return None

    def restart_lodged(self, number=signal.SIGTERM, **environment):
        self.stop_lodged(number)
        return self.start_lodged(**environment)

    def stop_gate(self, number=signal.SIGTERM):
        if self.gate:
            if self.gate.poll() is None:
                self.gate.send_signal(number)
            status = self.gate.wait(20)
            self.gate = None
            return status
        return None

    def processes(self):
        """Ids of all processes that work in this folder, so that nothing a daemon forked is forgotten."""
        found = []
        for entry in os.listdir("/proc"):
            try:
                if entry.isdigit() and os.readlink(f"/proc/{entry}/cwd") == str(self.root):
                    found.append(int(entry))
            except OSError:
                pass  # it ended meanwhile
        return found

    def end(self):
        """Stops all of it in order; fails for a daemon that does not end well or leaves a process behind."""
        wrong = []
        try:
            self.plan()  # a call that is held up would hold up the end too
            for name, stop in (("the gate", self.stop_gate), ("lodged", self.stop_lodged)):
                status = stop()
                if status not in (0, None):
                    wrong.append(f"{name} ended with {status}")
            wait_for(lambda: not self.processes(), "end of every process", 5)
        except (TimeoutError, subprocess.TimeoutExpired) as error:
            wrong.append(str(error))
        finally:
            for pid in self.processes():
                wrong.append(f"process {pid} was left")
                os.kill(pid, signal.SIGKILL)
            shutil.rmtree(self.root, ignore_errors=True)
        assert not wrong, "; ".join(wrong)

    # -- talking to it

    def api(self, user=None, password=PASSWORD, token=None, timeout=30):
        client = Api(connect, ("127.0.0.1", self.port), self.state / "tls/cert.pem", token, timeout)
        return client.login(user, password) if user else client

    def admin(self):
        """A client of the administrator by token: sessions are limited and their passwords slow."""
        if not (self.root / "token").exists():
            admin = self.api("admin")
            answer = admin.put("/tokens/test-admin", {"spec": {}}).expect(201)
            (self.root / "token").write_text(answer.json["secret"])
            admin.close()
        return self.api(token=(self.root / "token").read_text())

    def plan(self, *lines):
        """What the fakes do from now on; nothing special without lines."""
        fresh = self.root / "plan.new"
        fresh.write_text("".join(f"{line}\n" for line in lines))
        fresh.rename(self.plan_file)

    def cli(self, *words, input=None, state=None, environment=None, timeout=20):
        return subprocess.run(
            [TREE / "build/bin/lodge", *words], input=input, capture_output=True, text=True, timeout=timeout,
            env={"LODGE_STATE": str(state or self.state), "PATH": "/usr/bin:/bin", **(environment or {})})

    # -- what it left on its disk

    def volume_files(self):
        return sorted(path.name for folder in (self.state / "fake").glob("*-*-*-*-*") for path in folder.iterdir())

    def running_in_fake(self):
        return sorted(path.name for kind in ("vm", "container") for path in (self.state / f"fake/guests-{kind}").glob("*"))

    # -- logs

    def log(self, name):
        path = self.root / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def mark_logs(self):
        self._marks = {name: len(self.log(name)) for name in ("lodged", "gate")}

    def new_log(self, name):
        return self.log(name)[self._marks.get(name, 0):]

    def complaints(self):
        return [line for name in ("lodged", "gate") for line in self.new_log(name).splitlines() if COMPLAINT.search(line)]


def problem(answer, status, code=None, pointer=None):
    """The problem of a refusal, after checking that it has the form that every refusal has."""
    assert answer.status == status, repr(answer)
    assert answer.headers["Content-Type"] == "application/problem+json", repr(answer)
    body = answer.json
    assert body["status"] == status and body["title"] and body["detail"] and body["code"] and body["type"] == "about:blank"
    if code:
        assert body["code"] == code, body
    if pointer:
        assert pointer in [error["pointer"] for error in body.get("errors", [])], json.dumps(body)
    return body
