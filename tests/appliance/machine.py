"""A machine under QEMU (software emulation), with its serial port to wait on and its ports forwarded.

    with Machine(cdrom=iso, disks=[disk]) as vm:
        vm.wait_for("login:", 120)

A running machine is saved to a file (save) and goes on from it as often as one likes, each time on layers of its disks
(overlay, incoming=). Disks and sticks can be plugged in while it runs. QEMU is always ended, with the interpreter too, however that ends."""
import codecs
import ctypes
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import pyte

PATIENCE = 4  # every time limit is that of a quick machine, and only there for what hangs
OVMF_CODE = "/usr/share/OVMF/OVMF_CODE_4M.fd"
OVMF_VARS = "/usr/share/OVMF/OVMF_VARS_4M.fd"
# What moves the cursor and sets colours; and one of these whose end has not come yet.
ESCAPE = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|\][^\x07]*\x07|[()][A-Z0-9]|[=>78])")
BEGUN_ESCAPE = re.compile(r"\x1b(\[[0-9;?]*|\][^\x07]{0,200}|[()])?$")


class TimedOut(AssertionError):
    pass


def new_disk(path, size="24G"):
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", path, size], check=True)
    return path


def overlay(base, path):
    """A disk that begins as `base` is, which stays as it is."""
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", os.path.abspath(base), path], check=True)
    return path


def _die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Machine:
    """disks: paths, or dicts {path, format, serial, interface}; nics: MACs, or dicts {mac, dhcp: False} for a card at which
    nobody answers; uefi: True, or a file that keeps the firmware's variables. One processor: with two, QEMU 7.2 now and then resets a machine in which a guest runs under KVM, or lets a kernel
    stumble over code that it is just patching (int3). `forward`: ports of the card number `outside` that are reached from here, each at self.ports[port]."""

    def __init__(self, *, cdrom=None, usb=None, disks=(), nics=("52:54:00:4c:00:01",), uefi=False, memory=2048, cpus=1,
                 forward=(22, 443, 8443), kernel=None, initrd=None, append=None, incoming=None,
                 hotplug=False, outside=0):
        self.dir = os.path.join(tempfile.gettempdir(), f"lodge-vm-{os.urandom(6).hex()}")
        self.serial_path = f"{self.dir}/serial.sock"
        self.qmp_path = f"{self.dir}/qmp.sock"
        self.ports = {port: free_port() for port in forward}
        self.text = ""
        self.unread = ""  # the beginning of an escape sequence
        self.decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self.seen = 0
        self.started = None
        self.command = self._command(cdrom, disks, nics, uefi, memory, cpus, kernel, initrd, append, outside)
        if hotplug or usb:
            self.command += ["-device", "qemu-xhci,id=xhci"]
        if usb:
            self.command += ["-drive", f"if=none,id=usb,format=raw,readonly=on,file={usb}",
                             "-device", "usb-storage,bus=xhci.0,drive=usb,bootindex=0"]
        if incoming:
            self.command += ["-incoming", f"exec:cat {incoming}"]
        self.disks = [disk["path"] if isinstance(disk, dict) else disk for disk in disks]
        self.events = []
        self.incoming = incoming
        self.screen = pyte.Screen(80, 24)
        self.terminal = pyte.ByteStream(self.screen)
        self.process = self.serial = self.qmp = None

    def _command(self, cdrom, disks, nics, uefi, memory, cpus, kernel, initrd, append, outside):
        command = ["qemu-system-x86_64", "-accel", "tcg,thread=multi", "-M", "q35", "-m", str(memory), "-smp", str(cpus),
                   "-display", "none", "-vga", "std", "-no-user-config", "-rtc", "base=utc",
                   "-chardev", f"socket,id=s0,path={self.serial_path},server=on,wait=off,logfile={self.dir}/serial.log",
                   "-serial", "chardev:s0", "-qmp", f"unix:{self.qmp_path},server=on,wait=off",
                   "-device", "virtio-rng-pci", "-device", "virtio-scsi-pci,id=scsi"]
        if uefi:
            variables = f"{self.dir}/vars.qcow2" if uefi is True else uefi
            os.makedirs(self.dir, 0o700, exist_ok=True)
            if not os.path.exists(variables):
                subprocess.run(["qemu-img", "convert", "-q", "-O", "qcow2", OVMF_VARS, variables], check=True)
            command += ["-drive", f"if=pflash,unit=0,format=raw,readonly=on,file={OVMF_CODE}",
                        "-drive", f"if=pflash,unit=1,format=qcow2,file={variables}"]
        if cdrom:
            command += ["-drive", f"if=none,id=cd,media=cdrom,readonly=on,file={cdrom}",
                        "-device", "scsi-cd,drive=cd,bus=scsi.0" + ("" if kernel else ",bootindex=0")]
        for i, disk in enumerate(disks):
            disk = disk if isinstance(disk, dict) else {"path": disk}
            command += ["-drive", f"if=none,id=d{i},format={disk.get('format', 'qcow2')},cache=unsafe,discard=unmap,file={disk['path']}",
                        "-device", f"{disk.get('interface', 'virtio-blk-pci')},drive=d{i},serial={disk.get('serial', f'LODGE{i}')},bootindex={i + 1}"]
        for i, nic in enumerate(nics):
            nic = nic if isinstance(nic, dict) else {"mac": nic}
            user = f"user,id=n{i}"
            if i == outside:
                user += "".join(f",hostfwd=tcp:127.0.0.1:{outside}-{nic.get('address', '')}:{inside}" for inside, outside in self.ports.items())
            if not nic.get("dhcp", True):
                # A wire with nobody at its other end, which takes what is sent into it.
                user = f"dgram,id=n{i},local.type=unix,local.path={self.dir}/wire{i},remote.type=unix,remote.path={self.dir}/nobody"
            command += ["-netdev", user, "-device", f"virtio-net-pci,netdev=n{i},mac={nic['mac']},romfile="]
        if not nics:
            command += ["-nic", "none"]
        if kernel:
            command += ["-kernel", kernel, "-initrd", initrd, "-append", append]
        return command

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.kill()

    def start(self):
        os.makedirs(self.dir, 0o700, exist_ok=True)
        self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stderr=open(f"{self.dir}/qemu.log", "a"),
                                        preexec_fn=_die_with_parent)
        self.started = time.monotonic()
        self.serial = self._connect(self.serial_path)
        self.qmp = self._connect(self.qmp_path)
        self.qmp_file = self.qmp.makefile("rw")
        try:
            json.loads(self.qmp_file.readline())
            self.command_qmp("qmp_capabilities")
        except (OSError, ValueError):
            raise self._not_started() from None
        while self.command_qmp("query-status")["status"] == "inmigrate":
            time.sleep(0.1)
        if self.incoming:
            self.command_qmp("cont")  # saved while it was stopped

    def _connect(self, path):
        deadline = time.monotonic() + 20
        while True:
            s = socket.socket(socket.AF_UNIX)
            try:
                s.connect(path)
                return s
            except OSError:
                s.close()
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise self._not_started() from None
                time.sleep(0.05)

    def _not_started(self):
        with open(f"{self.dir}/qemu.log") as file:
            return AssertionError("QEMU did not start: " + file.read())

    def command_qmp(self, name, /, **arguments):
        self.qmp_file.write(json.dumps({"execute": name, "arguments": arguments}) + "\n")
        self.qmp_file.flush()
        while True:
            answer = json.loads(self.qmp_file.readline())
            if "error" in answer:
                raise AssertionError(f"{name}: {answer['error']['desc']}")
            if "return" in answer:
                return answer["return"]
            self.events.append(answer.get("event"))

    def event(self, name):
        """Whether QEMU has told of it since the start: RESET, SHUTDOWN …"""
        self.command_qmp("query-status")
        return name in self.events

    def monitor(self, line):
        return self.command_qmp("human-monitor-command", **{"command-line": line})

    def save(self, path):
        """Stops the machine and writes all but its disks to a file, from which others go on (incoming=)."""
        self.command_qmp("stop")
        self.command_qmp("migrate", uri=f"exec:cat >{path}")
        while (state := self.command_qmp("query-migrate").get("status")) not in ("completed", "failed"):
            time.sleep(0.1)
        assert state == "completed", f"the machine cannot be saved to {path}"
        self.command_qmp("quit")
        self.process.wait(30)

    def plug_disk(self, path, serial, form="qcow2"):
        """A disk on the SCSI controller, while the machine runs. What a mirror copies to it is mostly zeros, which take no space here."""
        self.monitor(f"drive_add 0 if=none,id={serial},format={form},cache=unsafe,discard=unmap,detect-zeroes=unmap,file={path}")
        self.command_qmp("device_add", driver="scsi-hd", bus="scsi.0", drive=serial, serial=serial, id=f"dev-{serial}")

    def unplug_disk(self, serial):
        """Pulled out while the machine runs."""
        self.command_qmp("device_del", id=f"dev-{serial}")

    def plug_stick(self, path, name="stick"):
        self.monitor(f"drive_add 0 if=none,id={name},format=raw,readonly=on,file={path}")
        self.command_qmp("device_add", driver="usb-storage", bus="xhci.0", drive=name, id=f"dev-{name}")

    def set_link(self, number, up):
        self.command_qmp("set_link", name=f"n{number}", up=up)

    def kill(self):
        """Pulls the plug."""
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()
        for s in (self.serial, self.qmp):
            if s:
                s.close()
        if not os.environ.get("LODGE_TEST_KEEP"):
            shutil.rmtree(self.dir, ignore_errors=True)

    def wait_end(self, timeout_s):
        deadline = time.monotonic() + timeout_s * PATIENCE
        while self.process.poll() is None:
            if time.monotonic() > deadline:
                raise TimedOut(f"the machine still runs after {timeout_s} s\n{self.tail()}")
            self._read(0.2)

    def elapsed(self):
        return time.monotonic() - self.started

    def _read(self, timeout_s):
        self.serial.settimeout(timeout_s)
        try:
            data = self.serial.recv(65536)
        except (TimeoutError, socket.timeout):
            return
        if not data:
            time.sleep(min(timeout_s, 0.1))
        self.terminal.feed(data)
        text = ESCAPE.sub("", self.unread + self.decoder.decode(data))
        begun = BEGUN_ESCAPE.search(text)
        self.unread = begun.group() if begun else ""
        self.text += text[:len(text) - len(self.unread)]

    def tail(self, n=3000):
        return self.text[-n:]

    def wait_for(self, pattern, timeout_s, *, fail=None):
        """Waits until the serial port says what matches, after what was waited for before; the match."""
        deadline = time.monotonic() + timeout_s * PATIENCE
        while True:
            found = re.compile(pattern).search(self.text, self.seen)
            if found:
                self.seen = found.end()
                return found
            if fail and re.compile(fail).search(self.text, self.seen):
                raise AssertionError(f"{fail!r} came instead of {pattern!r}\n{self.tail()}")
            if self.process.poll() is not None:
                raise AssertionError(f"QEMU has ended before {pattern!r} came\n{self.tail()}")
            if time.monotonic() > deadline:
                raise TimedOut(f"{pattern!r} did not come within {timeout_s} s\n{self.tail()}")
            self._read(0.2)

    def shown(self):
        """What a terminal on the serial port shows now."""
        return "\n".join(self.screen.display)

    def wait_shown(self, *words, timeout_s=60):
        """Until all of these are on the terminal's screen at once."""
        deadline = time.monotonic() + timeout_s * PATIENCE
        while not all(word in self.shown() for word in words):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise TimedOut(f"{words} did not come; the terminal shows:\n{self.shown()}")
            self._read(0.2)
        return self

    def send(self, text):
        self.serial.sendall(text.encode())

    def run(self, command, timeout_s=60):
        """Runs a command in the shell that waits on the serial port: (status, output)."""
        mark = f"done-{os.urandom(4).hex()}"
        self.send(f"{command}; echo {mark[:5]}''{mark[5:]} $?\n")
        start = self.seen
        found = self.wait_for(mark + r" (\d+)(?=\s)", timeout_s)  # bytes come one by one
        output = self.text[start:found.start()].replace("\r", "")
        return int(found.group(1)), output.split("\n", 1)[1] if "\n" in output else ""

    def screenshot(self, path, still_s=2, timeout_s=60):
        """What the monitor shows, as a PNG: once there is something to see that stays as it is."""
        raw, last, deadline = f"{self.dir}/screen.ppm", None, time.monotonic() + timeout_s * PATIENCE
        while True:
            self.command_qmp("screendump", filename=raw)
            with open(raw, "rb") as file:
                now = file.read()
            if now == last and len({now[i:i + 300] for i in range(0, len(now), 300)}) > 200:
                return self.command_qmp("screendump", filename=str(path), format="png")
            if time.monotonic() > deadline:
                raise TimedOut(f"the monitor does not come to rest within {timeout_s} s")
            last, until = now, time.monotonic() + still_s
            while time.monotonic() < until:
                self._read(0.2)
