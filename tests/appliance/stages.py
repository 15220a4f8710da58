"""States that tests start from, each made once for an image and kept in build/appliance:

    installed()  disks of a host just installed from the medium
    booted()     the same, started, with its API answering: Saved.start() goes on from there in seconds
    rescued()    the medium's rescue shell, for trying the installer again and again
"""
import contextlib
import fcntl
import hashlib
import os
import re
import subprocess
import time

from host import CACHE, MAC, ROOT, Host, answer
from machine import PATIENCE, Machine, new_disk, overlay

BUILD_ISO = ROOT / "iso/build.sh"
BOOT_S, INSTALL_S = 240, 420


def medium(answer_text=None):
    """The ISO; with an answer file on it, another one."""
    subprocess.run([BUILD_ISO], check=True, stderr=subprocess.DEVNULL)
    plain = max(ROOT.glob("build/lodge-*[0-9].iso"), key=os.path.getmtime)
    if answer_text is None:
        return plain
    CACHE.mkdir(parents=True, exist_ok=True)
    file, iso = CACHE / "answer.toml", CACHE / "answered.iso"
    file.write_text(answer_text)
    subprocess.run([BUILD_ISO, "--output", iso, file], check=True, stderr=subprocess.DEVNULL)
    return iso


def _key():
    """Of everything that a state is made of: the medium, the answer, the machine's hardware."""
    subprocess.run([BUILD_ISO], check=True, stderr=subprocess.DEVNULL)
    image = (ROOT / "build/image/iso.stamp").read_bytes()
    hardware = [word for word in Host(["disk"], hotplug=True).command if "/" not in word and "hostfwd" not in word]
    return hashlib.sha256(image + "\n".join([*hardware, answer()]).encode()).hexdigest()


@contextlib.contextmanager
def _making(name, again=False):
    """Whether it has to be made: by one of several who want it, while the others wait. Stamped last: what was cut short is made again."""
    stamp = CACHE / f"{name}.stamp"
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not again and stamp.exists() and stamp.read_text() == _key():
            yield False
            return
        stamp.unlink(missing_ok=True)
        yield True
        stamp.write_text(_key())


def await_installed(vm):
    """Until a machine that installs without a question switches itself off. Screen and serial port both try; the other one follows the
    log of who came first."""
    vm.wait_for("Installing Lodge by|being installed from another console", BOOT_S, fail="cannot start|r: try again")
    vm.wait_for("Lodge is installed|installation complete", INSTALL_S, fail="r: try again")
    vm.wait_end(120)


def installed(again=False, others=()):
    """`again`: also when there is one already; beside other disks."""
    with _making("installed", again) as needed:
        if needed:
            disk = new_disk(CACHE / "installed.qcow2")
            with Machine(cdrom=medium(answer()), disks=[disk, *others]) as vm:
                await_installed(vm)
    return CACHE / "installed.qcow2"


class Saved:
    """A machine as it was: `start` goes on from there, on layers of its disks, as often as one likes."""

    def __init__(self, name):
        self.ram, self.disk = CACHE / f"{name}.ram", CACHE / f"{name}.qcow2"

    def start(self, folder):
        """A Host (not yet started: use `with`) whose clock is set once it answers; see go_on."""
        return Host([overlay(self.disk, f"{folder}/disk.qcow2")], incoming=self.ram, hotplug=True)

    @staticmethod
    def go_on(host):
        """Its clock stood still while it was saved."""
        host.wait_ssh(f"date -s @{time.time():.0f} >/dev/null", 60)
        return host


def booted(again=False, seen=lambda vm: None):
    """`again`: also when there is one already; `seen` looks at the host once its API answers."""
    saved = Saved("booted")
    with _making("booted", again) as needed:
        if needed:
            subprocess.run(["cp", "--reflink=auto", installed(), saved.disk], check=True)
            with Host([saved.disk], hotplug=True) as vm:
                vm.wait_for_api(BOOT_S)
                seen(vm)
                # Once its start is over.
                vm.wait_ssh("systemctl is-system-running --wait || systemctl --failed --no-legend >&2", 300)
                vm.save(saved.ram)
    return saved


def rescued():
    """A rescue shell of the medium on the serial port (a saved one), with no disk but what a test plugs in. Two cards: the
    first with DHCP, at the other nobody answers."""
    ram, scratch, iso = CACHE / "rescue.ram", CACHE / "rescue.qcow2", medium()
    machine = {"cdrom": iso, "nics": [MAC, {"mac": "52:54:00:4c:00:02", "dhcp": False}], "memory": 3072, "hotplug": True}
    with _making("rescue") as needed:
        if needed:
            new_disk(scratch, "1G")
            with Machine(**machine) as vm:
                choose(vm, "Rescue shell")
                vm.wait_for("rescue shell", BOOT_S)
                vm.wait_for("# ", 60)
                assert vm.run("udevadm settle; stty -echo; bind 'set enable-bracketed-paste off'; PS1=''", 60)[0] == 0
                vm.save(ram)
    return Machine(**machine, incoming=ram)


def chosen(vm):
    """The entry of the boot menu that the serial port shows as chosen; empty before the menu is there."""
    found = re.search(r"^\W*\*(\w.*?)\W*$", vm.shown(), re.MULTILINE)
    return found.group(1) if found else ""


def choose(vm, entry):
    """An entry of the medium's boot menu, by the serial port: keys that come while it is being drawn are lost."""
    deadline = time.monotonic() + 120 * PATIENCE
    while not chosen(vm).startswith(entry):
        assert time.monotonic() < deadline, vm.shown()
        before = chosen(vm)
        if before:
            vm.send("\x1b[B")
        for _ in range(100):  # a second key before it has moved would move it twice
            if chosen(vm) != before:
                break
            vm._read(0.1)
    vm.send("\r")
