"""Installing by answer file: what is refused, what is printed, and a real installation on a loop device."""

import json
import os
import re
import subprocess

import pytest

from conftest import ANSWER, GB, disk, installer
from https_folder import https_folder

SMALLEST = 16 * GB


@pytest.fixture
def answer(tmp_path):
    def write(text=ANSWER):
        path = tmp_path / "answer.toml"
        path.write_text(text)
        return path
    return write


@pytest.mark.parametrize("name", ["help", "--help", "example", "reference", "keyboards", "--version"])
def test_what_only_prints_ends_well(name):
    done = installer(name)
    assert done.returncode == 0 and done.stdout and not done.stderr


@pytest.mark.parametrize("args", [["runn"], ["run", "--wipe"], ["run", "--skip", "everything"], ["run", "--answer"], ["validate"]])
def test_wrong_usage_says_what_is_wrong_and_where_the_help_is(args):
    done = installer(*args)
    assert done.returncode == 2 and "lodge-installer help" in done.stderr


def test_validate_says_everything_at_once_with_lines(answer):
    done = installer("validate", answer(ANSWER.replace("fqdn", "fqnd") + 'wipe = "yes"\n'))
    assert done.returncode == 1
    assert "answer.toml:3: [global] fqnd: there is no such key\n    Did you mean fqdn?" in done.stderr
    assert "answer.toml:9: [disk-setup] wipe: must be true or false" in done.stderr
    assert installer("validate", answer()).returncode == 0


def test_a_dry_run_prints_the_plan_and_touches_nothing(answer, inventory, medium):
    done = installer("run", "--answer", answer(), "--inventory", inventory(disk()), "--medium", medium, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "run sgdisk --clear" in done.stdout
    assert "correct horse" not in done.stdout + done.stderr


def test_a_disk_with_data_is_refused_before_anything_is_written(answer, inventory, medium):
    target = disk(state="data", holds="LVM volume group old")
    done = installer("run", "--answer", answer(), "--inventory", inventory(target), "--medium", medium)
    assert done.returncode == 1
    assert "answer.toml:8: [disk-setup] disk-list: /dev/sda (Test, S0) is not empty: LVM volume group old" in done.stderr
    assert "wipe = true" in done.stderr and "nothing was written" in done.stderr


def test_a_server_is_asked_for_nothing_before_its_certificate_is_known_to_be_the_right_one(answer, inventory, medium, tmp_path):
    """Its address may hold a password."""
    (tmp_path / "first-boot").write_text("#!/bin/sh\ntrue\n")
    with https_folder(tmp_path) as (port, fingerprint, asked):
        def dry_run(named):
            script = f'[first-boot]\nsource = "from-url"\nurl = "https://me:secret@127.0.0.1:{port}/first-boot"\ncert-fingerprint = "{named}"\n'
            return installer("run", "--answer", answer(ANSWER + script), "--inventory", inventory(disk()), "--medium", medium, "--dry-run")

        done = dry_run(fingerprint[::-1])
        assert done.returncode == 1 and "shows another certificate" in done.stderr and fingerprint in done.stderr, done.stderr
        assert asked == []
        done = dry_run(fingerprint)
        assert done.returncode == 0, done.stderr
        assert asked == ["/first-boot"]


def test_a_certificate_that_is_refused_is_told_with_the_machines_date(answer, inventory, medium, tmp_path):
    """A machine without its battery takes every certificate for one that is not valid yet."""
    with https_folder(tmp_path) as (port, _, asked):
        script = f'[first-boot]\nsource = "from-url"\nurl = "https://127.0.0.1:{port}/first-boot"\n'
        done = installer("run", "--answer", answer(ANSWER + script), "--inventory", inventory(disk()), "--medium", medium, "--dry-run")
    assert done.returncode == 1 and asked == []
    assert re.search(r"this machine's clock says \d{4}-\d\d-\d\d: if that is wrong", done.stderr), done.stderr


def test_a_medium_without_checksums_is_refused(answer, inventory, medium):
    (medium / "sha256sums").write_text("")
    done = installer("run", "--answer", answer(), "--inventory", inventory(disk()), "--medium", medium, "--dry-run")
    assert done.returncode == 1 and "the installation medium is damaged" in done.stderr


# ---- on a loop device ----

def run(*args):
    return subprocess.run(args, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def loop(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("needs root for a loop device")
    image = tmp_path / "disk.img"
    with open(image, "wb") as file:
        file.truncate(SMALLEST)
    device = run("losetup", "--find", "--show", "--partscan", image).strip()
    yield device
    subprocess.run(["partx", "--delete", device], check=False, capture_output=True)
    run("losetup", "--detach", device)


def kernel_has(file_system):
    subprocess.run(["modprobe", file_system], check=False, capture_output=True)
    with open("/proc/filesystems", encoding="ascii") as file:
        return file_system in file.read().split()


def phases_left_out():
    """LVM needs device mapper, and the ESP vfat: where the kernel lacks one, the appliance's own tests cover it."""
    left_out = [] if os.path.exists("/sys/class/misc/device-mapper") else ["lvm"]
    return left_out + ([] if kernel_has("vfat") else ["boot"])


def install(answer_path, inventory_path, medium):
    skips = [word for phase in phases_left_out() for word in ("--skip", phase)]
    return installer("run", "--answer", answer_path, "--inventory", inventory_path, "--medium", medium, *skips)


def test_two_installations_have_nothing_in_common(answer, inventory, medium):
    plan = ("run", "--answer", answer(), "--inventory", inventory(disk()), "--medium", medium, "--dry-run")
    ids = {tuple(set(re.findall("lodge[-_]([0-9a-f]{8})", installer(*plan).stdout))) for _ in range(2)}
    assert len(ids) == 2 and all(len(found) == 1 for found in ids)


def mounted_below():
    with open("/proc/mounts", encoding="ascii") as file:
        return [line for line in file if "/run/lodge-installer" in line]


def test_an_installation_leaves_a_disk_that_starts_and_nothing_mounted(answer, inventory, medium, loop, tmp_path):
    plan = inventory(disk(loop, size=SMALLEST))
    done = install(answer(), plan, medium)
    assert done.returncode == 0, done.stderr
    assert not mounted_below()
    table = run("sgdisk", "--print", loop)
    assert "lodge-unfinished" not in table
    run("partx", "--update", loop)  # renaming a part made the kernel forget all of a loop device's
    image = (medium / "lodge.squashfs").read_bytes()
    with open(f"{loop}p3", "rb") as slot:
        assert slot.read(len(image)) == image
    state = tmp_path / "state"
    state.mkdir()
    run("mount", "-o", "ro", f"{loop}p5", state)
    try:
        host = json.loads((state / "lib/lodge-host/host.json").read_text())
        mode = (state / "lib/lodge-host/host.json").stat().st_mode & 0o777
        machine_id = (state / "lib/lodge-host/etc/machine-id").read_text()
        log = (state / "log/lodge-installer.log").read_text() if kernel_has("vfat") else "installation begins, mkfs"
    finally:
        run("umount", state)
    assert [f"lodge-{host['id']}-{part}" for part in ("bios", "esp", "a", "b", "state", "lvm")] == re.findall("lodge-.*", table)
    assert host["hostname"] == "host1" and host["network"]["interface"] == {"mac": "52:54:00:00:00:02", "name": "lan0"}
    assert host["admin"]["password_hash"].startswith("$y$") and mode == 0o600
    assert len(machine_id) == 33
    assert "installation begins" in log and "mkfs" in log and "correct horse" not in log
    assert 'LABEL="host1"' in run("blkid", "-p", f"{loop}p5")


def test_a_failed_installation_is_known_by_its_disk_and_can_be_tried_again(answer, inventory, medium, loop):
    plan = inventory(disk(loop, size=SMALLEST))
    image = medium / "lodge.squashfs"
    whole = image.read_bytes()
    image.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    done = install(answer(), plan, medium)
    assert done.returncode == 1
    assert "the installation medium is damaged" in done.stderr and "Copying the system" in done.stderr
    assert not mounted_below()
    assert "lodge-unfinished" in run("sgdisk", "--print", loop)
    with open("/run/lodge-installer.log", encoding="utf-8") as log:
        assert "installation FAILED" in log.read()
    image.write_bytes(whole)
    assert install(answer(), plan, medium).returncode == 0
