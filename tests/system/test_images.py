"""Images that a stranger made to do harm, over the API: each is refused by the rule that it breaks, and leaves nothing."""

import gzip
import io
import os
import subprocess
import tarfile

import pytest
from guests import done, failed
from stack import TREE

IMAGES = TREE / "build/images"
GOOD = {"qcow2": IMAGES / "tiny-vm.qcow2", "tar": IMAGES / "tiny-container.tar.zst"}


def qemu_img(*argv):
    subprocess.run(["qemu-img", *map(str, argv)], check=True, stdout=subprocess.DEVNULL)


def entry(name, kind=tarfile.REGTYPE, data=b"", **more):
    item = tarfile.TarInfo(name)
    item.type, item.size = kind, len(data)
    for key, value in more.items():
        setattr(item, key, value)
    return item, data


def tar_of(path, *entries):
    """What every root file system has, and then these."""
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        for item, data in (entry("bin", tarfile.DIRTYPE, mode=0o755), entry("bin/sh", data=b"#!"), *entries):
            tar.addfile(item, io.BytesIO(data))


def notes(path, _):
    with tarfile.open(path, "w", format=tarfile.GNU_FORMAT) as tar:
        tar.addfile(entry("notes")[0])


def cut(source, path, share):
    data = source.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])


def backed(path, canary):
    canary.write_bytes(bytes(1 << 20))
    qemu_img("create", "-f", "qcow2", "-b", canary, "-F", "raw", path)


def spread(path, canary):
    qemu_img("create", "-f", "qcow2", "-o", f"data_file={canary},data_file_raw=on", path, "1M")


def patched_qcow2(path, offset, data):
    qemu_img("create", "-f", "qcow2", path, "1M")
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


def bomb(path, _):
    """Some KiB that unpack to 2 TiB, if anybody lets them."""
    header, _ = entry("bin/large")
    header.size = 2 << 40
    with gzip.open(path, "wb") as out:
        for item in (entry("bin/sh")[0], header):
            out.write(item.tobuf(tarfile.GNU_FORMAT))
        for _ in range(64):
            out.write(bytes(1 << 20))


# format, who makes it (path, canary), the code of the refusal, what its sentence says
HOSTILE = {
    "a-disk-that-stands-on-another-file": ("qcow2", backed, "invalid", "it has a backing file"),
    "a-disk-whose-data-is-in-another-file": ("qcow2", spread, "invalid", "its data is in another file"),
    "a-disk-of-an-absurd-size": ("qcow2", lambda p, _: patched_qcow2(p, 24, (1 << 62).to_bytes(8, "big")), "invalid", "absurd"),
    "a-disk-with-a-table-outside-of-its-file":
        ("qcow2", lambda p, _: patched_qcow2(p, 40, (1 << 40).to_bytes(8, "big")), "invalid", "first-level table is not within the file"),
    "raw-data-called-qcow2": ("qcow2", lambda p, _: p.write_bytes(bytes(1 << 20)), "invalid", "not a qcow2 image"),
    "qcow2-called-raw": ("raw", lambda p, _: qemu_img("create", "-f", "qcow2", p, "1M"), "invalid", "looks like a qcow2 disk"),
    "vmdk-called-qcow2": ("qcow2", lambda p, _: qemu_img("create", "-f", "vmdk", p, "1M"), "invalid", "looks like a VMDK disk"),
    "vmdk-called-raw": ("raw", lambda p, _: qemu_img("create", "-f", "vmdk", p, "1M"), "invalid", "looks like a VMDK disk"),
    "a-vmdk-descriptor-that-names-a-file":
        ("raw", lambda p, c: p.write_text(f'# Disk DescriptorFile\nRW 2048 FLAT "{c}" 0\n'), "invalid", "looks like a VMDK descriptor"),
    "a-disk-that-was-cut": ("qcow2", lambda p, _: cut(GOOD["qcow2"], p, 0.5), "invalid", "damaged|refused"),
    "an-empty-file": ("raw", lambda p, _: p.write_bytes(b""), "invalid", "empty"),
    "an-absolute-path": ("tar", lambda p, c: tar_of(p, entry(str(c), data=b"x")), "invalid", "is an absolute path"),
    "a-path-that-climbs-out": ("tar", lambda p, _: tar_of(p, entry("bin/../../../canary", data=b"x")), "invalid", 'climbs out with ".."'),
    "a-device": ("tar", lambda p, _: tar_of(p, entry("dev-sda", tarfile.BLKTYPE, devmajor=8, devminor=0)), "invalid", "is a device"),
    "a-link-that-points-out":
        ("tar", lambda p, _: tar_of(p, entry("way", tarfile.SYMTYPE, linkname="../../etc")), "invalid", "is a link that points out of the root"),
    "a-hard-link-to-outside":
        ("tar", lambda p, c: tar_of(p, entry("way", tarfile.LNKTYPE, linkname=str(c))), "invalid", "is a hard link to outside of the root"),
    "a-file-through-its-own-link":
        ("tar", lambda p, c: tar_of(p, entry("way", tarfile.SYMTYPE, linkname=str(c.parent)), entry("way/canary", data=b"x")), "invalid",
         "goes through a symbolic link"),
    "somebody-that-no-container-has": ("tar", lambda p, _: tar_of(p, entry("far", uid=100000)), "invalid", "belongs to a user or group"),
    "an-archive-that-was-cut": ("tar", lambda p, _: cut(GOOD["tar"], p, 0.5), "invalid", "damaged"),
    "no-root-file-system": ("tar", notes, "invalid", "not a root file system"),
    "a-bomb": ("tar", bomb, "too-large", "its files are larger than 1"),
}


def leftovers(stack, api):
    """Files of images that no document of an image names."""
    known = {image["metadata"]["uuid"] for image in api.get("/images").json["items"]}
    return [path.name for path in (stack.state / "images").iterdir() if path.name not in {*known, "uploads"}]


def import_image(api, name, format_, path, **more):
    return api.put(f"/images/{name}", {"spec": {"format": format_, "source": {"file": str(path)}, **more}})


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_image_is_refused_by_the_rule_that_it_breaks_and_leaves_nothing(api, stack, images, tmp_path_factory, what):
    format_, make, code, words = HOSTILE[what]
    folder = tmp_path_factory.mktemp("hostile")
    source, canary = folder / "source", folder / "beside" / "canary"
    canary.parent.mkdir()
    make(source, canary)
    before = canary.read_bytes() if canary.exists() else None
    error = failed(api, import_image(api, "suspect", format_, source))
    assert error["code"] == code and any(part in error["detail"] for part in words.split("|")), error
    assert "image suspect" in error["detail"]
    api.get("/images/suspect").expect(404)
    assert leftovers(stack, api) == []
    assert (canary.read_bytes() if canary.exists() else None) == before and sorted(os.listdir(folder)) == ["beside", "source"]


@pytest.mark.parametrize("format_", GOOD)
def test_after_refusals_the_same_name_takes_a_good_image(api, stack, images, tmp_path, format_):
    source = tmp_path / "source"
    cut(GOOD[format_], source, 0.3)
    failed(api, import_image(api, "suspect", format_, source))
    failed(api, import_image(api, "suspect", format_, GOOD[format_], sha256="0" * 64))
    done(api, import_image(api, "suspect", format_, GOOD[format_]))
    assert api.get("/images/suspect").expect(200).json["status"]["state"] == "ready"
    done(api, api.delete("/images/suspect"))
    assert leftovers(stack, api) == []


def test_what_is_no_ordinary_file_is_no_image(api, stack, tmp_path):
    os.mkfifo(tmp_path / "fifo")
    for source, words in ((tmp_path / "fifo", "is not a regular file"), ("/dev/zero", "is not a regular file"),
                          (tmp_path, "is not a regular file"), (tmp_path / "none", "No such file")):
        error = failed(api, import_image(api, "suspect", "raw", source))
        assert words in error["detail"], error
        api.get("/images/suspect").expect(404)
    assert leftovers(stack, api) == []
