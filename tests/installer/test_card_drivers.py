"""Whose drivers are loaded before udev looks at all devices, in a folder that looks like a machine's /sys."""

import os
import subprocess

import pytest

from conftest import ROOT

SCRIPT = ROOT / "image-builder/files/usr/lib/lodge/load-card-drivers"


@pytest.fixture
def machine(tmp_path):
    for name in ("modprobe", "udevadm"):
        tool = tmp_path / "bin" / name
        tool.parent.mkdir(exist_ok=True)
        tool.write_text(f'#!/bin/sh\necho {name} "$@" >>"$LODGE_CARDS_ROOT/ran"\n')
        tool.chmod(0o755)

    def device(bus, name, **files):
        folder = tmp_path / "sys/bus" / bus / "devices" / name
        folder.mkdir(parents=True)
        for file, text in files.items():
            (folder / file).write_text(text + "\n")

    def load():
        env = {"PATH": f"{tmp_path}/bin:{os.environ['PATH']}", "LODGE_CARDS_ROOT": str(tmp_path)}
        done = subprocess.run(["sh", SCRIPT], env=env, capture_output=True, text=True, check=True, timeout=20)
        assert done.stderr == ""
        return (tmp_path / "ran").read_text().splitlines()

    machine.device, machine.load = device, load
    return machine


def test_of_all_devices_only_cards_get_their_drivers(machine):
    machine.device("pci", "0000:00:02.0", **{"class": "0x030000", "modalias": "pci:v00001234d00001111"})
    machine.device("pci", "0000:00:03.0", **{"class": "0x020000", "modalias": "pci:v00008086d000010D3"})
    machine.device("pci", "0000:00:04.0", **{"class": "0x020700", "modalias": "pci:v000015B3d00001003"})
    machine.device("virtio", "virtio0", modalias="virtio:d00000001v00001AF4")
    machine.device("virtio", "virtio1", modalias="virtio:d00000002v00001AF4")
    cards = "pci:v00008086d000010D3 pci:v000015B3d00001003 virtio:d00000001v00001AF4"
    assert machine.load() == [f"modprobe -qab -- {cards}", "udevadm settle --timeout=10"]


def test_without_cards_no_driver_is_asked_for(machine):
    assert machine.load() == ["udevadm settle --timeout=10"]
