"""PUT, PATCH, DELETE: creating, replacing, preconditions, renaming, plans, idempotency keys."""

import threading

import pytest

from daemons import problem

ROLE = {"spec": {"permissions": ["guests.read"]}}


@pytest.fixture
def role(api):
    """role(name): a role as an example of a document without tasks."""
    made = []

    def make(name, **spec):
        answer = api.put(f"/roles/{name}", {"spec": {**ROLE["spec"], **spec}}, {"If-None-Match": "*"}).expect(201)
        made.append(answer.json["metadata"]["uuid"])
        return answer

    yield make
    for uuid in made:
        api.delete(f"/roles/uuid:{uuid}").expect(204, 404)


def test_put_creates_then_replaces_and_says_which(api, role):
    created = role("made")
    assert created.location == "/api/v1/roles/made"
    assert created.etag == f'"{created.json["metadata"]["revision"]}"'
    replaced = api.put("/roles/made", {"spec": {"permissions": ["images.read"]}}).expect(200)
    assert replaced.json["spec"] == {"permissions": ["images.read"]}
    assert replaced.json["metadata"]["uuid"] == created.json["metadata"]["uuid"]
    assert replaced.json["metadata"]["revision"] > created.json["metadata"]["revision"]
    assert replaced.json["metadata"]["created"] == created.json["metadata"]["created"]


def test_replacing_drops_what_is_left_out_and_patching_keeps_it(api, role):
    role("kept")
    api.patch("/roles/kept", {"metadata": {"labels": {"a": "1", "b": "2"}, "description": "text"}}).expect(200)
    patched = api.patch("/roles/kept", {"metadata": {"labels": {"a": None}}}).expect(200).json["metadata"]
    assert patched["labels"] == {"b": "2"} and patched["description"] == "text"
    replaced = api.put("/roles/kept", ROLE).expect(200).json["metadata"]
    assert replaced["labels"] == {} and "description" not in replaced


def test_what_the_user_set_is_shown_exactly_as_set(api, guest):
    spec = {"type": "vm", "memory": "16MiB", "cpu": {}, "run": "manual"}
    shown = guest("exact", **spec)
    assert shown["spec"] == {**spec, "memory": 16 << 20}
    assert shown["status"]["effective"]["cpu"] == {"cores": 1} and shown["status"]["effective"]["protection"] is False


def test_if_none_match_makes_a_put_create_only(api, role):
    role("first")
    problem(api.put("/roles/first", ROLE, {"If-None-Match": "*"}), 412, "precondition-failed")


def test_if_match_refuses_a_change_of_what_somebody_else_changed(api, role):
    etag = role("shared").etag
    newer = api.patch("/roles/shared", {"metadata": {"description": "theirs"}}, {"If-Match": etag}).expect(200)
    for answer in (api.put("/roles/shared", ROLE, {"If-Match": etag}),
                   api.patch("/roles/shared", {"metadata": {"description": "mine"}}, {"If-Match": etag}),
                   api.delete("/roles/shared", {"If-Match": etag})):
        assert newer.etag.strip('"') in problem(answer, 412, "precondition-failed")["detail"]
    assert api.get("/roles/shared").json["metadata"]["description"] == "theirs"
    api.delete("/roles/shared", {"If-Match": newer.etag}).expect(204)
    problem(api.put("/roles/shared", ROLE, {"If-Match": "*"}), 412)


def test_a_resource_that_was_got_can_be_sent_back_and_its_revision_acts_as_if_match(api, role):
    role("round")
    got = api.get("/roles/round").json
    got["metadata"]["description"] = "mine"
    after = api.put("/roles/round", got).expect(200).json
    problem(api.put("/roles/round", got), 412, "precondition-failed")
    problem(api.patch("/roles/round", {"metadata": {"revision": got["metadata"]["revision"], "description": "x"}}), 412)
    api.patch("/roles/round", {"metadata": {"revision": after["metadata"]["revision"], "description": "x"}}).expect(200)


def test_a_deleted_resource_is_not_made_again_by_sending_back_what_was_got(api, role):
    role("gone")
    got = api.get("/roles/gone").json
    api.delete("/roles/gone").expect(204)
    answer = api.put("/roles/gone", got)
    assert 400 <= answer.status < 500, answer
    del got["metadata"]["uuid"]
    problem(api.put("/roles/gone", got), 412, "precondition-failed")


def test_the_uuid_cannot_be_chosen_and_finds_the_resource_in_the_names_place(api, role):
    uuid = role("named").json["metadata"]["uuid"]
    assert api.get(f"/roles/uuid:{uuid}").expect(200).json["metadata"]["name"] == "named"
    problem(api.get("/roles/uuid:00000000-0000-4000-8000-000000000000"), 404, "not-found")
    problem(api.put("/roles/uuid:00000000-0000-4000-8000-000000000000", ROLE), 404)
    problem(api.put("/roles/own-uuid", {"metadata": {"uuid": uuid}, **ROLE}), 422, "invalid", "/metadata/uuid")


def test_renaming_keeps_the_uuid_and_frees_the_name(api, role):
    uuid = role("before").json["metadata"]["uuid"]
    role("occupied")
    problem(api.patch("/roles/before", {"metadata": {"name": "occupied"}}), 409, "exists")
    problem(api.patch("/roles/before", {"metadata": {"name": "Not A Name"}}), 422, "invalid", "/metadata/name")
    renamed = api.patch("/roles/before", {"metadata": {"name": "after"}}).expect(200).json
    assert renamed["metadata"]["name"] == "after" and renamed["metadata"]["uuid"] == uuid
    api.get("/roles/before").expect(404)
    api.put("/roles/before", ROLE).expect(201)
    api.delete("/roles/before").expect(204)


def test_the_name_in_the_body_must_be_that_of_the_path_when_creating(api):
    problem(api.put("/roles/one", {"metadata": {"name": "two"}, **ROLE}), 422, "invalid", "/metadata/name")


def test_a_dry_run_shows_the_plan_and_changes_nothing(api, guest):
    before = guest("planned", cpu={"cores": 1})
    plan = api.patch("/guests/planned?dry_run=true", {"spec": {"cpu": {"cores": 2}, "run": "always"}}).expect(200).json
    assert plan["dry_run"] is True and plan["change"] == "update" and plan["needs_restart"] is False
    effects = {effect["pointer"]: effect for effect in plan["effects"]}
    assert effects["/spec/cpu/cores"] == {"pointer": "/spec/cpu/cores", "effect": "restart", "before": 1, "after": 2}
    assert effects["/spec/run"]["effect"] == "now" and effects["/spec/run"]["before"] is None
    assert api.get("/guests/planned").json["metadata"] == before["metadata"]
    create = api.put("/guests/unmade?dry_run=true&start=true",
                     {"spec": {"type": "vm", "disks": [{"name": "root", "size": "1GiB"}], "nics": [{"name": "eth0"}]}})
    assert create.expect(200).json["change"] == "create" and create.json["task"] is True
    assert [step.split()[0] for step in create.json["steps"]] == ["create", "bring", "attach", "start"]
    api.get("/guests/unmade").expect(404)
    assert not [v for v in api.get("/volumes").json["items"] if v["metadata"]["name"].startswith("unmade")]
    delete = api.delete("/guests/planned?dry_run=true").expect(200).json
    assert delete["change"] == "delete" and api.get("/guests/planned").status == 200
    action = api.post("/guests/planned/actions/start?dry_run=true").expect(200).json
    assert action["change"] == "action" and api.get("/guests/planned").json["status"]["state"] == "stopped"


def test_a_plan_of_a_running_guest_says_that_it_needs_a_restart(api, guest):
    guest("hot", start=True)
    assert api.patch("/guests/hot?dry_run=true", {"spec": {"memory": "32MiB"}}).expect(200).json["needs_restart"] is True
    assert api.patch("/guests/hot?dry_run=true", {"spec": {"run": "always"}}).expect(200).json["needs_restart"] is False


def test_a_dry_run_is_refused_for_the_same_reasons_as_the_change(api, guest):
    guest("taken")
    problem(api.put("/guests/other?dry_run=true", {"spec": {"type": "cow"}}), 422, "invalid", "/spec/type")
    problem(api.post("/guests/taken/actions/stop?dry_run=true"), 409)
    problem(api.put("/guests/taken?dry_run=true", {"spec": {"type": "vm"}}, {"If-None-Match": "*"}), 412)


def test_the_same_idempotency_key_gives_the_same_task_and_another_request_is_refused(api, guest):
    guest("once")
    guest("twice")
    key = {"Idempotency-Key": "start-once-1"}
    first = api.post("/guests/once/actions/start", headers=key).expect(202)
    again = api.post("/guests/once/actions/start", headers=key).expect(200, 202)
    assert again.json["metadata"]["uuid"] == first.json["metadata"]["uuid"]
    api.finished(first)
    late = api.post("/guests/once/actions/start", headers=key).expect(200)
    assert late.json["metadata"]["uuid"] == first.json["metadata"]["uuid"]
    problem(api.post("/guests/twice/actions/start", headers=key), 422, "idempotency-key-reused")
    problem(api.post("/guests/once/actions/stop", headers=key), 422, "idempotency-key-reused")
    problem(api.post("/guests/once/actions/start", headers={"Idempotency-Key": "x" * 201}), 422, "invalid")


def test_requests_with_one_key_at_the_same_moment_make_one_task(api, guest, daemons):
    guest("race")
    answers = []

    def post():
        client = daemons.admin()
        answers.append(client.post("/guests/race/actions/start", headers={"Idempotency-Key": "race", "Prefer": "wait=10"}))

    threads = [threading.Thread(target=post) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status for answer in answers} == {200}, answers
    assert len({answer.json["metadata"]["uuid"] for answer in answers}) == 1


def test_changes_at_the_same_moment_all_happen(api, daemons, role):
    role("crowded")
    failures = []

    def patch(index):
        client = daemons.admin()
        answer = client.patch("/roles/crowded", {"metadata": {"labels": {f"k{index}": "1"}}})
        if answer.status != 200:
            failures.append(answer)

    threads = [threading.Thread(target=patch, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    assert len(api.get("/roles/crowded").json["metadata"]["labels"]) == 8


def test_of_two_creations_of_one_name_one_wins(api, daemons):
    statuses = []

    def put():
        statuses.append(daemons.admin().put("/roles/contested", ROLE, {"If-None-Match": "*"}).status)

    threads = [threading.Thread(target=put) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses)[0] == 201 and set(sorted(statuses)[1:]) <= {409, 412}, statuses
    api.delete("/roles/contested").expect(204)


def test_fixed_fields_are_refused_by_name(api, guest):
    guest("steady", disks=[{"name": "root", "size": "4MiB"}])
    problem(api.patch("/guests/steady", {"spec": {"type": "container"}}), 422, "invalid", "/spec/type")
    problem(api.patch("/guests/steady", {"spec": {"disks": [{"name": "root", "size": "4MiB", "pool": "local2"}]}}), 422,
            "invalid", "/spec/disks/0/pool")


def test_what_cannot_be_done_here_is_refused_with_a_reason(api):
    problem(api.put("/nodes/another", {"spec": {}}), 422, "unsupported")
    problem(api.put("/settings/other", {"spec": {}}), 422, "unsupported")
    api.patch("/settings/general", {"spec": {"memory_overcommit": 100}}).expect(200)
    assert api.get("/nodes/self").expect(200).json["status"]["state"] == "online"
