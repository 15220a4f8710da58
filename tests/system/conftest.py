"""Fixtures of the system tests. `stack` is one running Lodge for the whole session; `own_stack` makes others."""

import fcntl
import re
import shutil
import signal
import sys
import tempfile
from pathlib import Path

import pytest

sys.dont_write_bytecode = True
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lab"))

from guests import SPECS, done, remove_guest, wait_for_images  # noqa: E402
from sandbox import Sandbox  # noqa: E402
from stack import TREE, Stack  # noqa: E402

ALLOWED = [re.compile(line) for line in (HERE / "log-allow.txt").read_text().splitlines() if line and not line.startswith("#")]

_stacks = pytest.StashKey()


def pytest_configure(config):
    config.addinivalue_line("markers", "allow_log(pattern): log lines of level warning or above that this test provokes")
    config.stash[_stacks] = []
    # Asked to end (a CI's time limit), the session still takes down what it put up.
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def _remove_abandoned():
    """What sessions left that were killed: their folders, on which they hold a lock while they live."""
    Sandbox.remove_abandoned()
    for folder in Path("/var/tmp").glob("lodge-test-*"):
        try:
            with open(folder / "lock") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder)
        except OSError:
            pass  # it lives, or is just being made


@pytest.fixture(scope="session")
def tree():
    assert (TREE / "build/bin/lodged").exists(), "build/bin/lodged is not there: run make first"
    return TREE


@pytest.fixture(scope="session")
def scratch():
    """The session's folder, on a real disk. Removed at the end, with what lies on it."""
    _remove_abandoned()
    folder = Path(tempfile.mkdtemp(prefix="lodge-test-", dir="/var/tmp"))
    folder.chmod(0o755)
    with open(folder / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder
        shutil.rmtree(folder)


def _end(stack):
    """Stops it in order, and fails for anything that is left on its host; then ends the host."""
    left = []
    try:
        if stack.running:
            status = stack.stop()
            if status != 0:
                left.append(f"run.sh ended with status {status}:\n{stack.output[-2000:]}")
        if stack.sandbox.running:
            left += stack.sandbox.traces()
    finally:
        stack.unplug()
    left += [f"after the end: {what}" for what in stack.sandbox.loop_devices()]
    assert not left, "left behind: " + "; ".join(left)


@pytest.fixture(scope="session")
def stack(request, tree, scratch):
    """The session's Lodge: started once by the script that `make run` starts, stopped and inspected at the end."""
    node = Stack(scratch / "session").plug()
    request.config.stash[_stacks].append(node)
    try:
        node.start()
        yield node
    finally:
        request.config.stash[_stacks].remove(node)
        _end(node)


@pytest.fixture
def own_stack(request, tree, scratch):
    """own_stack(**environment): a Lodge of the test's own on a new host, not started yet."""
    mine = []

    def make(hostname="own", **environment):
        folder = Path(tempfile.mkdtemp(prefix=f"{request.node.name[:30]}-", dir=scratch))
        node = Stack(folder, hostname, environment).plug()
        mine.append(node)
        request.config.stash[_stacks].append(node)
        return node

    yield make
    errors = []
    for node in mine:
        request.config.stash[_stacks].remove(node)
        try:
            _end(node)
        except AssertionError as error:
            errors.append(str(error))
        shutil.rmtree(node.sandbox.folder, ignore_errors=True)
    assert not errors, "; ".join(errors)


@pytest.fixture
def sandbox(request, scratch):
    """An empty host."""
    box = Sandbox(Path(tempfile.mkdtemp(prefix=f"{request.node.name[:30]}-", dir=scratch))).plug()
    yield box
    box.unplug()
    assert not box.loop_devices()
    shutil.rmtree(box.folder)


@pytest.fixture
def api(stack):
    """The session's Lodge, as its admin."""
    client = stack.admin()
    yield client
    client.close()


@pytest.fixture(scope="session")
def images(stack):
    """The starter images, once their import has ended."""
    client = stack.admin()
    wait_for_images(client)
    client.close()


@pytest.fixture
def guest(images, api):
    """guest(name, **spec): makes a guest, which is gone again after the test."""
    names = []

    def make(name, kind="container", start=True, **more):
        names.append(name)
        answer = api.put(f"/guests/{name}?start={'true' if start else 'false'}", {"spec": {**SPECS[kind], **more}})
        done(api, answer)
        return name

    yield make
    for name in names:
        remove_guest(api, name)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item):
    for node in item.config.stash[_stacks]:
        node.mark_logs()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    """A test also fails for what the daemons complain of while it runs, the start of its fixtures included."""
    outcome = yield
    outcome.get_result()
    stacks = item.config.stash[_stacks]
    allowed = ALLOWED + [re.compile(mark.args[0]) for mark in item.iter_markers("allow_log")]
    lines = [line for node in stacks for line in node.complaints() if not any(a.search(line) for a in allowed)]
    assert not lines, "the daemons complained during this test (see log-allow.txt):\n" + "\n".join(lines)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """Shows with a failed test what each daemon logged during it."""
    outcome = yield
    report = outcome.get_result()
    if not report.failed:
        return
    for node in item.config.stash[_stacks]:
        for name in ("lodged", "gate", "supervisor", "libvirtd"):
            text = node.new_log(name)
            if text:
                report.sections.append((f"{node.sandbox.hostname}: {name}.log", text[-6000:]))
        report.sections.append((f"{node.sandbox.hostname}: terminal", node.output[-2000:]))
