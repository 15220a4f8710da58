"""Uploads of images by parts: what was interrupted goes on where it was."""

import hashlib
import os
import select
import socket
import ssl

import pytest

from daemons import PASSWORD, problem, wait_for

BYTES = {"Content-Type": "application/offset+octet-stream"}


def begin(client, name="brought", size=1000):
    return client.post(f"/images/{name}/uploads", {"size": size}).expect(201)


def part(client, path, offset, data, **more):
    return client.request("PATCH", path, data, {**BYTES, "Upload-Offset": str(offset), **more})


def offset_of(client, path):
    answer = client.request("HEAD", path)
    assert answer.status == 200 and answer.body == b""
    return int(answer.headers["Upload-Offset"])


def raw_part(pair, api, path, offset, length, here="127.0.0.1"):
    """A connection on which a part's headers were sent, and nothing of it yet."""
    raw = socket.create_connection(("127.0.0.1", pair.port), 10, (here, 0))
    sock = ssl._create_unverified_context().wrap_socket(raw, server_hostname="localhost")
    head = (f"PATCH {path} HTTP/1.1", "Host: x", f"Authorization: Bearer {api.token}", f"Content-Type: {BYTES['Content-Type']}",
            f"Upload-Offset: {offset}", f"Content-Length: {length}", "", "")
    sock.sendall("\r\n".join(head).encode())
    return sock


@pytest.fixture
def image(api):
    yield "brought"
    answer = api.delete("/images/brought", {"Prefer": "wait=10"})
    assert answer.status in (200, 202, 204, 404), repr(answer)


def test_an_image_comes_in_parts_and_is_made_once_it_is_whole(daemons, api, image):
    data = os.urandom(3 * 1024 * 1024 + 77)
    path = begin(api, size=len(data)).location
    assert offset_of(api, path) == 0
    cut = 2 * 1024 * 1024
    assert part(api, path, 0, data[:cut]).expect(200).headers["Upload-Offset"] == str(cut)
    spec = {"format": "raw", "source": {"upload": path.rpartition("/")[2]}, "sha256": hashlib.sha256(data).hexdigest()}
    problem(api.put(f"/images/{image}", {"spec": spec}), 422, "invalid", "/spec/source/upload")  # not whole yet
    problem(part(api, path, 0, data[cut:]), 409, "wrong-state")
    assert part(api, path, cut, data[cut:]).expect(200).json["offset"] == len(data)
    task = api.finished(api.put(f"/images/{image}", {"spec": spec}).expect(202))
    assert task["status"]["state"] == "succeeded", task
    now = api.get(f"/images/{image}").expect(200).json
    assert now["status"]["state"] == "ready" and now["status"]["size"] == len(data) and now["status"]["sha256"] == spec["sha256"]
    problem(api.get(path), 404)
    assert list((daemons.state / "images/uploads").glob(f"{path.rpartition('/')[2]}*")) == []
    assert (daemons.state / "images" / now["metadata"]["uuid"]).read_bytes() == data


def test_an_image_that_is_refused_leaves_its_upload_for_another_try(daemons, api, image):
    path = begin(api, size=4096).location
    part(api, path, 0, bytes(4096)).expect(200)
    spec = {"format": "raw", "source": {"upload": path.rpartition("/")[2]}, "sha256": "0" * 64}
    task = api.finished(api.put(f"/images/{image}", {"spec": spec}).expect(202))
    assert task["status"]["state"] == "failed" and "SHA-256" in task["status"]["error"]["detail"]
    assert offset_of(api, path) == 4096
    del spec["sha256"]
    assert api.finished(api.put(f"/images/{image}", {"spec": spec}).expect(202))["status"]["state"] == "succeeded"


def test_an_upload_survives_a_restart_and_a_cut_in_the_middle_of_a_part(own):
    pair = own().start()
    api = pair.admin()
    path = begin(api, size=2_000_000).location
    part(api, path, 0, b"a" * 1_000_000).expect(200)
    with raw_part(pair, api, path, 1_000_000, 1_000_000) as cut:
        cut.sendall(b"b" * 300_000)
    pair.restart_lodged()
    wait_for(lambda: pair.admin().get("/session").status == 200, "lodged being back")
    assert offset_of(pair.admin(), path) == 1_000_000
    part(pair.admin(), path, 1_000_000, b"c" * 1_000_000).expect(200)


def test_only_who_began_an_upload_sees_it_and_who_may_not_make_images_begins_none(daemons, api):
    for name, role in (("up-one", "operator"), ("up-two", "operator"), ("up-view", "viewer")):
        api.put(f"/users/{name}", {"spec": {"password": PASSWORD}}).expect(201)
        api.put(f"/bindings/{name}", {"spec": {"subject": f"user:{name}", "role": role}}).expect(201)
    one, two, viewer = (daemons.api(name) for name in ("up-one", "up-two", "up-view"))
    problem(viewer.post("/images/x/uploads", {"size": 10}), 403, "forbidden")
    path = begin(one, size=10).location
    for client in (two, viewer, api):
        problem(client.get(path), 404)
        problem(part(client, path, 0, b"0123456789"), 404)
        problem(client.delete(path), 404)
    csrf, one.csrf = one.csrf, None
    problem(part(one, path, 0, b"0123456789"), 403)
    one.csrf = csrf
    part(one, path, 0, b"0123456789").expect(200)
    problem(two.put("/images/x", {"spec": {"format": "raw", "source": {"upload": path.rpartition("/")[2]}}}), 422, "invalid", "/spec/source/upload")
    one.delete(path).expect(204)
    for name in ("up-one", "up-two", "up-view"):
        api.delete(f"/bindings/{name}").expect(204)
        api.delete(f"/users/{name}").expect(204)


def test_parts_that_do_not_fit_are_refused_and_change_nothing(daemons, api):
    path = begin(api, size=100).location
    problem(part(api, path, 0, b"x" * 101), 422, "invalid")
    problem(part(api, path, 0, b""), 422, "invalid")
    with raw_part(daemons, api, path, 0, 8 * 1024 * 1024 + 1) as large:
        assert large.recv(100).startswith(b"HTTP/1.1 413")
    problem(api.request("PATCH", path, b"x" * 10, BYTES), 422, "invalid")
    problem(part(api, path, "one", b"x"), 422, "invalid")
    problem(api.patch(path, {"spec": {}}), 415, "unsupported-media-type")
    problem(api.request("PUT", "/roles/none", b"\xff\x00", BYTES), 415, "unsupported-media-type")
    assert offset_of(api, path) == 0
    api.delete(path).expect(204)
    for body in ({}, {"size": 0}, {"size": "many"}, {"size": 1, "more": 1}):
        problem(api.post("/images/x/uploads", body), 422, "invalid")
    problem(api.post("/images/Not_A_Name/uploads", {"size": 1}), 422, "invalid")


def test_what_cannot_fit_on_the_disk_is_refused_before_its_bytes_come(api):
    problem(api.post("/images/huge/uploads", {"size": "40TiB"}), 507, "no-space")


def test_there_is_an_end_to_the_number_of_uploads(own):
    api = own().start().admin()
    paths = [begin(api, size=1).location for _ in range(64)]
    problem(api.post("/images/x/uploads", {"size": 1}), 429, "too-many-requests")
    api.delete(paths[0]).expect(204)
    begin(api, size=1)


def test_who_begins_all_uploads_that_one_may_leaves_room_for_others(own):
    pair = own().start()
    api = pair.admin()
    api.put("/users/many", {"spec": {"password": PASSWORD}}).expect(201)
    api.put("/bindings/many", {"spec": {"subject": "user:many", "role": "operator"}}).expect(201)
    many = pair.api("many")
    for _ in range(64):
        begin(many, size=1)
    problem(many.post("/images/x/uploads", {"size": 1}), 429, "too-many-requests")
    begin(api, size=1)


def test_the_next_user_of_a_name_and_who_lost_the_right_do_not_go_on_with_an_upload(daemons, api):
    def make():
        api.put("/users/up-next", {"spec": {"password": PASSWORD}}).expect(201)
        api.put("/bindings/up-next", {"spec": {"subject": "user:up-next", "role": "operator"}}).expect(200, 201)
        return daemons.api("up-next")

    first = make()
    path = begin(first, size=10).location
    part(first, path, 0, b"01234").expect(200)
    api.put("/bindings/up-next", {"spec": {"subject": "user:up-next", "role": "viewer"}}).expect(200)
    problem(part(first, path, 5, b"56789"), 403, "forbidden")
    api.delete("/bindings/up-next").expect(204)
    api.delete("/users/up-next").expect(204)
    second = make()
    problem(second.get(path), 404)
    problem(part(second, path, 5, b"56789"), 404)
    api.delete("/bindings/up-next").expect(204)
    api.delete("/users/up-next").expect(204)


def test_parts_that_one_address_begins_and_never_sends_leave_room_for_others(own):
    pair = own(gate_options=["--workers", "1"]).start()
    api = pair.admin()
    path = begin(api, size=10).location
    api.token, token = "whoever", api.token
    held = [raw_part(pair, api, path, 0, 8 * 1024 * 1024, "127.0.0.2") for _ in range(12)]
    answered = lambda: select.select(held, [], [], 0)[0]  # noqa: E731
    wait_for(lambda: len(answered()) >= 8, "the answers to what was too much")
    api.token = token
    assert part(api, path, 0, b"0123456789").status == 200
    refused = answered()
    assert len(refused) == 8 and all(sock.recv(100).startswith(b"HTTP/1.1 503") for sock in refused)
    for sock in held:
        sock.close()
