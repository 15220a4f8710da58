"""What the tests of installer and host share: a small medium, inventories, a host's folder, and a terminal for screens."""

import fcntl
import hashlib
import json
import os
import pty
import select
import struct
import subprocess
import sys
import tempfile
import termios
import time
from pathlib import Path

import pyte
import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lab"))
INSTALLER = ROOT / "build/bin/lodge-installer"
GB = 10**9

ANSWER = """
[global]
fqdn = "host1.example.org"
root-ssh-keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE8QpH6zGkq5n0H2E4m1N6J0rXWQy0l3i2uYb0g7c9aP you"]
[users]
admin-password = "correct horse"
[disk-setup]
disk-list = ["S0"]
"""


def installer(*args, **kwargs):
    return subprocess.run([INSTALLER, *map(str, args)], capture_output=True, text=True, timeout=120, **kwargs)


def disk(path="/dev/sda", serial="S0", **changes):
    return {"path": path, "model": "Test", "serial": serial, "size": 64 * GB, "state": "empty", "holds": "empty", **changes}


@pytest.fixture
def medium(tmp_path):
    """A folder as the medium has it, with files of a few MiB."""
    folder = tmp_path / "medium"
    folder.mkdir()
    sums = []
    for name in ("lodge.squashfs", "vmlinuz", "initrd.img"):
        content = os.urandom(3 * 1024 * 1024 + 17)
        (folder / name).write_bytes(content)
        sums.append(f"{hashlib.sha256(content).hexdigest()}  {name}\n")
    (folder / "sha256sums").write_text("".join(sums))
    return folder


@pytest.fixture
def inventory(tmp_path):
    """Writes an inventory of these disks; two cards, the second with a link."""
    def write(*disks):
        path = tmp_path / "inventory.json"
        path.write_text(json.dumps({"efi": False, "disks": list(disks), "nics": [
            {"name": "enp1s0", "mac": "52:54:00:00:00:01", "driver": "e1000e", "link": False, "speed": 0},
            {"name": "enp2s0", "mac": "52:54:00:00:00:02", "driver": "e1000e", "link": True, "speed": 1000}]}))
        return path
    return write


class Screens:
    """A program on a terminal of 80 by 24; waits for what is on it, never for a time."""

    F12 = "\x1b[24~"

    def __init__(self, *args, program=INSTALLER, term="vt220", size=(24, 80), log=None, **env):
        rows, columns = size
        self.screen = pyte.Screen(columns or 80, rows or 24)
        self.stream = pyte.ByteStream(self.screen)
        self.after = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM=term, LANG="C.UTF-8", **env)
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            if log:
                os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
            os.execv(program, [str(program), *map(str, args)])

    def text(self):
        return "\n".join(self.screen.display)

    def _pump(self):
        if not select.select([self.fd], [], [], 0.05)[0]:
            return True
        try:
            block = os.read(self.fd, 65536)
        except OSError:  # the other end is closed
            return False
        self.after += block
        self.stream.feed(block)
        return bool(block)

    def wait(self, *words, seconds=20):
        end = time.monotonic() + seconds
        while not all(word in self.text() for word in words):
            alive = self._pump()
            if time.monotonic() > end or not alive:
                raise AssertionError(f"{words} did not come; the screen shows:\n{self.text()}")
        return self

    def wait_gone(self, word, seconds=20):
        end = time.monotonic() + seconds
        while word in self.text():
            alive = self._pump()
            if time.monotonic() > end or not alive:
                raise AssertionError(f"{word} stays; the screen shows:\n{self.text()}")
        return self

    def type(self, keys):
        self.after = b""
        os.write(self.fd, keys if isinstance(keys, bytes) else keys.encode())
        return self

    def next(self):
        return self.type(self.F12)

    def end(self, seconds=20):
        """What was printed since the last key, and the exit status."""
        until = time.monotonic() + seconds
        while self._pump() and time.monotonic() < until:
            pass
        _, status = os.waitpid(self.pid, 0)
        self.pid = 0
        return self.after.decode(errors="replace").replace("\r\n", "\n"), os.waitstatus_to_exitcode(status)

    def close(self):
        if self.pid:
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
        os.close(self.fd)


@pytest.fixture
def screens():
    opened = []

    def start(*args, **kwargs):
        opened.append(Screens(*args, **kwargs))
        return opened[-1]

    yield start
    for one in opened:
        one.close()


# ---- an installed host ----

LODGE_HOST = ROOT / "iso/first-boot/lodge-host"
MACS = ("52:54:00:00:00:01", "52:54:00:00:00:02")


def configuration(**changes):
    """host.json as the installer writes it, for two cards and DHCP."""
    nics = [{"mac": mac, "name": f"lan{i}"} for i, mac in enumerate(MACS)]
    network = {"bridge": "br0", "interface": nics[0], "nics": nics, "mode": "dhcp", "address": None, "gateway": None,
               "dns": [], "vlan": None, **changes.pop("network", {})}
    return {"version": 1, "id": "1a2b3c4d", "hostname": "host1", "domain": "example.org", "timezone": "UTC", "keyboard": "us",
            "network": network, "root": {"password_hash": None, "ssh_keys": []}, "admin": {"password_hash": None},
            "disks": [], "mirror": False, "time": {"ntp": []}, "first_boot": None, "image": "0.1.0", **changes}


class Host:
    """A folder that stands for an installed host's root, with fakes of the programs that change a running one."""

    def __init__(self, folder):
        self.root = folder / "root"
        self.calls_file = folder / "calls"
        self.programs = folder / "bin"
        self.config = self.root / "var/lib/lodge-host/host.json"
        for path in ("var/lib/lodge-host", "var/lib/lodge/tls", "etc/systemd/system", "usr/lib/lodge", "proc/self",
                     "usr/share/zoneinfo/Europe", "run"):
            (self.root / path).mkdir(parents=True)
        self.programs.mkdir()
        (self.root / "etc/shadow").write_text("root:*:20000:0:99999:7:::\ndaemon:*:20000:0:99999:7:::\n")
        (self.root / "usr/lib/lodge/image-id").write_text("image-1\n")
        (self.programs / "lodge-host").symlink_to(LODGE_HOST)
        for name in ("systemctl", "networkctl", "ip", "chattr"):
            self.fake(name)
        self.configure(configuration())

    def fake(self, name, script=""):
        """A program that writes down how it was called, and does what the script says."""
        path = self.programs / name
        path.write_text(f'#!/bin/bash\necho "{name} $*" >>{self.calls_file}\n{script}\n')
        path.chmod(0o755)

    def calls(self):
        return self.calls_file.read_text().splitlines() if self.calls_file.exists() else []

    def configure(self, config):
        self.config.write_text(json.dumps(config))
        self.config.chmod(0o600)

    def read(self):
        return json.loads(self.config.read_text())

    def add_card(self, name, mac, carrier="1", device=True):
        folder = self.root / "sys/class/net" / name
        (folder / "device" if device else folder).mkdir(parents=True)
        for file, text in (("address", mac), ("carrier", carrier), ("type", "1"), ("speed", "1000")):
            (folder / file).write_text(text + "\n")

    def environment(self):
        return {"LODGE_HOST_ROOT": str(self.root), "PATH": f"{self.programs}:{os.environ['PATH']}"}

    def run(self, *words):
        return subprocess.run([LODGE_HOST, *words], capture_output=True, text=True, timeout=60,
                              env=os.environ | self.environment())

    def text(self, path):
        return (self.root / path).read_text()


@pytest.fixture
def host():
    with tempfile.TemporaryDirectory(prefix="host") as folder:  # a short path: that of a socket is limited
        yield Host(Path(folder))
