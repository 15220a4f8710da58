"""What goes wrong while installing, tried from the medium's rescue shell; and media that are damaged."""
import base64
import hashlib
import os
import pathlib
import shutil
import subprocess
import time

import pytest

import stages
from host import MAC, answer
from machine import Machine, new_disk

INSTALL = "LODGE_MEDIUM=/run/lodge/medium/lodge lodge-installer run"


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


def raw_disk(path, size=64 << 20):
    path.write_bytes(os.urandom(size))
    return path, hashlib.sha256(path.read_bytes()).hexdigest()


def plug(vm, path, serial="LODGE0", form="qcow2"):
    vm.plug_disk(path, serial, form)
    assert vm.run(f"for i in $(seq 100); do lsblk -dno SERIAL | grep -qx {serial} && break; sleep 0.1; done; udevadm settle")[0] == 0


def test_the_rescue_shell_has_what_repairs_a_host(rescue):
    tools = "e2fsck xfs_repair lvm mdadm sgdisk grub-install mount ssh ip less lsblk smartctl".split()
    status, said = rescue.run("type " + " ".join(tools))
    assert status == 0, said


def test_without_a_disk_it_says_so(rescue):
    status, said = install(rescue, answer())
    assert status == 1 and "no disk that its kernel sees" in said and "nothing was written" in said


def test_without_any_link_it_warns_and_goes_on(rescue, tmp_path):
    plug(rescue, new_disk(tmp_path / "d.qcow2"))
    rescue.set_link(0, False)
    rescue.set_link(1, False)
    rescue.run("for i in $(seq 50); do grep -L 1 /sys/class/net/e*/carrier | grep -q . && break; sleep 0.1; done")
    status, said = install(rescue, answer(network__filter__mac=MAC), "--dry-run")
    assert status == 0 and "has no link" in said, said


def test_a_script_that_cannot_be_fetched_stops_it_before_anything_is_written(rescue, tmp_path):
    """No address, since nobody answers DHCP on the only card with a link."""
    disk = new_disk(tmp_path / "d.qcow2")
    plug(rescue, disk)
    rescue.set_link(0, False)
    rescue.run("networkctl reload; ip addr flush dev $(ls /sys/class/net | grep -m1 '^e')")
    status, said = install(rescue, answer(first_boot__source="from-url", first_boot__url="https://192.0.2.1/script"))
    assert status == 1 and "https://192.0.2.1/script" in said and "nothing was written" in said.lower(), said
    assert rescue.run("lsblk -no NAME /dev/sda | wc -l")[1].strip() == "1"


@pytest.mark.parametrize("damage", ["empty", "torn"])
def test_an_answer_volume_that_cannot_be_read_is_named(rescue, tmp_path, damage):
    stick = tmp_path / "stick.img"
    with open(stick, "wb") as file:
        file.truncate(16 << 20)
    subprocess.run(["mkfs.ext4", "-q", "-L", "LODGE-ANSWER", stick], check=True)
    if damage == "torn":  # the label can be read, the rest is gone
        with open(stick, "r+b") as file:
            file.seek(4096)
            file.write(b"\xff" * (4 << 20))
    plug_labelled(rescue, stick, "LODGE-ANSWER")
    status, said = rescue.run(f"{INSTALL} --unattended </dev/null 2>&1", 60)
    assert status == 1 and "LODGE-ANSWER" in said and "/dev/sd" in said, said
    assert "answer.toml" in said and ("put the answer file there" if damage == "empty" else "write it again") in said, said


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


def plug_labelled(vm, stick, label):
    vm.plug_stick(stick, label)
    assert vm.run(f"for i in $(seq 100); do blkid -L {label} && break; sleep 0.1; done")[0] == 0


def unsquash_s(vm):
    """Seconds of unpacking the image with unsquashfs, onto the disk that Lodge was just installed on."""
    assert vm.run("mkdir -p /tmp/p /tmp/t; mount -o ro LABEL=PROGRAM /tmp/p && mount /dev/disk/by-partlabel/lodge-*-state /tmp/t")[0] == 0
    begun = time.monotonic()
    status, said = vm.run("LD_LIBRARY_PATH=/tmp/p /tmp/p/unsquashfs -n -q -d /tmp/t/x /run/lodge/medium/lodge/lodge.squashfs >/dev/null 2>&1; s=$?; sync; (exit $s)", 300)
    assert status == 0, said
    return time.monotonic() - begun


def test_a_power_cut_while_installing_leaves_a_disk_that_can_be_taken_again(tmp_path, figure):
    """By the answer on a stick, without `wipe`. Beside it a disk that nobody chose, compared byte for byte."""
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
        begun = time.monotonic()
        vm.send(f"{INSTALL} --unattended </dev/null\n")
        vm.wait_for("Lodge is installed", stages.INSTALL_S, fail="refused|failed")
        took = time.monotonic() - begun
        vm.wait_end(60)
    assert hashlib.sha256(other.read_bytes()).hexdigest() == before
    with stages.rescued() as vm:
        plug(vm, disk)
        plug_labelled(vm, program_stick(tmp_path / "program.img", "unsquashfs"), "PROGRAM")
        alone = unsquash_s(vm)
    figure("installing unattended, against unsquashfs of the image to that disk", f"{took:.0f} s / {alone:.0f} s = {took / alone:.2f}", "<= 2.5", took <= 2.5 * alone)


def test_a_damaged_medium_is_found_before_it_installs(tmp_path):
    iso = tmp_path / "damaged.iso"
    shutil.copyfile(stages.medium(), iso)
    with open(iso, "r+b") as file:
        file.seek(iso.stat().st_size // 2)  # in the image, which is nearly all of it
        file.write(b"damaged" * 10)
    with Machine(cdrom=iso) as vm:
        stages.choose(vm, "Check this medium")
        vm.wait_for("Checking the medium", stages.BOOT_S)
        vm.wait_for(r"lodge\.squashfs: FAILED", 120)
        vm.wait_for("the medium is damaged", 10)
