"""Two disks as a mirror, by an answer that a server gives at the second attempt, with a static address and a script for the first
start: either disk starts the host."""
import pytest

import stages
from host import Host, answer
from https_folder import https_folder
from machine import Machine, new_disk, overlay

ADDRESS = "10.0.2.77"
SCRIPT = "#!/bin/sh\necho once >>/var/lib/first-boot-was-here\n"


@pytest.fixture(scope="module")
def disks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mirror")
    return [new_disk(folder / "one.qcow2"), new_disk(folder / "two.qcow2")]


def test_a_mirror_is_installed_once_the_server_has_the_answer(disks, tmp_path):
    """The medium's menu lets one type this after `e`; here the words come with the kernel."""
    text = answer(
        disk_setup__disk_list=["LODGE0", "LODGE1"], disk_setup__mirror=True, network__source="from-answer",
        network__cidr=f"{ADDRESS}/24", network__gateway="10.0.2.2", network__dns=["10.0.2.3"], first_boot__source="from-answer",
        first_boot__script=SCRIPT)
    image = stages.ROOT / "build/image"
    with https_folder(tmp_path) as (port, fingerprint, asked):
        words = ("boot=lodge console=ttyS0,115200 quiet loglevel=4 lodge.mode=install lodge.unattended "
                 f"lodge.answer=https://10.0.2.2:{port}/answer.toml lodge.answer-fingerprint={fingerprint}")
        with Machine(cdrom=stages.medium(), disks=disks, kernel=image / "vmlinuz", initrd=image / "initrd.img", append=words) as vm:
            vm.wait_for("nothing was written", stages.BOOT_S)
            vm.wait_for("r: try again", 10)
            assert "404" in vm.text
            (tmp_path / "answer.toml").write_text(text)
            vm.send("r\n")
            stages.await_installed(vm)
    assert set(asked) == {"/answer.toml"}


def started_with(disks, left, folder, **more):
    """One of the two is lost."""
    disk = overlay(disks[left], folder / f"{left}.qcow2")
    return Host([{"path": disk, "serial": f"LODGE{left}"}], nics=[{"mac": "52:54:00:4c:00:01", "address": ADDRESS}], **more)


def check(vm):
    vm.wait_for_api(stages.BOOT_S)
    assert vm.wait_ssh("ip -br -4 address show br0").split()[2].startswith(ADDRESS)
    states = vm.ssh("cat /proc/mdstat")
    assert states.count("[U_]") + states.count("[_U]") == 4, states
    assert vm.wait_ssh("cat /var/lib/first-boot-was-here") == "once\n"
    warnings = vm.api().get("/nodes").expect(200).json["items"][0]["status"].get("warnings", [])
    assert any("has one disk only" in text for text in warnings), warnings


def test_it_starts_from_the_first_disk_alone_by_uefi(disks, tmp_path):
    with started_with(disks, 0, tmp_path, uefi=True) as vm:
        check(vm)


@pytest.fixture(scope="module")
def second(disks, tmp_path_factory):
    with started_with(disks, 1, tmp_path_factory.mktemp("second")) as vm:
        yield vm


def test_it_starts_from_the_second_disk_alone_by_bios(second):
    check(second)


def test_a_new_disk_takes_the_place_of_the_lost_one(second, tmp_path):
    second.plug_disk(new_disk(tmp_path / "new.qcow2"), "NEW")
    second.plug_disk(new_disk(tmp_path / "small.qcow2", "4G"), "SMALL")
    second.wait_ssh("lsblk -dno SERIAL | grep -x SMALL")
    new, small, left = (second.ssh(f"lsblk -dnpo NAME,SERIAL | awk '$2 == \"{serial}\" {{ print $1 }}'").strip() for serial in ("NEW", "SMALL", "LODGE1"))
    for disk, why in ((left, "is the disk that is left"), (small, "is smaller"), (f"{left}1", "not a whole disk")):
        refused = second.ssh(f"lodge-mirror take {disk} --wipe", check=False)
        assert refused.returncode == 1 and why in refused.stderr, refused
    second.ssh(f"mkfs.ext4 -q {new}")
    assert "is not empty: " in second.ssh(f"lodge-mirror take {new}", check=False).stderr
    second.ssh(f"lodge-mirror take {new} --wipe", timeout_s=300)
    assert "being copied to already" in second.ssh(f"lodge-mirror take {new} --wipe", check=False).stderr
    second.wait_ssh("lodge-mirror | grep '^a.* in_sync .* in_sync'", 600)
    both = second.ssh(f"""mkdir -p /tmp/1 /tmp/2; mount -o ro {left}2 /tmp/1; mount -o ro {new}2 /tmp/2; diff -rq /tmp/1 /tmp/2; umount /tmp/1 /tmp/2
        blkid -s UUID -o value {left}2 {new}2; lsblk -nro PARTLABEL {new}1; dd if={new} bs=440 count=1 status=none | grep -ac GRUB""", check=False).stdout.split("\n")
    differ = [line for line in both if line.startswith(("Files", "Only"))]
    serials = [line for line in both if len(line) == 9 and line[4] == "-"]
    assert all("efi" in line.lower() or "load.cfg" in line or "core" in line for line in differ), differ  # these hold the serial number
    assert len(set(serials)) == 2 and both[-3].endswith("-bios") and both[-2] == "1", both
