"""What tests do with guests over the API: start them, wait for them, look inside them."""

import subprocess

from sandbox import wait_for

CONTAINER = {
    "type": "container",
    "memory": "128MiB",
    "disks": [{"name": "root", "image": "tiny-container"}],
    "nics": [{"name": "eth0"}],
}
VM = {
    "type": "vm",
    "memory": "256MiB",
    "disks": [{"name": "root", "image": "tiny-vm"}],
    "nics": [{"name": "eth0"}],
}
# An init that lets every power button be pressed in vain.
DEAF = ["/bin/sh", "-c", "trap '' 1 2 3 12 15 30 37; echo DEAF; while :; do sleep 1000; done"]
SPECS = {"container": CONTAINER, "vm": VM}


def done(api, answer, timeout_s=90):
    """The task of an answer, which must have succeeded."""
    task = api.finished(answer, timeout_s)
    assert task["status"]["state"] == "succeeded", task["status"]
    return task


def failed(api, answer, timeout_s=90):
    """The error of an answer's task, which must have failed."""
    task = api.finished(answer, timeout_s)
    assert task["status"]["state"] == "failed", task["status"]
    return task["status"]["error"]


def status(api, name):
    return api.get(f"/guests/{name}").expect(200).json["status"]


def wait_for_state(api, name, state, timeout_s=60):
    wait_for(lambda: status(api, name)["state"] == state, f"guest {name} being {state}", timeout_s)


def address_of(api, name, timeout_s=90):
    return wait_for(lambda: next(iter(status(api, name)["addresses"]), None), f"an address of guest {name}", timeout_s)


def beat_of(stack, address):
    """What the guest's web server says, once it does."""
    return wait_for(
        lambda: stack.sandbox.run("curl", "-s", "--max-time", "5", f"http://{address}/beat", check=False).stdout.strip(),
        f"a beat from {address}")


def log_of(api, name):
    return api.get(f"/guests/{name}/log").expect(200).body.decode(errors="replace")


def wait_for_images(api):
    """The starter images, once their import has ended."""
    for name in ("tiny-vm", "tiny-container"):
        wait_for(lambda: api.get(f"/images/{name}").expect(200).json["status"]["state"] == "ready", f"image {name}", 60)


def remove_guest(api, name):
    """Gone with its disks, also while a task is still at work on it."""
    answer = api.delete(f"/guests/{name}?force=true&purge=true")
    if answer.status == 409:
        task = status(api, name).get("task")
        if task:
            api.get(f"/tasks/{task}?wait=30s")
        answer = api.delete(f"/guests/{name}?force=true&purge=true")
    if answer.status != 404:
        done(api, answer)


def processes_of(stack, uuid):
    """Those of a guest, as the machine counts them: (pid, command line) of QEMU or of everything in a container."""
    found = []
    for pid, line in stack.sandbox.processes():
        try:
            with open(f"/proc/{pid}/cgroup") as file:
                group = file.read()
        except OSError:
            continue  # it ended meanwhile
        if uuid in group or ("qemu-system" in line and uuid in line):
            found.append((pid, line))
    return found


def init_of(stack, uuid):
    """The first process of a container."""
    def first():
        for pid, _ in processes_of(stack, uuid):
            try:
                with open(f"/proc/{pid}/status") as file:
                    numbers = next(line for line in file if line.startswith("NSpid:")).split()[1:]
            except OSError:
                continue  # it ended meanwhile
            if numbers[-1] == "1" and len(numbers) > 1:
                return pid
        return 0

    return wait_for(first, "the container's init")


def run_in(stack, uuid, *argv):
    """A program of the machine's in a container's network: its exit status and what it said."""
    command = ["nsenter", "-t", str(init_of(stack, uuid)), "-n", "--", *argv]
    return subprocess.run(command, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
