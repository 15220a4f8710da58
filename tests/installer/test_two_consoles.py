"""Installing from two consoles, as the medium starts it: with a command line of the kernel and a /run of its own."""

import os
import subprocess

import pytest

from conftest import INSTALLER

MEDIUM = """
mount -t tmpfs run /run && echo lodge.unattended >/run/cmdline && mount --bind /run/cmdline /proc/cmdline || exit 1
{before}
exec {installer} run --medium {folder}
"""


FAILED_BEFORE = "echo failed >/run/lodge-installer.log"


@pytest.fixture
def console(screens, medium, tmp_path):
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs root to mount a command line of the kernel")
    for name, script in (("systemctl", f'echo "$*" >>{tmp_path}/calls'), ("lsblk", """echo '{"blockdevices": []}'"""), ("pvs", "exit 1")):
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)

    def start(before=""):
        script = MEDIUM.format(before=before, installer=INSTALLER, folder=medium)
        return screens("-m", "sh", "-c", script, program="/usr/bin/unshare", PATH=f"{tmp_path}:{os.environ['PATH']}")
    return start


def test_a_refusal_is_told_where_it_was_asked_for(console):
    s = console().wait("there is no answer file", "r: try again", seconds=30)  # a volume has 10 seconds to show up
    s.type("i\n").wait("Installing Lodge (1 of")


def test_an_installation_that_failed_is_not_begun_again_by_itself(console):
    s = console(FAILED_BEFORE).wait("Nothing is begun again by itself", "r: try again")
    assert "Looking for" not in s.text()
    s.type("r\n").wait("Looking for a volume labelled LODGE-ANSWER")


def test_the_machine_is_not_restarted_while_another_console_installs(console, tmp_path):
    s = console(FAILED_BEFORE).wait("r: try again")
    s.type("s\n").wait("#").type("flock -n /run/lodge-installer.lock sh -c 'echo lo''cked; exec sleep 60' &\n").wait("locked")
    s.screen.reset()
    s.type("exit\n").wait("r: try again").type("b\n").wait("being installed from another console: wait")
    assert not (tmp_path / "calls").exists()
    s.type("r\n").wait("being installed from another console. Its log")
