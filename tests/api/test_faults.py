"""Every step fails in turn, and lodged is killed at each: a clear state, a clear sentence, the next attempt works,
and nothing is left over."""

import sqlite3
import time
from contextlib import closing

import pytest

from daemons import wait_for

BODY = {"spec": {"type": "vm", "memory": "16MiB", "disks": [{"name": "root", "size": "4MiB"}], "nics": [{"name": "eth0"}]}}
WAIT = {"Prefer": "wait=20"}


def nothing_left(pair, api, guests=()):
    """No orphan, no file without its volume, nothing that runs without its guest, no half-made document."""
    orphans = lambda: api.get("/nodes/self/orphans").expect(200).json["items"]  # noqa: E731
    assert not orphans()
    shown = {g["metadata"]["name"]: g for g in api.get("/guests").expect(200).json["items"]}
    assert set(shown) == set(guests), shown.keys()
    for guest in shown.values():
        assert "task" not in guest["status"]
    volumes = api.get("/volumes").expect(200).json["items"]
    assert {v["status"]["state"] for v in volumes} <= {"ready", "trashed"}, volumes
    assert sorted(v["metadata"]["uuid"] for v in volumes) == pair.volume_files()
    running = sorted(g["metadata"]["uuid"] for g in shown.values() if g["status"]["state"] == "running")
    assert running == pair.running_in_fake()
    assert all(t["status"]["state"] in ("succeeded", "failed", "cancelled") for t in api.get("/tasks").expect(200).json["items"])


@pytest.fixture(scope="module")
def pair():
    """Daemons of this module, restarted often."""
    from daemons import Daemons
    made = Daemons()
    try:
        yield made.start()
    finally:
        made.end()


@pytest.fixture
def calm(pair):
    """The module's daemons, empty and with nothing planned, before and after."""
    api = pair.admin()
    yield api
    pair.plan()
    for guest in api.get("/guests").expect(200).json["items"]:
        api.delete(f"/guests/{guest['metadata']['name']}?force=true&purge=true", WAIT).expect(200)
    for volume in api.get("/volumes").json["items"]:
        api.delete(f"/volumes/{volume['metadata']['name']}?purge=true", WAIT).expect(200)
    nothing_left(pair, api)
    api.close()


def failed(answer, *words):
    """The task has failed with a sentence that says what and why."""
    task = answer.expect(200).json
    assert task["status"]["state"] == "failed", task
    detail = task["status"]["error"]["detail"]
    for word in words:
        assert word in detail, detail
    assert task["status"]["error"]["code"] != "" and "progress" in task["status"]
    return task


CREATE = ["storage.volume_create fail 1 no-space", "net.ensure fail 1 internal", "storage.attach fail 1 io", "storage.attach fail 2 internal",
          "guest.start fail 1 internal"]


@pytest.mark.parametrize("fault", CREATE)
def test_a_creation_that_fails_anywhere_leaves_nothing(pair, calm, fault):
    pair.plan(fault)
    task = failed(calm.put("/guests/made?start=true", BODY, WAIT), "was told to fail")
    assert task["status"]["steps"]
    nothing_left(pair, calm)
    log = wait_for(lambda: calm.get(f"/tasks/{task['metadata']['name']}/log").body.decode(), "the log")
    assert "failed: " in log and "undo" in log
    pair.plan()
    assert calm.put("/guests/made?start=true", BODY, WAIT).expect(200).json["status"]["state"] == "succeeded"
    nothing_left(pair, calm, ["made"])


@pytest.mark.parametrize("fault", CREATE[1:])
def test_a_start_that_fails_anywhere_leaves_the_guest_stopped_and_wanted_so(pair, calm, fault):
    calm.put("/guests/started", BODY, WAIT).expect(200)
    pair.plan(fault)
    failed(calm.post("/guests/started/actions/start", headers=WAIT), "was told to fail")
    shown = calm.get("/guests/started").json["status"]
    assert shown["state"] == "stopped" and shown["desired"]["state"] == "stopped"
    nothing_left(pair, calm, ["started"])
    pair.plan()
    assert calm.post("/guests/started/actions/start", headers=WAIT).expect(200).json["status"]["state"] == "succeeded"


@pytest.mark.parametrize("fault,state", [("guest.stop fail 1 internal", "running"), ("storage.detach fail 1 internal", "stopped"),
                                         ("guest.forget fail 1 internal", "stopped")])
def test_a_stop_that_fails_says_so_and_works_again(pair, calm, fault, state):
    calm.put("/guests/ended?start=true", BODY, WAIT).expect(200)
    pair.plan(fault)
    failed(calm.post("/guests/ended/actions/stop", headers=WAIT), "was told to fail")
    shown = calm.get("/guests/ended").json["status"]
    assert shown["state"] == state and shown["desired"]["state"] == state
    pair.plan()
    if state == "running":
        calm.post("/guests/ended/actions/stop", headers=WAIT).expect(200)
    assert calm.post("/guests/ended/actions/start", headers=WAIT).expect(200).json["status"]["state"] == "succeeded"
    nothing_left(pair, calm, ["ended"])


@pytest.mark.parametrize("fault", [
    "guest.stop fail 1 internal",
    "storage.detach fail 1 internal", "guest.forget fail 1 internal", "storage.volume_delete fail 1 internal"])
def test_a_deletion_that_fails_anywhere_keeps_the_guest_and_works_again(pair, calm, fault):
    calm.put("/guests/deleted?start=true", BODY, WAIT).expect(200)
    pair.plan(fault)
    failed(calm.delete("/guests/deleted?force=true&purge=true", WAIT), "was told to fail")
    shown = calm.get("/guests/deleted").json
    assert shown["status"]["state"] in ("running", "stopped") and shown["status"]["desired"]["state"] == shown["status"]["state"]
    pair.plan()
    assert calm.delete("/guests/deleted?force=true&purge=true", WAIT).expect(200).json["status"]["state"] == "succeeded"
    nothing_left(pair, calm)


def test_a_shutdown_that_the_guest_ignores_ends_in_time_and_says_what_to_do(pair, calm):
    calm.put("/guests/stubborn?start=true", BODY, WAIT).expect(200)
    pair.plan("guest.shutdown fail 1 internal")
    failed(calm.post("/guests/stubborn/actions/shutdown", {"timeout_s": 1}, WAIT), "stubborn")
    assert calm.get("/guests/stubborn").json["status"]["desired"]["state"] == "running"


@pytest.mark.allow_log("left over after task")
def test_what_cannot_be_undone_is_shown_with_its_reason(own):
    pair = own().start()
    api = pair.admin()
    pair.plan("guest.start fail 1 internal", "storage.volume_delete fail 1 internal")
    task = failed(api.put("/guests/messy?start=true", BODY, WAIT), "was told to fail")
    orphans = api.get("/nodes/self/orphans").expect(200).json["items"]
    assert [orphan["step"] for orphan in orphans] == ["volume.create"] and orphans[0]["task"] == task["metadata"]["name"]
    assert "was told to fail" in orphans[0]["error"] and pair.volume_files()


@pytest.mark.allow_log("left over after task")
def test_what_a_failed_start_left_is_taken_over_by_a_start_that_works(pair, calm):
    calm.put("/guests/again", BODY, WAIT).expect(200)
    pair.plan("guest.start fail 1 internal", "guest.stop fail 1 internal", "storage.detach fail 1 internal")
    failed(calm.post("/guests/again/actions/start", headers=WAIT), "was told to fail")
    orphans = lambda: calm.get("/nodes/self/orphans").expect(200).json["items"]  # noqa: E731
    assert sorted(orphan["step"] for orphan in orphans()) == ["disk.attach", "guest.launch"]
    pair.plan()
    assert calm.post("/guests/again/actions/start", headers=WAIT).expect(200).json["status"]["state"] == "succeeded"
    assert orphans() == []  # or the guest would be stopped a minute later
    assert calm.get("/guests/again").json["status"]["state"] == "running"


KILLS = [(action, step, moment) for action, steps in (("guest.create", 4), ("guest.start", 3), ("guest.purge", 5))
         for step in range(steps) for moment in ("begin", "done")]


@pytest.mark.parametrize("action,step,moment", KILLS, ids=lambda value: str(value))
def test_after_a_kill_at_any_step_the_task_goes_on_or_ends(pair, calm, action, step, moment):
    if action != "guest.create":
        calm.put("/guests/hit" + ("?start=true" if action == "guest.purge" else ""), BODY, WAIT).expect(200)
    pair.restart_lodged(LODGE_FAKE_KILL=f"{action} {step} {moment}")
    wait_for(lambda: calm.get("/session").status == 200, "the gate")
    answer = {
        "guest.create": lambda: calm.put("/guests/hit?start=true", BODY, WAIT),
        "guest.start": lambda: calm.post("/guests/hit/actions/start", headers=WAIT),
        "guest.purge": lambda: calm.delete("/guests/hit?force=true&purge=true", WAIT),
    }[action]()
    assert answer.status == 503 and answer.json["hint"], answer
    assert pair.lodged.wait(10) == -9
    pair.restart_lodged()
    wait_for(lambda: calm.get("/session").status == 200, "the gate")
    task = calm.get(f"/tasks?filter=spec.action={action},spec.object.name=hit").json["items"]
    newest = max(task, key=lambda t: t["metadata"]["created"])["metadata"]["name"]
    ended = calm.get(f"/tasks/{newest}?wait=10s").expect(200).json["status"]
    assert ended["state"] in ("succeeded", "failed"), ended
    assert ended["state"] == "succeeded" or ended["error"]["detail"], ended
    if action == "guest.purge":
        assert calm.get("/guests/hit").status == 404
        nothing_left(pair, calm)
        return
    status = calm.get("/guests/hit").expect(200).json["status"]
    assert status["state"] == status["desired"]["state"]
    nothing_left(pair, calm, ["hit"])
    if status["state"] == "stopped":
        assert calm.post("/guests/hit/actions/start", headers=WAIT).expect(200).json["status"]["state"] == "succeeded"


@pytest.mark.parametrize("step,moment", [(step, moment) for step in range(4) for moment in ("begin", "done")])
def test_after_a_kill_while_a_creation_is_undone_nothing_is_left(pair, calm, step, moment):
    pair.plan("guest.start fail 1 internal")
    pair.restart_lodged(LODGE_FAKE_KILL=f"guest.create {step} undo {moment}")
    wait_for(lambda: calm.get("/session").status == 200, "the gate")
    assert calm.put("/guests/torn?start=true", BODY, WAIT).status == 503
    assert pair.lodged.wait(10) == -9
    pair.plan()
    pair.restart_lodged()
    wait_for(lambda: calm.get("/session").status == 200, "the gate")
    tasks = calm.get("/tasks?filter=spec.action=guest.create,spec.object.name=torn").json["items"]
    newest = max(tasks, key=lambda t: t["metadata"]["created"])["metadata"]["name"]
    ended = calm.get(f"/tasks/{newest}?wait=10s").expect(200).json["status"]
    assert ended["state"] == "failed" and ended["error"]["detail"]
    nothing_left(pair, calm)
    assert calm.put("/guests/torn?start=true", BODY, WAIT).expect(200).json["status"]["state"] == "succeeded"


def test_running_guests_stay_as_they_are_over_kills_of_lodged(pair, calm):
    calm.put("/guests/steady?start=true", BODY, WAIT).expect(200)
    since = calm.get("/guests/steady").json["metadata"]["revision"]
    for _ in range(3):
        pair.restart_lodged(9)
        wait_for(lambda: calm.get("/session").status == 200, "the gate")
        wait_for(lambda: calm.get("/guests/steady").json["status"]["state"] == "running", "the first look")
    time.sleep(0.2)
    shown = calm.get("/guests/steady").json
    assert shown["metadata"]["revision"] == since and shown["status"]["desired"]["state"] == "running"
    assert [t["spec"]["action"] for t in calm.get("/tasks?filter=spec.object.name=steady").json["items"]] == ["guest.create"]


def test_volumes_and_images_that_this_release_cannot_read_are_refused_by_name(own):
    pair = own().start_lodged()
    image = pair.root / "image"
    image.write_bytes(b"x" * 512)
    pair.cli("volume", "create", "odd", "--size", "1MiB", "--wait").check_returncode()
    pair.cli("image", "create", "odd", "--format", "raw", "--source.file", str(image), "--wait").check_returncode()
    pair.stop_lodged()
    with closing(sqlite3.connect(pair.state / "registry.db")) as registry, registry:
        registry.execute("UPDATE docs SET private='{\"phase\":\"later\"}', sum=NULL WHERE kind IN ('volume', 'image')")
    pair.start_lodged()
    for words in (("volume", "edit", "odd", "--size", "2MiB"), ("volume", "delete", "odd"), ("volume", "undelete", "odd"),
                  ("image", "delete", "odd")):
        answer = pair.cli(*words)
        assert answer.returncode and "cannot be read by this release" in answer.stderr, (words, answer)
    assert pair.lodged.poll() is None
