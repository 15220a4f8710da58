"""Lists: pages, filters, projections."""

import threading
from urllib.parse import quote

import pytest

from daemons import problem


@pytest.fixture(scope="module")
def flock(daemons):
    """Twelve users with labels, as something that can be listed."""
    api = daemons.admin()
    names = [f"flock-{i:02}" for i in range(12)]
    for i, name in enumerate(names):
        api.put(f"/users/{name}", {"metadata": {"labels": {"parity": "odd" if i % 2 else "even", "n.b/x": str(i)}},
                                   "spec": {"full_name": f"Bird, no. {i} = {{ä}}", "groups": ["birds", f"g{i}"]}}).expect(201)
    yield names
    for name in names:
        api.delete(f"/users/{name}").expect(204)


def listed(api, query, collection="users"):
    answer = api.get(f"/{collection}?{query}").expect(200).json
    return [item["metadata"]["name"] for item in answer["items"]], answer


def test_pages_follow_each_other_without_gap_or_repetition(api, flock):
    seen, cursor, pages = [], "", 0
    while True:
        names, answer = listed(api, f"limit=5&filter=metadata.name~flock-{cursor}")
        seen += names
        pages += 1
        assert len(names) <= 5
        if "next" not in answer:
            break
        cursor = "&cursor=" + quote(answer["next"])
    assert seen == flock and pages >= 3
    whole, answer = listed(api, "limit=100000")
    assert "next" not in answer and set(flock) <= set(whole) and whole == sorted(whole)


def test_a_cursor_whose_item_is_gone_still_works(api, flock):
    api.put("/users/flock-00a", {"spec": {}}).expect(201)
    _, answer = listed(api, "limit=2&filter=metadata.name~flock-")
    assert answer["next"] == "flock-00a"
    api.delete("/users/flock-00a").expect(204)
    assert listed(api, "limit=2&cursor=flock-00a&filter=metadata.name~flock-")[0] == flock[1:3]


def test_the_answer_carries_the_revision_that_it_shows(api, flock):
    before = listed(api, "limit=1")[1]["revision"]
    api.patch("/users/flock-00", {"metadata": {"description": "changed"}}).expect(200)
    assert listed(api, "limit=1")[1]["revision"] > before


@pytest.mark.parametrize("query,expected", [
    ("filter=metadata.labels.parity=odd,metadata.name~flock-", [1, 3, 5, 7, 9, 11]),
    ("filter=metadata.labels.parity!=odd,metadata.name~flock-", [0, 2, 4, 6, 8, 10]),
    ("filter=metadata.labels.n.b/x=3", [3]),
    ("filter=spec.groups=g7", [7]),
    ("filter=spec.full_name~no.%204", [4]),
    ("filter=spec.full_name~%C3%A4", list(range(12))),
    ("filter=metadata.name=flock-02&limit=1", [2]),
    ("filter=metadata.labels=odd", []),
])
def test_filters_find_by_label_list_element_and_part(api, flock, query, expected):
    assert [name for name in listed(api, query)[0] if name.startswith("flock")] == [flock[i] for i in expected]


def test_a_filter_on_what_is_missing_matches_unequal_only(api, flock):
    assert set(flock) <= set(listed(api, "filter=metadata.labels.none!=x")[0])


def test_fields_cut_each_item_down(api, flock):
    items = api.get("/users?filter=metadata.name~flock-&fields=metadata.name,spec.groups").expect(200).json["items"]
    assert items[0] == {"metadata": {"name": "flock-00"}, "spec": {"groups": ["birds", "g0"]}}
    assert api.get("/users?filter=metadata.name=flock-00&fields=metadata.labels.none").expect(200).json["items"] == [{"metadata": {"labels": {}}}]


@pytest.mark.parametrize("collection,path,known", [
    ("guests", "status.stat", "state"), ("guests", "spec.memroy", "memory"), ("guests", "name", "metadata"), ("guests", "spec.disks.imag", "image"),
    ("tasks", "spec.object.nam", "name"), ("users", "status.state", "has_password"), ("roles", "status.state", "spec"), ("pools", "spec.kind.x", "spec")])
def test_a_field_that_does_not_exist_is_refused_by_its_name(api, collection, path, known):
    for query in (f"filter={path}=1", f"filter=metadata.name~a,{path}!=1", f"fields=metadata.name,{path}"):
        body = problem(api.get(f"/{collection}?{query}"), 422, "invalid")
        assert f'"{path}"' in body["detail"] and known in body["hint"], body


def test_a_filter_looks_into_every_element_of_a_list(api, guest):
    guest("looked-into", disks=[{"name": "root", "size": "4MiB"}, {"name": "data", "size": "8MiB"}], nics=[{"name": "eth7"}])
    for query, found in (("spec.disks.name=data", True), ("spec.disks.size=8388608", True), ("spec.disks.name=other", False), ("spec.nics.name=eth7", True),
                         ("status.disks.volume=looked-into-data", True)):
        names = [item["metadata"]["name"] for item in api.get(f"/guests?filter={query}").expect(200).json["items"]]
        assert ("looked-into" in names) is found, query
    cut = api.get("/guests?filter=metadata.name=looked-into&fields=spec.disks.name").expect(200).json["items"]
    assert cut == [{"spec": {"disks": [{"name": "root"}, {"name": "data"}]}}]


@pytest.mark.parametrize("query", [
    "limit=0", "limit=-1", "limit=abc", "limit=100001", "limit=18446744073709551616", "limit=1&limit=2", "limit=", "nonsense=1",
    "filter=nothing", "filter=%3Dx", "filter=a!b", "dry_run=true", "cursor=%zz", "cursor=%00", "cursor=%ff", "filter=%C3%28=1",
    "filter=" + ",".join(f"metadata.labels.a{i}=1" for i in range(40)), "fields=" + ",".join(f"metadata.labels.a{i}" for i in range(40)), "wait=1s",
])
def test_a_wrong_parameter_is_refused(api, query):
    answer = api.get(f"/users?{query}")
    assert answer.status in (400, 422), answer
    problem(answer, answer.status)


def test_an_unknown_parameter_is_named(api):
    problem(api.get("/users?limt=1"), 422, "invalid", "?limt")
    problem(api.get("/users/admin?limit=1"), 422, "invalid", "?limit")
    problem(api.delete("/roles/none?force=true"), 422, "invalid", "?force")


def test_a_large_list_is_whole_and_may_be_compressed(own):
    import gzip
    pair = own().start()
    api = pair.admin()
    text = "words and more words " * 350
    for i in range(60):
        api.put(f"/users/big-{i:03}", {"metadata": {"description": f"{text}{i}"}, "spec": {}}).expect(201)
    for _ in range(2):  # the second comes from the cache
        plain = api.get("/users").expect(200)
        assert len(plain.body) > 400_000 and len(plain.json["items"]) == 61
        packed = api.get("/users", **{"Accept-Encoding": "gzip"}).expect(200)
        assert packed.headers["Content-Encoding"] == "gzip" and gzip.decompress(packed.body) == plain.body
    api.patch("/users/big-000", {"metadata": {"description": "new"}}).expect(200)
    assert api.get("/users").json["items"][1]["metadata"]["description"] == "new"


def test_other_requests_do_not_wait_for_filters(daemons, api):
    """In their turn between filters there would be one for each of these; beside them there are thousands."""
    names = [f"herd-{i:03}" for i in range(500)]
    for name in names:
        api.put(f"/roles/{name}", {"metadata": {"description": name * 900}, "spec": {"permissions": ["guests.read"]}}).expect(201)
    ended, clients, others = [], [daemons.admin() for _ in range(16)], 0

    def ask(client):
        ended.append(len(client.get("/roles?filter=metadata.description~herd-499&fields=metadata.name").expect(200).json["items"]))

    for client in clients:
        client.get("/roles?limit=1").expect(200)  # connected
    threads = [threading.Thread(target=ask, args=(client,)) for client in clients]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        api.get("/roles/herd-000").expect(200)
        others += 1
    assert ended == [1] * len(clients)
    assert others > 10 * len(clients), f"{others} other requests were answered meanwhile"
    for client in clients:
        client.close()
    for name in names:
        api.delete(f"/roles/{name}").expect(204)
