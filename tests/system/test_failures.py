"""What dies or hangs in the middle of an operation: every time a clear sentence, nothing left, and the next attempt works."""

import os
import signal
import threading
from pathlib import Path

import pytest
from guests import DEAF, SPECS, address_of, beat_of, done, failed, init_of, log_of, processes_of, remove_guest, status, wait_for_state
from sandbox import wait_for


def uuid_of(api, name):
    return api.get(f"/guests/{name}").expect(200).json["metadata"]["uuid"]


class Killer(threading.Thread):
    """Sends SIGKILL to every process of the sandbox that looks like one of these, as soon as it appears."""

    def __init__(self, stack, looks_right):
        super().__init__()
        self.stack, self.looks_right, self.killed, self.over = stack, looks_right, [], False

    def run(self):
        while not self.over:
            for pid, line in self.stack.sandbox.processes():
                if pid not in self.killed and self.looks_right(pid, line):
                    try:
                        os.kill(pid, signal.SIGKILL)
                        self.killed.append(pid)
                    except ProcessLookupError:
                        pass

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.over = True
        self.join()


def comm_of(pid):
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""


def remains(stack, uuid):
    """What a guest that does not run may not have on the host."""
    found = [f"process {pid} {line}" for pid, line in processes_of(stack, uuid)]
    found += [f"link {line}" for line in stack.sandbox.output("ip", "-br", "link").splitlines() if uuid[:8] in line]
    found += [f"mount {line}" for line in Path(f"/proc/{stack.daemon_pid('lodged')}/mounts").read_text().splitlines()
              if uuid in line or "/rootfs/" in line]
    for group, _ in stack.sandbox._cgroups():
        found += [f"control group {folder}" for folder, _, _ in os.walk(group) if uuid in folder]
    return found


VICTIMS = {
    "vm": lambda uuid: lambda pid, line: "qemu-system" in line and uuid in line,
    "container": lambda uuid: lambda pid, line: comm_of(pid).startswith("lodge-ct-monito"),
}


@pytest.mark.parametrize("kind", ["container", "vm"])
def test_a_guest_that_is_killed_while_it_starts_is_stopped_with_a_reason_and_starts_again(api, stack, guest, kind):
    name = guest(f"stillborn-{kind}", kind, start=False)
    uuid = uuid_of(api, name)
    with Killer(stack, VICTIMS[kind](uuid)) as killer:
        task = api.finished(api.post(f"/guests/{name}/actions/start"))
        wait_for(lambda: killer.killed, "a victim")
    wait_for(lambda: status(api, name)["state"] in ("stopped", "crashed"), "the end of the guest")
    if task["status"]["state"] == "failed":
        error = task["status"]["error"]
        assert f"cannot start guest {name}" in error["detail"], error
        assert ("QEMU does not start" if kind == "vm" else "its monitor was killed") in error["detail"], error
    else:  # it was up a moment before
        assert "killed" in status(api, name)["detail"] or "unexpectedly" in status(api, name)["detail"]
    wait_for(lambda: status(api, name)["desired"]["state"] == "stopped" and "task" not in status(api, name), "the guest being settled")
    wait_for(lambda: remains(stack, uuid) == [], "nothing being left")
    done(api, api.post(f"/guests/{name}/actions/start"))
    assert status(api, name)["state"] == "running"
    if kind == "container":
        assert beat_of(stack, address_of(api, name))


def test_a_container_whose_init_is_killed_while_it_starts_is_stopped_with_a_reason(api, stack, guest):
    name = guest("stillborn-init", start=False)
    uuid = uuid_of(api, name)

    def is_init(pid, line):
        try:
            return uuid in Path(f"/proc/{pid}/cgroup").read_text() and comm_of(pid) == "init"
        except OSError:
            return False

    with Killer(stack, is_init) as killer:
        task = api.finished(api.post(f"/guests/{name}/actions/start"))
        wait_for(lambda: killer.killed, "a victim")
        wait_for(lambda: status(api, name)["state"] in ("stopped", "crashed"), "the end of the guest")
    assert "killed by signal 9" in (status(api, name).get("detail") or task["status"]["error"]["detail"])
    wait_for(lambda: status(api, name)["desired"]["state"] == "stopped" and "task" not in status(api, name), "the guest being settled")
    wait_for(lambda: remains(stack, uuid) == [], "nothing being left")
    done(api, api.post(f"/guests/{name}/actions/start"))
    assert beat_of(stack, address_of(api, name))


@pytest.mark.parametrize("kind", ["container", "vm"])
def test_a_guest_that_is_killed_while_it_is_created_and_started_is_not_there_and_can_be_made_anew(api, stack, images, kind):
    name = f"never-{kind}"
    before = sorted((stack.state / "pools").rglob("*"))
    looks_right = {
        "vm": lambda pid, line: "qemu-system" in line and "-name guest=" in line,
        "container": VICTIMS["container"](None),
    }[kind]
    spec = {"spec": SPECS[kind]}
    try:
        with Killer(stack, looks_right) as killer:
            task = api.finished(api.put(f"/guests/{name}?start=true", spec))
            wait_for(lambda: killer.killed, "a victim")
        if task["status"]["state"] == "failed":
            assert f"cannot start guest {name}" in task["status"]["error"]["detail"]
            api.get(f"/guests/{name}").expect(404)
            assert sorted((stack.state / "pools").rglob("*")) == before
            done(api, api.put(f"/guests/{name}?start=true", spec))
        else:
            wait_for(lambda: status(api, name)["state"] in ("stopped", "crashed"), "the end of the guest")
            wait_for(lambda: "task" not in status(api, name) and status(api, name)["desired"]["state"] == "stopped", "rest")
            done(api, api.post(f"/guests/{name}/actions/start"))
        assert status(api, name)["state"] == "running"
    finally:
        remove_guest(api, name)


def test_a_shutdown_ends_when_its_guest_crashes_meanwhile(api, stack, guest):
    name = guest("deaf", boot={"init": DEAF})
    wait_for(lambda: "DEAF" in log_of(api, name), "the guest being deaf to its power button")
    answer = api.post(f"/guests/{name}/actions/shutdown", {"timeout_s": 300}).expect(202)
    wait_for(lambda: "wait up to" in api.get(answer.location).json["status"].get("message", ""), "the wait for the guest")
    os.kill(init_of(stack, uuid_of(api, name)), signal.SIGKILL)
    done(api, answer)  # which waits less than the shutdown would
    assert status(api, name)["state"] == "crashed" and "killed by signal 9" in status(api, name)["detail"]


def test_the_init_that_a_container_names_is_what_runs_in_it(api, stack, guest):
    name = guest("own-init", boot={"init": ["/bin/sleep", "12345"]})
    init = Path(f"/proc/{init_of(stack, uuid_of(api, name))}/cmdline")
    wait_for(lambda: init.read_bytes() == b"/bin/sleep\x0012345\x00", "the container running what it was told to")


# -- libvirtd


def orphans(api):
    return api.get("/nodes/self/orphans").expect(200).json["items"]


@pytest.mark.allow_log("libvirt")
def test_while_libvirtd_hangs_vm_operations_end_with_that_reason_and_work_once_it_is_back(api, stack, guest):
    runs, rests, box = guest("hang-runs", "vm"), guest("hang-rests", "vm", start=False), guest("hang-box")
    libvirtd = stack.daemon_pid("libvirtd")
    os.kill(libvirtd, signal.SIGSTOP)
    try:
        answers = [api.post(f"/guests/{runs}/actions/stop"), api.post(f"/guests/{rests}/actions/start")]
        # Meanwhile everything else goes on.
        assert status(api, runs)["state"] == "running" and status(api, rests)["state"] == "stopped"
        done(api, api.post(f"/guests/{box}/actions/stop"))
        done(api, api.post(f"/guests/{box}/actions/start"))
        for answer in answers:
            error = failed(api, answer)
            assert error["code"] == "unavailable" and "libvirtd cannot be reached" in error["detail"] and error["hint"], error
            assert "does not answer" in error["detail"] or "end of file" in error["detail"].lower(), error
        assert status(api, rests)["desired"]["state"] == "stopped"
    finally:
        os.kill(libvirtd, signal.SIGCONT)
    wait_for(lambda: api.post(f"/guests/{rests}/actions/start").status in (202, 409), "an answer")
    wait_for_state(api, rests, "running")
    wait_for(lambda: orphans(api) == [], "nothing waiting to be removed")
    # Nothing that failed before takes the guest away from under its user.
    assert status(api, rests)["state"] == "running" and status(api, runs)["state"] in ("running", "stopped")
    done(api, api.post(f"/guests/{runs}/actions/stop"))


@pytest.mark.allow_log("libvirt|cannot reconcile")
def test_a_lodged_that_starts_while_libvirtd_hangs_knows_its_containers_and_says_that_it_does_not_know_its_vms(api, stack, guest):
    vm, box = guest("dumb-vm", "vm"), guest("dumb-box")
    libvirtd = stack.daemon_pid("libvirtd")
    os.kill(libvirtd, signal.SIGSTOP)
    try:
        before = stack.daemon_pid("lodged")
        os.kill(before, signal.SIGKILL)
        wait_for(lambda: stack.daemon_pids("lodged") not in ([], [before]), "another lodged")
        wait_for(lambda: api.get("/session").status == 200, "its answers")
        done(api, api.post(f"/guests/{box}/actions/stop"))
        done(api, api.post(f"/guests/{box}/actions/start"))
        problem = api.post(f"/guests/{vm}/actions/stop").expect(503).json
        assert problem["detail"] == f"it is not known yet whether guest {vm} runs: its hypervisor does not answer", problem
    finally:
        os.kill(libvirtd, signal.SIGCONT)
    wait_for(lambda: api.post(f"/guests/{vm}/actions/stop").status == 202, "the stop of what runs again to its knowledge")
    wait_for_state(api, vm, "stopped")


@pytest.mark.allow_log("libvirt")
def test_operations_that_meet_a_restart_of_libvirtd_wait_for_it_and_succeed(api, stack, guest):
    first, second = guest("meets-one", "vm", start=False), guest("meets-two", "vm")
    os.kill(stack.daemon_pid("libvirtd"), signal.SIGKILL)
    start, stop = api.post(f"/guests/{first}/actions/start"), api.post(f"/guests/{second}/actions/stop")
    done(api, start)
    done(api, stop)
    assert status(api, first)["state"] == "running" and status(api, second)["state"] == "stopped"
