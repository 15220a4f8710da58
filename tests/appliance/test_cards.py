"""Network cards that come and go, and networks that do not answer, on a host that was installed with one card."""
import pytest

import stages
from host import MAC, PASSWORD, Host
from machine import overlay

F12 = "\x1b[24~"
ANOTHER = "52:54:00:4c:00:09"


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    return overlay(stages.installed(), tmp_path_factory.mktemp("cards") / "disk.qcow2")


def test_a_second_card_that_comes_before_the_first_does_not_lose_the_host(disk):
    with Host([disk], nics=[{"mac": ANOTHER, "dhcp": False}, MAC], outside=1) as vm:
        vm.wait_for_api(stages.BOOT_S)
        links = {line.split()[0]: line.split()[2] for line in vm.wait_ssh("ip -br link").splitlines()}
        assert links["lan0"] == MAC and links["br0"] == MAC
        vm.ssh("systemctl poweroff", check=False)
        vm.wait_end(120)


def prove(vm):
    """As the administrator. lodged, which is asked, may still be starting: then the screen says so, and one tries again."""
    for _ in range(20):
        vm.wait_shown("Only who may change this host", "admin").send(PASSWORD + "\r")
        while "Only who may" in vm.shown() or "being checked" in vm.shown():
            vm._read(0.2)
        if "cannot be checked" not in vm.shown():
            return
        vm.send("\r")


def test_without_the_first_card_its_screen_says_so_and_gives_the_host_another(disk):
    with Host([disk], nics=[ANOTHER]) as vm:
        vm.wait_shown("is not in this machine any more", "Network", timeout_s=stages.BOOT_S)
        vm.send("\r")
        prove(vm)
        vm.wait_shown("Network (", ANOTHER).send(F12)
        vm.wait_shown("this will change", "lan0").send(F12)
        vm.wait_shown("does it work?")
        vm.wait_for_api(stages.BOOT_S + 120)
        vm.send(F12)
        vm.wait_shown("Services", "https://10.0.2.15")


def test_when_nobody_answers_dhcp_the_host_starts_and_its_screen_says_why_it_has_no_address(tmp_path):
    disk = overlay(stages.installed(), tmp_path / "disk.qcow2")
    with Host([disk], nics=[{"mac": MAC, "dhcp": False}]) as vm:
        vm.wait_shown("no DHCP server has given one", "lodged", "running", timeout_s=stages.BOOT_S)
