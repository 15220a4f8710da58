"""Tasks: progress, log, long polls, cancelling."""

import time
from concurrent.futures import ThreadPoolExecutor

from daemons import problem, wait_for


def test_prefer_wait_answers_with_the_task_when_it_has_ended(api, guest):
    guest("waited")
    answer = api.post("/guests/waited/actions/start", headers={"Prefer": "wait=10"}).expect(200)
    assert answer.headers["Preference-Applied"].startswith("wait") and answer.json["status"]["state"] == "succeeded"
    assert answer.json["status"]["progress"] == 100 and answer.json["status"]["ended"] >= answer.json["status"]["started"]


def test_prefer_wait_gives_up_after_its_time_and_answers_202(api, guest, plan):
    guest("slow")
    plan("guest.start delay 60000")
    begun = time.monotonic()
    answer = api.post("/guests/slow/actions/start", headers={"Prefer": "wait=1"}).expect(202)
    assert time.monotonic() - begun > 0.9
    assert answer.json["status"]["state"] == "running"
    plan()
    assert api.finished(answer)["status"]["state"] == "succeeded"


def test_a_long_poll_ends_with_the_task_and_not_later(api, daemons, guest, plan):
    """Its time is longer than its client waits for an answer."""
    guest("polled")
    plan("guest.start delay 60000")
    task = api.post("/guests/polled/actions/start").expect(202).location
    with ThreadPoolExecutor() as threads:
        poll = threads.submit(daemons.admin().get, f"{task}?wait=60s")
        assert api.get(f"{task}?wait=500ms").expect(200).json["status"]["state"] == "running"
        for wrong in ("soon", "-1", "1h", "", "30sx"):
            problem(api.get(f"{task}?wait={wrong}"), 422, "invalid")
        assert not poll.done()
        plan()
        assert poll.result().expect(200).json["status"]["state"] == "succeeded"
    for already in ("60s", "60"):
        api.get(f"{task}?wait={already}").expect(200)


def test_a_task_tells_its_steps_its_progress_and_its_log(api, guest, plan):
    plan("storage.attach delay 60000")
    begun = api.put("/guests/told?start=true", {"spec": {"type": "vm", "memory": "16MiB", "disks": [{"name": "root", "size": "4MiB"}]}}).expect(202)
    task = begun.location
    seen = wait_for(lambda: (lambda s: s if 0 < s["progress"] < 100 else None)(api.get(task).json["status"]), "progress")
    assert seen["state"] == "running" and seen["message"]
    live = api.get(f"{task}/log").expect(200)
    assert live.headers["Content-Type"].startswith("text/plain") and "create volume told-root" in live.body.decode()
    plan()
    done = api.finished(begun)
    assert done["status"]["steps"] == ["create volume told-root in pool local", "attach disk root", "start guest told"]
    log = wait_for(lambda: api.get(f"{task}/log").expect(200).body.decode(), "the log of a task that has ended")
    assert [line.split(" ", 1)[1] for line in log.splitlines()] == done["status"]["steps"]
    assert done["spec"]["action"] == "guest.create" and done["spec"]["object"]["name"] == "told" and done["spec"]["user"] == "token:test-admin"
    api.delete("/guests/told?force=true&purge=true", {"Prefer": "wait=10"}).expect(200)


def test_a_cancelled_task_undoes_what_it_did(api, daemons, plan):
    before = daemons.volume_files()
    plan("storage.attach delay 60000")
    begun = api.put("/guests/undone?start=true", {"spec": {"type": "vm", "memory": "16MiB", "disks": [{"name": "root", "size": "4MiB"}]}}).expect(202)
    wait_for(lambda: "attach" in api.get(begun.location).json["status"].get("message", ""), "the second step")
    api.post(f"{begun.location}/actions/cancel").expect(202)
    plan()
    task = api.get(f"{begun.location}?wait=10s").expect(200).json
    assert task["status"]["state"] == "cancelled" and task["status"]["error"]["code"] == "cancelled"
    api.get("/guests/undone").expect(404)
    assert daemons.volume_files() == before and not api.get("/volumes?filter=metadata.name~undone").json["items"]
    problem(api.post(f"{begun.location}/actions/cancel"), 409, "wrong-state")


def test_a_shutdown_that_is_not_followed_can_be_cancelled(api, guest, plan):
    guest("deaf", start=True)
    plan("guest.shutdown delay 60000")
    begun = api.post("/guests/deaf/actions/shutdown", {"timeout_s": 30}).expect(202)
    api.post(f"{begun.location}/actions/cancel").expect(202)
    plan()
    task = api.get(f"{begun.location}?wait=10s").json
    assert task["status"]["state"] in ("cancelled", "succeeded")


def test_tasks_are_listed_and_found_by_what_they_did(api, guest):
    guest("listed", start=True)
    found = api.get("/tasks?filter=spec.object.name=listed,spec.action=guest.create").expect(200).json["items"]
    assert len(found) == 1 and found[0]["status"]["state"] == "succeeded"
    problem(api.get("/tasks/none"), 404)
    problem(api.get("/tasks/none/log"), 404)
    problem(api.put("/tasks/none", {}), 405)
