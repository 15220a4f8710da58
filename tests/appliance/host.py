"""An installed appliance in a machine, as people meet it: by its API, its SSH and its serial port."""
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import time

from machine import PATIENCE, Machine, TimedOut

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/lab"))
from api import Api  # noqa: E402

PASSWORD = "correct horse battery"
CACHE = ROOT / "build/appliance"
MAC = "52:54:00:4c:00:01"


def ssh_key():
    """The key that every test's host lets in; made once."""
    key = CACHE / "key"
    CACHE.mkdir(parents=True, exist_ok=True)
    if not key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", key], check=True)
    return key


def answer(**changes):
    """An answer file. A key of a section by `section__key` (hyphens as _, a dot as __); None leaves it out."""
    sections = {
        "global": {"fqdn": "host1.example.org", "timezone": "Europe/Zurich", "reboot-mode": "power-off",
                   "root-ssh-keys": [ssh_key().with_suffix(".pub").read_text().strip()]},
        "users": {"admin-password": PASSWORD},
        "network": {"source": "from-dhcp"},
        "disk-setup": {"disk-list": ["LODGE0"]},
        "storage": {},
        "first-boot": {"source": "from-answer", "script": "#!/bin/sh\necho once >>/var/lib/first-boot-was-here\n"},
    }
    for name, value in changes.items():
        section, _, key = name.partition("__")
        sections[section.replace("_", "-")][key.replace("__", ".").replace("_", "-")] = value
    lines = []
    for section, keys in sections.items():
        lines.append(f"[{section}]")
        for key, value in keys.items():
            if value is not None:
                lines.append(f"{key} = {toml(value)}")
    return "\n".join(lines) + "\n"


def toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return "[" + ", ".join(map(toml, value)) + "]"
    return str(value) if isinstance(value, int) else '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


class Host(Machine):
    """A machine whose disks hold an installed Lodge."""

    def __init__(self, disks, **more):
        super().__init__(disks=disks, **more)
        self._api = None

    def ssh(self, command, timeout_s=60, check=True):
        """What a command in the host says."""
        done = subprocess.run(
            ["ssh", "-i", ssh_key(), "-p", str(self.ports[22]), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
             "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=20", "-o", "BatchMode=yes", "root@127.0.0.1", command],
            stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=timeout_s * PATIENCE)
        if check:
            assert done.returncode == 0, f"{command}: status {done.returncode}\n{done.stdout}{done.stderr}"
            return done.stdout
        return done

    def answers(self, port=443):
        """Whether the API answers over TLS on this port. The way through QEMU is open long before."""
        try:
            with socket.create_connection(("127.0.0.1", self.ports[port]), timeout=3) as raw:
                with ssl._create_unverified_context().wrap_socket(raw) as tls:
                    tls.sendall(b"GET /api/v1/session HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
                    return tls.recv(100).startswith(b"HTTP/1.1 401")
        except OSError:
            return False

    def wait_for_api(self, timeout_s=240):
        """Seconds from power on until the API has answered."""
        while not self.answers():
            if self.process.poll() is not None:
                raise AssertionError(f"QEMU has ended\n{self.tail()}")
            if self.elapsed() > timeout_s * PATIENCE:
                raise TimedOut(f"the API does not answer after {timeout_s} s\n{self.tail()}")
            self._read(0.1)
        return self.elapsed()

    def api(self, password=PASSWORD):
        """The API as the administrator, through the gate, from outside."""
        if not self._api:
            port = self.ports[443]
            pem = ssl.get_server_certificate(("127.0.0.1", port), timeout=20)
            with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
                file.write(pem)
                file.flush()
                self._api = Api(lambda address, timeout: socket.create_connection(address, timeout), ("127.0.0.1", port), file.name)
            self._api.login("admin", password)
        return self._api

    def prove(self, password):
        """To the host's own screen, that one may change it. lodged, which is asked, may still be starting: one tries again."""
        for _ in range(20):
            self.wait_shown("Only who may change this host").send(password + "\r")
            while "Only who may" in self.shown() or "being checked" in self.shown():
                self._read(0.2)
            if "cannot be checked" not in self.shown():
                return
            self.send("\r")

    def shell_by_screen(self, password):
        """A root shell on the serial port, for `run`: it prints nothing of its own."""
        self.wait_shown("Services", "Power off").send("\t\t\r")
        self.prove(password)
        self.wait_shown("leads back to the screen")
        self.seen = len(self.text)
        assert self.run("stty -echo; bind 'set enable-bracketed-paste off'; PS1=''")[0] == 0

    def wait_ssh(self, command, timeout_s=60):
        """Until a command in the host succeeds; what it says."""
        deadline = time.monotonic() + timeout_s * PATIENCE
        while True:
            done = self.ssh(command, check=False)
            if done.returncode == 0:
                return done.stdout
            if time.monotonic() > deadline:
                raise TimedOut(f"{command} did not succeed within {timeout_s} s: {done.stdout}{done.stderr}")
            time.sleep(1)
