"""An installation that a power cut ends, and the one after it; how long it takes."""
import hashlib
import json
import pathlib
import shutil
import subprocess
import time

import stages
from host import CACHE, answer
from machine import new_disk
from rescue import INSTALL, plug, plug_labelled, raw_disk


def answer_stick(path, text):
    with open(path, "wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.vfat", "-n", "LODGEANSWER", path], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["mcopy", "-i", path, "-", "::answer.toml"], input=text.encode(), check=True)
    return path


def program_stick(path, program):
    """A file system with a program of this machine and the libraries that it takes."""
    folder = path.with_suffix(".d")
    folder.mkdir()
    where = shutil.which(program)
    libraries = [word for word in subprocess.run(["ldd", where], capture_output=True, text=True, check=True).stdout.split() if word.startswith("/")]
    for file in [where, *libraries]:
        if not pathlib.Path(file).name.startswith(("libc.", "ld-", "libpthread.", "libm.")):
            shutil.copy(file, folder)
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-L", "PROGRAM", "-d", folder, path, "32M"], check=True)
    return path


def install_s(vm):
    """Seconds of installing by the answer on the stick, until the machine switches itself off."""
    begun = time.monotonic()
    vm.send(f"{INSTALL} --unattended </dev/null\n")
    vm.wait_for("Lodge is installed", stages.INSTALL_S, fail="refused|failed")
    took = time.monotonic() - begun
    vm.wait_end(60)
    return took


def unsquash_s(vm):
    """Seconds of unpacking the image with unsquashfs, onto the disk that Lodge was just installed on."""
    assert vm.run("mkdir -p /tmp/p /tmp/t; mount -o ro LABEL=PROGRAM /tmp/p && mount /dev/disk/by-partlabel/lodge-*-state /tmp/t")[0] == 0
    begun = time.monotonic()
    status, said = vm.run("LD_LIBRARY_PATH=/tmp/p /tmp/p/unsquashfs -n -q -d /tmp/t/x /run/lodge/medium/lodge/lodge.squashfs >/dev/null 2>&1; s=$?; sync; (exit $s)", 300)
    assert status == 0, said
    return time.monotonic() - begun


def test_a_power_cut_while_installing_leaves_a_disk_that_can_be_taken_again(tmp_path, figure):
    """By the answer on a stick, without `wipe`. Beside it a disk that nobody chose, compared byte for byte."""
    stages.installed()
    disk, (other, before) = new_disk(tmp_path / "d.qcow2"), raw_disk(tmp_path / "other.raw")
    stick = answer_stick(tmp_path / "answer.img", answer())
    with stages.rescued() as vm:
        plug(vm, disk)
        plug(vm, other, "OTHER", "raw")
        plug_labelled(vm, stick, "LODGEANSWER")
        vm.send(f"{INSTALL} --unattended </dev/null\n")
        vm.wait_for(r"\[ *[3-9]\d%\]", 180)
    with stages.rescued() as vm:
        plug(vm, disk)
        plug(vm, other, "OTHER", "raw")
        plug_labelled(vm, stick, "LODGEANSWER")
        assert "unfinished Lodge installation" in vm.run("lodge-installer inventory")[1]
        took = install_s(vm)
    assert hashlib.sha256(other.read_bytes()).hexdigest() == before
    took = min(took, json.loads((CACHE / "installed.json").read_text())["install_s"])
    compare(tmp_path, disk, stick, took, figure)


def compare(tmp_path, disk, stick, took, figure):
    """The best of each: on a shared machine noise only ever adds, so what misses is measured again."""
    program, alone = program_stick(tmp_path / "program.img", "unsquashfs"), float("inf")
    for n in range(3):
        with stages.rescued() as vm:
            plug(vm, disk)
            plug_labelled(vm, program, "PROGRAM")
            alone = min(alone, unsquash_s(vm))
        if took <= 2.5 * alone or n == 2:
            break
        with stages.rescued() as vm:
            disk = new_disk(tmp_path / f"d{n}.qcow2")
            plug(vm, disk)
            plug_labelled(vm, stick, "LODGEANSWER")
            took = min(took, install_s(vm))
    figure("installing unattended, against unsquashfs of the image to that disk", f"{took:.0f} s / {alone:.0f} s = {took / alone:.2f}", "<= 2.5", took <= 2.5 * alone)
