"""What strangers send: always a refusal that names field and rule, never an error of the server."""

import json
import random

import pytest

from daemons import problem


def refused(answer, pointer=None):
    """A 4xx problem; with its pointer when one is due."""
    assert 400 <= answer.status < 500, answer
    body = problem(answer, answer.status)
    if pointer:
        assert pointer in [error["pointer"] for error in body["errors"]], body
        assert all(error["detail"] for error in body["errors"])
    return body


VM = {"type": "vm"}


def vm(**spec):
    return {"spec": {**VM, **spec}}


@pytest.mark.parametrize("pointer,body", [
    ("/spec/colour", vm(colour="blue")),
    ("/extra", {**vm(), "extra": 1}),
    ("/metadata/owner", {"metadata": {"owner": "me"}, **vm()}),
    ("/spec/cpu/sockets", vm(cpu={"sockets": 2})),
    ("/spec/disks/0/cache", vm(disks=[{"name": "root", "size": "1GiB", "cache": "none"}])),
    ("/spec/type", {"spec": {}}),
    ("/spec/type", {}),
    ("/spec/type", {"spec": {"type": 7}}),
    ("/spec/type", {"spec": {"type": None}}),
    ("/spec/type", {"spec": {"type": "VM"}}),
    ("/spec", {"spec": []}),
    ("/spec", {"spec": "vm"}),
    ("/metadata", {"metadata": 1, **vm()}),
    ("/metadata/labels", {"metadata": {"labels": ["a"]}, **vm()}),
    ("/metadata/labels/a", {"metadata": {"labels": {"a": 1}}, **vm()}),
    ("/metadata/labels/Upper Case", {"metadata": {"labels": {"Upper Case": "x"}}, **vm()}),
    ("/metadata/labels/a~1b ", {"metadata": {"labels": {"a/b ": "x"}}, **vm()}),
    ("/metadata/labels", {"metadata": {"labels": {f"k{i}": "x" for i in range(65)}}, **vm()}),
    ("/metadata/labels/a", {"metadata": {"labels": {"a": "x" * 1025}}, **vm()}),
    ("/metadata/description", {"metadata": {"description": "x" * 8193}, **vm()}),
    ("/metadata/name", {"metadata": {"name": "x" * 64}, **vm()}),
    ("/spec/memory", vm(memory=0)),
    ("/spec/memory", vm(memory=-1)),
    ("/spec/memory", vm(memory=True)),
    ("/spec/memory", vm(memory=16777215)),
    ("/spec/memory", vm(memory=1.5e9)),
    ("/spec/memory", vm(memory="1e9")),
    ("/spec/memory", vm(memory="-1GiB")),
    ("/spec/memory", vm(memory="1 GB")),
    ("/spec/memory", vm(memory="99999999999999999999GiB")),
    ("/spec/memory", vm(memory="16EiB")),
    ("/spec/memory", vm(memory="")),
    ("/spec/memory", vm(memory="1TiB")),
    ("/spec/memory", vm(memory=9223372036854775807)),
    ("/spec/cpu/cores", vm(cpu={"cores": 0})),
    ("/spec/cpu/cores", vm(cpu={"cores": 1024})),
    ("/spec/cpu/cores", vm(cpu={"cores": 1025})),
    ("/spec/cpu/cores", vm(cpu={"cores": "2"})),
    ("/spec/cpu/cores", vm(cpu={"cores": 1.0})),
    ("/spec/cpu", vm(cpu=2)),
    ("/spec/protection", vm(protection="yes")),
    ("/spec/protection", vm(protection=1)),
    ("/spec/run", vm(run="sometimes")),
    ("/spec/disks", vm(disks={})),
    ("/spec/disks", vm(disks=[{"name": f"d{i}", "size": "1MiB"} for i in range(17)])),
    ("/spec/disks/0", vm(disks=["root"])),
    ("/spec/disks/0", vm(disks=[None])),
    ("/spec/disks/0/name", vm(disks=[{"size": "1GiB"}])),
    ("/spec/disks/0/name", vm(disks=[{"name": "", "size": "1GiB"}])),
    ("/spec/disks/0/name", vm(disks=[{"name": "../up", "size": "1GiB"}])),
    ("/spec/disks/0/name", vm(disks=[{"name": "root\n", "size": "1GiB"}])),
    ("/spec/disks/1", vm(disks=[{"name": "root", "size": "1GiB"}, {"name": "root", "size": "1GiB"}])),
    ("/spec/disks/0/size", vm(disks=[{"name": "root"}])),
    ("/spec/disks/0/size", vm(disks=[{"name": "root", "size": 1048575}])),
    ("/spec/disks/0/size", vm(disks=[{"name": "root", "size": "65TiB"}])),
    ("/spec/disks/0/pool", vm(disks=[{"name": "root", "size": "1GiB", "pool": "none"}])),
    ("/spec/disks/0/image", vm(disks=[{"name": "root", "image": "none"}])),
    ("/spec/disks/0/volume", vm(disks=[{"name": "root", "volume": "none"}])),
    ("/spec/disks/0/volume", vm(disks=[{"name": "root", "volume": "none", "size": "1GiB"}])),
    ("/spec/nics/0/network", vm(nics=[{"name": "eth0", "network": "none"}])),
    ("/spec/nics/0/mac", vm(nics=[{"name": "eth0", "mac": "01:00:00:00:00:01"}])),
    ("/spec/nics/0/mac", vm(nics=[{"name": "eth0", "mac": "02:4C:00:00:00:01"}])),
    ("/spec/nics/0/mac", vm(nics=[{"name": "eth0", "mac": "02:4c:00:00:00"}])),
    ("/spec/boot/order", vm(boot={"order": -1})),
    ("/spec/boot/init", vm(boot={"init": ["/bin/sh"]})),
    ("/spec/boot/init/0", {"spec": {"type": "container", "boot": {"init": [""]}}}),
    ("/spec/boot/init/0", {"spec": {"type": "container", "boot": {"init": ["a\x01b"]}}}),
    ("/spec/disks/1", {"spec": {"type": "container", "disks": [{"name": "root", "image": "x"}, {"name": "more", "size": "1GiB"}]}}),
])
def test_a_wrong_field_of_a_guest_is_named(api, pointer, body):
    refused(api.put("/guests/wrong", body), pointer)
    api.get("/guests/wrong").expect(404)


@pytest.mark.parametrize("path,pointer,spec", [
    ("/pools/x", "/spec/kind", {"kind": "tape"}),
    ("/pools/x", "/spec/path", {"kind": "dir", "path": "relative"}),
    ("/volumes/x", "/spec/size", {}),
    ("/volumes/x", "/spec/pool", {"size": "1GiB", "pool": "none"}),
    ("/volumes/x", "/spec/image", {"size": "1GiB", "image": "none"}),
    ("/volumes/x", "/spec/image", {"size": "1GiB", "content": "rootfs"}),
    ("/networks/x", "/spec/cidr", {"kind": "nat", "cidr": "10.0.0.0"}),
    ("/networks/x", "/spec/cidr", {"kind": "nat", "cidr": "10.0.0.256/24"}),
    ("/networks/x", "/spec/cidr", {"kind": "nat", "cidr": "10.0.0.0/33"}),
    ("/networks/x", "/spec/cidr", {"kind": "nat", "cidr": "10.0.0.0/31"}),
    ("/networks/x", "/spec/cidr", {"kind": "nat", "cidr": "4294967306.0.0.0/24"}),
    ("/networks/x", "/spec/cidr", {"kind": "bridge", "bridge": "br0", "cidr": "10.0.0.0/24"}),
    ("/networks/x", "/spec/bridge", {"kind": "bridge"}),
    ("/networks/x", "/spec/bridge", {"kind": "bridge", "bridge": "a/b"}),
    ("/networks/x", "/spec/bridge", {"kind": "bridge", "bridge": "sixteen-chars-xx"}),
    ("/networks/x", "/spec/mtu", {"kind": "nat", "mtu": 575}),
    ("/networks/x", "/spec/domain", {"kind": "nat", "domain": "Has Space"}),
    ("/networks/x", "/spec/dhcp/from", {"kind": "nat", "dhcp": {"to": "10.0.0.5"}}),
    ("/images/x", "/spec/source", {"format": "raw"}),
    ("/images/x", "/spec/source", {"format": "raw", "source": {}}),
    ("/images/x", "/spec/source", {"format": "raw", "source": {"file": "/a", "url": "http://b"}}),
    ("/images/x", "/spec/source/file", {"format": "raw", "source": {"file": "a"}}),
    ("/images/x", "/spec/source/url", {"format": "raw", "source": {"url": "file:///etc/passwd"}}),
    ("/images/x", "/spec/sha256", {"format": "raw", "source": {"file": "/a"}, "sha256": "abc"}),
    ("/users/x", "/spec/groups/0", {"groups": ["A B"]}),
    ("/users/x", "/spec/groups", {"groups": "a"}),
    ("/users/x", "/spec/password", {"password": 12345678}),
    ("/users/x", "/spec/full_name", {"full_name": "two\nlines"}),
    ("/roles/x", "/spec/permissions", {}),
    ("/roles/x", "/spec/permissions", {"permissions": []}),
    ("/roles/x", "/spec/permissions/0", {"permissions": ["guests.fly"]}),
    ("/roles/x", "/spec/permissions/1", {"permissions": ["guests.read", 5]}),
    ("/bindings/x", "/spec/subject", {"subject": "admin", "role": "admin"}),
    ("/bindings/x", "/spec/role", {"subject": "user:admin"}),
    ("/bindings/x", "/spec/selector/a", {"subject": "user:admin", "role": "viewer", "selector": {"a": None}}),
    ("/tokens/x", "/spec/user", {"user": "nobody-at-all"}),
    ("/tokens/x", "/spec/expires", {"expires": "tomorrow"}),
    ("/settings/general", "/spec/memory_overcommit", {"memory_overcommit": 49}),
    ("/settings/general", "/spec/memory_reserve", {"memory_reserve": "much"}),
    ("/nodes/self", "/spec/maintenance", {"maintenance": "on"}),
])
def test_a_wrong_field_of_any_kind_is_named(api, path, pointer, spec):
    refused(api.put(path, {"spec": spec}), pointer)


@pytest.mark.parametrize("name", ["UPPER", "under_score", "-a", "a-", ".a", "a..", "a b", "x" * 64, "ä", "a%0ab", "%2e%2e", "a%2fb", "a%00b", "%ff", "uuid:"])
def test_a_bad_name_is_refused(api, name):
    from urllib.parse import quote
    refused(api.put("/roles/" + quote(name, safe="%:"), {"spec": {"permissions": ["guests.read"]}}))


def test_a_taken_name_is_refused_when_it_must_be_new(api, guest):
    guest("taken-name")
    refused(api.put("/guests/taken-name", vm(), {"If-None-Match": "*"}))
    refused(api.put("/guests/another", {"metadata": {"name": "taken-name"}, **vm()}))


def test_memory_and_cores_above_those_of_the_host_are_refused_with_its_own(api):
    node = api.get("/nodes/self").json["status"]
    body = refused(api.put("/guests/huge", vm(memory=(node["memory"]["total"] + 4096) // 4096 * 4096 + 4096)), "/spec/memory")
    assert "the host has only" in body["detail"]
    body = refused(api.put("/guests/huge", vm(cpu={"cores": node["cpu"]["count"] + 1})), "/spec/cpu/cores")
    assert str(node["cpu"]["count"]) in body["detail"]


DEEP = b'{"spec":{"type":"vm","disks":' + b"[" * 5000 + b"]" * 5000 + b"}}"

RAW = [
    b"", b" ", b"{", b"}", b"null", b"[]", b'"text"', b"1", b"{}{}", b"{}x", b"{'spec':{}}", b'{"spec":{"type":"vm"},}', b'{"spec"}',
    b'{"spec":{"type":"vm"},"spec":{"type":"vm"}}', b'{"spec":{"type":"vm","type":"vm"}}', b'{"spec":{"type":"v\x00m"}}',
    b'{"spec":{"type":"vm","memory":1e400}}', b'{"spec":{"type":"vm","memory":-1e400}}', b'{"spec":{"type":"vm","memory":-0}}',
    b'{"spec":{"type":"vm","memory":1e2}}', b'{"spec":{"type":"vm","memory":99999999999999999999999999}}', b'{"spec":{"type":"vm","memory":0x10}}',
    b'{"spec":{"type":"vm","memory":01}}', b'{"spec":{"type":"vm","memory":NaN}}', b'{"spec":{"type":"vm","memory":Infinity}}',
    b'{"spec":{"type":"vm","cpu":{"cores":-0}}}', b'{"spec":{"type":"vm","cpu":{"cores":9223372036854775808}}}',
    b'{"metadata":{"description":"a\\u0000b"},"spec":{"type":"vm"}}', b'{"metadata":{"labels":{"a\\u0000b":"c"}},"spec":{"type":"vm"}}',
    b'{"metadata":{"description":"\\ud800"},"spec":{"type":"vm"}}', b'{"metadata":{"description":"\\udc00\\ud800"},"spec":{"type":"vm"}}',
    b'{"metadata":{"description":"\xff\xfe"},"spec":{"type":"vm"}}', b'{"metadata":{"description":"\xc0\x80"},"spec":{"type":"vm"}}',
    b'{"metadata":{"description":"\xed\xa0\x80"},"spec":{"type":"vm"}}', b'{"metadata":{"description":"\xf4\x90\x80\x80"},"spec":{"type":"vm"}}',
    b'\xef\xbb\xbf{"spec":{"type":"vm"}}', b'{"metadata":{"description":"\x01"},"spec":{"type":"vm"}}', DEEP, b"[" * 100000, b'{"a":' * 50000,
    b'{"spec":{"type":"vm","disks":[' + b"{}," * 20000 + b"{}]}}", b'{"spec":{"type":"vm",' + b",".join(b'"k%d":1' % i for i in range(20000)) + b"}}",
    b'{"metadata":{"description":"' + b"x" * 300000 + b'"},"spec":{"type":"vm"}}',
]


@pytest.mark.parametrize("index", range(len(RAW)))
def test_a_body_that_is_no_such_resource_is_refused(api, index):
    for method, path in (("PUT", "/guests/raw"), ("PATCH", "/settings/general"), ("POST", "/session")):
        refused(api.request(method, path, RAW[index], {"Content-Type": "application/json"}))


def test_a_valid_surrogate_pair_is_text(api):
    body = b'{"metadata":{"description":"\\ud83d\\ude00"},"spec":{"permissions":["guests.read"]}}'
    made = api.request("PUT", "/roles/smile", body, {"Content-Type": "application/json"}).expect(201).json
    assert made["metadata"]["description"] == "\U0001f600"
    api.delete("/roles/smile").expect(204)


def test_a_body_that_is_no_json_by_its_type_is_refused(api):
    for kind in ("text/plain", "application/xml", "application/x-www-form-urlencoded", "application/jsonx", "application/json-patch+json"):
        problem(api.request("PUT", "/roles/typed", b'{"spec":{"permissions":["guests.read"]}}', {"Content-Type": kind}), 415)
    api.request("PUT", "/roles/typed", b'{"spec":{"permissions":["guests.read"]}}', {"Content-Type": "application/json; charset=utf-8"}).expect(201)
    api.delete("/roles/typed").expect(204)


def test_a_document_beyond_the_registrys_limit_is_too_large(api):
    groups = [f"g{i:03}" for i in range(64)]
    text = {"metadata": {"labels": {f"k{i}": "é" * 500 for i in range(64)}, "description": "x" * 8192}, "spec": {"groups": groups}}
    answer = api.put("/users/heavy", text)
    answer.expect(201)
    api.delete("/users/heavy").expect(204)


@pytest.mark.parametrize("action,body,pointer", [
    ("shutdown", {"timeout_s": 0}, "/timeout_s"), ("shutdown", {"timeout_s": 3601}, "/timeout_s"), ("shutdown", {"timeout": 5}, "/timeout"),
    ("shutdown", {"force": "yes"}, "/force"), ("start", {"force": True}, None), ("start", [], None), ("stop", "now", None)])
def test_wrong_input_of_an_action_is_named(api, guest, action, body, pointer):
    guest("acted", start=action != "start")
    refused(api.post(f"/guests/acted/actions/{action}", body), pointer)


def test_many_mistakes_are_told_together(api):
    body = refused(api.put("/guests/many", vm(memory="x", run="y", cpu={"cores": 0}, what=1, disks=[{"name": "A"}])))
    assert {"/spec/memory", "/spec/run", "/spec/cpu/cores", "/spec/what", "/spec/disks/0/name"} <= {e["pointer"] for e in body["errors"]}


def test_text_with_the_longest_names_and_odd_bytes_stays_valid_json(api):
    body = refused(api.put("/guests/odd", {"spec": {"é" * 300: 1, "type": "ü" * 500, "a/b~c": 2, "\U0001f600" * 40: 3}}))
    assert "/spec/a~1b~0c" in [e["pointer"] for e in body["errors"]]
    refused(api.get("/guests/" + "%C3%A9" * 200))
    refused(api.get("/guests?" + "%C3%A9" * 100 + "=1"))


def test_random_changes_of_a_good_body_never_break_the_server(api):
    """A fixed seed: what fails once fails again."""
    good = json.dumps({"metadata": {"labels": {"a": "b"}, "description": "text"}, "spec": {
        "type": "vm", "memory": "1GiB", "cpu": {"cores": 1}, "disks": [{"name": "root", "size": "1GiB"}],
        "nics": [{"name": "eth0", "mac": "02:00:00:00:00:01"}], "boot": {"order": 5}}}).encode()
    dice = random.Random(20240229)
    tokens = [b"null", b"true", b"-1", b"1e999", b'""', b"{}", b"[]", b'"\\u0000"', b'"\\ud800"', b"\xff", b"9" * 40, b":", b","]
    for _ in range(1500):
        body = bytearray(good)
        for _ in range(dice.randint(1, 4)):
            at = dice.randrange(len(body))
            if dice.random() < 0.5:
                body[at:at + dice.randint(0, 6)] = dice.choice(tokens)
            else:
                body[at] = dice.randrange(256)
        answer = api.request("PUT", "/guests/mutant?dry_run=true", bytes(body), {"Content-Type": "application/json"})
        assert answer.status in (200, 400, 422), (bytes(body), answer)
    api.get("/session").expect(200)
