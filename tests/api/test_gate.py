"""The gate: confined, with limits that no client can stretch, and HTTP as it should be."""

import gzip
import re
import socket
import ssl
import subprocess
import threading
import time
from pathlib import Path

import pytest

from daemons import TREE, problem, wait_for


def tls(pair, timeout=10, **versions):
    context = ssl.create_default_context(cafile=str(pair.state / "tls/cert.pem"))
    context.check_hostname = False
    for name, version in versions.items():
        setattr(context, name, version)
    raw = socket.create_connection(("127.0.0.1", pair.port), timeout=timeout)
    raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return context.wrap_socket(raw)


class Raw:
    """One connection for requests as bytes."""

    def __init__(self, pair, timeout=10):
        self.sock = tls(pair, timeout)
        self.file = self.sock.makefile("rb")

    def send(self, data):
        self.sock.sendall(data.encode() if isinstance(data, str) else data)
        return self

    def read(self, head=False):
        """(status, headers, body) of the next answer; None at the end of the connection."""
        line = self.file.readline()
        if not line:
            return None
        status = int(line.split()[1])
        headers = {}
        while (field := self.file.readline().strip()):
            name, _, value = field.decode("latin-1").partition(":")
            headers[name.lower()] = value.strip()
        length = int(headers.get("content-length", 0))
        return status, headers, b"" if head else self.file.read(length)

    def ended(self, within_s):
        """True when the server ends the connection in time."""
        self.sock.settimeout(within_s)
        try:
            while self.sock.recv(65536):
                pass
            return True
        except TimeoutError:
            return False
        except (ssl.SSLError, ConnectionError):
            return True

    def close(self):
        self.sock.close()


def exchange(pair, data, head=False):
    raw = Raw(pair)
    try:
        return raw.send(data).read(head)
    finally:
        raw.close()


@pytest.fixture
def token(daemons):
    daemons.admin()
    return (daemons.root / "token").read_text()


def get(path, token="", more="", method="GET", version="1.1"):
    auth = f"Authorization: Bearer {token}\r\n" if token else ""
    return f"{method} {path} HTTP/{version}\r\nHost: localhost\r\n{auth}{more}\r\n"


# ---- what it cannot do


def test_everything_that_serving_does_not_need_is_refused():
    result = subprocess.run([TREE / "build/bin/lodge-gate", "--check-sandbox"], capture_output=True, text=True, timeout=20, check=False)
    lines = result.stdout.splitlines()
    assert result.returncode == 0 and len(lines) >= 9, result
    assert all(line.endswith(" refused") for line in lines), result.stdout


def status_of(path):
    return dict(line.split(":\t", 1) for line in Path(path).read_text().splitlines() if ":\t" in line)


def test_its_threads_and_its_broker_have_no_rights(daemons):
    broker = [pid for pid in daemons.processes() if pid not in (daemons.gate.pid, daemons.lodged.pid)]
    assert len(broker) == 1
    tasks = list(Path(f"/proc/{daemons.gate.pid}/task").iterdir()) + [Path(f"/proc/{broker[0]}")]
    assert len(tasks) >= 2
    for task in tasks:
        status = status_of(task / "status")
        assert int(status["CapEff"], 16) == 0 and int(status["CapPrm"], 16) == 0 and int(status["CapInh"], 16) == 0
        assert status["NoNewPrivs"].strip() == "1" and status["Seccomp"].strip() == "2"
        assert set(status["Uid"].split()) == {"64840"} and set(status["Gid"].split()) == {"64840"}
        assert not status.get("Groups", "").strip()


def test_it_holds_no_file_of_the_state_open(daemons):
    links = [str(Path(f"/proc/{daemons.gate.pid}/fd/{fd.name}").readlink()) for fd in Path(f"/proc/{daemons.gate.pid}/fd").iterdir()]
    assert not [link for link in links if str(daemons.state) in link], links
    assert (daemons.state / "tls/key.pem").stat().st_mode & 0o77 == 0


# ---- time


def test_a_client_that_drips_its_headers_is_cut(own):
    pair = own(gate_options=["--header-timeout", "3"]).start()
    raw = Raw(pair).send("GET /api/v1/session HTTP/1.1\r\nHost: x\r\n")
    assert is_cut_while_dripping(raw, "X-Drip: 1\r\n")


def is_cut_while_dripping(raw, drop):
    """Before 12 s are over, which no default is as short as."""
    try:
        for _ in range(60):
            raw.send(drop)
            time.sleep(0.2)
    except OSError:
        return True
    return False


def test_a_client_that_never_begins_its_handshake_is_cut(own):
    pair = own(gate_options=["--header-timeout", "1"]).start()
    with socket.create_connection(("127.0.0.1", pair.port), timeout=12) as silent:
        assert silent.recv(1) == b""


def test_a_client_that_drips_its_body_is_cut(own):
    pair = own(gate_options=["--body-timeout", "1"]).start()
    raw = Raw(pair).send("POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n")
    assert is_cut_while_dripping(raw, " ")


def test_an_idle_connection_is_ended_but_a_slow_answer_is_awaited(own):
    pair = own(gate_options=["--idle-timeout", "1", "--body-timeout", "1"]).start()
    api = pair.admin()
    raw = Raw(pair).send(get("/api/v1/session"))
    assert raw.read()[0] == 401 and raw.ended(20)
    pair.plan("guest.start delay 2500")
    api.put("/guests/slow", {"spec": {"type": "vm", "memory": "16MiB"}}).expect(201)
    assert api.post("/guests/slow/actions/start", headers={"Prefer": "wait=10"}).expect(200).json["status"]["state"] == "succeeded"


def test_clients_that_drip_do_not_hold_up_others(own):
    """Who had to wait until they are cut would have left before."""
    pair = own(gate_options=["--header-timeout", "120", "--workers", "1"]).start()
    slow = [Raw(pair).send("GET / HTTP/1.1\r\n") for _ in range(20)]
    for _ in range(20):
        pair.api().get("/session").expect(401)
    for raw in slow:
        raw.close()


# ---- size and number


@pytest.mark.parametrize("size,status", [(512 * 1024, 400), (512 * 1024 + 1, 413), (40 * 1024 * 1024, 413)])
def test_bodies_are_taken_up_to_512_kib(daemons, size, status):
    head = f"POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {size}\r\n\r\n"
    raw = Raw(daemons).send(head)
    try:
        raw.send(b"x" * min(size, 600 * 1024))
    except (ssl.SSLError, OSError):
        pass  # refused before its end
    assert raw.read()[0] == status
    raw.close()


def test_a_chunked_body_that_grows_beyond_the_limit_is_refused(daemons):
    raw = Raw(daemons).send("POST /api/v1/session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(20):
        raw.send(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
    raw.send("0\r\n\r\n")
    status, headers, body = raw.read()
    assert status == 413 and headers["content-type"] == "application/problem+json" and b"512 KiB" in body
    raw.close()


def test_headers_that_are_too_large_are_refused(daemons):
    for request in (get("/api/v1/session", more=f"X-Long: {'x' * 40000}\r\n"), get("/" + "x" * 40000),
                    get("/", more="".join(f"X-{i}: {'y' * 50}\r\n" for i in range(1000)))):
        raw = Raw(daemons)
        try:
            raw.send(request)
        except OSError:
            pass
        answer = raw.read()
        assert answer is None or answer[0] in (413, 414, 431), answer
        raw.close()
    assert exchange(daemons, get("/api/v1/session", more=f"X-Long: {'x' * 8000}\r\n"))[0] == 401


@pytest.mark.parametrize("workers", ["1", "4"])
def test_connections_of_one_address_are_limited_over_all_workers_and_come_free_again(own, workers):
    pair = own(gate_options=["--workers", workers, "--header-timeout", "300"]).start()
    assert _connections_let_in(pair) == 64
    wait_for(lambda: _answers(pair), "room for new connections")
    wait_for(lambda: _connections_let_in(pair) == 64, "every place given back")


def _connections_let_in(pair):
    held = []
    try:
        for _ in range(100):
            held.append(tls(pair, timeout=30))
    except (ssl.SSLError, ConnectionError):
        pass
    finally:
        for connection in held:
            connection.close()
    return len(held)


def _answers(pair):
    try:
        return exchange(pair, get("/api/v1/session"))[0] == 401
    except (ssl.SSLError, OSError):
        return False


# ---- HTTP


def test_requests_follow_each_other_on_one_connection(daemons, token):
    raw = Raw(daemons)
    for _ in range(5):
        assert raw.send(get("/api/v1/session", token)).read()[0] == 200
    raw.close()


def test_pipelined_requests_are_answered_in_order(daemons, token):
    raw = Raw(daemons)
    raw.send(get("/api/v1/roles/none", token) + get("/api/v1/session", token) + get("/") + get("/api/v1/session"))
    assert [raw.read()[0] for _ in range(4)] == [404, 200, 200, 401]
    raw.close()


def test_head_is_get_without_a_body(daemons, token):
    for path in ("/", "/api/v1/session", "/api/v1/guests", "/api/v1/openapi.json"):
        full = exchange(daemons, get(path, token))
        status, headers, body = exchange(daemons, get(path, token, method="HEAD"), head=True)
        assert (status, body) == (200, b"") and headers["content-type"] == full[1]["content-type"]
    assert exchange(daemons, get("/api/v1/session", method="HEAD"), head=True)[0] == 401


def test_http_1_0_is_answered_and_ended(daemons, token):
    raw = Raw(daemons).send(f"GET /api/v1/session HTTP/1.0\r\nAuthorization: Bearer {token}\r\n\r\n")
    assert raw.read()[0] == 200 and raw.ended(3)


def test_connection_close_is_obeyed(daemons):
    raw = Raw(daemons).send(get("/", more="Connection: close\r\n"))
    assert raw.read()[0] == 200 and raw.ended(3)


@pytest.mark.parametrize("request_text", [
    "GARBAGE\r\n\r\n", "GET\r\n\r\n", "GET /\r\n\r\n", "GET / HTTP/9.9\r\nHost: x\r\n\r\n", "\x00\x01\x02\x03\r\n\r\n", "GET / HTTP/1.1\r\n\r\n",
    "GET / HTTP/1.1\r\nHost x\r\n\r\n", "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: abc\r\n\r\n",
    "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    "POST /api/v1/session HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "GET http://other/ HTTP/1.1\r\nHost: x\r\n\r\n", "CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /%zz HTTP/1.1\r\nHost: x\r\n\r\n", "GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n", "GET /../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /api/v1/guests/%2e%2e%2f HTTP/1.1\r\nHost: x\r\n\r\n", "GET //etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n"])
def test_malformed_requests_are_refused_or_cut_and_the_gate_lives_on(daemons, request_text):
    raw = Raw(daemons).send(request_text.encode("latin-1"))
    raw.sock.settimeout(3)
    try:
        answer = raw.read()
        assert answer is None or answer[0] in (200, 400, 401, 404, 405, 411, 413, 501, 505), answer
        assert answer is None or b"root:" not in answer[2]
    except (TimeoutError, ssl.SSLError, ConnectionError):
        pass  # it waits for more, or has ended the connection
    raw.close()
    assert exchange(daemons, get("/api/v1/session"))[0] == 401


def test_random_bytes_do_not_harm_the_gate(daemons):
    import random
    dice = random.Random(7)
    for _ in range(40):
        raw = Raw(daemons)
        raw.sock.settimeout(1)
        try:
            raw.send(bytes(dice.randrange(256) for _ in range(dice.randint(1, 3000))) + b"\r\n\r\n")
            raw.read()
        except (OSError, ValueError, IndexError):
            pass
        raw.close()
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", daemons.port), timeout=2) as plain:
            plain.sendall(bytes(dice.randrange(256) for _ in range(500)))
    assert exchange(daemons, get("/api/v1/session"))[0] == 401


def test_a_client_that_leaves_in_the_middle_of_an_answer_does_no_harm(daemons, token):
    for _ in range(20):
        raw = Raw(daemons).send(get("/api/v1/openapi.json", token))
        raw.sock.recv(100)
        raw.close()
        raw = Raw(daemons).send(get("/api/v1/tasks", token, "Prefer: wait=30\r\n"))
        raw.close()
    assert exchange(daemons, get("/api/v1/session", token))[0] == 200


def test_percent_encoded_names_reach_the_resource_they_name(api):
    api.put("/roles/a.b-c", {"spec": {"permissions": ["guests.read"]}}).expect(201)
    assert api.get("/roles/%61%2Eb%2dc").expect(200).json["metadata"]["name"] == "a.b-c"
    problem(api.get("/roles/a.b-c%2factions"), 404)
    problem(api.get("/roles%2fa.b-c"), 404)
    api.delete("/roles/a.b-c").expect(204)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
def test_old_tls_is_refused(daemons, version):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.set_ciphers("ALL:@SECLEVEL=0")
    import warnings
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", daemons.port), timeout=5) as raw, pytest.raises((ssl.SSLError, ConnectionError)):
        context.wrap_socket(raw)


def test_tls_1_2_and_1_3_are_taken(daemons):
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        with tls(daemons, minimum_version=version, maximum_version=version) as connection:
            assert connection.version() == {ssl.TLSVersion.TLSv1_2: "TLSv1.2", ssl.TLSVersion.TLSv1_3: "TLSv1.3"}[version]


def test_plain_http_is_not_spoken(daemons):
    with socket.create_connection(("127.0.0.1", daemons.port), timeout=5) as raw:
        raw.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        try:
            assert not raw.recv(100).startswith(b"HTTP/")
        except ConnectionError:
            pass


# ---- pages


def test_the_start_page_comes_with_a_strict_policy_and_is_cached_by_its_content(daemons):
    status, headers, body = exchange(daemons, get("/"))
    assert status == 200 and headers["content-type"].startswith("text/html") and b"<title>Lodge</title>" in body
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff" and headers["referrer-policy"] == "no-referrer"
    assert headers["cache-control"] == "no-cache"
    again = exchange(daemons, get("/", more=f"If-None-Match: {headers['etag']}\r\n"))
    assert again[0] == 304 and again[2] == b"" and again[1]["etag"] == headers["etag"]
    assert not re.search(rb"<script(?![^>]*\bsrc=)|style=|onclick=", body)


def test_addresses_of_the_console_give_its_page_and_missing_files_do_not(daemons):
    browser = "Accept: text/html,application/xhtml+xml\r\n"
    page = exchange(daemons, get("/"))[2]
    for path in ("/guests/web1", "/guests/web.1/console", "/activity"):
        assert exchange(daemons, get(path, more=browser))[2] == page
        assert exchange(daemons, get(path))[0] == 404
    assert exchange(daemons, get("/assets/gone-AAAAAAAA.js", more=browser))[0] == 404
    for path in ("/nothing.js", "/index.html/../x.css", "/.git/config.txt"):
        assert exchange(daemons, get(path))[0] == 404
    for name, kind in ((rb'href="(/assets/[^"]+[.]css)"', "text/css"), (rb'src="(/assets/[^"]+[.]js)"', "text/javascript")):
        headers = exchange(daemons, get(re.search(name, page).group(1).decode()))[1]
        assert headers["content-type"].startswith(kind) and "immutable" in headers["cache-control"]
    assert exchange(daemons, get("/", method="POST", more="Content-Length: 0\r\n"))[0] == 405


def test_large_answers_are_compressed_for_who_takes_it(daemons, token):
    plain = exchange(daemons, get("/api/v1/openapi.json", token))
    packed = exchange(daemons, get("/api/v1/openapi.json", token, "Accept-Encoding: gzip, br\r\n"))
    assert packed[1]["content-encoding"] == "gzip" and gzip.decompress(packed[2]) == plain[2] and len(packed[2]) * 4 < len(plain[2])
    small = exchange(daemons, get("/api/v1/session", "", "Accept-Encoding: gzip\r\n"))
    assert "content-encoding" not in small[1]
    refused = exchange(daemons, get("/api/v1/openapi.json", token, "Accept-Encoding: gzip;q=0\r\n"))
    assert "content-encoding" not in refused[1]


def test_answers_of_the_api_are_not_kept_anywhere(daemons, token):
    headers = exchange(daemons, get("/api/v1/session", token))[1]
    assert headers["cache-control"] == "no-store" and headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin" and "access-control-allow-origin" not in headers


# ---- lodged away


def test_a_request_in_flight_when_lodged_dies_is_answered_and_the_next_ones_wait_a_second(own):
    pair = own().start()
    api = pair.admin()
    api.put("/guests/flight", {"spec": {"type": "vm", "memory": "16MiB"}}).expect(201)
    pair.plan("guest.start delay 60000")
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(pair.admin().post("/guests/flight/actions/start", headers={"Prefer": "wait=20"})))
    waiting.start()
    wait_for(lambda: "task" in api.get("/guests/flight").json["status"], "the task")
    pair.stop_lodged(9)
    waiting.join()
    assert "before it answered" in problem(answers[0], 503, "unavailable")["detail"]
    assert exchange(pair, get("/"))[0] == 200, "pages are there without lodged"


def test_many_clients_at_once_are_all_served(daemons, token):
    failures = []

    def work():
        raw = Raw(daemons)
        for _ in range(30):
            if raw.send(get("/api/v1/session", token)).read()[0] != 200:
                failures.append(1)
        raw.close()

    threads = [threading.Thread(target=work) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_wrong_options_are_named(tmp_path):
    for options in (["--workers", "0"], ["--body-timeout", "never"], ["--listen", "nonsense"], ["--nothing"], ["--static", str(tmp_path / "none")]):
        result = subprocess.run([TREE / "build/bin/lodge-gate", "--state", str(tmp_path), "--listen", "127.0.0.1:0", *options],
                                capture_output=True, text=True, timeout=10, check=False)
        assert result.returncode in (1, 2) and result.stderr


@pytest.mark.parametrize("fields", [
    "Content-Length: 2\r\nContent-Length: 22\r\n",
    "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n",
    "Transfer-Encoding: xchunked\r\n",
    "Content-Length : 2\r\n",
    "Host: another\r\n",
    "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n",
])
def test_headers_that_two_servers_could_read_in_two_ways_are_refused(daemons, fields):
    raw = Raw(daemons, timeout=5)
    raw.send(f"POST /api/v1/session HTTP/1.1\r\nHost: one\r\n{fields}\r\n2\r\n{{}}\r\n0\r\n\r\n")
    assert raw.read()[0] == 400
    assert raw.ended(5), "what follows such a request must not be taken for another one"
