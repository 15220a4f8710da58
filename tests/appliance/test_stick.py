"""The medium as a USB stick, by UEFI, with somebody at the serial port: the screens, and the host that comes of them."""
import pytest

import stages
from host import CACHE, PASSWORD, Host
from machine import new_disk

F12 = "\x1b[24~"
PICTURES = CACHE / "pictures"


@pytest.fixture(scope="module")
def firmware(tmp_path_factory):
    """What the machine's firmware remembers, from one start to the next."""
    return str(tmp_path_factory.mktemp("firmware") / "variables.qcow2")


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    return new_disk(tmp_path_factory.mktemp("stick") / "disk.qcow2")


def answer_the_screens(vm):
    def screen(title, keys="", *words):
        vm.wait_shown(title, *words, timeout_s=stages.BOOT_S)
        vm.send(keys + F12)
    screen("Installing Lodge (1 of")
    screen("Keyboard (2 of")
    screen("Disk (3 of", "", "24 GiB", "it is the medium")
    screen("Network (", "", "52:54:00:4c:00:01", "link")
    screen("Name (", "stick.example.org")
    screen("Administrator (", f"{PASSWORD}\t{PASSWORD}")
    screen("Shell access (", "a root password\ta root password")
    screen("Time zone (")
    vm.wait_shown("Summary (", "stick.example.org")
    vm.screenshot(PICTURES / "installer.png")
    vm.send(F12)


def test_a_stick_installs_by_uefi_with_somebody_at_the_serial_port(disk, firmware):
    PICTURES.mkdir(parents=True, exist_ok=True)
    with Host([disk], usb=stages.medium(), uefi=firmware) as vm:
        vm.wait_shown("*Install Lodge", "Start from the first disk", timeout_s=90)
        vm.send("\x1b[A")  # the first stays chosen, and the countdown ends
        vm.screenshot(PICTURES / "boot-menu.png")
        stages.choose(vm, "Install Lodge")
        answer_the_screens(vm)
        vm.wait_shown("Lodge is installed", "Remove the installation medium", timeout_s=stages.INSTALL_S)
        vm.send("\r")
        vm.wait_for("Restarting system|reboot: ", 90)


def test_what_the_screens_asked_for_is_there_and_starts_by_uefi(disk, firmware):
    with Host([disk], uefi=firmware) as vm:
        vm.wait_for_api(stages.BOOT_S)
        assert vm.api().get("/nodes").expect(200).json["items"][0]["metadata"]["name"] == "stick"
        vm.wait_shown("stick", "10.0.2.15", "SHA-256", timeout_s=60)
        vm.screenshot(PICTURES / "host.png", still_s=6)
        vm.shell_by_screen("a root password")
        assert vm.run(r"cat /sys/firmware/efi/efivars/Boot0* | tr -d '\0' | grep -aq 'EFI.lodge.grubx64'")[0] == 0, "the firmware knows the disk"
        assert vm.run("systemctl is-active ssh")[0] == 0
