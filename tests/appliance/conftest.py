"""What the appliance's tests share: figures that are printed at the end, and the states that they start from."""
import os
import shutil
import signal

import pytest

import stages

figures = []
signal.signal(signal.SIGTERM, signal.default_int_handler)  # run.sh ends both of its two so: machines and folders go with them


@pytest.fixture
def figure():
    """figure(what, reached, goal, ok): printed at the end; the test fails when it is missed."""
    def note(what, reached, goal, ok):
        figures.append(f"{what}: {reached} (to reach: {goal})")
        assert ok, figures[-1]
    return note


def pytest_terminal_summary(terminalreporter):
    for line in figures:
        terminalreporter.write_line(line)


def pytest_sessionfinish(session):
    """Disks of machines are gigabytes, which pytest would keep for two more runs."""
    if not os.environ.get("LODGE_TEST_KEEP"):
        shutil.rmtree(session.config._tmp_path_factory.getbasetemp(), ignore_errors=True)


@pytest.fixture
def rescue():
    with stages.rescued() as vm:
        yield vm


@pytest.fixture(scope="module")
def host(tmp_path_factory):
    """A host that has just started, one for the tests of a file, which change it in turn."""
    folder = tmp_path_factory.mktemp("host")
    with stages.booted().start(folder) as vm:
        yield stages.Saved.go_on(vm)
