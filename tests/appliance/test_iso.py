"""Image and medium: the same bits each time; all ways to start it."""

import hashlib
import os
import shutil
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


@pytest.fixture
def another_build():
    """A folder to build in, beside build/cache, from which it links the packages."""
    folder, cache = ROOT / "build/again", ROOT / "build/cache"
    shutil.rmtree(folder, ignore_errors=True)
    (folder / "cache").mkdir(parents=True)
    (folder / "deb").symlink_to(ROOT / "build/deb")
    (folder / "cache/keymaps").symlink_to(cache / "keymaps")
    subprocess.run(["cp", "-a", cache / "apt", folder / "cache/"], check=True)
    subprocess.run(["cp", "-al", cache / "packages", folder / "cache/"], check=True)
    yield folder
    shutil.rmtree(folder)


def test_two_builds_from_the_same_packages_are_the_same_image(another_build):
    """Nothing in it was drawn by chance, or says when or where it was built."""
    for script in "base.sh", "image.sh":
        subprocess.run([ROOT / "image-builder" / script], check=True, timeout=3000, env={**os.environ, "LODGE_BUILD": str(another_build)})
    for file in "lodge.squashfs", "initrd.img", "vmlinuz", "manifest":
        assert sha256(another_build / "image" / file) == sha256(ROOT / "build/image" / file), file


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
