"""One virtual machine by QEMU alone, in software: for tests of images, where libvirt would only stand in between."""

import json
import re
import shutil
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

from sandbox import wait_for

UEFI_CODE, UEFI_VARIABLES = "/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Machine:
    """Boots `disk` as it is (give it a copy or an overlay). Channels are Unix sockets in `folder`."""

    def __init__(self, folder, disk, uefi=False, seed=None):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.web_port = _free_port()
        for name in ("qmp", "agent", "serial"):
            (self.folder / name).unlink(missing_ok=True)
        self.log = self.folder / "serial.log"
        self.log.unlink(missing_ok=True)
        args = [
            "qemu-system-x86_64", "-accel", "tcg", "-M", "q35", "-m", "256", "-nodefaults", "-vga", "std", "-display", "none",
            "-drive", f"file={disk},if=virtio,format=qcow2",
            "-netdev", f"user,id=net,hostfwd=tcp:127.0.0.1:{self.web_port}-:80", "-device", "virtio-net-pci,netdev=net",
            "-chardev", f"socket,id=serial,path={self.folder}/serial,server=on,wait=off,logfile={self.log}",
            "-serial", "chardev:serial",
            "-qmp", f"unix:{self.folder}/qmp,server=on,wait=off",
            "-device", "virtio-serial", "-chardev", f"socket,id=agent,path={self.folder}/agent,server=on,wait=off",
            "-device", "virtserialport,chardev=agent,name=org.qemu.guest_agent.0"]
        if seed:
            args += ["-drive", f"file={seed},if=virtio,format=raw,readonly=on"]
        if uefi:
            shutil.copy(UEFI_VARIABLES, self.folder / "variables.fd")
            args += ["-drive", f"if=pflash,format=raw,readonly=on,file={UEFI_CODE}",
                     "-drive", f"if=pflash,format=raw,file={self.folder}/variables.fd"]
        self.process = subprocess.Popen(args, stdin=subprocess.DEVNULL)
        self._sockets = {}

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for sock in self._sockets.values():
            sock.close()
        self.process.kill()
        self.process.wait()

    def _socket(self, name):
        if name not in self._sockets:
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(30)

            def connected():
                try:
                    sock.connect(str(self.folder / name))
                    return True
                except OSError:
                    return False

            wait_for(connected, f"the machine's {name} channel")
            self._sockets[name] = sock
            if name == "qmp":
                self._read_line(sock)
                self.qmp("qmp_capabilities")
        return self._sockets[name]

    @staticmethod
    def _read_line(sock):
        data = b""
        while not data.endswith(b"\n"):
            part = sock.recv(65536)
            if not part:
                raise EOFError("the machine has ended")
            data += part
        return data

    def _ask(self, name, command, arguments):
        sock = self._socket(name)
        sock.sendall(json.dumps({"execute": command, "arguments": arguments}).encode() + b"\n")
        while True:
            for line in self._read_line(sock).splitlines():
                answer = json.loads(line)
                if "event" not in answer:
                    return answer

    def qmp(self, command, **arguments):
        return self._ask("qmp", command, arguments)

    def agent(self, command, **arguments):
        return self._ask("agent", command, arguments)

    def up(self, timeout_s=60):
        """Waits for the marker on the serial port; returns (seconds since its kernel started, address)."""
        def marker():
            assert self.process.poll() is None, "the machine ended before it was up"
            text = self.log.read_text(errors="replace") if self.log.exists() else ""
            return re.search(r"GUEST-UP (\S+) (\S+)\r?\n", text)

        found = wait_for(marker, f"GUEST-UP on {self.log}", timeout_s)
        return float(found[1]), found[2]

    def type(self, command):
        """Types a command into the shell on the serial port and returns what it printed."""
        start = self.log.stat().st_size
        mark = f"done-{time.monotonic_ns()}"
        # Split, so that the echo of the typed line is not taken for the answer.
        self._socket("serial").sendall(f"{command}; echo {mark[:5]}''{mark[5:]}\n".encode())

        def answer():
            text = self.log.read_bytes()[start:].decode(errors="replace").replace("\r", "")
            return re.search(rf"\n((?:.*\n)*?){mark}\n", text)

        return wait_for(answer, f"answer to {command}")[1]

    def web(self, path):
        return urllib.request.urlopen(f"http://127.0.0.1:{self.web_port}{path}", timeout=10).read().decode()

    def off(self, timeout_s=30):
        """Waits until it has switched itself off."""
        assert self.process.wait(timeout_s) == 0
