"""A small WebSocket client (RFC 6455) with nothing but Python's library, for consoles and for breaking them."""

import base64
import hashlib
import json
import os
import struct
import time
from dataclasses import dataclass

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Refused(Exception):
    """The answer to the handshake was no 101."""

    def __init__(self, status, headers, body):
        super().__init__(f"{status} {body[:500]!r}")
        self.status, self.headers, self.body = status, headers, body

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Closed(Exception):
    """The server has closed: with this code and reason, or without a word (code None)."""

    code: int | None
    reason: str = ""


class WebSocket:
    """One connection to `path` of an Api client's server, with the client's token or cookie."""

    def __init__(self, client, path, headers=None, timeout=10, version="13", origin="own", key=None):
        self.client, self.timeout = client, timeout
        raw = client._connect(client._address, timeout=timeout)
        self.sock = client._context.wrap_socket(raw, server_hostname=client._address[0])
        self.pending, self.rest = b"", bytearray()
        self.closed = None
        self._handshake(path, headers or {}, version, origin, key or base64.b64encode(os.urandom(16)).decode())

    def _handshake(self, path, more, version, origin, key):
        host = f"{self.client._address[0]}:{self.client._address[1]}"
        headers = {"Host": host, "Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Key": key, "Sec-WebSocket-Version": version}
        if origin:
            headers["Origin"] = f"https://{host}" if origin == "own" else origin
        if self.client.token:
            headers["Authorization"] = f"Bearer {self.client.token}"
        if self.client.cookie:
            headers["Cookie"] = self.client.cookie
        headers.update(more)
        text = f"GET {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items() if value is not None)
        self.sock.sendall(text.encode() + b"\r\n")
        while b"\r\n\r\n" not in self.pending:
            part = self.sock.recv(65536)
            if not part:
                raise Closed(None, "no answer to the handshake")
            self.pending += part
        head, self.pending = self.pending.split(b"\r\n\r\n", 1)
        first, *lines = head.decode().split("\r\n")
        self.status = int(first.split()[1])
        self.headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        if self.status != 101:
            length = int(self.headers.get("content-length", 0))
            while len(self.pending) < length:
                self.pending += self.sock.recv(65536)
            self.close()
            raise Refused(self.status, self.headers, self.pending)
        wanted = base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()
        assert self.headers["sec-websocket-accept"] == wanted, self.headers
        assert self.headers["upgrade"].lower() == "websocket" and "upgrade" in self.headers["connection"].lower()

    # -- frames

    def send_frame(self, opcode, data=b"", fin=True, mask=True, rsv=0):
        head = bytes([(0x80 if fin else 0) | rsv << 4 | opcode])
        bit = 0x80 if mask else 0
        if len(data) < 126:
            head += bytes([bit | len(data)])
        elif len(data) < 65536:
            head += bytes([bit | 126]) + struct.pack(">H", len(data))
        else:
            head += bytes([bit | 127]) + struct.pack(">Q", len(data))
        if mask:
            key = os.urandom(4)
            data = bytes(a ^ b for a, b in zip(data, key * (len(data) // 4 + 1)))
            head += key
        self.sock.sendall(head + data)

    def _take(self, n, deadline):
        while len(self.pending) < n:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no frame; so far {self.pending[:80]!r}")
            self.sock.settimeout(left)
            try:
                part = self.sock.recv(262144)
            except OSError as error:
                if isinstance(error, TimeoutError):
                    continue
                part = b""
            if not part:
                self.closed = self.closed or Closed(None)
                raise self.closed
            self.pending += part
        data, self.pending = self.pending[:n], self.pending[n:]
        return data

    def frame(self, timeout=None):
        """The next frame as (opcode, bytes); pings are answered, a close is answered and raised."""
        deadline = time.monotonic() + (timeout or self.timeout)
        while True:
            first, second = self._take(2, deadline)
            assert first & 0x80 and not first & 0x70, "the server sends whole frames without extensions"
            assert not second & 0x80, "the server does not mask"
            size = second & 0x7F
            if size == 126:
                size = struct.unpack(">H", self._take(2, deadline))[0]
            elif size == 127:
                size = struct.unpack(">Q", self._take(8, deadline))[0]
            data, opcode = self._take(size, deadline), first & 0x0F
            if opcode == PING:
                self.send_frame(PONG, data)
            elif opcode == CLOSE:
                code = struct.unpack(">H", data[:2])[0] if data else 1005
                self.closed = Closed(code, data[2:].decode())
                try:
                    self.send_frame(CLOSE, data[:2])
                except OSError:
                    pass
                raise self.closed
            else:
                return opcode, data

    # -- a console's messages

    def type(self, data):
        self.send_frame(BINARY, data if isinstance(data, bytes) else data.encode())

    def control(self, **what):
        self.send_frame(TEXT, json.dumps(what).encode())

    def read_until(self, wanted, timeout=None):
        """Bytes of the console up to and with `wanted`, what follows is for the next call; what control messages say
        meanwhile is in self.controls."""
        wanted = wanted if isinstance(wanted, bytes) else wanted.encode()
        deadline = time.monotonic() + (timeout or self.timeout)
        seen, looked_at = self.rest, 0
        self.rest = bytearray()
        while True:
            at = seen.find(wanted, looked_at)
            if at >= 0:
                self.rest = seen[at + len(wanted):]
                return bytes(seen[:at + len(wanted)])
            looked_at = max(len(seen) - len(wanted), 0)
            try:
                opcode, data = self.frame(max(deadline - time.monotonic(), 0.001))
            except TimeoutError:
                raise TimeoutError(f"{wanted!r} did not come; so far {bytes(seen[-300:])!r}") from None
            if opcode == TEXT:
                self.controls.append(json.loads(data))
                continue
            seen += data

    def read_control(self, key, timeout=None):
        """The next control message that has this key; bytes meanwhile are dropped."""
        for earlier in list(self.controls):
            self.controls.remove(earlier)
            if key in earlier:
                return earlier
        deadline = time.monotonic() + (timeout or self.timeout)
        while True:
            opcode, data = self.frame(max(deadline - time.monotonic(), 0.001))
            if opcode == TEXT and key in json.loads(data):
                return json.loads(data)

    def read_end(self, timeout=None):
        """(Closed, {"end": …} before it, bytes before that)."""
        seen, end = bytes(self.rest), next((c for c in self.controls if "end" in c), None)
        deadline = time.monotonic() + (timeout or self.timeout)
        try:
            while True:
                opcode, data = self.frame(max(deadline - time.monotonic(), 0.001))
                if opcode == BINARY:
                    seen += data
                elif "end" in json.loads(data):
                    end = json.loads(data)
        except Closed as closed:
            return closed, end, seen

    @property
    def controls(self):
        return self.__dict__.setdefault("_controls", [])

    def close(self):
        if self.sock:
            self.sock.close()
            self.sock = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def console(client, guest, kind, timeout=10, ws=None, **wish):
    """A ticket, and the console that it opens."""
    ticket = client.post(f"/guests/{guest}/consoles", {"kind": kind, **wish}).expect(201).json
    return WebSocket(client, ticket["url"], timeout=timeout, **(ws or {}))
