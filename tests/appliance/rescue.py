"""The medium's rescue shell (stages.rescued): files into it, disks and sticks plugged in, the installer started."""
import base64
import hashlib
import os
import subprocess

import stages

INSTALL = "LODGE_MEDIUM=/run/lodge/medium/lodge lodge-installer run"
UNATTENDED = f"{INSTALL} --unattended </dev/null\n"  # by the answer on a stick, until the machine switches itself off


def put(vm, path, data):
    """A file in the machine, by the serial port."""
    text = base64.b64encode(data if isinstance(data, bytes) else data.encode()).decode()
    vm.run(f": >{path}.b64")
    for i in range(0, len(text), 700):
        assert vm.run(f"echo {text[i:i + 700]} >>{path}.b64")[0] == 0
    assert vm.run(f"base64 -d <{path}.b64 >{path}")[0] == 0


def install(vm, text, more="", timeout_s=stages.INSTALL_S):
    put(vm, "/tmp/answer.toml", text)
    return vm.run(f"{INSTALL} --answer /tmp/answer.toml {more} </dev/null 2>&1", timeout_s)


def answer_stick(path, text):
    with open(path, "wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.vfat", "-n", "LODGEANSWER", path], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["mcopy", "-i", path, "-", "::answer.toml"], input=text.encode(), check=True)
    return path


def raw_disk(path, size=64 << 20):
    path.write_bytes(os.urandom(size))
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def plug(vm, path, serial="LODGE0", form="qcow2"):
    vm.plug_disk(path, serial, form)
    assert vm.run(f"for i in $(seq 100); do lsblk -dno SERIAL | grep -qx {serial} && break; sleep 0.1; done; udevadm settle")[0] == 0


def plug_labelled(vm, stick, label):
    vm.plug_stick(stick, label)
    assert vm.run(f"for i in $(seq 100); do blkid -L {label} && break; sleep 0.1; done")[0] == 0
