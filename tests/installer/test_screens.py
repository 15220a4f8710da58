"""Whole interactive runs in a terminal emulator, with --dry-run and disks that are not there."""

import re

import pytest

from conftest import GB, disk

WINDOWS = {"state": "data", "holds": "Windows, 3 partitions"}


@pytest.fixture
def start(screens, inventory, medium):
    def run(*disks, **kwargs):
        return screens("run", "--dry-run", "--medium", medium, "--inventory", inventory(*disks), **kwargs)
    return run


def to_disk(s):
    s.wait("Installing Lodge (1 of").next().wait("Keyboard (2 of").next().wait("Disk (3 of")


def to_summary(s, after_host=""):
    """From the network's screen, with a name and the passwords that are needed."""
    s.wait("Network (").next().wait("Name (").type("host1.example.org").next()
    s.wait("Administrator (").type("long enough\tlong enough").next()
    s.wait("Shell access (").next().wait("Time zone (").next().wait("Summary (")


def to_summary_again(s):
    """With what was entered before."""
    for title in ("Network (", "Name (", "Administrator (", "Shell access (", "Time zone ("):
        s.wait(title).next()
    s.wait("Summary (")


@pytest.mark.parametrize("term", ["vt220", "linux", "xterm"])
def test_a_whole_run_shows_what_will_be_written_and_prints_the_plan(start, term):
    s = start(disk(model="Fast Disk 9"), term=term)
    s.wait("Installing Lodge (1 of 9)").next()
    s.wait("Keyboard (2 of 9)", "English (US)").type("g\r")  # the first that begins so
    s.wait("Disk (3 of 9)", "sda", "59.6 GiB", "Fast Disk 9", "sda, serial number S0: empty").next()
    to_summary(s)
    s.wait("Disk: /dev/sda (Fast Disk 9, S0), 59.6 GiB", "on it now: empty", "keyboard de ", "enp2s0", "address by DHCP")
    s.next().wait("Nothing was written").type("\r")
    plan, status = s.end()
    assert status == 0
    assert re.search("--change-name=1:lodge-[0-9a-f]{8}-bios /dev/sda\n", plan)
    assert "long enough" not in plan


def test_a_disk_with_data_is_only_taken_when_its_name_is_typed(start):
    s = start(disk(**WINDOWS))
    to_disk(s)
    s.wait("Windows, 3 partitions").next()
    to_summary(s)
    s.wait("ALL OF IT WILL BE DESTROYED").next()
    s.wait("Data will be lost", "type sda").next()
    s.wait("Not yet", "Type sda to agree").type("\r")
    s.wait("Data will be lost").type("sda").next()
    s.wait("Nothing was written")


def test_escape_leads_back_and_agrees_to_nothing(start):
    s = start(disk(model="Fast Disk 9"))
    s.wait("Installing Lodge (1 of").type("\x1b").wait("Installing Lodge (1 of").next()
    s.wait("Keyboard (2 of").next().wait("Disk (3 of").next()
    to_summary(s)
    s.type("\x1b").wait("Time zone (").type("\x1b").wait("Shell access (")


def test_back_leads_to_every_screen_and_keeps_what_was_entered(start):
    s = start(disk())
    to_disk(s)
    s.next().wait("Network (").next()
    s.wait("Name (").type("kept.example.org").next()
    s.wait("Administrator (").type("\t\t\t\r")  # past both fields and Next: Back
    s.wait("Name (", "kept.example.org").type("\t\t\r")
    s.wait("Network (").type("\t\t\t\r")
    s.wait("Disk (")


def test_a_wrong_value_keeps_the_screen_and_says_why(start):
    s = start(disk())
    to_disk(s)
    s.next().wait("Network (").type("\t ").next()  # to the mark for a static address
    s.wait("Address (").type("192.0.2.10").next()
    s.wait("Not yet", "has no prefix").type("\r")
    s.wait("Address (").type("\x05/24").next()
    s.wait("Name (").next().wait("Not yet", "is missing").type("\r")
    s.wait("Name (").type("host1").next()
    s.wait("Administrator (").type("short\tshort").next().wait("has fewer than 8")


def test_a_disk_that_is_another_one_when_it_comes_to_writing_is_shown_again(start, inventory):
    s = start(disk())
    to_disk(s)
    s.next()
    to_summary(s)
    inventory(disk(serial="S9", **WINDOWS))  # pulled out, and another one plugged in
    s.next().wait("The disks have changed", "Nothing was written").type("\r")
    s.wait("Disk (3 of", "Windows, 3 partitions").next()
    to_summary_again(s)
    s.wait("S9", "ALL OF IT WILL BE DESTROYED").next().wait("Data will be lost", "type sda")


def test_a_mirror_asks_for_the_second_disk(start):
    s = start(disk(), disk("/dev/sdb", "S1", size=60 * GB))
    to_disk(s)
    s.wait("sda, serial number S0").type("\x1b[B").wait("sdb, serial number S1").type("\x1b[A").wait("sda, serial number S0")
    s.type("\t ").next()
    s.wait("Second disk (", "sdb, serial number S1").next()
    to_summary(s)
    s.wait("Written to both, as a mirror", "the disks differ in size")
    s.next().wait("Nothing was written").type("\r")
    plan, _ = s.end()
    assert re.search("mdadm --create /dev/md/lodge-[0-9a-f]{8}-state ", plan)


def test_a_machine_without_a_usable_disk_says_so(start):
    s = start(disk(size=8 * GB))
    to_disk(s)
    s.wait("too small").next().wait("Not yet", "it is too small")


def test_a_machine_without_any_disk_says_so(start):
    s = start()
    to_disk(s)
    s.wait("no disk found").next().wait("No disk is seen")


def test_disks_that_are_too_many_are_counted_and_none_of_them_is_taken(start):
    s = start(*(disk(f"/dev/sd{i}", f"S{i}") for i in range(258)))
    to_disk(s)
    s.wait("sd0").type("\x1b[4~").wait("(and 2 more, too many to be looked at)").next()
    s.wait("Not yet", "a count of disks")
