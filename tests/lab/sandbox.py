#!/usr/bin/python3
"""A whole host for tests, made of namespaces: mount, PID (with an init that reaps), network, UTS and control groups.

What runs in a sandbox sees neither the machine's processes nor its links, and its ports are all free. Killing its init is
pulling the plug: every process of it, QEMU too, is gone at once, and with them links and mounts. What lies in ordinary
files stays, as on a disk. boot.sh makes the namespaces.

From the shell:  sandbox.py up FOLDER [HOSTNAME] | in FOLDER COMMAND... | unplug FOLDER | down FOLDER
"""

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import uuid
from pathlib import Path

HERE = Path(__file__).resolve().parent
CLONE_NEWNET = 0x40000000
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


def wait_for(condition, what, timeout_s=30.0):
    """Returns the first true value of condition(); fails with `what` when none came in time."""
    deadline = time.monotonic() + timeout_s
    pause_s = 0.005
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what}: not within {timeout_s:g} s")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.1)


def _read(path):
    try:
        return Path(path).read_text()
    except OSError:
        return ""


def _children(pid):
    return [int(child) for child in _read(f"/proc/{pid}/task/{pid}/children").split()]


def _alive(pid):
    stat = _read(f"/proc/{pid}/stat")
    return bool(stat) and stat.rpartition(")")[2].split()[0] != "Z"


class Sandbox:
    """One host. `folder` holds what the tests keep for it; the sandbox itself only keeps its own notes there."""

    def __init__(self, folder, hostname="node1"):
        self.folder = Path(folder).resolve()
        self.hostname = hostname
        self.name = f"lodge-test-{uuid.uuid4().hex[:8]}"
        self.init_pid = 0
        self._starter = None

    # -- power

    def plug(self, bound_to_caller=True):
        """Boots it. Bound to the caller it ends with the calling process, however that ends."""
        self.folder.mkdir(parents=True, exist_ok=True)
        log = open(self.folder / "boot.log", "ab")

        def before_exec():
            if bound_to_caller:
                _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)

        self._starter = subprocess.Popen(
            [HERE / "boot.sh", self.name, self.hostname],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True, preexec_fn=before_exec)
        log.close()

        def init():
            if self._starter.poll() is not None:
                raise RuntimeError(f"the sandbox did not boot: {_read(self.folder / 'boot.log')}")
            return next((pid for pid in _children(self._starter.pid) if _read(f"/proc/{pid}/comm") == "tini\n"), 0)

        self.init_pid = wait_for(init, f"boot of {self.hostname}")
        return self

    def unplug(self):
        """Pulls the plug. Returns when no process of it is left."""
        if self.init_pid:
            try:
                os.kill(self.init_pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            if self._starter:
                self._starter.wait()
            wait_for(lambda: not self.processes(), f"end of every process of {self.hostname}")
            self.init_pid = 0
        self._remove_cgroups()

    down = unplug

    @property
    def running(self):
        return bool(self.init_pid) and _alive(self.init_pid)

    # -- doing things in it

    def command(self, argv):
        return ["nsenter", "-t", str(self.init_pid), "-m", "-u", "-n", "-p", "-C", "--wd=/", "--", *map(str, argv)]

    def run(self, *argv, check=True, timeout=60, **kwargs):
        """Runs a program in it to its end, as its root. Output is text."""
        kwargs.setdefault("stdout", subprocess.PIPE)
        kwargs.setdefault("stderr", subprocess.STDOUT)
        result = subprocess.run(self.command(argv), text=True, timeout=timeout, preexec_fn=self._enter_cgroups, **kwargs)
        if check and result.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, argv))} gave {result.returncode}: {result.stdout}")
        return result

    def output(self, *argv, **kwargs):
        return self.run(*argv, **kwargs).stdout

    def popen(self, *argv, **kwargs):
        """Starts a program in it, in a session of its own. `inner_pid(process)` is the program's process."""
        return subprocess.Popen(self.command(argv), start_new_session=True, preexec_fn=self._enter_cgroups, **kwargs)

    def inner_pid(self, process):
        """nsenter stays outside of the PID namespace and waits; what signals are for is its child."""
        return wait_for(lambda: next(iter(_children(process.pid)), 0), "start of the program in the sandbox")

    def connect(self, address, timeout=30):
        """A TCP connection made inside of it; the socket works from here."""
        own = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        theirs = os.open(f"/proc/{self.init_pid}/ns/net", os.O_RDONLY)
        try:
            self._setns(theirs)
            try:
                return socket.create_connection(address, timeout=timeout)
            finally:
                self._setns(own)
        finally:
            os.close(own)
            os.close(theirs)

    @staticmethod
    def _setns(fd):
        if _libc.setns(fd, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), "setns")

    # -- its control groups, as the machine sees them

    def _cgroups(self):
        """(group, group to enter) for each hierarchy; version 2 wants processes in leaves."""
        for line in _read("/proc/self/mounts").splitlines():
            _, path, kind, *_ = line.split()
            if kind not in ("cgroup", "cgroup2"):
                continue
            for group in (Path(path) / self.name, Path(path) / "system.slice" / f"{self.name}.scope"):
                if group.is_dir():
                    yield group, group / "init.scope" if kind == "cgroup2" else group

    def _enter_cgroups(self):
        for _, group in self._cgroups():
            (group / "cgroup.procs").write_text(str(os.getpid()))

    def processes(self):
        """All its processes, as (pid, command line)."""
        pids = set()
        for group, _ in self._cgroups():
            for folder, _, _ in os.walk(group):  # which passes over those that are removed meanwhile
                pids.update(int(pid) for pid in _read(Path(folder) / "cgroup.procs").split())
        return sorted((pid, _read(f"/proc/{pid}/cmdline").replace("\0", " ").strip()) for pid in pids if _alive(pid))

    def _remove_cgroups(self):
        def removed():
            for group, _ in self._cgroups():
                for folder, _, _ in os.walk(group, topdown=False):
                    try:
                        os.rmdir(folder)
                    except OSError:
                        pass
            return not list(self._cgroups())

        wait_for(removed, f"removal of the control groups {self.name}")

    @classmethod
    def remove_abandoned(cls):
        """Control groups of sandboxes whose maker was killed before it could remove them: a minute old and empty."""
        for path in {Path(line.split()[1]) for line in _read("/proc/self/mounts").splitlines() if line.split()[2].startswith("cgroup")}:
            for group in path.glob("lodge-test-*"):
                box = cls("/nonexistent")
                box.name = group.name
                try:
                    if time.time() - group.stat().st_mtime > 60 and not box.processes():
                        box._remove_cgroups()
                except OSError:
                    pass  # somebody else was faster

    # -- what is there, to find what was left behind

    def traces(self):
        """What exists in it beyond an idle host: processes, links, packet filter, mounts, groups, loop devices."""
        found = [f"process {pid} {line}" for pid, line in self.processes() if pid not in self._own_pids()]
        found += [f"link {line.split()[0]}" for line in self.output("ip", "-br", "link").splitlines() if not line.startswith("lo ")]
        found += [f"nft {line}" for line in self.output("nft", "list", "tables").splitlines()]
        found += [f"mount {line.split()[1]}" for line in _read(f"/proc/{self.init_pid}/mounts").splitlines()
                  if str(self.folder) in line or "libvirt" in line or "lxc" in line]
        for group, _ in self._cgroups():
            found += [f"control group {path}" for path in group.iterdir() if path.is_dir() and path.name != "init.scope"]
        return found + self.loop_devices()

    def _own_pids(self):
        starter = self._starter.pid if self._starter else 0
        return {starter, self.init_pid, *_children(self.init_pid)}

    def loop_devices(self):
        """Loop devices know no namespaces: those on files of this sandbox's folder."""
        out = subprocess.run(["losetup", "--list", "--noheadings", "--output", "NAME,BACK-FILE"],
                             capture_output=True, text=True, check=False).stdout
        return [f"loop device {line}" for line in out.splitlines() if str(self.folder) in line]

    # -- between calls of the command line

    def save(self):
        (self.folder / "sandbox.json").write_text(json.dumps(
            {"name": self.name, "hostname": self.hostname, "init_pid": self.init_pid}))

    @classmethod
    def load(cls, folder):
        notes = json.loads((Path(folder) / "sandbox.json").read_text())
        box = cls(folder, notes["hostname"])
        box.name, box.init_pid = notes["name"], notes["init_pid"]
        if not _alive(box.init_pid) or _read(f"/proc/{box.init_pid}/comm") != "tini\n":
            box.init_pid = 0
        return box


def main(argv):
    if len(argv) < 2 or argv[0] not in ("up", "in", "unplug", "down"):
        print(__doc__.strip().splitlines()[-1], file=sys.stderr)
        return 2
    what, folder, *rest = argv
    if what == "up":
        box = Sandbox(folder, *rest[:1]).plug(bound_to_caller=False)
        box.save()
        return 0
    box = Sandbox.load(folder)
    if what == "in":
        if not box.running:
            print(f"the sandbox in {folder} is not running", file=sys.stderr)
            return 1
        return subprocess.call(box.command(rest), preexec_fn=box._enter_cgroups)
    box.unplug()
    if what == "down":
        shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
