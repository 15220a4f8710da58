"""Real guests on a real Lodge: created, started, looked at, broken and deleted over the API."""

import contextlib
import os
import signal

import pytest
from guests import address_of, beat_of, done, log_of, processes_of, status
from sandbox import wait_for


def kill_processes_of(stack, uuid):
    """SIGKILL for QEMU, or for everything in a container: whatever carries the guest's uuid."""
    script = f"""
for p in /proc/[0-9]*; do
    [ "${{p#/proc/}}" != $$ ] || continue
    if grep -qs {uuid} "$p/cgroup" || tr '\\0' ' ' 2>/dev/null <"$p/cmdline" | grep -q 'qemu-system.*{uuid}'; then
        kill -KILL "${{p#/proc/}}" && echo "${{p#/proc/}}"
    fi
done; true"""
    assert stack.sandbox.run("sh", "-c", script).stdout.strip(), "no process of the guest was found"


@pytest.mark.parametrize("kind", ["container", "vm"])
def test_a_guest_runs_gets_an_address_shuts_down_starts_again_and_leaves_nothing(api, stack, guest, kind):
    name = guest(f"life-{kind}", kind)
    assert status(api, name)["state"] == "running"
    assert status(api, name)["desired"] == {"state": "running", "cause": "user"}
    wait_for(lambda: "GUEST-UP" in log_of(api, name), "the guest's marker on its console", 90)
    address = address_of(api, name)
    assert beat_of(stack, address)

    done(api, api.post(f"/guests/{name}/actions/shutdown", {"timeout_s": 60}))
    now = status(api, name)
    assert now["state"] == "stopped" and now["desired"]["state"] == "stopped" and now["addresses"] == []

    done(api, api.post(f"/guests/{name}/actions/start"))
    wait_for(lambda: log_of(api, name).count("GUEST-UP") >= 2, "the second start's marker", 90)
    done(api, api.post(f"/guests/{name}/actions/stop"))
    assert status(api, name)["state"] == "stopped"

    uuid = api.get(f"/guests/{name}").json["metadata"]["uuid"]
    volumes = [disk["volume"] for disk in status(api, name)["disks"]]
    done(api, api.delete(f"/guests/{name}?purge=true"))
    api.get(f"/guests/{name}").expect(404)
    for volume in volumes:
        api.get(f"/volumes/{volume}").expect(404)
    left = [str(p) for p in stack.state.rglob(f"*{uuid}*")]
    assert not left, f"left behind: {left}"


@pytest.mark.parametrize("kind", ["container", "vm"])
def test_killing_lodged_the_gate_and_libvirtd_leaves_a_guest_running(api, stack, guest, kind):
    name = guest(f"survivor-{kind}", kind)
    since = status(api, name)["since"]
    for daemon in ("lodged", "lodge-gate", "libvirtd"):
        pid = stack.daemon_pid(daemon)
        os.kill(pid, signal.SIGKILL)
        wait_for(lambda: stack.daemon_pids(daemon) not in ([], [pid]), f"{daemon} coming back", 10)

        def running():
            try:
                answer = api.get(f"/guests/{name}")
            except ConnectionError:  # the new gate does not listen yet
                return False
            return answer.status == 200 and answer.json["status"]["state"] == "running"

        wait_for(running, f"the guest running after {daemon} was killed", 30)
    assert status(api, name)["since"] >= since
    done(api, api.post(f"/guests/{name}/actions/stop"))


@pytest.mark.parametrize("kind", ["container", "vm"])
def test_a_guest_that_dies_is_seen_at_once_and_starts_again(api, stack, guest, kind):
    name = guest(f"mortal-{kind}", kind)
    uuid = api.get(f"/guests/{name}").json["metadata"]["uuid"]
    kill_processes_of(stack, uuid)
    wait_for(lambda: status(api, name)["state"] in ("stopped", "crashed"), "the end of the guest being seen", 10)
    wait_for(lambda: status(api, name)["desired"]["state"] == "stopped" and "task" not in status(api, name), "the guest being settled")
    done(api, api.post(f"/guests/{name}/actions/start"))
    assert status(api, name)["state"] == "running"


def test_a_guest_that_is_always_kept_running_comes_back(api, stack, guest):
    name = guest("phoenix", run="always")
    uuid = api.get(f"/guests/{name}").json["metadata"]["uuid"]
    first = status(api, name)["since"]
    kill_processes_of(stack, uuid)
    wait_for(lambda: status(api, name)["state"] == "running" and status(api, name)["since"] > first, "the guest being started again", 20)


def test_a_container_is_unprivileged_and_its_files_belong_to_it(api, stack, guest):
    name = guest("unprivileged")
    assert beat_of(stack, address_of(api, name))
    processes = stack.sandbox.run("ps", "-eo", "uid,args").stdout.splitlines()
    init = [line.split()[0] for line in processes if "httpd -p 80" in line]
    assert init and all(int(uid) >= 1000000 for uid in init), processes


def ids_of(stack, api, name):
    """The user ids, on the host, of what runs in a container."""
    uuid = api.get(f"/guests/{name}").json["metadata"]["uuid"]
    found = set()
    for pid, _ in processes_of(stack, uuid):
        with contextlib.suppress(OSError):  # it ended meanwhile
            found.add(os.stat(f"/proc/{pid}").st_uid)
    return found - {0}


def test_each_container_has_user_ids_of_its_own(api, stack, guest):
    names = [guest(name) for name in ("first", "second")]
    ranges = []
    for name in names:
        assert beat_of(stack, address_of(api, name))  # it has written to its root by then, as its own root
        (of,) = {uid // 65536 for uid in (i - 1000000 for i in ids_of(stack, api, name))}
        ranges.append(of)
    assert ranges[0] != ranges[1] and min(ranges) >= 0
    # The files belong to the container wherever its range lies: with another one it starts as well.
    done(api, api.delete("/guests/first?force=true&purge=true"))
    third = guest("third")
    assert beat_of(stack, address_of(api, third))
    assert {(uid - 1000000) // 65536 for uid in ids_of(stack, api, third)} == {min(ranges)}


def test_two_guests_on_the_default_network_reach_each_other(api, stack, guest):
    one, two = guest("one"), guest("two")
    a, b = address_of(api, one), address_of(api, two)
    assert a != b and a.startswith("10.77.") and b.startswith("10.77.")
    for address in (a, b):
        assert beat_of(stack, address)


def test_figures_of_a_running_guest_appear_and_cost_nothing_to_read(api, guest):
    name = guest("figures")
    wait_for(lambda: "memory" in status(api, name), "the first figures", 15)
    now = status(api, name)
    assert now["memory"]["used"] > 0 and now["cpu"]["used"] >= 0 and set(now["net"]) == {"rx", "tx"}
    node = api.get("/nodes/self").expect(200).json["status"]
    assert node["memory"]["used"] > 0 and node["cpu"]["count"] >= 1


def test_a_guest_that_cannot_start_says_why_and_keeps_its_disk(api, stack, guest):
    name = guest("broken", start=False)
    volume = status(api, name)["disks"][0]["volume"]
    uuid = api.get(f"/volumes/{volume}").json["metadata"]["uuid"]
    path = next((stack.state / "pools/local").rglob(f"{uuid}*"))
    aside = path.with_name("aside")
    path.rename(aside)
    task = api.finished(api.post(f"/guests/{name}/actions/start"))
    assert task["status"]["state"] == "failed" and volume in task["status"]["error"]["detail"]
    assert status(api, name)["state"] == "stopped" and status(api, name)["desired"]["state"] == "stopped"
    aside.rename(path)
    done(api, api.post(f"/guests/{name}/actions/start"))


def test_an_image_that_is_not_what_it_says_is_refused(api, stack):
    path = stack.sandbox.folder / "not-an-image"
    path.write_bytes(b"MZ" + bytes(1 << 16))
    task = api.finished(api.put("/images/liar", {"spec": {"format": "qcow2", "source": {"file": str(path)}}}))
    assert task["status"]["state"] == "failed" and task["status"]["error"]["code"] == "invalid", task["status"]
    api.get("/images/liar").expect(404)
    path.unlink()


def test_a_guest_is_made_from_an_image_smaller_than_the_smallest_volume(api, stack, guest):
    path = stack.sandbox.folder / "small.raw"
    path.write_bytes(b"x" * 512)
    done(api, api.put("/images/small", {"spec": {"format": "raw", "source": {"file": str(path)}}}))
    guest("from-small", "vm", start=False, disks=[{"name": "root", "image": "small"}])
    assert status(api, "from-small")["disks"][0]["size"] == 1 << 20
    done(api, api.delete("/images/small"))
    path.unlink()


def test_a_network_that_cannot_be_brought_up_leaves_no_bridge_and_no_rules(api, stack):
    place = stack.state / "run/net"
    aside = place.rename(place.with_name("net.aside"))
    place.write_text("no folder")
    try:
        task = api.finished(api.put("/networks/blocked", {"spec": {"kind": "nat"}}))
        assert task["status"]["state"] == "failed", task["status"]
    finally:
        place.unlink()
        aside.rename(place)
    assert "lodge1" not in stack.sandbox.output("ip", "-br", "link")
    assert "lodge1" not in stack.sandbox.output("nft", "list", "ruleset")


def test_a_container_that_floods_its_console_does_not_fill_the_disk(api, stack, guest):
    flood = "i=0; while [ $i -lt 400 ]; do head -c 100000 /dev/zero | tr '\\0' x; i=$((i+1)); done; echo; echo FLOODED; sleep 1000"
    name = guest("flood", boot={"init": ["/bin/sh", "-c", flood]})
    uuid = api.get(f"/guests/{name}").json["metadata"]["uuid"]
    sizes = lambda: [path.stat().st_size for path in (stack.state / "log/guests").glob(f"{uuid}.log*")]  # noqa: E731
    most = 0

    def flooded():
        nonlocal most
        most = max(most, sum(sizes()))
        return "FLOODED" in log_of(api, name)

    wait_for(flooded, "the end of the flood", 60)
    assert (4 << 20) < most <= (8 << 20) + 65536
    assert len(api.get(f"/guests/{name}/log").expect(200).body) > 100000, "what came before is still to be read"
    done(api, api.delete(f"/guests/{name}?force=true&purge=true"))
    assert sizes() == []
