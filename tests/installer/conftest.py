"""What the installer's tests share: a small medium, inventories, and a terminal that its screens are drawn on."""

import fcntl
import hashlib
import json
import os
import pty
import select
import struct
import subprocess
import termios
import time
from pathlib import Path

import pyte
import pytest

ROOT = Path(__file__).resolve().parents[2]
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
    """The installer on a terminal of 80 by 24; waits for what is on it, never for a time."""

    F12 = "\x1b[24~"

    def __init__(self, *args, term="vt220"):
        self.screen = pyte.Screen(80, 24)
        self.stream = pyte.ByteStream(self.screen)
        self.after = b""
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.environ.update(TERM=term, LANG="C.UTF-8")
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
            os.execv(INSTALLER, [str(INSTALLER), *map(str, args)])

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

    def type(self, keys):
        self.after = b""
        os.write(self.fd, keys.encode())
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
