"""Which of the image's units may stand on a terminal: read from their files, since only machines start them."""

import pytest

from conftest import ROOT

UNITS = ROOT / "image-builder/files/usr/lib/systemd/system"
ON_TERMINALS = ["lodge-installer@.service", "lodge-rescue@.service", "lodge-console@.service"]


def lines(name):
    return (UNITS / name).read_text().splitlines()


@pytest.mark.parametrize("name", ON_TERMINALS)
def test_nothing_runs_on_a_port_that_is_not_there(name):
    assert "ExecCondition=/usr/bin/stty -F /dev/%I" in lines(name)


def test_an_installed_host_shows_neither_installer_nor_a_shell_without_a_password():
    """The image is the same, and its boot menu says lodge.mode= on the medium only."""
    for name in ON_TERMINALS[:2]:
        assert "ConditionKernelCommandLine=lodge.mode" in lines(name)
    assert "ConditionKernelCommandLine=!lodge.mode" in lines(ON_TERMINALS[2])
    menu = (ROOT / "iso/grub.cfg").read_text()
    assert menu.count("linux /lodge/vmlinuz $common lodge.mode=") == menu.count("linux /")
    assert "lodge.mode" not in (ROOT / "iso/installer/plan_boot.c").read_text()


def test_a_host_with_a_damaged_configuration_shows_its_screen():
    assert "Wants=lodge-console@tty1.service lodge-console@ttyS0.service" in lines("lodge-live.target")
