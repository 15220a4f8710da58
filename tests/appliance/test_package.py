"""The Debian package on an ordinary Debian 13: installed, upgraded beside running guests, removed, purged."""
import re
import subprocess

import pytest

import stages
from host import ROOT
from machine import Machine

GETTY = "[Service]\nExecStart=\nExecStart=-/sbin/agetty -a root --noreset --noclear --keep-baud 115200 %I linux\n"
MONITORS = "pgrep -a -f 'lxc monitor' | sort"
DEB = "DEBIAN_FRONTEND=noninteractive apt-get -q -y -o APT::Sandbox::User=root"
DPKG = "DEBIAN_FRONTEND=noninteractive dpkg"  # in the emulator apt alone takes half a minute each time


def ordinary_debian(folder):
    """A disk with the packages that the image is made of, without Lodge; Lodge's package lies in /root."""
    disk, base = folder / "debian.raw", ROOT / "build/cache/base"
    shadow = folder / "shadow"
    shadow.write_text("\n".join("root::20000:0:99999:7:::" if line.startswith("root:") else line for line in (base / "etc/shadow").read_text().splitlines()) + "\n")
    getty = folder / "getty.conf"
    getty.write_text(GETTY)
    fstab = folder / "fstab"
    fstab.write_text("/dev/vda / ext4 defaults 0 1\n")
    deb, = (ROOT / "build/deb/trixie").glob("lodge_*.deb")
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", base, disk, "6G"], check=True)
    commands = ["mkdir /etc/systemd/system/serial-getty@ttyS0.service.d", "rm /etc/shadow", "rm /etc/fstab",
                f"write {shadow} /etc/shadow", f"write {fstab} /etc/fstab", f"write {deb} /root/lodge.deb",
                f"write {getty} /etc/systemd/system/serial-getty@ttyS0.service.d/auto.conf"]
    subprocess.run(["debugfs", "-w", "-f", "-", disk], input="\n".join(commands), text=True, check=True, capture_output=True)
    return {"path": str(disk), "format": "raw"}


@pytest.fixture(scope="module")
def debian(tmp_path_factory):
    image = ROOT / "build/image"
    disk = ordinary_debian(tmp_path_factory.mktemp("debian"))
    with Machine(disks=[disk], kernel=image / "vmlinuz", initrd=image / "initrd.img", append="root=/dev/vda rw console=ttyS0,115200 quiet") as vm:
        vm.wait_for(r"root@\S*:~#", stages.BOOT_S)
        assert vm.run("stty -echo; PS1='# '; export TERM=dumb; systemctl is-system-running --wait", 120)[0] in (0, 1)
        yield vm


def ok(vm, command, timeout_s=120):
    status, said = vm.run(command, timeout_s)
    assert status == 0, f"{command}: {status}\n{said}"
    return said


def test_apt_installs_it_and_lodge_answers(debian):
    ok(debian, f"{DEB} install /root/lodge.deb", 300)
    ok(debian, "for i in $(seq 300); do curl -sk -o /dev/null https://127.0.0.1:8443/api/v1/session && break; sleep 1; done; lodge --version", 90)
    assert "active\nactive" in ok(debian, "systemctl is-active lodged lodge-gate").replace("\r", "")
    ok(debian, "test -s /usr/share/bash-completion/completions/lodge; lodge guest list")


def test_each_unit_is_confined(debian, figure):
    """lodged's is what a root daemon has that starts machines: containers inherit what it gave up."""
    def exposure(unit):
        return float(re.search(r"level for \S+: ([\d.]+)", ok(debian, f"systemd-analyze security --no-pager {unit} | tail -1")).group(1))
    gate, lodged = exposure("lodge-gate"), exposure("lodged")
    figure("exposure of lodge-gate and lodged by systemd-analyze security", f"{gate}, {lodged}", "<= 2.0, 9.5", gate <= 2.0 and lodged <= 9.5)


def test_an_upgrade_touches_no_guest(debian):
    ok(debian, "lodge guest create c1 --type container --memory 128MiB --disk name=root,image=tiny-container --start --wait", 180)
    before = ok(debian, MONITORS)
    ok(debian, f"{DEB} install --reinstall /root/lodge.deb", 300)
    ok(debian, "for i in $(seq 300); do lodge guest show c1 && break; sleep 1; done", 90)
    assert ok(debian, MONITORS) == before


def test_a_purge_keeps_guests_unless_somebody_agreed(debian):
    ok(debian, f"{DPKG} --purge lodge", 300)
    ok(debian, "test -s /var/lib/lodge/registry.db")
    ok(debian, f"{DPKG} --install /root/lodge.deb && lodge guest show c1", 300)
    assert "purge-guests" in ok(debian, "debconf-show lodge"), "a purge can ask"
    ok(debian, f"echo lodge lodge/purge-guests boolean true | debconf-set-selections; {DPKG} --purge lodge; test ! -e /var/lib/lodge", 300)
