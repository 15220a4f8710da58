"""Reading server-sent events from the gate."""

import json
import socket
import ssl
from dataclasses import dataclass


@dataclass
class Event:
    id: str | None
    type: str
    data: str

    @property
    def json(self):
        return json.loads(self.data)


class Stream:
    """The events of one client: its own connection, raw, so that a test can stop reading."""

    def __init__(self, client, after=None, timeout=10, start=True):
        self.client, self.after, self.timeout = client, after, timeout
        self.sock = None
        if start:
            self.open()

    def open(self):
        client = self.client
        raw = socket.create_connection(client._address, timeout=self.timeout)
        self.sock = client._context.wrap_socket(raw)
        lines = ["GET /api/v1/events HTTP/1.1", "Host: localhost", "Accept: text/event-stream"]
        if client.token:
            lines.append(f"Authorization: Bearer {client.token}")
        if client.cookie:
            lines.append(f"Cookie: {client.cookie}")
        if self.after is not None:
            lines.append(f"Last-Event-ID: {self.after}")
        self.sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode())
        self.file = self.sock.makefile("rb")
        self.status = int(self.file.readline().split()[1])
        self.headers = {}
        while (line := self.file.readline().strip()):
            name, _, value = line.decode().partition(":")
            self.headers[name.lower()] = value.strip()
        if self.status == 200:
            self.hello = self.next()
            assert self.hello.type == "hello", self.hello
        return self

    def _lines(self):
        """Lines of the chunked body until it ends."""
        pending = b""
        while True:
            size = self.file.readline()
            if not size or (length := int(size.strip() or b"0", 16)) == 0:
                return
            pending += self.file.read(length)
            self.file.readline()
            while b"\n" in pending:
                line, pending = pending.split(b"\n", 1)
                yield line.decode()

    def _events(self):
        fields = {}
        for line in self._lines():
            if line.startswith(":"):
                continue
            if line:
                name, _, value = line.partition(":")
                fields[name] = value.lstrip()
            elif "data" in fields:
                yield Event(fields.get("id"), fields.get("event", "message"), fields["data"])
                fields = {}

    def next(self, timeout=None):
        if timeout:
            self.sock.settimeout(timeout)
        if not hasattr(self, "_iterator"):
            self._iterator = self._events()
        return next(self._iterator)

    def until(self, condition, timeout=10, last_only=False):
        """Events up to the first that meets the condition, with it."""
        self.sock.settimeout(timeout)
        while True:
            event = self.next()
            hit = condition(event)
            if hit or not last_only:
                yield event
            if hit:
                return

    def rest(self, timeout=10):
        """All events until the server ends the stream; a stream that goes on is a failure."""
        self.sock.settimeout(timeout)
        try:
            while True:
                yield self.next()
        except (StopIteration, ssl.SSLEOFError, ConnectionError):
            return
        except TimeoutError:
            raise AssertionError("the stream was not ended") from None

    def close(self):
        if self.sock:
            self.sock.close()
            self.sock = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
