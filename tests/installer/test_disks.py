"""Which disks count as empty, of those on which no program finds anything: images of disks, that lsblk names."""

import json
import os
import subprocess

import pytest

from conftest import GB, installer

SIZE = 16 * GB // 2**20 * 2**20
MIB = 2**20


@pytest.fixture
def inventory_of(tmp_path):
    """What the installer says of a disk that nothing is known of but its path and size."""
    image = tmp_path / "disk.img"
    with open(image, "wb") as file:
        file.truncate(SIZE)

    def read(pttype=None, path=image):
        disk = {"name": "sda", "path": str(path), "size": SIZE, "type": "disk", "pttype": pttype}
        for name, script in (("lsblk", f"echo '{json.dumps({'blockdevices': [disk]})}'"), ("pvs", "exit 1")):
            (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
            (tmp_path / name).chmod(0o755)
        done = installer("inventory", env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"})
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)["disks"][0]
    read.image = image
    return read


def write(image, at, data):
    with open(image, "r+b") as file:
        file.seek(at)
        file.write(data)


def test_a_partition_table_without_partitions_is_empty_until_something_stands_behind_it(inventory_of):
    assert inventory_of()["holds"] == "empty"
    subprocess.run(["sgdisk", "--clear", inventory_of.image], check=True, capture_output=True)
    seen = inventory_of("gpt")
    assert (seen["state"], seen["holds"]) == ("empty", "empty (a partition table without partitions)")
    write(inventory_of.image, MIB, b"of a partition that was there")
    seen = inventory_of("gpt")
    assert (seen["state"], seen["holds"]) == ("data", "unknown data")


@pytest.mark.parametrize("at", [0, MIB, SIZE - 512])
def test_a_disk_on_which_nothing_is_known_is_not_empty_when_something_stands_there(inventory_of, at):
    write(inventory_of.image, at, os.urandom(512))
    assert inventory_of()["holds"] == "unknown data"


def test_a_disk_that_cannot_be_read_is_not_empty_and_says_why(inventory_of):
    seen = inventory_of(path="/dev/nowhere")
    assert seen["state"] == "data" and seen["unreadable"]
    assert seen["holds"] == "it cannot be read (No such file or directory)"
