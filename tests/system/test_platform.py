"""What stands around the daemons: packages, starter images, the sandbox of `make run`, its supervisor, the test lab."""

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
from machine import Machine
from sandbox import Sandbox, wait_for
from stack import TREE

ROOT = Path(__file__).resolve().parents[2]
RUN = ROOT / "daemon/run"


# -- packages


def test_needs_are_silent_and_one_question_to_pkg_config_when_all_is_there(tmp_path):
    program, asked = tmp_path / "pkg-config", tmp_path / "asked"
    program.write_text(f'#!/bin/sh\necho "$*" >>{asked}\nexec {shutil.which("pkg-config")} "$@"\n')
    program.chmod(0o755)
    done = subprocess.run([RUN / "need.sh", "build", "run", "test"], capture_output=True, text=True, check=True,
                          env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"})
    assert done.stdout + done.stderr == ""
    assert len(asked.read_text().splitlines()) == 1  # one for each library takes a second


def test_needs_refuse_a_group_that_does_not_exist_and_name_those_that_do():
    done = subprocess.run([RUN / "need.sh", "biuld"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "no group 'biuld'" in done.stderr and "build run test" in done.stderr


# -- starter images


@pytest.fixture(scope="module")
def images():
    """Where `make run` puts them; built here when they are not there yet."""
    out = TREE / "build/images"
    subprocess.run([RUN / "images/build.sh", out, TREE / "build/cache/images"], check=True)
    return out


@pytest.fixture
def disk(images, tmp_path):
    path = tmp_path / "disk.qcow2"
    subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", images / "tiny-vm.qcow2", "-F", "qcow2", path], check=True)
    return path


def seed_volume(folder, meta_data, user_data=""):
    volume = folder / "seed.img"
    (folder / "meta-data").write_text(meta_data)
    (folder / "user-data").write_text(user_data)
    with open(volume, "wb") as file:
        file.truncate(1 << 20)
    subprocess.run(["/usr/sbin/mkfs.vfat", "-n", "CIDATA", volume], check=True, stdout=subprocess.DEVNULL)
    subprocess.run(["mcopy", "-i", volume, folder / "meta-data", folder / "user-data", "::"], check=True)
    return volume


def test_starter_images_are_not_built_twice(images):
    before = {file: (images / file).stat().st_mtime_ns for file in ("tiny-vm.qcow2", "tiny-container.tar.zst")}
    subprocess.run([RUN / "images/build.sh", images, TREE / "build/cache/images"], check=True)
    assert before == {file: (images / file).stat().st_mtime_ns for file in before}


def test_the_same_packages_give_the_same_starter_images(images, tmp_path):
    subprocess.run([RUN / "images/build.sh", tmp_path, TREE / "build/cache/images"], check=True, stderr=subprocess.DEVNULL)
    for file in ("tiny-vm.qcow2", "tiny-container.tar.zst"):
        assert (tmp_path / file).read_bytes() == (images / file).read_bytes()


def test_the_vm_image_boots_by_bios_answers_its_agent_and_keeps_what_was_written(disk, tmp_path):
    with Machine(tmp_path, disk) as vm:
        _, address = vm.up()
        assert address == "10.0.2.15"
        assert vm.agent("guest-ping") == {"return": {}}
        assert int(vm.web("/beat").split()[0]) >= 1
        vm.type("echo kept >/root/note")
        vm.qmp("system_powerdown")
        vm.off()
    with Machine(tmp_path, disk) as vm:
        vm.up()
        assert vm.type("cat /root/note") == "kept\n"


def test_the_vm_image_boots_by_uefi_and_its_agent_shuts_it_down(disk, tmp_path):
    with Machine(tmp_path, disk, uefi=True) as vm:
        vm.up()
        assert vm.type("ls -d /sys/firmware/efi") == "/sys/firmware/efi\n"
        vm._socket("agent").sendall(b'{"execute": "guest-shutdown"}\n')  # it does not answer
        vm.off()
    check = subprocess.run(["qemu-img", "check", disk], capture_output=True, text=True, check=False)
    assert check.returncode == 0, check.stdout


def test_a_seed_names_the_vm_once_for_each_instance(disk, tmp_path):
    seed = seed_volume(tmp_path, "instance-id: i-1\nlocal-hostname: meta\n", "#cloud-config\nhostname: web1\n")
    with Machine(tmp_path, disk, seed=seed) as vm:
        vm.up()
        assert vm.type("hostname") == "web1\n"
        vm.type("echo chosen >/etc/hostname")
        vm.qmp("system_powerdown")
        vm.off()
    with Machine(tmp_path, disk, seed=seed) as vm:
        vm.up()
        assert vm.type("hostname") == "chosen\n"


CONTAINER = """
lxc.uts.name=box
lxc.rootfs.path=dir:{root}
lxc.mount.auto=proc:mixed sys:mixed cgroup:rw:force
lxc.apparmor.profile=unconfined
lxc.autodev=1
lxc.net.0.type=empty
lxc.signal.halt={halt}
"""


@pytest.mark.parametrize("halt", ["SIGPWR", "SIGRTMIN+3", "SIGUSR2"])
def test_the_container_image_serves_and_halts_on_every_customary_signal(images, sandbox, halt):
    root, paths = sandbox.folder / "rootfs", sandbox.folder / "lxc"
    root.mkdir(), paths.mkdir()
    subprocess.run(["tar", "-C", root, "-xf", images / "tiny-container.tar.zst"], check=True)
    config = sandbox.folder / "config"
    config.write_text(CONTAINER.format(root=root, halt=halt))
    lxc = lambda tool, *more: sandbox.run(f"lxc-{tool}", "-P", paths, "-n", "box", *more)  # noqa: E731
    lxc("start", "-f", config)
    wait_for(lambda: sandbox.run("lxc-attach", "-P", paths, "-n", "box", "--", "cat", "/run/www/beat", check=False).returncode == 0,
             "the container's beat")
    assert lxc("attach", "--", "hostname").stdout == "box\n"
    # Without the file it would send SIGPWR, whatever the container was started with. Fails when that still runs by then.
    lxc("stop", "--rcfile", config, "--nokill", "--timeout", "30")


# -- the lab


def test_a_sandbox_sees_nothing_of_the_machine_and_pulling_its_plug_ends_everything(sandbox):
    assert sandbox.output("ls", "/sys/class/net") == "lo\n"
    assert len(sandbox.output("ps", "-e", "-o", "pid=").split()) <= 4
    sandbox.popen("setsid", "sleep", "1000")
    sandbox.popen("sh", "-c", "trap '' TERM HUP INT; while :; do read -r x; done </dev/zero")
    wait_for(lambda: len(sandbox.processes()) >= 5, "start of both")
    sandbox.unplug()
    assert sandbox.processes() == []
    sandbox.plug()
    assert sandbox.output("hostname") == "node1\n"


def test_what_is_left_in_a_sandbox_is_found(sandbox):
    assert sandbox.traces() == []
    sandbox.run("ip", "link", "add", "left0", "type", "bridge")
    sandbox.run("nft", "add", "table", "inet", "left")
    sleeper = sandbox.popen("sleep", "1001")
    sandbox.inner_pid(sleeper)
    found = " ".join(sandbox.traces())
    assert "link left0" in found and "nft table inet left" in found and "sleep 1001" in found


def test_a_sandbox_ends_with_the_process_that_made_it(scratch):
    code = (f"import sys; sys.path.insert(0, {str(ROOT / 'tests/lab')!r}); from sandbox import Sandbox; import time\n"
            f"box = Sandbox({str(scratch / 'orphan')!r}).plug(); print(box.init_pid, box.name, flush=True); time.sleep(1000)")
    maker = subprocess.Popen(["/usr/bin/python3", "-c", code], stdout=subprocess.PIPE, text=True)
    pid, name = maker.stdout.readline().split()
    maker.kill()
    maker.wait()
    wait_for(lambda: not Path(f"/proc/{pid}").exists(), "end of the orphaned sandbox")
    box = Sandbox(scratch / "orphan")
    box.name = name
    box.unplug()


# -- make run


def test_the_session_runs_and_says_where_and_as_whom(stack):
    assert "https://127.0.0.1:8443/" in stack.output and "User: admin" in stack.output
    assert "Password" not in stack.output  # it was given


def test_the_first_start_prints_a_password_once(own_stack):
    stack = own_stack(LODGE_ADMIN_PASSWORD="").start()
    password = next(line.split()[1] for line in stack.output.splitlines() if line.strip().startswith("Password:"))
    wait_for(lambda: not (stack.state / "run/first-password").exists(), "the password to be forgotten")
    stack.api("admin", password).close()
    stack.stop()
    stack.start()
    assert "Password" not in stack.output


@pytest.mark.parametrize("name", ["lodged", "lodge-gate", "libvirtd"])
@pytest.mark.allow_log("libvirt")
def test_a_daemon_that_is_killed_is_started_again_at_once_and_nothing_else_is_touched(stack, name):
    guest = stack.sandbox.popen("sleep", "1002")
    others = {other: stack.daemon_pid(other) for other in ("lodged", "lodge-gate", "libvirtd") if other != name}
    before, said = stack.daemon_pid(name), len(stack.output)
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: any(pid != before for pid in stack.daemon_pids(name)), f"a new {name}")
    # Any pause before the new start would be named there.
    wait_for(lambda: re.search(r"was killed by signal 9 after \d+ ms; it is started again, guests run on", stack.output[said:]), "its line")
    assert others == {other: stack.daemon_pid(other) for other in others}
    assert guest.poll() is None
    os.killpg(guest.pid, signal.SIGKILL)
    guest.wait()


def test_a_second_one_on_the_same_state_is_refused(stack):
    answer = stack.sandbox.run(RUN_IN_TREE, check=False, env={**os.environ, **stack.environment, "LODGE_LISTEN": "8555"})
    assert answer.returncode == 1
    assert "already runs with the state in" in answer.stdout and "LODGE_STATE" in answer.stdout


def test_a_taken_port_is_refused_with_its_holder_and_a_way_out(stack):
    answer = stack.sandbox.run(RUN_IN_TREE, check=False, env={**os.environ, "LODGE_STATE": str(stack.sandbox.folder / "other")})
    assert answer.returncode == 1
    assert "port 8443 is taken by " in answer.stdout and "LODGE_LISTEN=127.0.0.1:8444 make run" in answer.stdout


@pytest.mark.parametrize("listen", ["nonsense", "127.0.0.1:0", "127.0.0.1:65536", ":"])
def test_a_listen_address_without_a_port_is_refused(sandbox, listen):
    answer = sandbox.run(RUN_IN_TREE, check=False, env={**os.environ, "LODGE_STATE": str(sandbox.folder / "s"), "LODGE_LISTEN": listen})
    assert answer.returncode == 1 and "names no port" in answer.stdout


def test_two_live_side_by_side_on_one_host(own_stack):
    first = own_stack().start()
    environment = {**os.environ, **first.environment, "LODGE_STATE": str(first.sandbox.folder / "second"), "LODGE_LISTEN": "127.0.0.1:8444"}
    output = first.sandbox.folder / "second.out"
    with open(output, "wb") as file:
        second = first.sandbox.popen(RUN_IN_TREE, stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=environment)
    wait_for(lambda: "Lodge is ready" in output.read_text(), "start of the second", timeout_s=60)
    os.kill(first.sandbox.inner_pid(second), signal.SIGTERM)
    assert second.wait(60) == 0
    first.admin().close()  # the first noticed nothing


def test_ctrl_c_for_the_whole_foreground_group_is_an_orderly_stop(own_stack):
    stack = own_stack().start()
    os.killpg(os.getpgid(stack._pid), signal.SIGINT)
    assert stack.process.wait(60) in (0, 130, -signal.SIGINT)  # nsenter, in the same group, gets it too
    wait_for(lambda: stack.output.rstrip().endswith("stopped"), "the orderly end")
    wait_for(lambda: stack.sandbox.traces() == [], "an empty host")
    assert "was killed" not in stack.output
    stack.process = None


def test_a_stop_that_comes_twice_at_once_is_one_stop(own_stack):
    stack = own_stack().start()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # one number thrice may arrive as one
        stack.send(number)
    assert stack.process.wait(60) == 0
    stack.process = None
    assert stack.output.count("stopping: guests get 30 s") == 1 and "at once:" not in stack.output and "stopped now" not in stack.output


@pytest.mark.parametrize("now,last,same", [(5000, 0, False), (5000, 4990, True), (5000, 4001, True), (5000, 4000, False), (9000, 4000, False)])
def test_a_later_stop_is_another_one(now, last, same):
    result = subprocess.run(["bash", "-euc", f'. "{RUN}/common.sh"; is_same_press {now} {last}'], check=False)
    assert (result.returncode == 0) is same


def test_a_second_stop_says_that_it_waits_for_nobody(own_stack):
    stack = own_stack().start()
    os.kill(stack.daemon_pid("lodged"), signal.SIGSTOP)  # the orderly way takes its time now
    stack.send(signal.SIGTERM)
    wait_for(lambda: "stopping: guests get 30 s" in stack.output, "the first stop")
    # What comes within a second is the first one still.
    wait_for(lambda: stack.send(signal.SIGTERM) or "stopping at once" in stack.output, "the second stop")
    assert stack.process.wait(40) == 0  # the orderly way would take 55 s: guests 45, lodged 10
    stack.process = None
    assert "guests that have not shut down yet are stopped now" in stack.output


# -- forwarding


def forwarding(stack, link=None):
    path = f"/proc/sys/net/ipv4/conf/{link}/forwarding" if link else "/proc/sys/net/ipv4/ip_forward"
    return stack.sandbox.output("cat", path).strip()


def set_forwarding(stack, value, link=None):
    path = f"/proc/sys/net/ipv4/conf/{link}/forwarding" if link else "/proc/sys/net/ipv4/ip_forward"
    stack.sandbox.run("sh", "-c", f"echo {value} >{path}")


def test_forwarding_is_as_before_when_lodge_has_ended(own_stack):
    stack = own_stack()
    set_forwarding(stack, 0)
    stack.sandbox.run("ip", "link", "add", "keeps0", "type", "bridge")
    set_forwarding(stack, 1, "keeps0")
    stack.start()
    wait_for(lambda: forwarding(stack) == "1", "forwarding for the default network")
    assert stack.stop() == 0
    assert (forwarding(stack), forwarding(stack, "lo"), forwarding(stack, "keeps0")) == ("0", "0", "1")
    # After a SIGKILL the next start puts it back before it begins.
    stack.start()
    wait_for(lambda: forwarding(stack) == "1", "forwarding for the default network")
    stack.kill()
    assert forwarding(stack) == "1"
    stack.sandbox.run(RUN / "clean.sh", stack.state)
    assert (forwarding(stack), forwarding(stack, "keeps0")) == ("0", "1")
    # What others turned on stays on.
    set_forwarding(stack, 1)
    stack.start()
    assert stack.stop() == 0 and forwarding(stack) == "1"
    stack.sandbox.run("ip", "link", "delete", "keeps0")


def test_forwarding_stays_for_another_instance_until_that_has_ended_too(own_stack):
    first = own_stack()
    set_forwarding(first, 0)
    first.start()
    wait_for(lambda: forwarding(first) == "1", "forwarding for the default network")
    first.sandbox.run("ip", "link", "add", "other0", "type", "bridge")
    first.sandbox.run("ip", "link", "set", "other0", "alias", "lodge:another")
    assert first.stop() == 0 and forwarding(first) == "1"
    first.sandbox.run("ip", "link", "delete", "other0")
    first.sandbox.run(RUN / "clean.sh", first.sandbox.folder / "another")
    assert forwarding(first) == "0"


def test_after_a_sigkill_of_everything_the_next_start_cleans_up(own_stack):
    stack = own_stack().start()
    wait_for(lambda: any(t.startswith("link ") for t in stack.sandbox.traces()), "the default network's bridge")
    stack.kill()
    left = stack.sandbox.traces()
    assert any(t.startswith("link ") for t in left) and any(t.startswith("control group") for t in left)
    stack.start()
    assert stack.stop() == 0
    assert stack.sandbox.traces() == []


def test_a_power_cut_leaves_a_state_that_starts_again(own_stack):
    stack = own_stack().start()
    stack.unplug()
    stack.plug().start()
    stack.admin().close()


RUN_IN_TREE = TREE / "daemon/run/run.sh"
