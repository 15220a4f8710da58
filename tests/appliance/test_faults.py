"""What goes wrong while installing, tried from the medium's rescue shell; and media that are damaged."""
import shutil
import subprocess

import pytest

import stages
from host import MAC, answer
from https_folder import https_folder
from machine import Machine, new_disk
from rescue import INSTALL, install, plug, plug_labelled


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
    plug(rescue, new_disk(tmp_path / "d.qcow2"))
    with https_folder(tmp_path) as (port, fingerprint, asked):
        url = f"https://10.0.2.2:{port}/script"
        status, said = install(rescue, answer(first_boot__source="from-url", first_boot__script=None, first_boot__url=url, first_boot__cert_fingerprint=fingerprint))
    assert asked == ["/script"]
    assert status == 1 and url in said and "nothing was written" in said, said
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
