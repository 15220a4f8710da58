"""An audit log that somebody tampered with: the first broken link is named, and Lodge goes on."""

import json
import os
import re
import signal
import sqlite3

import pytest
from sandbox import wait_for
from stack import TREE


def database(stack):
    """The log's database, opened beside lodged, as somebody with root's rights could."""
    return sqlite3.connect(stack.state / "audit.db", isolation_level=None, timeout=10)


def change(stack, statement, *values):
    with database(stack) as db:
        assert db.execute(statement, values).rowcount > 0
    db.close()


def value(stack, query):
    with database(stack) as db:
        row = db.execute(query).fetchone()
    db.close()
    return row[0] if row else None


def make_records(api, stack, n):
    """Changes and, once they are written, their records; nothing else is about to be written then."""
    for i in range(n):
        api.put(f"/roles/noted-{i}", {"spec": {"permissions": ["guests.read"]}}).expect(201)
    wait_for(lambda: value(stack, f"SELECT 1 FROM records WHERE object LIKE '%noted-{n - 1}'"), "the records of these changes")


def noted(stack, do):
    """do(), and its own record in the log, so that nothing is about to be written afterwards."""
    count = "SELECT count(*) FROM records WHERE action LIKE '%actions/verify'"
    before = value(stack, count)
    answer = do()
    wait_for(lambda: value(stack, count) > before, "the record of the verification")
    return answer


def verify(stack, api):
    return noted(stack, lambda: api.post("/audit/actions/verify").expect(200).json)


def verdict(stack, api):
    """What the API says, after making sure that the command line says the same."""
    answer = verify(stack, api)
    lodge = noted(stack, lambda: stack.run_inside(
        TREE / "build/bin/lodge", "audit", "verify", "-o", "json", "--state", stack.state, check=False))
    told = json.loads(lodge.stdout)
    assert lodge.returncode == (0 if answer["ok"] else 1), lodge.stdout
    assert (told["ok"], told.get("broken_at")) == (answer["ok"], answer.get("broken_at"))
    return answer


def broken(stack, api, seq, reason):
    answer = verdict(stack, api)
    assert not answer["ok"] and answer["broken_at"] == seq and re.fullmatch(reason, answer["reason"]), answer


def start_again(stack):
    """Kills lodged; returns a client of the next one."""
    before = stack.daemon_pid("lodged")
    os.kill(before, signal.SIGKILL)
    wait_for(lambda: stack.daemon_pids("lodged") not in ([], [before]), "a new lodged", 10)

    def client():
        try:
            return stack.admin()
        except AssertionError:
            return None  # 503 while it starts

    return wait_for(client, "lodged answering again", 30)


@pytest.mark.allow_log("audit log")
def test_tampering_with_the_audit_log_is_found_and_named_and_lodge_starts_with_it(own_stack):
    stack = own_stack().start()
    api = stack.admin()
    make_records(api, stack, 6)
    assert verdict(stack, api)["ok"]

    # A record that says something else.
    who = value(stack, "SELECT who FROM records WHERE seq=3")
    change(stack, "UPDATE records SET who='nobody' WHERE seq=3")
    broken(stack, api, 3, "record 3 was changed: it does not match its hash")
    change(stack, "UPDATE records SET who=? WHERE seq=3", who)
    assert verdict(stack, api)["ok"]

    # Its hash alone.
    hash_ = value(stack, "SELECT hash FROM records WHERE seq=4")
    change(stack, "UPDATE records SET hash=? WHERE seq=4", "0" * 64)
    broken(stack, api, 4, "record 4 was changed: it does not match its hash")
    change(stack, "UPDATE records SET hash=? WHERE seq=4", hash_)
    assert verdict(stack, api)["ok"]

    # A record that is gone: also for the next lodged, which starts nevertheless and goes on with the chain.
    change(stack, "DELETE FROM records WHERE seq=5")
    broken(stack, api, 5, "record 5 is missing")
    api.close()
    api = start_again(stack)
    broken(stack, api, 5, "record 5 is missing")
    api.put("/roles/later", {"spec": {"permissions": ["guests.read"]}}).expect(201)
    broken(stack, api, 5, "record 5 is missing")
    api.close()


@pytest.mark.allow_log("audit log")
def test_an_audit_log_that_was_cut_shows_the_gap_for_ever(own_stack):
    stack = own_stack().start()
    api = stack.admin()
    make_records(api, stack, 4)
    change(stack, "DELETE FROM records WHERE seq>=4")
    assert re.fullmatch(r"records 4 to \d+ are missing at the end", verify(stack, api)["reason"])
    broken(stack, api, 4, r"records 4 to \d+ are missing.*")
    api.close()
    change(stack, "DELETE FROM records WHERE seq>=4")
    api = start_again(stack)
    assert re.search(r"the audit log was cut: it ends with record 3, but there were \d+", stack.log("lodged"))
    api.put("/roles/later", {"spec": {"permissions": ["guests.read"]}}).expect(201)
    wait_for(lambda: value(stack, "SELECT 1 FROM records WHERE object LIKE '%later'"), "a record after the gap")
    broken(stack, api, 4, r"records 4 to \d+ are missing")

    # Without its head, nobody can tell whether more was cut off.
    (stack.state / "audit.db.head").unlink()
    change(stack, "DELETE FROM records WHERE seq>=4")
    answer = verify(stack, api)
    assert answer["broken_at"] == 3 and "whether records after 3 were cut off cannot be told" in answer["reason"], answer
    api.close()
