"""The medium as a USB stick, by UEFI, with somebody at the serial port who wants a mirror and a static address; then either disk of
the mirror starts the host, by UEFI and by BIOS, and a new one takes the place of the other."""
import pytest

import stages
from host import CACHE, MAC, PASSWORD, Host
from machine import new_disk, overlay
from rescue import plug

F12 = "\x1b[24~"
ADDRESS = "10.0.2.77"
PICTURES = CACHE / "pictures"


@pytest.fixture(scope="module")
def firmware(tmp_path_factory):
    """What the machine's firmware remembers, from one start to the next."""
    return str(tmp_path_factory.mktemp("firmware") / "variables.qcow2")


@pytest.fixture(scope="module")
def disks(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mirror")
    return [new_disk(folder / "one.qcow2"), new_disk(folder / "two.qcow2")]


def answer_the_screens(vm):
    def screen(title, keys="", *words):
        vm.wait_shown(title, *words, timeout_s=stages.BOOT_S)
        vm.send(keys + F12)
    screen("Installing Lodge (1 of")
    screen("Keyboard (2 of")
    screen("Disk (3 of", "\t ", "24 GiB", "it is the medium")  # the mark for a mirror
    screen("Second disk (")
    screen("Network (", "\t ", MAC, "link")  # the mark for a static address
    screen("Address (", f"{ADDRESS}/24\t10.0.2.2\t10.0.2.3")
    screen("Name (", "stick.example.org")
    screen("Administrator (", f"{PASSWORD}\t{PASSWORD}")
    screen("Shell access (", "a root password\ta root password")
    screen("Time zone (")
    vm.wait_shown("Summary (", "stick.example.org", "as a mirror")
    vm.screenshot(PICTURES / "installer.png")
    vm.send(F12)


def test_a_stick_installs_a_mirror_by_uefi_with_somebody_at_the_serial_port(disks, firmware):
    PICTURES.mkdir(parents=True, exist_ok=True)
    with Host(disks, usb=stages.medium(), uefi=firmware) as vm:
        vm.wait_shown("*Install Lodge", "Start from the first disk", timeout_s=90)
        vm.send("\x1b[A")  # the first stays chosen, and the countdown ends
        vm.screenshot(PICTURES / "boot-menu.png")
        stages.choose(vm, "Install Lodge")
        answer_the_screens(vm)
        vm.wait_shown("Lodge is installed", "Remove the installation medium", timeout_s=stages.INSTALL_S)
        vm.send("\r")
        vm.wait_for("Restarting system|reboot: ", 90)


def started_with(disks, left, folder, **more):
    """One of the two is lost."""
    disk = overlay(disks[left], folder / f"{left}.qcow2")
    return Host([{"path": disk, "serial": f"LODGE{left}"}], nics=[{"mac": MAC, "address": ADDRESS}], **more)


def check(vm):
    vm.wait_for_api(stages.BOOT_S)
    node = vm.api().get("/nodes").expect(200).json["items"][0]
    assert node["metadata"]["name"] == "stick"
    assert any("has one disk only" in text for text in node["status"]["warnings"]), node
    vm.wait_shown("stick", ADDRESS, "SHA-256", timeout_s=60)


@pytest.fixture(scope="module")
def second(disks, tmp_path_factory):
    with started_with(disks, 1, tmp_path_factory.mktemp("second")) as vm:
        yield vm


# What is started and may be written has in each half that it is alone.
RUN_ALONE = """for part in 3 4 5 6; do mdadm --quiet --assemble --run /dev/md9 /dev/sda$part && mdadm --readwrite /dev/md9 && mdadm --quiet --stop /dev/md9 || exit 1; done"""


@pytest.fixture(scope="module")
def halves(disks, tmp_path_factory):
    """The two disks, after each has run without the other."""
    folder = tmp_path_factory.mktemp("halves")
    made = [overlay(disk, folder / f"{n}.qcow2") for n, disk in enumerate(disks)]
    for half in made:
        with stages.rescued() as vm:
            plug(vm, half)
            ok(vm, f"mdadm --quiet --stop --scan; ({RUN_ALONE})")
    return made


def test_the_first_disk_alone_starts_it_by_uefi(disks, firmware, tmp_path):
    with started_with(disks, 0, tmp_path, uefi=firmware) as vm:
        check(vm)
        vm.screenshot(PICTURES / "host.png", still_s=6)
        vm.shell_by_screen("a root password")
        assert vm.run(r"cat /sys/firmware/efi/efivars/Boot0* | tr -d '\0' | grep -aq 'EFI.lodge.grubx64'")[0] == 0, "the firmware knows the disk"
        assert vm.run("systemctl is-active ssh")[0] == 0


def test_the_second_disk_alone_starts_it_by_bios(second):
    check(second)
    second.shell_by_screen("a root password")
    states = second.run("cat /proc/mdstat")[1]
    assert states.count("[_U]") == 4, states


def ok(vm, command, timeout_s=120):
    status, said = vm.run(f"({command}) 2>&1", timeout_s)
    assert status == 0, f"{command}: {status}\n{said}"
    return said


def refused(vm, command):
    status, said = vm.run(f"({command}) 2>&1", 120)
    assert status == 1, f"{command}: {status}\n{said}"
    return said


def plugged(vm, path, serial):
    """The name that the disk has in the running host."""
    vm.plug_disk(path, serial)
    ok(vm, f"until lsblk -dno SERIAL | grep -x {serial}; do sleep 1; done; udevadm settle")
    return ok(vm, f"lsblk -dnpo NAME,SERIAL | awk '$2 == \"{serial}\" {{ print $1 }}'").strip()


def unplug(vm, serial):
    vm.unplug_disk(serial)
    ok(vm, f"while lsblk -dno SERIAL | grep -x {serial}; do sleep 1; done; echo written >/var/meanwhile; sync")


WHOLE = "until lodge-mirror | grep 'both disks have everything'; do sleep 2; done"


def test_a_disk_that_ran_alone_stays_out_of_it(second, halves, tmp_path):
    plugged(second, overlay(halves[0], tmp_path / "apart.qcow2"), "APART")
    ok(second, "until [ $(journalctl -u 'lodge-mirror@*' | grep -c 'cannot be part of') = 4 ]; do sleep 1; done", 300)
    assert ok(second, "cat /proc/mdstat").count("[_U]") == 4
    unplug(second, "APART")


def test_a_disk_that_was_missing_is_part_of_the_mirror_again_as_soon_as_it_is_there(second, disks, tmp_path):
    lost = overlay(disks[0], tmp_path / "lost.qcow2")
    for serial in ("LOOSE", "AGAIN"):  # missing at the start, and pulled out
        plugged(second, lost, serial)
        ok(second, WHOLE, 300)
        assert ok(second, "cat /proc/mdstat").count("[UU]") == 4
        unplug(second, serial)


def test_a_new_disk_takes_the_place_of_the_lost_one(second, tmp_path):
    new = plugged(second, new_disk(tmp_path / "new.qcow2"), "NEW")
    small = plugged(second, new_disk(tmp_path / "small.qcow2", "4G"), "SMALL")
    left = "/dev/vda"
    for disk, why in ((left, "is the disk that is left"), (small, "is smaller"), (f"{left}1", "not a whole disk")):
        assert why in refused(second, f"lodge-mirror take {disk} --wipe")
    ok(second, f"mkfs.ext4 -q {new}")
    assert "is not empty: " in refused(second, f"lodge-mirror take {new}")
    ok(second, f"lodge-mirror take {new} --wipe", 300)
    assert "being copied to already" in refused(second, f"lodge-mirror take {new} --wipe")
    ok(second, "until lodge-mirror | grep '^a.* in_sync .* in_sync'; do sleep 2; done", 600)
    both_start(second, left, new)


def both_start(vm, left, new):
    """The new disk has all that starts a host, and a serial number of its own, by which its own GRUB finds it."""
    differ = vm.run(f"mkdir -p /tmp/1 /tmp/2; mount -o ro {left}2 /tmp/1; mount -o ro {new}2 /tmp/2; diff -rq /tmp/1 /tmp/2; umount /tmp/1 /tmp/2")[1].splitlines()
    assert all("efi" in line.lower() or "load.cfg" in line or "core" in line for line in differ), differ  # these hold the number
    assert len(set(ok(vm, f"blkid -s UUID -o value {left}2 {new}2").split())) == 2
    assert ok(vm, f"lsblk -nro PARTLABEL {new}1").strip().endswith("-bios")
    assert ok(vm, f"dd if={new} bs=440 count=1 status=none | grep -ac GRUB").strip() == "1"


def test_disks_that_each_ran_alone_start_nothing(halves, tmp_path):
    """Arrays would begin with one part from here and one from there."""
    with Host([overlay(half, tmp_path / half.name) for half in halves]) as vm:
        vm.wait_for("each of its two disks has run without the other", stages.BOOT_S)
