"""An installation that a power cut ends, and the one after it, by an answer that a server gives at the second attempt."""
import hashlib

import stages
from host import answer
from https_folder import https_folder
from machine import new_disk
from rescue import INSTALL, UNATTENDED, answer_stick, plug, plug_labelled, raw_disk


def test_a_power_cut_while_installing_leaves_a_disk_that_can_be_taken_again(tmp_path):
    """Without `wipe`. Beside it a disk that nobody chose, compared byte for byte."""
    disk, (other, before) = new_disk(tmp_path / "d.qcow2"), raw_disk(tmp_path / "other.raw")
    with stages.rescued() as vm:
        plug(vm, disk)
        plug(vm, other, "OTHER", "raw")
        plug_labelled(vm, answer_stick(tmp_path / "answer.img", answer()), "LODGEANSWER")
        vm.send(UNATTENDED)
        vm.wait_for(r"\[ *[3-9]\d%\]", 300)
    with stages.rescued() as vm, https_folder(tmp_path) as (port, fingerprint, asked):
        plug(vm, disk)
        plug(vm, other, "OTHER", "raw")
        assert "unfinished Lodge installation" in vm.run("lodge-installer inventory")[1]
        install_by_url(vm, f"https://10.0.2.2:{port}/answer.toml", fingerprint, lambda: (tmp_path / "answer.toml").write_text(answer()))
    assert set(asked) == {"/answer.toml"}
    assert hashlib.sha256(other.read_bytes()).hexdigest() == before


def install_by_url(vm, url, fingerprint, publish):
    """As if these words had been typed at the medium's menu, after `e`."""
    words = f"boot=lodge lodge.mode=install lodge.unattended lodge.answer={url} lodge.answer-fingerprint={fingerprint}"
    assert vm.run(f"echo {words} >/tmp/cmdline; mount --bind /tmp/cmdline /proc/cmdline")[0] == 0
    vm.send(f"{INSTALL}\n")
    vm.wait_for("nothing was written", 60)
    vm.wait_for("r: try again", 10)
    assert "404" in vm.text
    publish()
    vm.send("r\n")
    vm.wait_for("Lodge is installed", stages.INSTALL_S, fail="refused|failed")
    vm.wait_end(120)
