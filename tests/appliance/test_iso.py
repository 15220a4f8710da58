"""The medium, from build/image as it is: the same bits each time, and all ways to start it."""

import hashlib
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.skipif(not (ROOT / "build/image/stamp").exists(), reason="there is no image: make image")


def build(folder, *args):
    """Builds the medium, with its temporary files in a folder of their own."""
    temporary = folder / "temporary"
    temporary.mkdir(parents=True)
    subprocess.run([ROOT / "iso/build.sh", "--output", folder / "lodge.iso", *args], check=True, capture_output=True, timeout=600,
                   env={**os.environ, "TMPDIR": str(temporary)})
    return folder / "lodge.iso"


def sha256(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@pytest.fixture(scope="module")
def iso(tmp_path_factory):
    return build(tmp_path_factory.mktemp("iso") / "first")


def test_two_builds_of_one_image_are_the_same_file(iso, tmp_path):
    assert sha256(build(tmp_path / "second")) == sha256(iso)


def test_another_answer_file_gives_another_medium(iso, tmp_path):
    answer = tmp_path / "answer.toml"
    answer.write_text("[global]\n")
    assert sha256(build(tmp_path / "answered", answer)) != sha256(iso)


def test_it_starts_by_bios_and_by_uefi_from_a_cd_and_from_a_stick(iso):
    report = subprocess.run(["xorriso", "-indev", iso, "-report_el_torito", "plain", "-report_system_area", "plain"],
                            check=True, capture_output=True, text=True, timeout=60).stdout
    lines = [" ".join(line.split()) for line in report.splitlines()]
    assert any(line.startswith("El Torito boot img : 1 BIOS y none") for line in lines)
    assert any(line.startswith("El Torito boot img : 2 UEFI y none") for line in lines)
    assert any(line.startswith("System area summary: MBR") and "grub2-mbr" in line and "GPT" in line for line in lines)
    esp = "28732ac11ff8d211ba4b00a0c93ec93b"  # the type of an EFI system partition, as it stands on the disk
    assert any(line.startswith("GPT type GUID") and line.endswith(esp) for line in lines)
