"""Another machine beside a sandbox's: a network namespace on a cable, with a web server or an address server."""

import os
import signal
import subprocess
from pathlib import Path

from sandbox import wait_for


class Peer:
    """Lives in the sandbox's process namespace: it ends with it, or with remove()."""

    def __init__(self, sandbox, name):
        self.sandbox, self.name = sandbox, name
        self.process = sandbox.popen("unshare", "-n", "sleep", "infinity")
        self.pid = sandbox.inner_pid(self.process)
        own = os.stat(f"/proc/{sandbox.init_pid}/ns/net")
        wait_for(lambda: os.stat(f"/proc/{self.pid}/ns/net") != own, f"a network namespace for {name}")
        self.run("ip", "link", "set", "lo", "up")
        self.servers = []

    def command(self, argv):
        return ["nsenter", "-t", str(self.pid), "-m", "-n", "-p", "--wd=/", "--", *map(str, argv)]

    def run(self, *argv, check=True):
        done = subprocess.run(self.command(argv), text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        assert not check or done.returncode == 0, f"{' '.join(map(str, argv))} gave {done.returncode}: {done.stdout}"
        return done

    def cable(self, address, bridge=None, host_address=None):
        """A link eth0 with this address whose other end is a port of the bridge, or has an address of the host's."""
        link = f"p-{self.name}"
        # From outside of the sandbox's process namespace: the peer's process has another number in there.
        in_host = ["nsenter", "-t", str(self.sandbox.init_pid), "-n", "--", "ip"]
        subprocess.run([*in_host, "link", "add", link, "type", "veth", "peer", "name", "eth0", "netns", str(self.pid)], check=True)
        if bridge:
            subprocess.run([*in_host, "link", "set", link, "master", bridge], check=True)
        if host_address:
            subprocess.run([*in_host, "address", "add", host_address, "dev", link], check=True)
        subprocess.run([*in_host, "link", "set", link, "up"], check=True)
        self.run("ip", "address", "add", address, "dev", "eth0")
        self.run("ip", "link", "set", "eth0", "up")
        return self

    def _serve(self, *argv):
        process = subprocess.Popen(self.command(argv), start_new_session=True, stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.servers.append(process)

    def serve_web(self, folder):
        """On port 80, what lies in the folder."""
        self._serve("/usr/bin/python3", "-m", "http.server", "80", "--directory", folder)
        wait_for(lambda: self.run("curl", "-s", "http://127.0.0.1/", check=False).returncode == 0, f"the web server of {self.name}")
        return self

    def serve_addresses(self, first, last, leases):
        """By DHCP on eth0; the leases are in this file."""
        self._serve("dnsmasq", "--keep-in-foreground", "--port=0", "--interface=eth0", "--bind-dynamic", "--no-ping", "--user=root",
                    "--pid-file=", f"--dhcp-leasefile={leases}", f"--dhcp-range={first},{last},1h", "--dhcp-authoritative")
        wait_for(lambda: ":67" in self.run("ss", "-Hlun").stdout, f"the address server of {self.name}")
        return self

    def remove(self):
        for process in [*self.servers, self.process]:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if Path(f"/proc/{self.pid}").exists():
            os.kill(self.pid, signal.SIGKILL)
        self.sandbox.run("ip", "link", "delete", f"p-{self.name}", check=False)
