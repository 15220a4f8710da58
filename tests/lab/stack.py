"""Lodge as a user runs it: `make run`'s script with its supervisor and all daemons, in a sandbox."""

import os
import re
import signal
import subprocess
from pathlib import Path

from api import Api
from sandbox import Sandbox, wait_for

# LODGE_TEST_TREE runs another tree's daemons, with the tests of this one.
TREE = Path(os.environ.get("LODGE_TEST_TREE", Path(__file__).resolve().parents[2]))
PASSWORD = "correct horse battery staple"
ADDRESS = ("127.0.0.1", 8443)
LEVELS = re.compile(r"^\S+ \S+ (error|warning): ")


class Stack:
    def __init__(self, folder, hostname="node1", environment=None):
        self.sandbox = Sandbox(folder, hostname)
        self.state = self.sandbox.folder / "state"
        self.output_file = self.sandbox.folder / "run.out"
        self.environment = {"LODGE_STATE": str(self.state), "LODGE_ADMIN_PASSWORD": PASSWORD, **(environment or {})}
        self.process = None
        self._pid = 0
        self._marks = {}

    # -- life

    def plug(self):
        self.sandbox.plug()
        return self

    def launch(self):
        """Starts it and returns at once."""
        environment = {**{k: v for k, v in os.environ.items() if not k.startswith("LODGE_")}, **self.environment}
        with open(self.output_file, "wb") as output:
            self.process = self.sandbox.popen(
                TREE / "daemon/run/run.sh", stdin=subprocess.DEVNULL, stdout=output, stderr=output, env=environment)
        self._pid = self.sandbox.inner_pid(self.process)
        return self

    def start(self, timeout_s=120):
        self.launch()

        def ready():
            if self.process.poll() is not None:
                raise AssertionError(f"run.sh ended with {self.process.returncode}:\n{self.output}")
            return "Lodge is ready" in self.output

        wait_for(ready, f"start of Lodge (its output: {self.output_file})", timeout_s)
        return self

    def send(self, number):
        os.kill(self._pid, number)

    def stop(self, number=signal.SIGTERM, timeout_s=60):
        """Asks as Ctrl-C or an init system does, and returns the exit status."""
        if self.process.poll() is None:
            self.send(number)
        status = self.process.wait(timeout_s)
        self.process = None
        return status

    def kill(self):
        """SIGKILL for all of it at once; the host it runs on stays."""
        self.send(signal.SIGKILL)
        self.process.wait()
        self.process = None
        wait_for(lambda: not self.daemon_pids(), "end of every daemon")

    def unplug(self):
        self.sandbox.unplug()
        self.process = None

    @property
    def running(self):
        return self.process is not None and self.process.poll() is None

    # -- looking at it

    def run_inside(self, *argv, check=True):
        """A program among Lodge's own mounts, which are not those of the host that it runs on."""
        pid = str(self.daemon_pid("lodged"))
        return subprocess.run(["nsenter", "-t", pid, "-m", "-p", "--wd=/", "--", *map(str, argv)],
                              text=True, check=check, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)

    @property
    def output(self):
        return self.output_file.read_text(errors="replace") if self.output_file.exists() else ""

    def api(self, user=None, password=PASSWORD, token=None):
        client = Api(self.sandbox.connect, ADDRESS, self.state / "tls/cert.pem", token)
        return client.login(user, password) if user else client

    def admin(self):
        return self.api("admin")

    def daemon_pids(self, name=None):
        """Process ids, as the machine counts them, of lodged, lodge-gate or libvirtd: those that the supervisor started."""
        wanted = {"lodged", "lodge-gate", "libvirtd"} if name is None else {name}
        found = []
        for pid, _ in self.sandbox.processes():
            comm = Path(f"/proc/{pid}/comm")
            parent = Path(f"/proc/{pid}/stat")
            try:
                if comm.read_text().strip() in wanted and "supervise.sh" in _command_of_parent(parent):
                    found.append(pid)
            except OSError:
                pass  # it ended meanwhile
        return found

    def daemon_pid(self, name):
        return wait_for(lambda: next(iter(self.daemon_pids(name)), 0), f"a process {name}")

    # -- its logs

    def log(self, name):
        path = self.state / "log" / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    def mark_logs(self):
        self._marks = {name: len(self.log(name)) for name in ("lodged", "gate", "libvirtd", "supervisor")}

    def new_log(self, name):
        text = self.log(name)
        mark = self._marks.get(name, 0)
        return text[mark:] if len(text) >= mark else text

    def complaints(self):
        """Lines of level warning or above that Lodge's own daemons wrote since mark_logs()."""
        return [line for name in ("lodged", "gate") for line in self.new_log(name).splitlines() if LEVELS.search(line)]


def _command_of_parent(stat):
    parent = stat.read_text().rpartition(")")[2].split()[1]
    return Path(f"/proc/{parent}/cmdline").read_text()
