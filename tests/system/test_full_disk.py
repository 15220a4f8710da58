"""Full disks: what does not fit fails with a sentence and leaves nothing, Lodge goes on, and heals when there is room."""

import os
from pathlib import Path

import pytest
from guests import CONTAINER, DEAF, SPECS, address_of, beat_of, done, failed, log_of, remove_guest, status, wait_for_images
from sandbox import wait_for


def api_answers(api):
    """Every list can be read."""
    for kind in ("guests", "volumes", "images", "networks", "pools", "tasks"):
        api.get(f"/{kind}").expect(200)


def assert_no_space(error, *words):
    assert error["code"] == "no-space" and error["hint"], error
    assert all(word in error["detail"] for word in words), error


# -- a pool


@pytest.fixture
def small_pool(api, stack, images):
    """A pool on a file system of its own: small_pool(size) makes it, grows or shrinks it; its folder."""
    pid, folder = stack.daemon_pid("lodged"), stack.sandbox.folder / "small"
    folder.mkdir()
    seen = Path(f"/proc/{pid}/root{folder}")

    def set_size(size):
        stack.run_inside("mount", "-o", f"remount,size={size}", folder)
        return seen

    stack.run_inside("mount", "-t", "tmpfs", "-o", "size=8m", "small", folder)
    done(api, api.put("/pools/small", {"spec": {"kind": "dir", "path": str(folder)}}))
    yield set_size
    api.delete("/pools/small").expect(204)
    stack.run_inside("umount", folder)
    folder.rmdir()


@pytest.mark.parametrize("kind", ["container", "vm"])
def test_a_guest_that_does_not_fit_its_pool_is_refused_and_created_once_there_is_room(api, stack, small_pool, kind):
    name = f"large-{kind}"
    folder = small_pool("2m")
    before = sorted(folder.rglob("*"))
    disk = {**SPECS[kind]["disks"][0], "pool": "small"}
    spec = {"spec": {**SPECS[kind], "disks": [disk]}}
    error = failed(api, api.put(f"/guests/{name}?start=true", spec))
    assert_no_space(error, "pool small is full", f"volume {name}-root")
    api.get(f"/guests/{name}").expect(404)
    api.get(f"/volumes/{name}-root").expect(404)
    assert sorted(folder.rglob("*")) == before
    assert not [line for line in Path(f"/proc/{stack.daemon_pid('lodged')}/mounts").read_text().splitlines() if "/rootfs/" in line]
    assert api.get("/nodes/self/orphans").json["items"] == []
    api_answers(api)

    small_pool("400m")
    try:
        done(api, api.put(f"/guests/{name}?start=true", spec))
        assert status(api, name)["state"] == "running"
    finally:
        remove_guest(api, name)


# -- Lodge's own state


@pytest.fixture
def small_stack(own_stack):
    """A Lodge whose state lies on a small file system, and remount(size) for that."""
    stack = own_stack()
    inside = stack.state
    inside.mkdir()
    stack.sandbox.run("mount", "-t", "tmpfs", "-o", "size=96m,mode=755", "state", inside)
    stack.state = Path(f"/proc/{stack.sandbox.init_pid}/root{inside}")  # as it is seen from here
    stack.start()
    yield stack
    if stack.running:
        assert stack.stop() == 0
    stack.sandbox.run("umount", inside)
    stack.state = inside


def fill(stack, leave=0):
    """Takes all the room that is left but so many bytes."""
    path = stack.state / "filler"
    with open(path, "wb", buffering=0) as file:
        for size in (1 << 20, 4096):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                pass  # full
        file.truncate(path.stat().st_size - leave)


ROLE = {"permissions": ["guests.read"]}


def exhaust(api):
    """Makes and changes roles until nothing can be written any more; the names of those that were made, and the refusal."""
    made = []
    for description in ("x" * 4000, ""):
        while (answer := api.put(f"/roles/role-{len(made)}", {"metadata": {"description": description}, "spec": ROLE})).status == 201:
            made.append(f"role-{len(made)}")
    # A change takes less room than something new.
    for i in range(1000):
        last = api.patch("/roles/role-0", {"metadata": {"description": str(i)}})
        if last.status != 200:
            return made, answer
    raise AssertionError("the disk is not full")


def take_reserve(stack):
    """Nothing is kept back any more, as after very many deletions."""
    os.truncate(stack.state / "registry.db.reserve", 0)


def make_room(stack):
    (stack.state / "filler").unlink()


def test_an_image_that_does_not_fit_is_refused_and_imported_once_there_is_room(small_stack, tmp_path):
    api = small_stack.admin()
    wait_for_images(api)
    before = sorted((small_stack.state / "images").iterdir())
    source = tmp_path / "source"
    with open(source, "wb") as file:
        for i in range(24):
            file.write(bytes([i + 1]) * (1 << 20))
    fill(small_stack, leave=12 << 20)  # room for the documents, not for the image
    spec = {"spec": {"format": "raw", "source": {"file": str(source)}}}
    assert_no_space(failed(api, api.put("/images/large", spec)), "image large")
    api.get("/images/large").expect(404)
    assert sorted((small_stack.state / "images").iterdir()) == before
    api_answers(api)
    make_room(small_stack)
    done(api, api.put("/images/large", spec))
    api.close()


@pytest.mark.allow_log("full|No space left|cannot write")
def test_with_a_full_state_changes_are_refused_reads_work_and_nothing_acknowledged_is_lost(small_stack):
    api = small_stack.admin()
    wait_for_images(api)
    done(api, api.put("/guests/box?start=true", {"spec": CONTAINER}))
    beat_of(small_stack, address_of(api, "box"))
    fill(small_stack, leave=512 << 10)
    acknowledged, refusal = exhaust(api)
    assert len(acknowledged) > 5
    assert_no_space(refusal.expect(507).json, "the disk that holds it is full")
    api.get(f"/roles/role-{len(acknowledged)}").expect(404)

    # Everything that only reads works, and the guest notices nothing.
    api_answers(api)
    have = {role["metadata"]["name"] for role in api.get("/roles").expect(200).json["items"]}
    assert have == set(acknowledged)
    assert beat_of(small_stack, status(api, "box")["addresses"][0])

    # What frees room works with what is kept back for it; what is new stays refused, with what to do about it.
    done(api, api.post("/guests/box/actions/stop"))
    assert status(api, "box")["state"] == "stopped" and status(api, "box")["desired"]["state"] == "stopped"
    for answer in (api.put("/roles/more", {"spec": ROLE}), api.post("/guests/box/actions/start"),
                   api.patch("/roles/role-0", {"metadata": {"description": "x"}})):
        problem = answer.expect(507).json
        assert_no_space(problem, "the disk that holds it is full")
        assert "delete" in problem["hint"]
    done(api, api.delete("/guests/box?purge=true"))
    api.get("/guests/box").expect(404)
    for name in acknowledged[3:]:
        api.delete(f"/roles/{name}").expect(204)
    del acknowledged[3:]
    assert_no_space(api.put("/roles/more", {"spec": ROLE}).expect(507).json, "the disk that holds it is full")

    # What was acknowledged is there for the next lodged, too, which starts in spite of it all.
    make_room(small_stack)
    wait_for(lambda: api.put("/roles/afterwards", {"spec": ROLE}).status == 201, "changes being taken again", 10)
    reserve = (small_stack.state / "registry.db.reserve").stat()
    assert reserve.st_blocks * 512 >= reserve.st_size >= 8 << 20, "the room that is kept back for the next time"
    api.close()
    assert small_stack.stop() == 0
    small_stack.start()
    api = small_stack.admin()
    have = {role["metadata"]["name"] for role in api.get("/roles").expect(200).json["items"]}
    assert have == {*acknowledged, "afterwards"}
    assert api.post("/audit/actions/verify").expect(200).json["ok"]
    api.close()


@pytest.mark.allow_log("full|No space left|cannot write")
def test_a_task_whose_outcome_cannot_be_written_ends_when_there_is_room(small_stack):
    api = small_stack.admin()
    wait_for_images(api)
    done(api, api.put("/guests/box?start=true", {"spec": {**CONTAINER, "boot": {"init": DEAF}}}))
    wait_for(lambda: "DEAF" in log_of(api, "box"), "the guest being deaf to its power button")
    # So this task lasts until it is cancelled, which is nothing that has to be written.
    answer = api.post("/guests/box/actions/shutdown", {"timeout_s": 300}).expect(202)
    take_reserve(small_stack)
    fill(small_stack, leave=128 << 10)
    exhaust(api)
    api.post(f"{answer.location}/actions/cancel").expect(202)
    # Logs are on the full disk, too: the API is what tells.
    task = lambda: api.get(answer.location).expect(200).json["status"]  # noqa: E731
    wait_for(lambda: "the outcome cannot be written yet" in task().get("message", ""), "the outcome that cannot be written", 20)
    assert task()["state"] == "running"
    assert_no_space(api.put("/roles/other", {"spec": ROLE}).expect(507).json)
    problem = api.post("/guests/box/actions/stop").expect(409).json
    assert problem["code"] == "busy" and answer.location.rpartition("/")[2] in problem["detail"]
    make_room(small_stack)
    wait_for(lambda: task()["state"] == "cancelled", "the end of the task", 10)
    assert status(api, "box")["state"] == "running" and status(api, "box")["desired"]["state"] == "running"
    done(api, api.post("/guests/box/actions/stop"))
    api.close()
