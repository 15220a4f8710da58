"""Network cards that come and go, and networks that do not answer, on a host that was installed with one card."""
import pytest

import stages
from host import MAC, PASSWORD, Host
from machine import overlay

F12 = "\x1b[24~"
CHANGED = "a changed password"
ANOTHER = "52:54:00:4c:00:09"


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    return overlay(stages.installed(), tmp_path_factory.mktemp("cards") / "disk.qcow2")


def test_a_second_card_before_the_first_does_not_take_its_place_and_without_dhcp_the_screen_says_why_there_is_no_address(disk):
    with Host([disk], nics=[{"mac": ANOTHER, "dhcp": False}, {"mac": MAC, "dhcp": False}], outside=1) as vm:
        vm.wait_shown("no DHCP server has given one", "lodged", "running", timeout_s=stages.BOOT_S)
        vm.shell_by_screen(PASSWORD)
        status, said = vm.run("ip -br link; lodge node list")
        links = {words[0]: words[2] for words in map(str.split, said.splitlines()) if len(words) > 2}
        assert status == 0 and links.get("lan0") == links.get("br0") == MAC, (said, vm.tail(2000))
        vm.send(f"echo 'root:{CHANGED}' | chpasswd && poweroff\n")  # whether the next test's host knows it
        vm.wait_end(120)


def test_nobody_edits_its_boot_menu_without_a_password(disk, tmp_path):
    with Host([overlay(disk, tmp_path / "menu.qcow2")]) as vm:
        vm.wait_shown("Lodge, single user", timeout_s=60).send("e")
        vm.wait_shown("Enter username")


def test_without_the_first_card_its_screen_says_so_and_gives_the_host_another(disk):
    with Host([disk], nics=[ANOTHER]) as vm:
        vm.wait_shown("is not in this machine any more", "Network", timeout_s=stages.BOOT_S)
        vm.send("\r")
        vm.prove(CHANGED)
        vm.wait_shown("Network (", ANOTHER).send(F12)
        vm.wait_shown("this will change", "lan0").send(F12)
        vm.wait_shown("does it work?")
        vm.wait_for_api(stages.BOOT_S + 120)
        vm.send(F12)
        vm.wait_shown("Services", "https://10.0.2.15")
