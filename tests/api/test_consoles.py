"""Consoles: tickets, WebSockets through the gate, the command line; with fake guests that echo and can flood."""

import fcntl
import json
import os
import pty
import re
import select
import signal
import socket
import struct
import subprocess
import termios
import threading
import time
from pathlib import Path

import pytest

from api import Api
from daemons import TREE, problem, wait_for
from ws import BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, Closed, Refused, WebSocket, console

SESSION_ENDED, GUEST_STOPPED, RESTARTING = 4001, 4002, 4003


@pytest.fixture
def vm(guest):
    guest("screen", start=True)
    return "screen"


@pytest.fixture
def box(api, daemons):
    """A running container."""
    (daemons.root / "root.tar").write_bytes(b"x")
    api.put("/images/boxroot", {"spec": {"format": "tar", "source": {"file": str(daemons.root / "root.tar")}}}, {"Prefer": "wait=10"}).expect(200)
    spec = {"type": "container", "memory": "16MiB", "disks": [{"name": "root", "image": "boxroot"}]}
    answer = api.put("/guests/box?start=true", {"spec": spec}, {"Prefer": "wait=10"}).expect(200)
    assert answer.json["status"]["state"] == "succeeded", answer
    yield "box"
    api.delete("/guests/box?force=true&purge=true", {"Prefer": "wait=20"}).expect(200)
    api.delete("/images/boxroot", {"Prefer": "wait=10"}).expect(200)


def ticket(client, name, kind, **wish):
    return client.post(f"/guests/{name}/consoles", {"kind": kind, **wish}).expect(201).json


def memory_kib(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1])


def refused(client, path, status, code, **how):
    with pytest.raises(Refused) as caught:
        WebSocket(client, path, **how)
    assert caught.value.status == status and caught.value.json["code"] == code, caught.value
    return caught.value


# -- tickets


def test_a_ticket_says_what_it_opens_and_for_how_long(api, vm):
    answer = api.post(f"/guests/{vm}/consoles", {"kind": "serial"}).expect(201)
    body = answer.json
    assert set(body) == {"ticket", "kind", "mode", "url", "expires"}
    assert body["kind"] == "serial" and body["mode"] == "writer" and len(body["ticket"]) >= 43
    assert body["url"] == f"/api/v1/consoles/{body['ticket']}" == answer.location
    assert answer.headers["Cache-Control"] == "no-store"
    assert ticket(api, vm, "serial", read_only=True)["mode"] == "viewer"
    assert ticket(api, vm, "log")["mode"] == "viewer"


def test_a_ticket_is_good_for_one_use(api, vm):
    url = ticket(api, vm, "serial")["url"]
    with WebSocket(api, url) as ws:
        ws.type("hello\n")
        ws.read_until("hello\n")
        again = refused(api, url, 410, "gone")
        assert "POST" in again.json["hint"]


def test_a_ticket_belongs_to_its_session_or_token(daemons, api, vm):
    other = daemons.api("admin")
    url = ticket(api, vm, "serial")["url"]
    refused(other, url, 410, "gone")
    refused(daemons.api(), url, 401, "unauthenticated", headers={"Authorization": None, "Cookie": "__Host-lodge=" + "a" * 43})
    WebSocket(api, url).close()
    theirs = ticket(other, vm, "serial")["url"]
    refused(api, theirs, 410, "gone")
    WebSocket(other, theirs).close()
    other.delete("/session").expect(204)


def test_what_is_no_websocket_is_told_so_and_uses_no_ticket(api, vm):
    url = ticket(api, vm, "serial")["url"]
    answer = api.get(url)
    problem(answer, 426, "upgrade-required")
    assert answer.headers["Upgrade"] == "websocket" and answer.headers["Sec-WebSocket-Version"] == "13"
    assert api.request("HEAD", url).status == 426
    refused(api, url, 426, "upgrade-required", version="8")
    refused(api, url, 400, "malformed", key="too-short")
    refused(api, url, 400, "malformed", key="!" * 22 + "==")
    WebSocket(api, url).close()


def test_pages_of_other_sites_open_nothing(daemons, api, vm):
    session = daemons.api("admin")
    url = ticket(session, vm, "serial")["url"]
    host = f"127.0.0.1:{daemons.port}"
    for origin in ("https://evil.example", f"http://{host}", f"https://{host}.evil.example", "https://127.0.0.1", "null", "", None):
        refused(session, url, 403, "forbidden", origin="" if origin is None else origin, headers={"Origin": origin})
    WebSocket(session, url, origin=f"HTTPS://{host}").close()
    session.delete("/session").expect(204)
    WebSocket(api, ticket(api, vm, "serial")["url"], origin=None).close()  # a program: its token is no cookie


def test_what_a_guest_does_not_have_is_refused_by_name(api, vm, box):
    for name, kind, word in ((box, "vnc", "no screen"), (vm, "shell", "no shell")):
        body = problem(api.post(f"/guests/{name}/consoles", {"kind": kind}), 422, "unsupported")
        assert word in body["detail"] and "serial" in body["hint"], body
    problem(api.post(f"/guests/{vm}/consoles", {"kind": "serial", "command": ["ls"]}), 422, "invalid")
    problem(api.post(f"/guests/{vm}/consoles", {}), 422, "invalid", "/kind")
    problem(api.post(f"/guests/{vm}/consoles", {"kind": "telepathy"}), 422, "invalid", "/kind")
    problem(api.post(f"/guests/{vm}/consoles", {"kind": "serial", "rows": 0}), 422, "invalid", "/rows")
    problem(api.post("/guests/nobody/consoles", {"kind": "serial"}), 404, "not-found")


def test_a_guest_that_does_not_run_has_only_its_log(api, guest):
    guest("asleep")
    body = problem(api.post("/guests/asleep/consoles", {"kind": "serial"}), 409, "wrong-state")
    assert "asleep is stopped" in body["detail"] and "start it" in body["hint"]
    ticket(api, "asleep", "log")


def test_a_paused_container_has_no_shell(api, box):
    api.post(f"/guests/{box}/actions/pause", None, {"Prefer": "wait=10"}).expect(200)
    body = problem(api.post(f"/guests/{box}/consoles", {"kind": "shell"}), 409, "wrong-state")
    assert "resume" in body["hint"]
    ticket(api, box, "serial")


def test_a_ticket_for_a_guest_that_stopped_meanwhile_is_refused(api, vm):
    url = ticket(api, vm, "serial")["url"]
    api.post(f"/guests/{vm}/actions/stop", None, {"Prefer": "wait=10"}).expect(200)
    refused(api, url, 409, "wrong-state")


def test_consoles_need_their_permission_on_the_guest(user, vm):
    looker = user("looker", "guests.read")
    problem(looker.post(f"/guests/{vm}/consoles", {"kind": "serial"}), 403, "forbidden")
    typist = user("typist", "guests.console", path=f"/guests/{vm}")
    console(typist, vm, "serial").close()


def test_no_caller_hoards_tickets(user, vm):
    hoarder = user("hoarder", "guests.console")
    for _ in range(32):
        ticket(hoarder, vm, "serial")
    answer = hoarder.post(f"/guests/{vm}/consoles", {"kind": "serial"})
    problem(answer, 429, "too-many-requests")
    assert int(answer.headers["Retry-After"]) > 0


def test_tokens_of_a_user_share_its_tickets_and_consoles_and_leave_room_for_others(own):
    pair = own().start()
    api = pair.admin()
    api.put("/guests/wanted?start=true", {"spec": {"type": "vm", "memory": "16MiB"}}, {"Prefer": "wait=20"}).expect(200)
    api.put("/users/greedy", {"spec": {}}).expect(201)
    api.put("/bindings/greedy", {"spec": {"subject": "user:greedy", "role": "operator"}}).expect(201)
    clients = []
    for i in range(4):
        def connect(address, timeout=None, here=f"127.0.0.{i + 2}"):
            return socket.create_connection(address, timeout, (here, 0))

        clients.append(Api(connect, ("127.0.0.1", pair.port), pair.state / "tls/cert.pem",
                           api.put(f"/tokens/greedy-{i}", {"spec": {"user": "greedy"}}).expect(201).json["secret"]))
    for i in range(32):
        ticket(clients[i % 4], "wanted", "log")
    for client in clients:
        problem(client.post("/guests/wanted/consoles", {"kind": "log"}), 429, "too-many-requests")
    pair.restart_lodged()
    wait_for(lambda: api.get("/session").status == 200, "lodged being back")
    opened = [console(clients[i % 4], "wanted", "log") for i in range(120)]
    waiting = [ticket(client, "wanted", "log")["url"] for client in clients]
    opened += [console(clients[i % 4], "wanted", "log") for i in range(8)]
    problem(clients[0].post("/guests/wanted/consoles", {"kind": "log"}), 429, "too-many-requests")
    refused(clients[1], waiting[1], 429, "too-many-requests")
    console(api, "wanted", "log").close()
    opened.pop().close()
    wait_for(lambda: clients[0].post("/guests/wanted/consoles", {"kind": "log"}).status == 201, "room for another one")
    for ws in opened:
        ws.close()


def test_a_driver_that_fails_is_named(api, vm, plan):
    plan("guest.console_open fail 1 unavailable")
    failed = refused(api, ticket(api, vm, "serial")["url"], 503, "unavailable")
    assert "cannot open the serial of guest screen" in failed.json["detail"]
    console(api, vm, "serial").close()


def test_both_ends_are_in_the_audit_log_and_no_ticket_is(api, vm):
    with console(api, vm, "serial") as ws:
        url = ticket(api, vm, "serial")["url"]
        ws.type("x\n")
        ws.read_until("x\n")

    def records():
        items = [item for item in api.get(f"/audit?limit=50&object=/guests/{vm}").json["items"] if item["action"].startswith("console")]
        return items if len(items) > 1 and items[0]["action"] == "console serial closed" else None

    closed, opened = wait_for(records, "the audit records")[:2]
    assert opened["action"] == "console serial opened" and opened["who"] == "token:test-admin" and opened["outcome"] == "ok"
    assert re.match(r"after \d+\.\d s: left", closed["detail"]), closed
    assert url.rsplit("/", 1)[1] not in api.get("/audit?limit=200").body.decode()


# -- what goes through


def test_what_is_typed_comes_back(api, vm):
    with console(api, vm, "serial") as ws:
        assert ws.headers.get("sec-websocket-protocol") is None
        ws.type("line one\n")
        ws.read_until("line one\n")
        blob = os.urandom(60000).replace(b"\n", b"x").replace(b"\r", b"x")
        ws.type(blob)
        ws.type("END\n")
        assert ws.read_until("END\n").endswith(blob + b"END\n")


def test_a_screen_is_a_stream_of_bytes_and_speaks_the_subprotocol_of_novnc(api, vm):
    with console(api, vm, "vnc", ws={"headers": {"Sec-WebSocket-Protocol": "base64, binary"}}) as ws:
        assert ws.headers["sec-websocket-protocol"] == "binary"
        assert ws.read_until("RFB 003.008\n") == b"RFB 003.008\n"
        blob = os.urandom(200000)
        for i in range(0, len(blob), 50000):
            ws.type(blob[i:i + 50000])
        got = b""
        while len(got) < len(blob):
            opcode, data = ws.frame()
            assert opcode == BINARY
            got += data
        assert got == blob


def test_who_only_looks_at_a_screen_types_points_and_pastes_nothing(api, vm):
    """The fake gives back what reaches it, behind its greeting."""
    picture, key, point, paste = bytes([3]) + bytes(9), bytes([4]) + bytes(7), bytes([5]) + bytes(5), b"\x06\0\0\0\0\0\0\x03abc"
    with console(api, vm, "vnc", read_only=True) as ws:
        ws.read_until("RFB 003.008\n")
        ws.type(b"RFB 003.008\n" + b"\x01" + b"\x00")
        assert ws.read_until(b"\n\x01\x01") == b"RFB 003.008\n\x01\x01"
        for message in (key, picture, point, paste, key[:5], key[5:] + picture):
            ws.type(message)
        assert ws.read_until(picture + picture) == picture + picture
        ws.type(b"\x63what is this")
        assert ws.read_end(5)[0].code in (1000, 4005)
    with console(api, vm, "vnc", read_only=True) as ws:
        api.post(f"/guests/{vm}/actions/stop", None, {"Prefer": "wait=10"}).expect(200)
        assert ws.read_end(8)[0].code == GUEST_STOPPED


def test_a_terminal_has_the_size_that_its_window_has(api, box):
    with console(api, box, "shell", columns=100, rows=30) as ws:
        ws.type("size\n")
        ws.read_until("100 30\n")
        ws.control(resize=[132, 50])
        ws.type("size\n")
        ws.read_until("132 50\n")
        for wrong in ([0, 10], [10], [100000, 10], "big", [1.5, 2], None):
            ws.control(resize=wrong)
        ws.type("size\n")
        ws.read_until("132 50\n")


def test_each_shell_is_one_of_its_own_and_says_how_it_ended(api, box):
    with console(api, box, "shell", columns=90) as one, console(api, box, "shell", columns=91) as two:
        one.type("size\n")
        one.read_until("90 24\n")
        two.type("size\n")
        assert b"90" not in two.read_until("91 24\n")
        one.type("exit 7\n")
        closed, end, seen = one.read_end()
        assert closed.code == 4000 and end["end"] == "exited" and end["code"] == 7 and seen.endswith(b"exit 7\n"), (closed, end, seen)
        two.type("still here\n")
        two.read_until("still here\n")


def test_a_log_is_followed_and_cannot_be_written_to(api, daemons, vm):
    uuid = api.get(f"/guests/{vm}").json["metadata"]["uuid"]
    folder = daemons.state / "log/guests"
    folder.mkdir(parents=True, exist_ok=True)
    log = folder / f"{uuid}.log"
    log.write_text("early line\n")
    with console(api, vm, "log") as ws:
        assert ws.read_until("early line\n") == b"early line\n"
        ws.type("typed\n")
        with log.open("a") as file:
            file.write("later line\n")
        assert b"typed" not in ws.read_until("later line\n")
        with log.open("a") as file:
            file.truncate(0)
            time.sleep(0.5)  # the one thing that nobody outside can see: that it has looked
            file.write("after the cut\n")
        ws.read_until("after the cut\n")


# -- several at one console


def test_one_types_and_the_next_takes_its_place(api, vm):
    first, second, third = (console(api, vm, "serial", **wish) for wish in ({}, {"read_only": True}, {}))
    assert first.read_control("mode") == {"mode": "writer", "by": "token:test-admin"}
    assert second.read_control("mode")["mode"] == third.read_control("mode")["mode"] == "viewer"
    third.type("nobody hears\n")
    second.type("nor this\n")
    first.type("all see this\n")
    for ws in (first, second, third):
        assert ws.read_until("all see this\n") == b"all see this\n"
    first.close()
    assert third.read_control("mode")["mode"] == "writer"
    third.type("now me\n")
    assert b"nobody" not in second.read_until("now me\n")
    second.close()
    third.close()


def test_who_takes_over_is_told_to_the_one_before(api, user, vm):
    alice = user("alice", "guests.console")
    with console(api, vm, "serial") as one, console(alice, vm, "serial") as two, console(alice, vm, "serial", read_only=True) as three:
        one.read_control("mode"), two.read_control("mode"), three.read_control("mode")
        three.control(take=True)
        assert three.read_control("mode") == {"mode": "viewer", "by": "token:test-admin"}
        two.control(take=True)
        assert two.read_control("mode")["mode"] == "writer"
        assert one.read_control("mode") == {"mode": "viewer", "by": "token:alice"}
        one.type("too late\n")
        two.type("mine\n")
        assert one.read_until("mine\n") == b"mine\n"


def test_who_comes_later_sees_what_was_there(api, vm):
    with console(api, vm, "serial") as one:
        one.type("the password is swordfish\n")
        one.read_until("swordfish\n")
        with console(api, vm, "serial") as two:
            two.read_until("swordfish\n")


def test_what_came_before_anybody_looked_is_in_the_log(api, daemons, vm):
    uuid = api.get(f"/guests/{vm}").json["metadata"]["uuid"]
    folder = daemons.state / "log/guests"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{uuid}.log").write_text("x" * 30000 + "\nbooted\nlogin: ")
    with console(api, vm, "serial") as ws:
        assert ws.read_until("login: ") == b"booted\nlogin: "


# -- who is slow


def test_a_flood_passes_a_slow_viewer_by(own):
    """100 MB with a viewer that does not read: nothing grows, nobody waits, and it goes on with the newest."""
    pair = own(gate_options=["--workers", "1"]).start()
    api = pair.admin()
    api.put("/guests/loud?start=true", {"spec": {"type": "vm", "memory": "16MiB"}}, {"Prefer": "wait=20"}).expect(200)
    with console(api, "loud", "serial") as reader, console(api, "loud", "serial") as slow:
        reader.type("flood 4000000\n")
        reader.read_until(b" ms\n", 30)
        before = [memory_kib(p.pid) for p in (pair.lodged, pair.gate)]
        reader.type("flood 100000000\n")
        took = int(re.search(rb"flooded in (\d+) ms\n", reader.read_until(b" ms\n", 60))[1])
        after = [memory_kib(p.pid) for p in (pair.lodged, pair.gate)]
        assert took < 30000
        assert all(b - a < 2048 for a, b in zip(before, after)), f"KiB before {before}, after {after}"
        seen = slow.read_until(b"flooded in %d ms\n" % took, 30)
        lost = sum(c["lost"] for c in slow.controls if "lost" in c)
        assert lost > 90_000_000 and len(seen) < 8_000_000, (lost, len(seen))
        for _ in range(2):
            slow.type("ignored, it only looks")
        reader.type("alive\n")
        slow.read_until("alive\n")


def test_what_a_busy_guest_does_not_take_is_not_read_from_its_typist(api, vm, daemons):
    """The guest takes nothing for a second: its typist waits, nothing grows, and everything arrives afterwards."""
    with console(api, vm, "serial", timeout=30) as ws:
        before = [memory_kib(p.pid) for p in (daemons.lodged, daemons.gate)]
        ws.type("#\n")
        begun = time.monotonic()
        for _ in range(200):
            ws.type(b"y" * 50000)
        assert time.monotonic() - begun > 0.5
        after = [memory_kib(p.pid) for p in (daemons.lodged, daemons.gate)]
        ws.type("END\n")
        ws.read_until("END\n")
        assert all(b - a < 4096 for a, b in zip(before, after)), f"KiB before {before}, after {after}"


# -- how it ends


@pytest.mark.parametrize("kind", ["serial", "vnc"])
def test_a_session_that_ends_takes_its_consoles_along_at_once(daemons, api, vm, kind):
    """They are closed before the session's end is answered: the audit log has it in that order."""
    session = daemons.api("admin")
    before = api.get("/audit?limit=1").json["items"][0]["seq"]

    def ends():
        records = [r for r in api.get("/audit?limit=50&who=user:admin").json["items"] if r["seq"] > before]
        return [r["action"] for r in reversed(records) if r["action"].endswith((" closed", "/session"))]

    with console(session, vm, kind) as ws:
        session.delete("/session").expect(204)
        closed, end, _ = ws.read_end(20)
        assert closed.code == SESSION_ENDED and "session" in closed.reason and end["end"] == "session-ended"
    wait_for(lambda: len(ends()) == 2, "the audit records")
    assert ends() == [f"console {kind} closed", "DELETE /api/v1/session"]


@pytest.mark.parametrize("what", ["token", "binding", "user", "label"])
def test_a_right_that_ends_takes_its_consoles_along(api, user, guest, what):
    guest("guarded", start=True, metadata={"labels": {"team": "a"}})
    mallory = user("mallory", "guests.console", selector={"team": "a"})
    with console(mallory, "guarded", "serial") as ws, console(api, "guarded", "serial") as other:
        if what == "label":
            api.patch("/guests/guarded", {"metadata": {"labels": {"team": "b"}}}).expect(200)
        else:
            api.delete(f"/{what}s/mallory").expect(204)
        assert ws.read_end(5)[0].code == SESSION_ENDED
        other.control(take=True)
        other.type("not mine\n")
        other.read_until("not mine\n")


@pytest.mark.parametrize("kind", ["serial", "vnc"])
def test_a_guest_that_stops_ends_its_consoles(api, vm, kind):
    with console(api, vm, kind) as ws:
        api.post(f"/guests/{vm}/actions/stop", None, {"Prefer": "wait=10"}).expect(200)
        closed, end, _ = ws.read_end(8)
        assert closed.code == GUEST_STOPPED and end["end"] == "guest-stopped"


def test_a_console_that_is_left_ends_nothing(api, box, daemons):
    with console(api, box, "shell") as ws:
        ws.type("hello\n")
        ws.read_until("hello\n")
    with console(api, box, "serial") as ws:
        ws.type("still there\n")
        ws.read_until("still there\n")
    assert api.get(f"/guests/{box}").json["status"]["state"] == "running"


def test_a_client_that_says_goodbye_is_answered(api, vm):
    with console(api, vm, "serial") as ws:
        ws.send_frame(CLOSE, struct.pack(">H", 1000))
        assert ws.read_end(5)[0].code == 1000


def test_restarts_are_told_and_the_guest_runs_on(own):
    pair = own().start()
    api = pair.admin()
    api.put("/guests/steady?start=true", {"spec": {"type": "vm", "memory": "16MiB"}}, {"Prefer": "wait=20"}).expect(200)
    for kind in ("serial", "vnc"):
        with console(api, "steady", kind) as ws:
            pair.restart_lodged()
            closed, end, _ = ws.read_end(5)
            assert closed.code == RESTARTING and end["end"] == "restarting", (closed, end)
        wait_for(lambda: api.get("/session").status == 200, "the gate")
        wait_for(lambda: api.get("/guests/steady").json["status"]["state"] == "running", "the guest")
        with console(api, "steady", kind) as ws:
            pair.stop_gate()
            assert ws.read_end(5)[0].code == RESTARTING
        pair.start_gate()
        api = pair.admin()
        console(api, "steady", kind).close()
    with console(api, "steady", "serial") as ws:
        pair.stop_lodged(signal.SIGKILL)
        assert ws.read_end(5)[0].code == RESTARTING
        pair.start_lodged()


# -- hostile clients


@pytest.mark.parametrize("frames, code", [
    ([(BINARY, b"x" * 65537, {})], 1009),
    ([(BINARY, b"x" * 40000, {"fin": False}), (CONTINUATION, b"x" * 40000, {})], 1009),
    ([(BINARY, b"unmasked", {"mask": False})], 1002),
    ([(TEXT, b"\xff\xfe", {})], 1007),
    ([(BINARY, b"x", {"rsv": 4})], 1002),
    ([(CONTINUATION, b"x", {})], 1002),
    ([(3, b"x", {})], 1002),
    ([(PING, b"x" * 126, {})], 1002),
])
def test_broken_frames_end_the_connection(api, vm, frames, code):
    with console(api, vm, "serial") as ws:
        for opcode, data, how in frames:
            ws.send_frame(opcode, data, **how)
        with pytest.raises(Closed) as closed:
            while True:
                ws.frame(5)
        assert closed.value.code in (code, 1005, None), closed.value
    assert api.get("/session").status == 200


def raw_frame(opcode, data=b"", fin=True):
    """A short one with a mask of zeros, to be sent many at a time."""
    return bytes([(0x80 if fin else 0) | opcode, 0x80 | len(data)]) + bytes(4) + data


def test_many_messages_in_one_record_all_arrive_however_the_guest_takes_them(api, vm):
    with console(api, vm, "serial") as ws:
        for n in (100, 3000):
            ws.sock.sendall(b"".join(raw_frame(BINARY, b"%08d\n" % i) for i in range(n)))
            ws.read_until(b"%08d\n" % (n - 1))
        ws.sock.sendall(raw_frame(PING, b"x") * 5000 + raw_frame(BINARY, b"behind\n"))
        seen = pongs = 0
        deadline = time.monotonic() + 20
        while seen < len(b"behind\n"):
            first, size = ws._take(2, deadline)
            data = ws._take(size & 0x7F, deadline)
            pongs += first & 15 == PONG
            seen += len(data) if first & 15 == BINARY else 0
        assert pongs == 5000


@pytest.mark.parametrize("what", [raw_frame(PING), raw_frame(TEXT)], ids=["pings", "texts"])
def test_a_flood_of_messages_takes_neither_memory_nor_other_clients_turns(own, what):
    pair = own(gate_options=["--workers", "1"]).start()
    api = pair.admin()
    api.put("/guests/flooded?start=true", {"spec": {"type": "vm", "memory": "16MiB"}}, {"Prefer": "wait=20"}).expect(200)
    with console(api, "flooded", "serial") as ws:
        before, floods, answers, over = memory_kib(pair.gate.pid), 0, 0, False
        ws.sock.settimeout(0.2)

        def flood():
            nonlocal floods
            try:
                while not over:
                    ws.sock.sendall(what * 10000)
                    floods += 1
            except OSError:
                pass  # it is not read any more: just as well

        thread = threading.Thread(target=flood)
        thread.start()
        while answers < 50 or (thread.is_alive() and floods < 300):  # 18 MB, from which much could be kept
            api.get("/session").expect(200)
            answers += 1
        over = True
        thread.join()
        assert memory_kib(pair.gate.pid) - before < 4096, (memory_kib(pair.gate.pid), before)


def test_a_message_in_thousands_of_frames_is_refused(api, vm):
    with console(api, vm, "serial") as ws:
        ws.sock.sendall(raw_frame(BINARY, b"x", fin=False) + raw_frame(CONTINUATION, b"x", fin=False) * 500 + raw_frame(CONTINUATION, b"\n"))
        ws.read_until(b"\n")
        ws.sock.sendall(raw_frame(BINARY, b"x", fin=False) + raw_frame(CONTINUATION, b"x", fin=False) * 5000)
        assert ws.read_end(5)[0].code == 1009
    assert api.get("/session").status == 200


def test_who_broke_the_protocol_does_not_keep_the_seat_of_who_types(api, vm):
    with console(api, vm, "serial") as broken, console(api, vm, "serial") as next_one:
        assert next_one.read_control("mode")["mode"] == "viewer"
        broken.send_frame(BINARY, b"unmasked", mask=False)
        assert next_one.read_control("mode", 8)["mode"] == "writer"


def test_controls_that_mean_nothing_are_passed_over(api, vm):
    with console(api, vm, "serial") as ws:
        for text in (b"", b"{", b"[]", b"null", b'{"take":"yes"}', b'{"resize":{}}', b"{}" * 5000, b'{"end":"exited"}'):
            ws.send_frame(TEXT, text)
        ws.send_frame(PING, b"are you there")
        ws.type("fine\n")
        seen = b""
        pong = None
        deadline = time.monotonic() + 5
        while b"fine" not in seen or pong is None:
            first = ws._take(2, deadline)
            data = ws._take(first[1] & 0x7F, deadline)
            if first[0] & 15 == PONG:
                pong = data
            elif first[0] & 15 == BINARY:
                seen += data
        assert pong == b"are you there"


def test_a_client_that_vanishes_leaves_nothing(api, vm, daemons):
    def descriptors():
        return len(os.listdir(f"/proc/{daemons.gate.pid}/fd")), len(os.listdir(f"/proc/{daemons.lodged.pid}/fd"))

    console(api, vm, "serial").close()
    api.get("/session")
    before = wait_for(descriptors, "descriptors")
    for i in range(20):
        ws = console(api, vm, "serial" if i % 2 else "vnc")
        if i % 3 == 0:
            ws.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if i % 4 == 0:
            ws.sock.sendall(b"rubbish that is no TLS record"[:0])
        ws.close()
    wait_for(lambda: all(n <= b + 2 for n, b in zip(descriptors(), before)), "descriptors that are closed again", 10)


# -- the command line


class Terminal:
    """The command line on a terminal of its own."""

    def __init__(self, daemons, *words, columns=80, rows=24):
        self.master, slave = pty.openpty()
        self.size(columns, rows)
        self.slave = slave
        self.before = termios.tcgetattr(slave)
        self.process = subprocess.Popen(
            [TREE / "build/bin/lodge", *words], stdin=slave, stdout=slave, stderr=slave, start_new_session=True,
            env={"LODGE_STATE": str(daemons.state), "PATH": "/usr/bin:/bin"},
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.seen = b""

    def size(self, columns, rows):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def type(self, text):
        os.write(self.master, text.encode())

    def read_until(self, wanted, timeout=10):
        deadline = time.monotonic() + timeout
        while wanted.encode() not in self.seen:
            left = deadline - time.monotonic()
            assert left > 0 and select.select([self.master], [], [], left)[0], f"{wanted!r} did not come: {self.seen!r}"
            self.seen += os.read(self.master, 65536)
        seen, self.seen = self.seen.split(wanted.encode(), 1)
        return seen

    def end(self, timeout=10):
        code = self.process.wait(timeout)
        after = termios.tcgetattr(self.slave)
        os.close(self.slave)
        os.close(self.master)
        assert after == self.before, "the terminal was left as it should not be"
        return code


def test_the_command_line_shows_a_console_and_is_left_with_its_key(daemons, vm):
    terminal = Terminal(daemons, "console", vm)
    terminal.read_until("Ctrl-] leaves it.")
    wait_for(lambda: not termios.tcgetattr(terminal.slave)[3] & termios.ICANON, "raw mode")
    terminal.type("echo me\r")
    terminal.read_until("echo me\r")
    terminal.type("\x03\x04more\r")
    terminal.read_until("\x03\x04more\r")
    terminal.type("\x1d")
    assert terminal.end() == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_signal_leaves_the_terminal_as_it_was(daemons, vm, number):
    terminal = Terminal(daemons, "console", vm)
    wait_for(lambda: not termios.tcgetattr(terminal.slave)[3] & termios.ICANON, "raw mode")
    terminal.process.send_signal(number)
    assert terminal.end() == 0


def test_the_command_line_follows_its_window_and_gives_the_code_of_the_shell(daemons, box):
    terminal = Terminal(daemons, "shell", box, columns=101, rows=33)
    wait_for(lambda: not termios.tcgetattr(terminal.slave)[3] & termios.ICANON, "raw mode")
    terminal.type("size\r")
    terminal.read_until("101 33")
    terminal.size(66, 22)

    def resized():
        terminal.type("size\r")
        return b"66 22" in terminal.read_until("\n")

    wait_for(resized, "the new size")
    terminal.type("exit 7\r")
    assert terminal.end() == 7


def test_the_command_line_says_when_somebody_else_types(daemons, api, vm):
    with console(api, vm, "serial"):
        terminal = Terminal(daemons, "console", vm)
        terminal.read_until("token:test-admin types here")
        terminal.type("\x1d")
        assert terminal.end() == 0
        terminal = Terminal(daemons, "console", vm, "--take")
        wait_for(lambda: not termios.tcgetattr(terminal.slave)[3] & termios.ICANON, "raw mode")
        terminal.type("over\r")
        terminal.read_until("over")
        daemons.cli("guest", "stop", vm, "--wait")
        terminal.read_until("the guest has stopped")
        assert terminal.end() == 1


def test_the_command_line_without_a_terminal(daemons, box):
    answer = daemons.cli("shell", box, input="one\nexit 7\n")
    assert answer.returncode == 7 and "one\n" in answer.stdout, answer
    refusal = daemons.cli("shell", "nobody")
    assert refusal.returncode == 3 and "nobody" in refusal.stderr
    assert daemons.cli("console").returncode == 2
    assert daemons.cli("console", box, "--frobnicate").returncode == 2
    assert "Ctrl-]" in daemons.cli("console", "--help").stdout
    names = daemons.cli("__complete", "shell", "").stdout.split()
    assert box in names
