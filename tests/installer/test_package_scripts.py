"""What the package runs when the host goes down and when it is purged itself, with fakes of the programs that it asks."""

import os
import subprocess

import pytest

from conftest import ROOT


@pytest.fixture
def programs(tmp_path):
    """Fakes write down how they were called, `lodge` also under which limit."""
    calls = tmp_path / "calls"
    fakes = {
        "lodge": f'echo "lodge $* within ${{LIMIT:-no limit}}" >>{calls}\n[ "$1 $2" != "node list" ] || echo ${{NODE-n1}}',
        "timeout": 'while [ "${1#-}" != "$1" ]; do shift; done\nexport LIMIT=$1\nshift\nexec "$@"',
        "systemctl": "echo ${STATE-stopping}",
    }
    for name, script in fakes.items():
        (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
        (tmp_path / name).chmod(0o755)

    def run(*words, **env):
        done = subprocess.run([ROOT / "debian/lodge-guests", *words], capture_output=True, text=True, timeout=30,
                              env=os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"} | env)
        return done, calls.read_text().splitlines() if calls.exists() else []
    return run


def test_guests_are_shut_down_only_when_the_host_goes_down(programs):
    assert programs("stop", "60", STATE="running")[1] == []
    done, calls = programs("stop", "60")
    assert done.returncode == 0 and calls[1] == "lodge node shutdown-guests n1 --timeout-s 60 --force --wait -q within 90"


def test_nothing_is_waited_for_without_an_end(programs):
    assert not [call for call in programs("stop-now", "60")[1] if "no limit" in call]


def test_without_lodged_it_says_that_guests_are_not_shut_down_in_order(programs):
    done, calls = programs("stop-now", "60", NODE="")
    assert done.returncode != 0 and "lodged does not answer" in done.stderr and len(calls) == 1


def test_virtual_machines_are_stopped_by_systemd_only_behind_the_unit():
    """libvirt gives their scopes Before=virt-guest-shutdown.target."""
    unit = (ROOT / "debian/lodge.lodge-guests.service").read_text()
    assert "Wants=virt-guest-shutdown.target\n" in unit and "After=virt-guest-shutdown.target libvirt-guests.service\n" in unit


PURGE = """
set -e
mount -t tmpfs lib /var/lib
mkdir -p /var/lib/lodge/pools/shared /var/lib/other
{before}
eval "$(sed -n '/^delete_data/,/^}}/p' {postrm})"
delete_data
{after}
"""


@pytest.mark.parametrize("before, after", [
    ("touch /var/lib/lodge/.x", "[ ! -e /var/lib/lodge ]"),
    ("mount -t tmpfs own /var/lib/lodge; mkdir /var/lib/lodge/x", '[ -z "$(ls -A /var/lib/lodge)" ]'),
    ("mount --bind /var/lib/other /var/lib/lodge/pools/shared; touch /var/lib/other/kept", "[ -e /var/lib/other/kept ] && [ ! -e /var/lib/lodge ]"),
    ("mount -t tmpfs own /var/lib/lodge/pools/shared; cd /var/lib/lodge/pools/shared", "[ -d /var/lib/lodge/pools/shared ]"),
], ids=["folder", "file system of its own", "others mounted below", "something in use"])
def test_purging_deletes_lodges_own_data_and_nothing_else(before, after):
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs root to mount a /var/lib of its own")
    script = PURGE.format(before=before, after=after, postrm=ROOT / "debian/lodge.postrm")
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
