"""An installation that a power cut ends, and the one after it."""
import hashlib

import stages
from host import answer
from machine import new_disk
from rescue import UNATTENDED, answer_stick, plug, plug_labelled, raw_disk


def test_a_power_cut_while_installing_leaves_a_disk_that_can_be_taken_again(tmp_path):
    """By the answer on a stick, without `wipe`. Beside it a disk that nobody chose, compared byte for byte."""
    disk, (other, before) = new_disk(tmp_path / "d.qcow2"), raw_disk(tmp_path / "other.raw")
    stick = answer_stick(tmp_path / "answer.img", answer())
    with stages.rescued() as vm:
        plug(vm, disk)
        plug(vm, other, "OTHER", "raw")
        plug_labelled(vm, stick, "LODGEANSWER")
        vm.send(UNATTENDED)
        vm.wait_for(r"\[ *[3-9]\d%\]", 300)
    with stages.rescued() as vm:
        plug(vm, disk)
        plug(vm, other, "OTHER", "raw")
        plug_labelled(vm, stick, "LODGEANSWER")
        assert "unfinished Lodge installation" in vm.run("lodge-installer inventory")[1]
        vm.send(UNATTENDED)
        vm.wait_for("Lodge is installed", stages.INSTALL_S, fail="refused|failed")
        vm.wait_end(120)
    assert hashlib.sha256(other.read_bytes()).hexdigest() == before
