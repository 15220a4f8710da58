"""How long a start takes: POST to running over the API, against `virsh create` and `lxc-start` of the same guest.

Both are measured from within Lodge's own sandbox, in alternating pairs: the same disk, as much memory, one NIC on the same
bridge. What Lodge does beyond the start itself is what the figure shows: authentication, plan, two commits, attaching the
disk, the firewall's check. The baseline finds its root file system mounted. As a program this file is what runs in there."""

import http.client
import json
import os
import re
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lab"))

from sandbox import wait_for  # noqa: E402
from stack import PASSWORD, Stack  # noqa: E402

PAIRS = int(os.environ.get("BENCH_STARTS", "20"))
SPECS = {
    "vm": {"type": "vm", "memory": "256MiB", "disks": [{"name": "root", "image": "tiny-vm"}], "nics": [{"name": "eth0"}]},
    "container": {"type": "container", "memory": "128MiB", "disks": [{"name": "root", "image": "tiny-container"}], "nics": [{"name": "eth0"}]},
}


class Client:
    """One kept connection, signed in."""

    def __init__(self):
        self.connection = http.client.HTTPSConnection("127.0.0.1", 8443, context=ssl._create_unverified_context(), timeout=120)  # noqa: S323
        self.connection.connect()
        self.connection.sock.setsockopt(6, 1, 1)
        self.headers = {"Prefer": "wait=60", "Content-Type": "application/json"}
        answer, headers = self._exchange("POST", "/session", {"user": "admin", "password": PASSWORD})
        self.headers |= {"Cookie": headers["Set-Cookie"].split(";")[0], "X-Lodge-CSRF": answer["csrf"]}

    def _exchange(self, method, path, body=None):
        self.connection.request(method, f"/api/v1{path}", json.dumps(body) if body else None, self.headers)
        answer = self.connection.getresponse()
        text = answer.read()
        if answer.status >= 300 or b'"state":"failed"' in text:
            raise SystemExit(f"{method} {path}: {answer.status} {text.decode()}")
        return json.loads(text or "{}"), answer.headers

    def call(self, method, path, body=None):
        return self._exchange(method, path, body)[0]

    def timed_start(self, name):
        begun = time.perf_counter()
        self.call("POST", f"/guests/{name}/actions/start")
        return time.perf_counter() - begun


def timed(*argv):
    begun = time.perf_counter()
    result = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    took = time.perf_counter() - begun
    if result.returncode:
        raise SystemExit(f"{' '.join(argv)}: {result.stdout}{result.stderr}")
    return took


class Virsh:
    """The domain that Lodge made, under another name."""

    def __init__(self, client, uid, folder):
        text = subprocess.run(["virsh", "dumpxml", uid], capture_output=True, text=True, check=True).stdout
        for pattern, to in ((r"<domain([^>]*) id='\d+'", r"<domain\1"), (r"<uuid>.*</uuid>", f"<uuid>{uuid.uuid4()}</uuid>"),
                            (r"<name>.*</name>", "<name>baseline</name>"), (r"mac address='02:", "mac address='06:"),
                            (r"<target dev='[^']*'/>\s*<model type='virtio'", "<model type='virtio'"), (r"<alias .*/>", ""),
                            (r"<log file='[^']*'", f"<log file='{folder}/serial.log'"), (r"(?s)<seclabel.*?(/>|</seclabel>)", ""),
                            (r"(<source mode='bind' path=')[^']*'", rf"\1{folder}/agent.sock'")):
            text = re.sub(pattern, to, text)
        self.file = Path(folder) / "domain.xml"
        self.file.write_text(text)

    def start(self):
        return timed("virsh", "-q", "create", str(self.file))

    def stop(self):
        timed("virsh", "-q", "destroy", "baseline")


class LxcStart:
    """The configuration of lodge-ct, by hand: the same limits, ids, file system and NIC."""

    def __init__(self, client, uid, folder):
        volume = client.call("GET", "/guests/bench-container")["status"]["disks"][0]["volume"]
        identity = client.call("GET", f"/volumes/{volume}")["metadata"]["uuid"]
        self.image = next(path for path in Path(os.environ["LODGE_STATE"]).rglob(f"*{identity}*") if path.is_file())
        self.root, self.folder = Path(folder) / "root", folder
        self.root.mkdir()
        os.chmod(folder, 0o711)  # the container's own root passes here
        base, count = next(filter(None, map(_uid_map, Path("/proc").glob("[0-9]*"))))
        (Path(folder) / "config").write_text("\n".join([
            "lxc.uts.name=bench", f"lxc.rootfs.path=dir:{self.root}", "lxc.rootfs.options=idmap=container",
            f"lxc.idmap=u 0 {base} {count}", f"lxc.idmap=g 0 {base} {count}",
            "lxc.cgroup.dir.container=baseline", "lxc.cgroup.dir.monitor=baseline.monitor", "lxc.cgroup.dir.monitor.pivot=baseline.ended",
            "lxc.mount.auto=proc:mixed sys:mixed cgroup:rw:force", "lxc.autodev=1", "lxc.tty.max=4", "lxc.pty.max=1024",
            "lxc.cap.drop=mac_admin mac_override sys_time sys_module sys_rawio", "lxc.apparmor.profile=unconfined",
            "lxc.seccomp.profile=/usr/share/lxc/config/common.seccomp", f"lxc.console.logfile={folder}/console.log",
            *(["lxc.cgroup.memory.limit_in_bytes=134217728", "lxc.cgroup.pids.max=16384"] if not Path("/sys/fs/cgroup/cgroup.controllers").exists()
              else ["lxc.cgroup2.memory.max=134217728", "lxc.cgroup2.pids.max=16384"]),
            "lxc.net.0.type=veth", "lxc.net.0.flags=up", "lxc.net.0.name=eth0", "lxc.net.0.link=lodge0", "lxc.net.0.hwaddr=06:4c:00:00:00:01", ""]))

    def start(self):
        subprocess.run(["mount", "-o", "loop", self.image, self.root], check=True)
        return timed("lxc-start", "-n", "baseline", "-P", str(self.folder), "-f", f"{self.folder}/config", "-d")

    def stop(self):
        timed("lxc-stop", "-k", "-n", "baseline", "-P", str(self.folder))
        subprocess.run(["umount", self.root], check=True)


def _uid_map(process):
    """(base, count) of a process with ids of its own."""
    try:
        first = (process / "uid_map").read_text().split()
    except OSError:
        return None
    return (int(first[1]), int(first[2])) if len(first) >= 3 and int(first[1]) >= 1000000 else None


def compare(kind, baseline, pairs):
    """Medians of ours and of the baseline, in seconds, and of their differences."""
    client = Client()
    name = f"bench-{kind}"
    client.call("PUT", f"/guests/{name}?start=true", {"spec": SPECS[kind]})
    with tempfile.TemporaryDirectory(prefix="lodge-bench-", dir="/var/tmp") as folder:
        other = baseline(client, client.call("GET", f"/guests/{name}")["metadata"]["uuid"], folder)
        client.call("POST", f"/guests/{name}/actions/stop")
        ours, base = [], []
        for i in range(pairs + 1):  # the first pair warms up
            ours.append(client.timed_start(name))
            client.call("POST", f"/guests/{name}/actions/stop")
            base.append(other.start())
            other.stop()
        ours, base = ours[1:], base[1:]
    client.call("DELETE", f"/guests/{name}?purge=true")
    return statistics.median(ours), statistics.median(base), statistics.median(o - b for o, b in zip(ours, base))


def measure(kind):
    """compare() within a Lodge of its own."""
    with tempfile.TemporaryDirectory(prefix="lodge-bench-", dir="/var/tmp") as folder:
        os.chmod(folder, 0o755)
        stack = Stack(folder).plug()
        try:
            stack.start()
            api = stack.admin()
            image = SPECS[kind]["disks"][0]["image"]
            wait_for(lambda: api.get(f"/images/{image}").json["status"]["state"] == "ready", f"image {image}", 60)
            place = ["nsenter", "-t", str(stack.daemon_pid("lodged")), "-m", "-u", "-n", "-p", "-C", "--wd=/", "--"]
            answer = subprocess.run(
                [*place, sys.executable, "-B", __file__, kind], preexec_fn=stack.sandbox._enter_cgroups,
                env={**os.environ, "LODGE_STATE": str(stack.state)}, stdout=subprocess.PIPE, text=True, check=True)
            return json.loads(answer.stdout)
        finally:
            if stack.running:
                stack.stop()
            stack.unplug()


if __name__ == "__main__":
    print(json.dumps(compare(sys.argv[1], {"vm": Virsh, "container": LxcStart}[sys.argv[1]], PAIRS)))
