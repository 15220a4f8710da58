"""The boot script's choice of disks, in a folder that looks like a machine's /proc, /sys and /dev."""

import shutil
import subprocess

import pytest

from conftest import ROOT

SCRIPT = ROOT / "image-builder/initramfs/scripts/lodge"
OWN, OTHER = "1a2b3c4d", "00c0ffee"

# What the initial file system has beside the script. With `sleep` the clock goes on by a second; with LATE an array appears at that time.
AROUND = """
panic() { echo "panic: $1"; exit 1; }
naps=0
sleep() { naps=$((naps + 1)); echo "$naps.00 0.00" >"$LODGE_BOOT_ROOT/proc/uptime"; if [ "$naps" = "${LATE:-}" ]; then mv "$LODGE_BOOT_ROOT/later" "$LODGE_BOOT_ROOT/sys/block/md127"; fi; }
mdadm() {
    if [ "$1" = --examine ]; then cat "$LODGE_BOOT_ROOT/state-of/${2##*/}"; return; fi
    ran "$@"; if [ -e "$LODGE_BOOT_ROOT/half" ]; then mkdir -p "$LODGE_BOOT_ROOT/dev/md"; : >"$LODGE_BOOT_ROOT/dev/md/$(cat "$LODGE_BOOT_ROOT/half")"; fi
}
lvm() { if [ -n "${NO_VOLUME:-}" ]; then return 5; fi; ran lvm "$@"; }
mount() { ran mount "$@"; }
modprobe() { :; }
readlink() { echo "$2"; }
ran() { echo "$@" | sed "s,$LODGE_BOOT_ROOT,,g" >>"$LODGE_BOOT_ROOT/ran"; }
. "$SCRIPT"
lodge_take_id
case $1 in
    local) lodge_dir=$LODGE_BOOT_ROOT; lodge_mount_local ;;
    histories) lodge_check_histories ;;
    *) lodge_find "$1" || exit 1 ;;
esac
"""

SHELLS = [shell for shell in (["dash"], ["busybox", "sh"], ["bash", "--posix"]) if shutil.which(shell[0])]


@pytest.fixture(params=SHELLS, ids=lambda shell: shell[0])
def machine(request, tmp_path):
    class Machine:
        def __init__(self):
            for folder in ("proc", "sys/block", "sys/class/tty/console", "dev/disk/by-partlabel"):
                (tmp_path / folder).mkdir(parents=True)
            (tmp_path / "sys/class/tty/console/active").write_text("ttyS0 tty0\n")
            (tmp_path / "proc/uptime").write_text("0.00 0.00\n")

        def partition(self, installation, name):
            (tmp_path / f"dev/disk/by-partlabel/lodge-{installation}-{name}").touch()

        def mirror(self, installation, name):
            (tmp_path / "dev/md").mkdir(exist_ok=True)
            (tmp_path / f"dev/md/lodge-{installation}-{name}").touch()

        def half(self, array, partition, installation, name):
            """An array that has not started, with one partition."""
            slave = tmp_path / f"sys/block/{array}/slaves/{partition}"
            slave.mkdir(parents=True)
            (slave / "uevent").write_text(f"DEVNAME={partition}\nPARTN=5\nPARTNAME=lodge-{installation}-{name}\n")
            if installation == OWN:
                (tmp_path / "half").write_text(f"lodge-{installation}-{name}")

        def member(self, partition, name, array, believes, role="Active device 1"):
            """A half that is in an array, which runs (clean) or waits (inactive), or in none, and what it believes of both."""
            folder = tmp_path / f"sys/class/block/{partition}"
            (folder / "holders").mkdir(parents=True)
            (folder / "uevent").write_text(f"DEVNAME={partition}\nPARTNAME=lodge-{name}\n")
            if array:
                (folder / "holders/md1/md").mkdir(parents=True)
                (folder / "holders/md1/md/array_state").write_text(f"{array}\n")
            (tmp_path / "state-of").mkdir(exist_ok=True)
            (tmp_path / "state-of" / partition).write_text(
                f"          State : clean\n   Device Role : {role}\n   Array State : {believes} ('A' == active, '.' == missing, 'R' == replacing)\n")

        def fstab(self, text=f"/dev/lodge_{OWN}/local /var/lib/lodge/local xfs nofail 0 0\n"):
            (tmp_path / "etc").mkdir(exist_ok=True)
            (tmp_path / "etc/fstab").write_text(text)

        def find(self, name, cmdline, **environment):
            (tmp_path / "proc/cmdline").write_text(cmdline + "\n")
            done = subprocess.run(
                [*request.param, "-c", AROUND, "find", name], capture_output=True, text=True, timeout=60, check=False,
                env={"PATH": "/usr/bin:/bin", "rootmnt": str(tmp_path), "LODGE_BOOT_ROOT": str(tmp_path), "SCRIPT": str(SCRIPT), **environment})
            return done.stdout.strip().removeprefix(str(tmp_path)), done.returncode

        def seconds(self):
            return float((tmp_path / "proc/uptime").read_text().split()[0])

        def said(self):
            on_screen, on_serial = ((tmp_path / "dev" / name).read_text() for name in ("tty0", "ttyS0"))
            assert on_screen == on_serial
            return on_screen

        def ran(self):
            return (tmp_path / "ran").read_text().split("\n")[:-1] if (tmp_path / "ran").exists() else []

    return Machine()


def test_only_this_installations_partition_is_taken(machine):
    machine.partition(OTHER, "state")
    machine.partition(OWN, "state")
    assert machine.find("state", f"boot=lodge lodge.id={OWN} quiet") == (f"/dev/disk/by-partlabel/lodge-{OWN}-state", 0)


def test_without_its_own_disk_the_host_does_not_start_from_anothers(machine):
    machine.partition(OTHER, "state")
    machine.mirror(OTHER, "state")
    out, status = machine.find("state", f"lodge.id={OWN}")
    assert status == 1 and out == f"panic: lodge: no disk has a partition lodge-{OWN}-state"
    assert "Is the disk that Lodge was installed on connected" in machine.said()


@pytest.mark.parametrize("cmdline", ["boot=lodge lodge.slot=a", "lodge.id=", "lodge.id=*", "lodge.id=1a2b/../x"])
def test_without_an_id_nothing_is_taken(machine, cmdline):
    machine.partition(OWN, "a")
    _, status = machine.find("a", cmdline)
    assert status == 1 and "does not say whose disks to take" in machine.said()


def test_a_mirrors_half_is_not_taken_for_a_partition_of_its_own(machine):
    machine.partition(OWN, "a")
    assert machine.find("a", f"lodge.id={OWN} lodge.mirror")[1] == 1
    machine.mirror(OWN, "a")
    assert machine.find("a", f"lodge.id={OWN} lodge.mirror") == (f"/dev/md/lodge-{OWN}-a", 0)


def test_of_incomplete_mirrors_only_this_installations_are_started(machine):
    machine.half("md126", "sdb5", OTHER, "state")
    machine.half("md127", "sda5", OWN, "state")
    assert machine.find("state", f"lodge.id={OWN} lodge.mirror") == (f"/dev/md/lodge-{OWN}-state", 0)
    assert machine.ran() == ["--run /dev/md127"]


def test_a_disk_that_spins_up_late_is_waited_for_and_then_started_alone(machine, tmp_path):
    machine.half("md127", "sda5", OWN, "state")
    (tmp_path / "sys/block/md127").rename(tmp_path / "later")
    assert machine.find("state", f"lodge.id={OWN} lodge.mirror", LATE="90") == (f"/dev/md/lodge-{OWN}-state", 0)
    assert machine.ran() == ["--run /dev/md127"]
    assert machine.seconds() == 90 + 20 + 1  # the last nap is behind it


STATE = f"{OWN}-state"


@pytest.mark.parametrize("members, starts", [
    ([("sda5", STATE, "clean", "A.")], True),  # one disk is gone
    ([("sda5", STATE, "clean", "AA"), ("sdb5", STATE, "clean", "AA")], True),
    ([("sda5", STATE, "clean", "A."), ("sdb5", STATE, "", "AA")], True),  # one was left out, and has not run since
    ([("sda5", STATE, "", "A."), ("sdb5", STATE, "inactive", "AA")], True),  # it came first, and the other is just being looked at
    ([("sda5", STATE, "clean", "A."), ("sdb5", STATE, "", "A.", "spare")], True),  # it is about to be filled
    ([("sda5", STATE, "active", "AA"), ("sdb5", STATE, "active", "AA"), ("sdc5", STATE, "", ".A")], True),  # a third one
    ([("sda5", STATE, "clean", "A."), ("sdb5", f"{OTHER}-state", "", ".A")], True),
    ([("sda5", STATE, "clean", "A."), ("sdb5", STATE, "", ".A")], False),
    ([("sda5", STATE, "read-auto", "A."), ("sdb5", STATE, "", ".A")], False)])
def test_disks_that_each_ran_alone_start_nothing(machine, members, starts):
    for member in members:
        machine.member(*member)
    out, status = machine.find("histories", f"lodge.id={OWN} lodge.mirror")
    assert (status == 0) == starts, out
    if not starts:
        assert "each of its two disks has run without the other" in machine.said() and "Take out the disk" in machine.said()


def mounts_of(device):
    return [f"lvm lvchange --devices {device} --sysinit -aay lodge_{OWN}/local",
            f"mount -t xfs -o noatime,nodev,prjquota /dev/lodge_{OWN}/local /var/lib/lodge/local",
            *(f"mount -o bind /var/lib/lodge/local/{name} /var/lib/lodge/{name}" for name in ("images", "pools"))]


@pytest.mark.parametrize("mirror", [False, True])
def test_the_pools_volume_is_taken_from_its_own_disk_or_mirror_alone(machine, mirror):
    machine.fstab()
    machine.partition(OTHER, "lvm")
    machine.partition(OWN, "lvm")
    if mirror:
        machine.mirror(OWN, "lvm")
    assert machine.find("local", f"lodge.id={OWN}{' lodge.mirror' if mirror else ''}") == ("", 0)
    assert machine.ran() == mounts_of(f"/dev/md/lodge-{OWN}-lvm" if mirror else f"/dev/disk/by-partlabel/lodge-{OWN}-lvm")


def test_a_host_starts_without_the_pools_volume(machine):
    machine.partition(OTHER, "lvm")
    assert machine.find("local", f"lodge.id={OWN}") == ("", 0)
    machine.partition(OWN, "lvm")
    machine.fstab()
    assert machine.find("local", f"lodge.id={OWN}", NO_VOLUME="yes") == ("", 0)
    assert machine.ran() == []


def test_a_host_that_starts_to_be_repaired_only_leaves_the_volume_alone(machine):
    """Its configuration is damaged: /etc/fstab is empty."""
    machine.fstab("")
    machine.partition(OWN, "lvm")
    assert machine.find("local", f"lodge.id={OWN}") == ("", 0)
    assert machine.ran() == []
