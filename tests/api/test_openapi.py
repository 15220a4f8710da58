"""The API document: valid OpenAPI 3.1, true to what the server answers, and every row of it guarded."""

import json
import re
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from daemons import problem

HERE = Path(__file__).resolve().parent
METHODS = ("get", "put", "patch", "post", "delete")


@pytest.fixture(scope="module")
def document(daemons):
    return daemons.api().get("/openapi.json").expect(200).json


def operations(document):
    return [(method.upper(), path, item[method]) for path, item in document["paths"].items() for method in METHODS if method in item]


def fill(path):
    return re.sub(r"{\w+}", "no-such-thing", path)


def resolve(document, reference):
    assert reference.startswith("#/"), reference
    value = document
    for part in reference[2:].split("/"):
        value = value[part.replace("~1", "/").replace("~0", "~")]
    return value


def every(value, key):
    """All values of this key, anywhere."""
    if isinstance(value, dict):
        for name, member in value.items():
            if name == key:
                yield member
            yield from every(member, key)
    elif isinstance(value, list):
        for member in value:
            yield from every(member, key)


def validator(document, schema):
    return Draft202012Validator({**schema, "components": document["components"]})


def test_the_document_has_the_shape_that_openapi_demands(document):
    shape = json.loads((HERE / "openapi31.json").read_text())
    Draft202012Validator.check_schema(shape)
    wrong = [f"{'/'.join(map(str, error.absolute_path))}: {error.message}" for error in Draft202012Validator(shape).iter_errors(document)]
    assert not wrong, "\n".join(wrong[:20])


def test_every_reference_leads_somewhere(document):
    references = list(every(document, "$ref"))
    assert len(references) > 50
    for reference in references:
        resolve(document, reference)


def test_every_schema_is_a_schema(document):
    schemas = list(document["components"]["schemas"].values()) + list(every(document["paths"], "schema"))
    assert len(schemas) > 100
    for schema in schemas:
        Draft202012Validator.check_schema(schema)
        for pattern in every(schema, "pattern"):
            re.compile(pattern)


def test_operations_have_ids_of_their_own_and_declare_their_path_parameters(document):
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(ids) == len(set(ids))
    for method, path, operation in operations(document):
        declared = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
        assert declared == set(re.findall(r"{(\w+)}", path)), path
        assert operation["summary"] and operation["responses"], path
        keys = [(p["in"], p["name"]) for p in operation["parameters"]]
        assert len(keys) == len(set(keys)), path


def test_every_operation_refuses_who_is_not_signed_in(document, nobody):
    guarded = 0
    for method, path, operation in operations(document):
        if operation.get("security") == [] or "101" in operation["responses"]:
            continue  # a WebSocket: test_consoles.py
        guarded += 1
        body = {} if method in ("PUT", "PATCH", "POST") else None
        answer = nobody.request(method, fill(path), body)
        problem(answer, 401, "unauthenticated")
        assert "WWW-Authenticate" in answer.headers
    assert guarded > 50


def test_what_needs_nobody_is_only_signing_in_and_the_document(document):
    open_ones = {(method, path) for method, path, operation in operations(document) if operation.get("security") == []}
    assert open_ones == {("POST", "/api/v1/session"), ("GET", "/api/v1/openapi.json")}


def test_every_path_refuses_other_methods_and_names_its_own(document, nobody):
    for path, item in document["paths"].items():
        own = {method.upper() for method in METHODS if method in item}
        for method in {m.upper() for m in METHODS} - own | {"OPTIONS", "TRACE", "FOO"}:
            answer = nobody.request(method, fill(path), {} if method not in ("GET", "DELETE", "OPTIONS", "TRACE", "FOO") else None)
            problem(answer, 405, "method-not-allowed")
            assert set(answer.headers["Allow"].split(", ")) - {"HEAD"} == own, f"{method} {path}"


def test_what_is_not_there_is_not_found(nobody, api):
    for path in ("/nothing", "/guests/", "/guests//log", "/guests/a/actions", "/guests/a/actions/fly", "/guests/a/b", "/api/v2/guests"):
        problem(api.get(path), 404, "not-found")
    problem(api.get("//api/v2/guests"), 404, "not-found")
    problem(nobody.get("//api"), 404) if nobody.get("//api").headers["Content-Type"].startswith("application/problem") else None


def test_every_answer_to_a_get_is_as_the_document_says(document, api, guest, daemons):
    guest("documented", disks=[{"name": "root", "size": "4MiB"}], nics=[{"name": "eth0"}], start=True,
          metadata={"labels": {"a": "b"}, "description": "text"})
    assert api.patch("/guests/documented", {"spec": {"memory": "32MiB"}}).expect(200).json["status"]["pending_restart"]
    api.put("/tokens/documented", {"spec": {"role": "viewer", "expires": "2099-01-01T00:00:00Z"}}).expect(201)
    api.put("/volumes/" + "v" * 63, {"spec": {"size": "4MiB"}}, {"Prefer": "wait=10"}).expect(200)
    api.delete("/volumes/" + "v" * 63).expect(200)
    (daemons.root / "doc.img").write_bytes(b"x")
    api.put("/images/documented", {"spec": {"format": "raw", "source": {"file": str(daemons.root / "doc.img")}}}, {"Prefer": "wait=10"}).expect(200)
    wrong, checked = [], 0
    for method, path, operation in operations(document):
        if method != "GET" or path == "/api/v1/events" or "101" in operation["responses"]:
            continue
        targets = [path]
        if "{name}" in path:
            collection = path.split("/")[3]
            if collection == "uploads":
                names = [api.post("/images/documented/uploads", {"size": 1}).json["id"]]
            else:
                names = [item["metadata"]["name"] for item in api.get(f"/{collection}").json["items"]][-5:]
            targets = [path.replace("{name}", name) for name in names]
        for target in targets:
            answer = api.get(target).expect(200)
            content = operation["responses"]["200"]["content"]
            kind = answer.headers["Content-Type"].split(";")[0]
            assert kind in content, f"{target}: {kind}"
            if kind == "application/json":
                checked += 1
                wrong += [f"{target}: {'/'.join(map(str, e.absolute_path))}: {e.message[:150]}"
                          for e in validator(document, content[kind]["schema"]).iter_errors(answer.json)]
    api.delete("/tokens/documented").expect(204)
    api.delete("/images/documented", {"Prefer": "wait=10"}).expect(200)
    assert not wrong, "\n".join(sorted(set(wrong))[:20])
    assert checked > 25


def check(document, answer, method, path):
    """The answer against what the document says about this operation and status."""
    responses = document["paths"][path][method.lower()]["responses"]
    response = responses.get(str(answer.status), responses["default"] if answer.status >= 400 else None)
    assert response, f"{method} {path} may not answer {answer.status}"
    kind = (answer.headers["Content-Type"] or "").split(";")[0]
    if "content" not in response:
        assert not answer.body
        return answer
    assert kind in response["content"], f"{method} {path} answered {kind}"
    errors = list(validator(document, response["content"][kind]["schema"]).iter_errors(answer.json))
    assert not errors, f"{method} {path} {answer.status}: {errors[0].message[:300]}"
    return answer


def test_answers_to_changes_are_as_the_document_says(document, api, nobody, guest):
    item = "/api/v1/guests/{name}"
    body = {"spec": {"type": "vm", "memory": "16MiB"}}
    check(document, api.put("/guests/shaped", body).expect(201), "PUT", item)
    check(document, api.put("/guests/shaped", body).expect(200), "PUT", item)
    check(document, api.patch("/guests/shaped?dry_run=true", {"spec": {"run": "manual"}}).expect(200), "PATCH", item)
    begun = check(document, api.post("/guests/shaped/actions/start").expect(202), "POST", item + "/actions/start")
    api.finished(begun)
    check(document, api.post("/guests/shaped/actions/start").expect(409), "POST", item + "/actions/start")
    check(document, api.post("/guests/shaped/actions/stop", headers={"Prefer": "wait=10"}).expect(200), "POST", item + "/actions/stop")
    check(document, api.put("/guests/shaped", {"spec": {"type": 1}}).expect(422), "PUT", item)
    check(document, api.delete("/guests/shaped?dry_run=true").expect(200), "DELETE", item)
    check(document, api.delete("/guests/shaped", {"Prefer": "wait=10"}).expect(200), "DELETE", item)
    check(document, api.put("/tokens/shaped", {"spec": {}}).expect(201), "PUT", "/api/v1/tokens/{name}")
    check(document, api.delete("/tokens/shaped").expect(204), "DELETE", "/api/v1/tokens/{name}")
    check(document, api.post("/audit/actions/verify").expect(200), "POST", "/api/v1/audit/actions/verify")
    check(document, nobody.post("/session", {"user": "a"}).expect(422), "POST", "/api/v1/session")
    check(document, nobody.get("/guests").expect(401), "GET", "/api/v1/guests")


def test_a_cancelled_task_is_answered_as_the_document_says(document, api, guest, plan):
    guest("halted")
    plan("guest.start delay 60000")
    begun = api.post("/guests/halted/actions/start").expect(202)
    check(document, api.post(f"{begun.location}/actions/cancel").expect(202), "POST", "/api/v1/tasks/{name}/actions/cancel")
    plan()
    api.finished(begun)


def test_each_request_body_has_an_example_of_what_the_server_takes(document, api):
    """What the schema allows the server takes, and the other way round, for a few bodies of each kind."""
    schema = validator(document, document["components"]["schemas"]["guest_spec"])
    for spec in ({"type": "vm"}, {"type": "vm", "memory": "1 GiB"}, {"type": "vm", "memory": 1}, {"type": "vm", "cpu": {"cores": 0}},
                 {"type": "vm", "nics": [{"name": "UPPER"}]}, {"type": "vm", "extra": 1}, {}, {"type": "vm", "run": "now"},
                 {"type": "vm", "disks": [{"name": "root", "size": "10mb"}]}, {"type": "vm", "boot": {"order": 1001}}):
        answer = api.put("/guests/exemplary?dry_run=true", {"spec": spec})
        assert (answer.status == 200) == schema.is_valid(spec), f"{spec}: {answer}"
