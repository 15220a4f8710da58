"""Roles and bindings: lists, single resources, events and changes all obey them, and nobody hands on more than they have."""

import pytest

from daemons import problem, wait_for
from stream import Stream


def names(answer):
    return [item["metadata"]["name"] for item in answer.expect(200).json["items"]]


def test_who_has_no_role_may_nothing_but_ask_who_they_are(user):
    client = user("stranger")
    assert client.get("/session").expect(200).json["permissions"] == {}
    for collection in ("guests", "users", "settings", "audit", "metrics"):
        problem(client.get(f"/{collection}"), 403, "forbidden")


def test_who_starts_a_task_sees_and_cancels_it_and_not_those_of_others(user, guest, api):
    guest("theirs", start=True)
    client = user("starter", "guests.power", path="/guests/theirs")
    assert client.get("/tasks").expect(200).json["items"] == []
    task = client.post("/guests/theirs/actions/stop", headers={"Prefer": "wait=10"}).expect(200).json
    assert names(client.get("/tasks")) == [task["metadata"]["name"]]
    client.get(f"/tasks/{task['metadata']['name']}/log").expect(200)
    other = api.get("/tasks?filter=spec.object.name=theirs,spec.action=guest.create").json["items"][0]["metadata"]["name"]
    problem(client.get(f"/tasks/{other}"), 403, "forbidden")
    problem(client.get(f"/tasks/{other}/log"), 403, "forbidden")
    problem(client.post(f"/tasks/{other}/actions/cancel"), 403, "forbidden")


def test_a_refusal_names_the_permission_that_is_missing(user):
    body = problem(user("narrow", "guests.read").put("/users/x", {"spec": {}}), 403, "forbidden")
    assert "users.create" in body["detail"]


def test_a_path_binding_limits_lists_single_reads_and_changes_to_matching_names(user, guest, api):
    guest("web-1")
    guest("web-2")
    guest("db-1")
    client = user("webmaster", "guests.*", path="/guests/web-*")
    assert names(client.get("/guests")) == ["web-1", "web-2"]
    client.get("/guests/web-1").expect(200)
    problem(client.get("/guests/db-1"), 403, "forbidden")
    problem(client.patch("/guests/db-1", {"spec": {"run": "manual"}}), 403, "forbidden")
    problem(client.delete("/guests/db-1"), 403, "forbidden")
    problem(client.post("/guests/db-1/actions/start"), 403, "forbidden")
    problem(client.get("/guests/db-1/log"), 403, "forbidden")
    problem(client.put("/guests/db-2", {"spec": {"type": "vm"}}), 403, "forbidden")
    client.patch("/guests/web-1", {"spec": {"run": "manual"}}).expect(200)
    problem(client.patch("/guests/web-1", {"metadata": {"name": "db-9"}}), 403, "forbidden")
    problem(client.patch("/guests/uuid:" + api.get("/guests/db-1").json["metadata"]["uuid"], {"spec": {}}), 403, "forbidden")


def test_a_selector_binding_follows_the_labels_and_cannot_be_widened_by_its_holder(user, guest, api):
    guest("labelled", metadata={"labels": {"team": "blue", "tier": "front"}})
    guest("unlabelled")
    client = user("blue", "guests.*", selector={"team": "blue"})
    assert names(client.get("/guests")) == ["labelled"]
    problem(client.get("/guests/unlabelled"), 403)
    problem(client.patch("/guests/labelled", {"metadata": {"labels": {"team": "red"}}}), 403, "forbidden")
    problem(client.patch("/guests/unlabelled", {"metadata": {"labels": {"team": "blue"}}}), 403, "forbidden")
    problem(client.put("/guests/blue-2", {"spec": {"type": "vm"}}), 403, "forbidden")
    client.put("/guests/blue-2", {"metadata": {"labels": {"team": "blue"}}, "spec": {"type": "vm"}}).expect(201)
    api.patch("/guests/labelled", {"metadata": {"labels": {"team": None}}}).expect(200)
    assert names(client.get("/guests")) == ["blue-2"]
    api.delete("/guests/blue-2", {"Prefer": "wait=10"}).expect(200)


def test_a_group_gives_its_members_what_it_is_bound_to(user, api):
    client = user("member", groups=["staff"])
    problem(client.get("/guests"), 403)
    api.put("/bindings/staff", {"spec": {"subject": "group:staff", "role": "viewer"}}).expect(201)
    client.get("/guests").expect(200)
    api.patch("/users/member", {"spec": {"groups": []}}).expect(200)
    problem(client.get("/guests"), 403)
    api.delete("/bindings/staff").expect(204)


def test_a_role_that_is_taken_away_is_gone_with_the_next_request(user, api):
    client = user("fleeting", "guests.read")
    client.get("/guests").expect(200)
    api.patch("/roles/fleeting", {"spec": {"permissions": ["images.read"]}}).expect(200)
    problem(client.get("/guests"), 403)
    client.get("/images").expect(200)
    api.delete("/bindings/fleeting").expect(204)
    problem(client.get("/images"), 403)


def test_events_show_only_what_may_be_read(user, guest, api):
    client = user("watcher", "guests.read", path="/guests/seen-*")
    with Stream(client) as stream:
        guest("hidden-1")
        guest("seen-1")
        seen = []
        for event in stream.until(lambda e: "seen-1" in e.data):
            seen.append(event.data)
        api.patch("/guests/seen-1", {"metadata": {"name": "hidden-2"}}).expect(200)
        gone = next(iter(stream.until(lambda e: '"delete"' in e.data, last_only=True)))
        assert "hidden" not in "".join(seen) + gone.data, "an event told the name of what may not be seen"
        assert gone.json["changes"][0]["name"] == "seen-1"
    api.patch("/guests/hidden-2", {"metadata": {"name": "seen-1"}}).expect(200)


def test_an_event_stream_shows_nothing_of_what_may_not_be_read_any_more(user, api):
    client = user("narrowed", "roles.read")
    binding = api.get("/bindings/narrowed").expect(200).json["spec"]
    with Stream(client) as stream:
        api.delete("/bindings/narrowed").expect(204)
        api.put("/roles/while-blind", {"spec": {"permissions": ["guests.read"]}}).expect(201)
        api.put("/bindings/narrowed", {"spec": binding}).expect(201)
        api.put("/roles/seen-again", {"spec": {"permissions": ["guests.read"]}}).expect(201)
        assert not any("while-blind" in event.data for event in stream.until(lambda e: "seen-again" in e.data))
    for name in ("while-blind", "seen-again"):
        api.delete(f"/roles/{name}").expect(204)


@pytest.mark.parametrize("end", ["token", "user", "disabled"])
def test_an_event_stream_ends_when_its_reader_is_nobody_any_more(user, api, end):
    name = f"cut-{end}"
    client = user(name, "guests.read", "roles.read")
    with Stream(client) as stream:
        {
            "token": lambda: api.delete(f"/tokens/{name}").expect(204),
            "user": lambda: api.delete(f"/users/{name}").expect(204),
            "disabled": lambda: api.patch(f"/users/{name}", {"spec": {"disabled": True}}).expect(200),
        }[end]()
        api.put("/roles/after-the-end", {"spec": {"permissions": ["guests.read"]}}).expect(201)
        rest = list(stream.rest(timeout=5))
        assert not any("after-the-end" in event.data for event in rest)
    api.delete("/roles/after-the-end").expect(204)


def test_an_event_stream_ends_with_its_session(daemons, api):
    client = daemons.api("admin")
    with Stream(client) as stream:
        other = client.another()
        other.cookie, other.csrf = client.cookie, client.csrf
        other.delete("/session").expect(204)
        api.put("/roles/after-signing-out", {"spec": {"permissions": ["guests.read"]}}).expect(201)
        rest = list(stream.rest(timeout=5))
        assert not any("after-signing-out" in event.data for event in rest)
    api.delete("/roles/after-signing-out").expect(204)


# ---- nobody hands on more than they have


def test_a_role_cannot_be_given_permissions_that_its_maker_does_not_have(user):
    client = user("rolemaker", "roles.*", "guests.read")
    client.put("/roles/small", {"spec": {"permissions": ["guests.read"]}}).expect(201)
    for permission in ("guests.delete", "*", "guests.*", "*.read"):
        problem(client.put("/roles/big", {"spec": {"permissions": [permission]}}), 403, "forbidden")
        problem(client.patch("/roles/small", {"spec": {"permissions": [permission]}}), 403, "forbidden")
        problem(client.patch("/roles/rolemaker", {"spec": {"permissions": ["roles.*", "guests.read", permission]}}), 403)
    client.delete("/roles/small").expect(204)


def test_a_binding_cannot_hand_on_a_role_beyond_its_makers_own(user, api):
    client = user("binder", "bindings.*", "guests.read")
    for role in ("admin", "operator", "viewer"):
        problem(client.put("/bindings/up", {"spec": {"subject": "user:binder", "role": role}}), 403, "forbidden")
    client.put("/bindings/down", {"spec": {"subject": "user:binder", "role": "binder"}}).expect(201)
    problem(client.patch("/bindings/down", {"spec": {"role": "admin"}}), 403, "forbidden")
    client.delete("/bindings/down").expect(204)


def test_rights_on_a_path_do_not_become_rights_everywhere_by_a_binding(user):
    client = user("partial", "bindings.*", "guests.*", path="/guests/mine-*")
    problem(client.put("/bindings/wide", {"spec": {"subject": "user:partial", "role": "partial"}}), 403, "forbidden")


def test_a_token_for_somebody_else_takes_every_right(user, api):
    client = user("tokenmaker", "tokens.*", "guests.read")
    problem(client.put("/tokens/steal", {"spec": {"user": "admin"}}), 403, "forbidden")


def test_a_limited_token_cannot_make_or_become_an_unlimited_one(api, daemons):
    api.put("/roles/token-keeper", {"spec": {"permissions": ["tokens.*"]}}).expect(201)
    secret = api.put("/tokens/keeper", {"spec": {"role": "token-keeper"}}).expect(201).json["secret"]
    keeper = daemons.api(token=secret)
    try:
        problem(keeper.put("/tokens/wider", {"spec": {}}), 403, "forbidden")
        problem(keeper.patch("/tokens/keeper", {"spec": {"role": None}}), 403, "forbidden")
        problem(keeper.patch("/tokens/keeper", {"spec": {"role": "admin"}}), 403, "forbidden")
    finally:
        for path in ("/tokens/keeper", "/roles/token-keeper", "/tokens/wider"):
            api.delete(path).expect(204, 404)


def test_who_manages_users_cannot_become_a_greater_one(user, api):
    api.put("/bindings/wheel", {"spec": {"subject": "group:wheel", "role": "admin"}}).expect(201)
    api.put("/users/greater", {"spec": {"groups": ["wheel"]}}).expect(201)
    client = user("usermaker", "users.*")
    try:
        problem(client.patch("/users/usermaker", {"spec": {"groups": ["wheel"]}}), 403, "forbidden")
        problem(client.put("/users/puppet", {"spec": {"groups": ["wheel"]}}), 403, "forbidden")
        problem(client.patch("/users/greater", {"spec": {"password": "mine from now on"}}), 403, "forbidden")
        client.put("/users/plain", {"spec": {"password": "a good password"}}).expect(201)
        client.delete("/users/plain").expect(204)
    finally:
        for path in ("/users/greater", "/users/puppet", "/bindings/wheel"):
            api.delete(path).expect(204, 404)


def test_who_manages_users_does_not_delete_or_rename_a_greater_one(user, api):
    api.put("/users/superior", {"spec": {}}).expect(201)
    api.put("/bindings/superior", {"spec": {"subject": "user:superior", "role": "admin"}}).expect(201)
    client = user("usertrimmer", "users.*")
    problem(client.patch("/users/superior", {"metadata": {"name": "nobody-now"}}), 403, "forbidden")
    problem(client.delete("/users/superior"), 403, "forbidden")
    api.delete("/users/superior").expect(204)


def test_what_is_bound_to_a_tokens_name_is_not_had_by_taking_that_name(user, api):
    client = user("nametaker", "tokens.*")
    limits = {"spec": {"permissions": ["tokens.*"]}}
    api.put("/bindings/early", {"spec": {"subject": "token:early", "role": "admin"}}).expect(201)
    problem(client.put("/tokens/early", limits), 403, "forbidden")
    client.put("/tokens/plain", limits).expect(201)
    problem(client.patch("/tokens/plain", {"metadata": {"name": "early"}}), 403, "forbidden")
    for path in ("/tokens/plain", "/bindings/early"):
        api.delete(path).expect(204)


def test_bindings_go_with_the_user_or_token_that_is_renamed_or_deleted(user, api):
    client = user("before", "guests.read")
    api.patch("/users/before", {"metadata": {"name": "after"}}).expect(200)
    client.get("/guests").expect(200)
    assert api.get("/bindings/before").json["spec"]["subject"] == "user:after"
    assert api.get("/tokens/before").json["spec"]["user"] == "after"
    api.put("/bindings/of-token", {"spec": {"subject": "token:before", "role": "viewer"}}).expect(201)
    api.patch("/tokens/before", {"metadata": {"name": "after"}}).expect(200)
    assert api.get("/bindings/of-token").json["spec"]["subject"] == "token:after"
    api.delete("/tokens/after").expect(204)
    api.delete("/users/after").expect(204)
    for name in ("of-token", "before"):
        problem(api.get(f"/bindings/{name}"), 404)


def test_a_binding_gives_a_role_that_is_there_and_the_role_stays_as_long(user, api):
    client = user("waiter", "bindings.*")
    problem(client.put("/bindings/trap", {"spec": {"subject": "user:waiter", "role": "to-come"}}), 422, "invalid", "/spec/role")
    problem(api.delete("/roles/waiter"), 409, "in-use")
    problem(api.patch("/roles/waiter", {"metadata": {"name": "waited"}}), 409, "in-use")


def test_a_place_on_the_host_for_a_pool_takes_managing_the_host(user):
    client = user("storer", "pools.*")
    refused = problem(client.put("/pools/anywhere", {"spec": {"kind": "dir", "path": "/srv/anywhere"}}), 403, "forbidden")
    assert "nodes.update" in refused["detail"]
    client.put("/pools/inside", {"spec": {"kind": "dir"}}, {"Prefer": "wait=20"}).expect(200)
    client.delete("/pools/inside").expect(204)


def test_you_cannot_delete_the_user_that_you_are(daemons):
    problem(daemons.api("admin").delete("/users/admin"), 409)


def test_built_in_roles_can_be_given_but_not_changed(api):
    for name in ("admin", "operator", "viewer"):
        problem(api.put(f"/roles/{name}", {"spec": {"permissions": ["guests.read"]}}), 409, "exists")


@pytest.mark.parametrize("path", ["/nothing", "/guests/a/b", "guests", ""])
def test_a_binding_to_a_path_that_cannot_match_is_refused(api, path):
    problem(api.put("/bindings/odd", {"spec": {"subject": "user:admin", "role": "viewer", "path": path}}), 422, "invalid")


def test_the_audit_log_tells_who_did_what_and_its_chain_holds(api, user):
    client = user("deed", "guests.read")
    problem(client.put("/roles/forbidden-deed", {"spec": {"permissions": ["guests.read"]}}), 403)
    records = wait_for(lambda: api.get("/audit?who=token%3Adeed").expect(200).json["items"], "the record")
    assert records[0]["action"] == "PUT /api/v1/roles/forbidden-deed" and records[0]["outcome"] == "forbidden"
    assert records[0]["address"] == "127.0.0.1"
    assert api.get("/audit?object=%2Fusers%2Fdeed").expect(200).json["items"]
    verdict = api.post("/audit/actions/verify").expect(200).json
    assert verdict["ok"] is True and verdict["records"] >= records[0]["seq"]
