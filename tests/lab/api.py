"""A small HTTP client for Lodge's API, with nothing but Python's library: sessions, tokens, tasks."""

import http.client
import json
import ssl

from sandbox import wait_for


class Connection(http.client.HTTPSConnection):
    """HTTPS whose TCP connection is made by somebody else, here inside a sandbox."""

    def __init__(self, connect, address, context, timeout):
        super().__init__(address[0], address[1], context=context, timeout=timeout)
        self._make, self._address, self._tls = connect, address, context

    def connect(self):
        raw = self._make(self._address, timeout=self.timeout)
        self.sock = self._tls.wrap_socket(raw, server_hostname=self._address[0])


class Response:
    def __init__(self, request, status, headers, body):
        self.request, self.status, self.headers, self.body = request, status, headers, body

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def etag(self):
        return self.headers.get("ETag")

    @property
    def location(self):
        return self.headers.get("Location")

    def __repr__(self):
        return f"<{self.request} -> {self.status} {self.body[:600].decode(errors='replace')}>"

    def expect(self, *statuses):
        """Itself, when the status is one of these; otherwise the test fails and shows the answer."""
        assert self.status in statuses, f"expected {' or '.join(map(str, statuses))}: {self!r}"
        return self


class Api:
    """One client: a session after login(), a token's bearer with `token`, or nobody."""

    PREFIX = "/api/v1"

    def __init__(self, connect, address, cafile, token=None, timeout=60):
        self._connect, self._address, self._timeout = connect, address, timeout
        self._context = ssl.create_default_context(cafile=str(cafile))
        self._context.check_hostname = False  # the certificate is pinned instead: it is the only one trusted
        self._connection = None
        self.token, self.cookie, self.csrf = token, None, None

    def another(self, token=None):
        """A new client of the same server, not logged in."""
        other = object.__new__(Api)
        other.__dict__.update(self.__dict__, _connection=None, token=token, cookie=None, csrf=None)
        return other

    def login(self, user, password, **more):
        answer = self.post("/session", {"user": user, "password": password, **more}).expect(201)
        self.cookie = answer.headers["Set-Cookie"].split(";")[0]
        self.csrf = answer.json["csrf"]
        return self

    def request(self, method, path, body=None, headers=None):
        """`body` as JSON, or bytes as they are. `path` below /api/v1, unless it names that itself or another root."""
        if not path.startswith((self.PREFIX, "//")):
            path = self.PREFIX + path
        path = path.replace("//", "/", 1) if path.startswith("//") else path
        fields = {"Accept": "application/json", **(headers or {})}
        if self.token:
            fields["Authorization"] = f"Bearer {self.token}"
        if self.cookie:
            fields["Cookie"] = self.cookie
        if self.csrf:
            fields["X-Lodge-CSRF"] = self.csrf
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            fields.setdefault("Content-Type", "application/json")
        reused = self._connection is not None
        try:
            answer = self._exchange(method, path, body, fields)
        except ConnectionError:
            if not reused:  # a kept connection may have ended with the gate that had it; a new one may not
                raise
            answer = self._exchange(method, path, body, fields)
        return answer

    def _exchange(self, method, path, body, fields):
        if self._connection is None:
            self._connection = Connection(self._connect, self._address, self._context, self._timeout)
        try:
            self._connection.request(method, path, body, fields)
            raw = self._connection.getresponse()
            answer = Response(f"{method} {path}", raw.status, raw.headers, raw.read())
        except BaseException:  # half of an exchange: nothing more can be asked on this connection
            self.close()
            raise
        if raw.will_close:
            self.close()
        return answer

    def close(self):
        if self._connection:
            self._connection.close()
            self._connection = None

    def get(self, path, **headers):
        return self.request("GET", path, headers=headers)

    def post(self, path, body=None, headers=None):
        return self.request("POST", path, body, headers)

    def put(self, path, body, headers=None):
        return self.request("PUT", path, body, headers)

    def patch(self, path, body, headers=None):
        return self.request("PATCH", path, body, {"Content-Type": "application/merge-patch+json", **(headers or {})})

    def delete(self, path, headers=None):
        return self.request("DELETE", path, headers=headers)

    def finished(self, answer, timeout_s=60):
        """The task that a 202 names, once it has ended, by long polls."""
        assert answer.status == 202 and answer.location, f"names no task: {answer!r}"

        def task():
            now = self.get(f"{answer.location}?wait=10s").expect(200).json
            return now if now["status"]["state"] not in ("queued", "running") else None

        return wait_for(task, f"end of the task {answer.location}", timeout_s)
