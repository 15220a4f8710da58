"""The event stream: what changes, in order, without gaps."""

from pathlib import Path

from daemons import problem, wait_for
from stream import Stream

ROLE = {"spec": {"permissions": ["guests.read"]}}


def changes(event):
    return [(change["kind"], change["type"], change["name"]) for change in event.json["changes"]]


def test_a_change_arrives_with_its_revision_and_the_object_as_it_is_now(api):
    with Stream(api) as stream:
        assert stream.headers["content-type"] == "text/event-stream" and stream.headers["cache-control"] == "no-store"
        made = api.put("/roles/watched", ROLE).expect(201).json
        event = list(stream.until(lambda e: "watched" in e.data))[-1]
        assert event.type == "change" and event.id == str(made["metadata"]["revision"])
        assert event.json["changes"][0]["object"] == made
        api.delete("/roles/watched").expect(204)
        event = list(stream.until(lambda e: '"delete"' in e.data))[-1]
        assert changes(event) == [("roles", "delete", "watched")] and "object" not in event.json["changes"][0]


def test_a_reader_resumes_after_its_last_event_without_a_gap(api):
    with Stream(api) as stream:
        api.put("/roles/r0", ROLE).expect(201)
        last = list(stream.until(lambda e: '"r0"' in e.data))[-1].id
    for i in range(1, 6):
        api.put(f"/roles/r{i}", ROLE).expect(201)
    with Stream(api, after=last) as stream:
        api.put("/roles/r6", ROLE).expect(201)
        seen = [e for e in stream.until(lambda e: '"r6"' in e.data) if e.type == "change"]
        assert [name for e in seen for _, _, name in changes(e)] == [f"r{i}" for i in range(1, 7)]
        assert [int(e.id) for e in seen] == sorted({int(e.id) for e in seen})
    for i in range(7):
        api.delete(f"/roles/r{i}").expect(204)


def test_an_id_that_is_too_old_or_unknown_is_gone(own):
    pair = own().start()
    api = pair.admin()
    api.put("/roles/old", ROLE).expect(201)
    pair.restart_lodged()
    wait_for(lambda: api.get("/session").status == 200, "the gate")
    now = api.get("/roles").json["revision"]
    for after in ("0", "1", str(now + 1000), "abc", "-1", "18446744073709551616"):
        body = problem(api.get("/events", **{"Last-Event-ID": after}), 410, "gone")
        assert "list" in body["hint"]
    with Stream(api, after=now) as stream:
        api.delete("/roles/old").expect(204)
        assert any("delete" in e.data for e in stream.until(lambda e: "old" in e.data))


def test_a_ring_that_is_full_forgets_the_oldest(own):
    pair = own().start()
    api = pair.admin()
    first = api.put("/roles/ring", ROLE).expect(201).json["metadata"]["revision"]
    for i in range(4100):
        api.patch("/roles/ring", {"metadata": {"labels": {"n": str(i)}}}).expect(200)
    problem(api.get("/events", **{"Last-Event-ID": str(first)}), 410, "gone")
    with Stream(api, after=first + 50) as stream:
        assert stream.next().json["revision"] == first + 51


def test_live_state_comes_without_an_id(api, guest):
    guest("lively")
    with Stream(api) as stream:
        api.post("/guests/lively/actions/start", headers={"Prefer": "wait=10"}).expect(200)
        live = [e for e in stream.until(lambda e: e.type == "live" and e.json["kind"] == "guests" and e.json["name"] == "lively" and e.json["status"]["state"] == "running")]
        assert live[-1].id is None and live[-1].json["status"]["state"] == "running"
        tasks = [e for e in live if e.type == "live" and e.json["kind"] == "tasks"]
        assert tasks, "progress of the task is live state too"


def test_a_reader_that_never_reads_is_cut_and_holds_nobody_up(own):
    pair = own().start()
    api = pair.admin()
    lazy = Stream(api)
    memory = lambda: int(next(l for l in open(f"/proc/{pair.gate.pid}/status") if l.startswith("VmRSS")).split()[1])  # noqa: E731
    before = memory()
    text = "x" * 8000
    with Stream(api) as busy:
        for i in range(2200):  # who is held up gives up in the end: both clients have a time limit
            api.patch("/users/admin", {"metadata": {"description": f"{text}{i}"}}).expect(200)
            busy.next()
    assert memory() - before < 24 * 1024, "what nobody reads is not kept"
    lazy.close()
    api.get("/session").expect(200)


def test_the_stream_ends_when_lodged_ends_and_resumes_afterwards(own):
    pair = own().start()
    api = pair.admin()
    with Stream(api) as stream:
        last = stream.hello.id
        pair.stop_lodged()
        list(stream.rest())  # fails for a stream that goes on
    pair.start_lodged()
    wait_for(lambda: api.get("/session").status == 200, "the gate")
    with Stream(api, after=last) as stream:
        api.put("/roles/later", ROLE).expect(201)
        assert any("later" in e.data for e in stream.until(lambda e: "later" in e.data))


def test_twenty_readers_see_the_same(api, daemons):
    streams = [Stream(api) for _ in range(20)]
    made = api.put("/roles/many", ROLE).expect(201).json["metadata"]["revision"]
    for stream in streams:
        assert list(stream.until(lambda e: "many" in e.data))[-1].id == str(made)
        stream.close()
    api.delete("/roles/many").expect(204)


def test_a_reader_far_behind_gets_all_of_it_in_parts(own):
    """Whatever is kept is sent at once to nobody: each stream ends after a part, and its reader resumes."""
    pair = own().start()
    api = pair.admin()
    text = "d" * 8000
    first = api.put("/roles/large", {**ROLE, "metadata": {"description": text}}).expect(201).json["metadata"]["revision"]
    for i in range(600):
        last = api.put("/roles/large", {**ROLE, "metadata": {"description": f"{i}{text}"}}).expect(200).json["metadata"]["revision"]
    seen, parts = first, 0
    while seen < last:
        with Stream(api, after=seen) as stream:
            for event in stream.rest():
                assert int(event.id) == seen + 1
                seen += 1
                if seen == last:
                    break
        parts += 1
    assert 2 < parts < 10


def test_the_events_of_large_documents_are_kept_only_as_far_as_memory_goes(own):
    pair = own().start()
    api = pair.admin()
    labels = {f"k{i}": "v" * 1000 for i in range(64)}
    first = api.put("/roles/large", {**ROLE, "metadata": {"labels": labels}}).expect(201).json["metadata"]["revision"]
    for i in range(600):
        api.put("/roles/large", {**ROLE, "metadata": {"labels": {**labels, "k0": str(i)}}}).expect(200)
    problem(api.get("/events", **{"Last-Event-ID": str(first)}), 410, "gone")


def test_many_readers_that_read_nothing_do_not_fill_the_gates_memory(own):
    pair = own().start()
    api = pair.admin()
    labels = {f"k{i}": "v" * 1000 for i in range(64)}
    silent = [Stream(api) for _ in range(30)]
    for i in range(240):
        api.put("/roles/large", {**ROLE, "metadata": {"labels": {**labels, "k0": str(i)}}}).expect(200, 201)
    status = Path(f"/proc/{pair.gate.pid}/status").read_text()
    assert int(status.split("VmRSS:")[1].split()[0]) < 150 * 1024, "the gate keeps 8 MiB for each of them"
    for stream in silent:
        stream.close()
