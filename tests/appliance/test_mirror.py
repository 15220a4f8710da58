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


@pytest.mark.parametrize("lost", [0, 1])
def test_it_starts_from_either_disk_alone(disks, lost, tmp_path):
    left = overlay(disks[1 - lost], tmp_path / "left.qcow2")
    with Host([{"path": left, "serial": f"LODGE{1 - lost}"}], nics=[{"mac": "52:54:00:4c:00:01", "address": ADDRESS}], uefi=bool(lost)) as vm:
        vm.wait_for_api(stages.BOOT_S)
        assert vm.wait_ssh("ip -br -4 address show br0").split()[2].startswith(ADDRESS)
        states = vm.ssh("cat /proc/mdstat")
        assert states.count("[U_]") + states.count("[_U]") >= 3, states
        assert vm.wait_ssh("cat /var/lib/first-boot-was-here") == "once\n"
