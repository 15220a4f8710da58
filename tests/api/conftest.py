"""Fixtures of the API tests: lodged with fake drivers, the real gate over TLS, the real command line.
`daemons` is one pair for the whole session; `own` makes others for tests that end or break them."""

import re
import sys
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))

from daemons import TREE, Daemons  # noqa: E402

_running = pytest.StashKey()


def pytest_configure(config):
    config.addinivalue_line("markers", "allow_log(pattern): log lines of level warning or above that this test provokes")
    config.stash[_running] = []


@pytest.fixture(scope="session")
def daemons(request):
    assert (TREE / "build/test/lodged-fake").exists(), "build/test/lodged-fake is not there: run make unit-tests first"
    pair = Daemons()
    request.config.stash[_running].append(pair)
    try:
        yield pair.start()
    finally:
        request.config.stash[_running].remove(pair)
        pair.end()


@pytest.fixture
def own(request):
    """own(gate_options=…): daemons of the test's own, not started yet."""
    mine = []

    def make(**more):
        pair = Daemons(**more)
        mine.append(pair)
        request.config.stash[_running].append(pair)
        return pair

    yield make
    errors = []
    for pair in mine:
        request.config.stash[_running].remove(pair)
        try:
            pair.end()
        except AssertionError as error:
            errors.append(str(error))
    assert not errors, "; ".join(errors)


@pytest.fixture
def api(daemons):
    """The administrator."""
    client = daemons.admin()
    yield client
    client.close()


@pytest.fixture
def nobody(daemons):
    """A client that is not signed in."""
    client = daemons.api()
    yield client
    client.close()


@pytest.fixture
def plan(daemons):
    """plan("storage.attach fail 1", …): what the fakes do; nothing special again afterwards."""
    yield daemons.plan
    daemons.plan()


@pytest.fixture
def guest(api, request):
    """guest(name, **spec): a small stopped guest; gone after the test."""
    made = []

    def make(name, start=False, metadata=None, **spec):
        body = {"metadata": metadata or {}, "spec": {"type": "vm", "memory": "16MiB", **spec}}
        answer = api.put(f"/guests/{name}" + ("?start=true" if start else ""), body, {"Prefer": "wait=20"}).expect(200, 201)
        made.append(name)
        if answer.headers.get("Location", "").startswith("/api/v1/tasks"):
            assert answer.json["status"]["state"] == "succeeded", answer
        return api.get(f"/guests/{name}").expect(200).json

    yield make
    for name in made:
        answer = api.delete(f"/guests/{name}?force=true&purge=true", {"Prefer": "wait=20"}).expect(200, 204, 404)
        assert answer.status != 200 or answer.json["status"]["state"] == "succeeded", answer


@pytest.fixture
def user(api, daemons):
    """user(name, permissions…, path=…): somebody who may do just that, as a client with a token."""
    made = []

    def make(name, *permissions, path="/", selector=None, groups=()):
        api.put(f"/users/{name}", {"spec": {"groups": list(groups)}}).expect(201)
        made.append(f"/users/{name}")
        if permissions:
            api.put(f"/roles/{name}", {"spec": {"permissions": list(permissions)}}).expect(201)
            made.append(f"/roles/{name}")
            binding = {"subject": f"user:{name}", "role": name, "path": path}
            if selector:
                binding["selector"] = selector
            api.put(f"/bindings/{name}", {"spec": binding}).expect(201)
            made.append(f"/bindings/{name}")
        secret = api.put(f"/tokens/{name}", {"spec": {"user": name}}).expect(201).json["secret"]
        made.append(f"/tokens/{name}")
        return daemons.api(token=secret)

    yield make
    for path in reversed(made):
        api.delete(path).expect(204, 404)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    for pair in item.config.stash[_running]:
        pair.mark_logs()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """A test also fails for what the daemons complain of while it runs, the start of its fixtures included."""
    outcome = yield
    outcome.get_result()
    allowed = [re.compile(mark.args[0]) for mark in item.iter_markers("allow_log")]
    lines = [line for pair in item.config.stash[_running] for line in pair.complaints()]
    lines = [line for line in lines if not any(a.search(line) for a in allowed)]
    assert not lines, "the daemons complained during this test:\n" + "\n".join(lines)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows with a failed test what each daemon logged during it."""
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    for pair in item.config.stash[_running]:
        for name in ("lodged", "gate"):
            if pair.new_log(name):
                report.sections.append((f"{name}.log", pair.new_log(name)[-6000:]))
