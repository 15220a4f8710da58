"""The command line, as root on the socket and with a token."""

import json
import os
import re
import subprocess

import pytest

from daemons import TREE, wait_for


def done(result, code=0):
    assert result.returncode == code, f"exit {result.returncode}\n{result.stdout}\n{result.stderr}"
    assert "Sanitizer" not in result.stderr
    return result


@pytest.fixture
def lodge(daemons):
    """lodge(words…, code=0): runs the command and expects that exit code."""
    def run(*words, code=0, **more):
        return done(daemons.cli(*words, **more), code)
    return run


def nouns(lodge):
    text = lodge("--help").stdout
    return re.findall(r"^  ([a-z.]+)$", text.split("Nouns:")[1].split("Options")[0], re.M)


def test_every_noun_and_verb_explains_itself(lodge):
    found = nouns(lodge)
    assert {"guest", "volume", "pool", "network", "image", "user", "role", "binding", "token", "task", "node", "setting", "session",
            "audit", "events", "metrics"} <= set(found)
    verbs_seen = 0
    for noun in found:
        text = lodge(noun, "--help").stdout
        verbs = re.findall(r"^  ([a-z-]+) ", text.split("Verbs:")[1], re.M)
        assert verbs, noun
        for verb in verbs:
            verbs_seen += 1
            text = lodge(noun, verb, "--help").stdout
            assert text.startswith(f"Usage: lodge {noun} {verb}") and re.search(r"^(GET|PUT|PATCH|POST|DELETE) /", text, re.M)
    assert verbs_seen > 60


def test_help_lists_the_keys_of_structured_options_and_the_values_of_enumerations(lodge, nobody):
    """All of them, as the API document has them."""
    schemas = nobody.get("/openapi.json").json["components"]["schemas"]
    text = lodge("guest", "create", "--help").stdout
    assert re.search(r"^  --type vm\|container +Virtual machine or system container \(required\)$", text, re.M)
    assert re.search(r"^  --memory SIZE .*\(default: 512MiB\)$", text, re.M)
    for option, schema in (("disk", "guest_disk_spec"), ("nic", "guest_nic_spec")):
        keys = re.search(rf"^  --{option} KEY=VALUE,\.\.\. .*\n((?:      .*\n)+)", text, re.M).group(1)
        assert re.findall(r"^      ([a-z-]+)=", keys, re.M) == [
            {"addresses": "address"}.get(name, name.replace("_", "-")) for name in schemas[schema]["properties"]]
        for name, property in schemas[schema]["properties"].items():
            assert property["description"].split(". ")[0] in keys, name
    for kind in ("guest", "pool", "volume", "network", "image"):
        text = lodge(kind, "create", "--help").stdout
        for name, property in schemas[f"{kind}_spec"]["properties"].items():
            if "enum" in property:
                assert f"--{name} {'|'.join(property['enum'])} " in text
    text = lodge("guest", "edit", "--help").stdout
    assert "--type" not in text and "  --memory SIZE" in text and "(default: 512MiB)" not in text, "what an edit cannot change"
    assert "--dhcp.from TEXT" in (text := lodge("network", "create", "--help").stdout) and "First address\n" in text, "the whole of it may be left out"


def test_help_is_a_word_too(lodge):
    assert lodge("help").stdout == lodge("--help").stdout
    assert lodge("help", "guest").stdout == lodge("guest", "--help").stdout
    assert lodge("help", "guest", "create").stdout == lodge("guest", "create", "--help").stdout
    assert lodge("help", "guests", "start").stdout.startswith("Usage: lodge guests start NAME")
    assert 'no "nonsense"' in lodge("help", "nonsense", code=2).stderr
    assert 'no verb "fly"' in lodge("help", "guest", "fly", code=2).stderr
    assert "guest" in complete(lodge, "help", "") and "create" in complete(lodge, "help", "guest", "") and complete(lodge, "help", "guest", "create", "") == []


def test_every_route_has_a_command(lodge, nobody):
    document = nobody.get("/openapi.json").json
    shown = set()
    for noun in nouns(lodge):
        for verb in re.findall(r"^  ([a-z-]+) ", lodge(noun, "--help").stdout.split("Verbs:")[1], re.M):
            shown.add(re.search(r"^((?:GET|PUT|PATCH|POST|DELETE) /.*)$", lodge(noun, verb, "--help").stdout, re.M).group(1))
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert "x-verb" not in operation or f"{method.upper()} {path.removeprefix('/api/v1')}" in shown


def test_a_guest_lives_by_the_command_line_alone(lodge):
    lodge("guest", "create", "cli1", "--type", "vm", "--memory", "16MiB", "--disk", "name=root,size=4MiB", "--nic", "name=eth0",
          "--label", "team=a", "--description", "made by hand", "--start", "--wait")
    shown = json.loads(lodge("guest", "show", "cli1", "-o", "json").stdout)
    assert shown["status"]["state"] == "running" and shown["metadata"]["labels"] == {"team": "a"} and shown["spec"]["memory"] == 16 << 20
    table = lodge("guest", "list").stdout.splitlines()
    assert re.match(r"NAME +TYPE +STATE +ADDRESSES +MEMORY +CPU +AGE$", table[0])
    assert any(re.match(r"cli1 +vm +running ", line) for line in table)
    assert "cli1" in lodge("guest", "list", "-o", "name").stdout.split()
    assert [g["metadata"]["name"] for g in json.loads(lodge("guests", "list", "--filter", "metadata.name=cli1", "-o", "json").stdout)] == ["cli1"]
    lodge("guest", "edit", "cli1", "--run", "manual", "--boot.order", "7")
    assert json.loads(lodge("guest", "show", "cli1", "-o", "json").stdout)["spec"]["boot"] == {"order": 7}
    lodge("guest", "shutdown", "cli1", "--timeout-s", "5", "--wait")
    lodge("guest", "delete", "cli1", "--purge", "--wait")
    lodge("guest", "show", "cli1", code=3)


def test_sizes_and_ages_are_shown_for_people(lodge):
    lodge("volume", "create", "cli-vol", "--size", "1.5GiB", "--wait")
    assert re.search(r"cli-vol +local +1.50? ?GiB +disk +ready", lodge("volume", "list").stdout)
    assert re.search(r"size: 1.50? ?GiB", lodge("volume", "show", "cli-vol").stdout)
    lodge("volume", "delete", "cli-vol", "--purge", "--wait")


def test_exit_codes_tell_what_happened(lodge, daemons, user, tmp_path):
    lodge("role", "create", "cli-role", "--permission", "guests.read")
    assert "exists" in lodge("role", "create", "cli-role", "--permission", "guests.read", code=1).stderr
    lodge("role", "replace", "cli-role", "--permission", "images.read", "--permission", "guests.read")
    assert "guests" in lodge("role", "edit", "cli-role", "--permission", "guests.fly", code=1).stderr
    assert "there is no role" in lodge("role", "show", "none", code=3).stderr
    lodge("role", "delete", "cli-role")
    for words in (["nonsense"], ["guest", "fly"], ["guest", "show"], ["guest", "create", "x", "--colour", "red"], ["guest", "list", "-o", "xml"],
                  ["guest", "create", "x", "--cpu.cores", "two"], ["guest", "create", "x", "--disk", "nonsense"], ["guest", "create", "x", "y"],
                  ["guest", "create", "x", "--memory"], ["guest", "create", "x", "-f", "/no/such/file"], []):
        assert lodge(*words, code=2).stderr or not words
    client = user("clistranger")
    assert lodge("guest", "list", "--token", client.token, code=4).stderr
    lodge("guest", "list", code=4, environment={"LODGE_TOKEN": "lodge_nonsense"})
    unreachable = done(daemons.cli("guest", "list", state=tmp_path), 5)
    assert "lodged" in unreachable.stderr and "running" in unreachable.stderr


def test_a_refusal_shows_every_mistake_and_the_hint(lodge):
    text = lodge("guest", "create", "wrong", "--type", "cow", "--memory", "1KiB", code=1).stderr
    assert re.search(r"^  --type: must be", text, re.M) and re.search(r"^  --memory: must be", text, re.M)
    text = lodge("guest", "start", "wrong", code=3).stderr
    assert "there is no guest" in text and "list the guests" in text


@pytest.mark.parametrize("words,said", [
    (["guest", "create", "x", "--type", "vm", "--cpu.cores", "0"], "--cpu.cores: must be 1"),
    (["guest", "create", "x", "--type", "vm", "--disk", "name=a,size=4MiB", "--disk", "name=b,read-only=true"], "--disk #2 size: is required"),
    (["guest", "create", "x", "--type", "vm", "--label", "UP=1"], "--label UP: the key must be"),
    (["guest", "create", "UPPER", "--type", "vm"], "--name: must be"),
    (["guest", "start", "x", "--dry-run=maybe"], "--dry-run: must be true or false"),
    (["network", "create", "x", "--kind", "isolated", "--dhcp.from", "1.2.3.4"], "--dhcp.to: is required"),
    (["role", "create", "x", "--permission", "guests.read", "--permission", "nonsense"], "--permission #2: must be"),
    (["node", "shutdown-guests", "--timeout-s", "0"], "--timeout-s: must be 1"),
])
def test_what_is_wrong_is_named_by_its_option(lodge, words, said):
    text = lodge(*words, code=1).stderr
    assert said in text and "/spec" not in text, text


def test_what_is_wrong_in_a_file_is_named_by_its_place(lodge):
    text = lodge("guest", "create", "x", "-f", "-", input='{"spec": {"type": "cow"}}', code=1).stderr
    assert "/spec/type" in text and "--type" not in text


def test_a_way_out_is_told_in_options_and_commands(lodge, guest, daemons):
    guest("cli-way", start=True)
    text = lodge("guest", "delete", "cli-way", code=1).stderr
    assert "add --force\n" in text and "force=true" not in text
    text = lodge("guest", "create", "cli-way", "--type", "vm", code=1).stderr
    assert "lodge guest replace cli-way" in text and "If-None-Match" not in text
    text = lodge("guest", "list", "--token", "lodge_nonsense", code=4).stderr
    assert "--token or LODGE_TOKEN" in text


def test_no_refusal_shows_http_to_who_typed_a_command(lodge, guest, api, plan):
    """The refusals that a command can meet and whose hints once spelled a request."""
    guest("cli-http", start=True)
    plan("guest.shutdown delay 60000")
    api.put("/volumes/cli-http", {"spec": {"size": "4MiB"}}, {"Prefer": "wait=10"}).expect(200)
    lodge("guest", "shutdown", "cli-http")
    for words in (["guest", "stop", "cli-http"], ["guest", "delete", "cli-http"], ["guest", "show", "none"], ["volume", "show", "none"],
                  ["pool", "delete", "local"], ["setting", "edit", "none", "--memory-overcommit", "100"], ["setting", "replace", "none"],
                  ["guest", "list", "--filter", "nonsense"], ["volume", "create", "cli-http", "--size", "4MiB"]):
        result = lodge(*words, code=3 if "show" in words or words[:2] == ["setting", "edit"] else 1)
        assert not re.search(r"/api/|\?\w+=|GET |PUT |POST |DELETE |If-|ETag", result.stderr), result.stderr
    plan()
    lodge("volume", "delete", "cli-http", "--purge", "--wait")
    wait_for(lambda: "task" not in api.get("/guests/cli-http").json["status"], "the end of the shutdown")


def test_a_truth_needs_no_word_behind_it(lodge, guest):
    guest("cli-truth")
    lodge("guest", "edit", "cli-truth", "--protection", "--run", "manual")
    assert json.loads(lodge("guest", "show", "cli-truth", "-o", "json").stdout)["spec"]["protection"] is True
    assert "protection" in lodge("guest", "delete", "cli-truth", code=1).stderr
    lodge("guest", "edit", "cli-truth", "--protection", "no")
    assert "protection=maybe" not in lodge("guest", "edit", "cli-truth", "--protection=maybe", code=2).stdout


def test_an_edit_says_what_waits_for_a_restart(lodge, guest):
    guest("cli-waits")
    assert lodge("guest", "edit", "cli-waits", "--memory", "32MiB").stderr == ""
    lodge("guest", "start", "cli-waits", "--wait")
    for verb in ("edit", "patch"):
        assert lodge("guest", verb, "cli-waits", "--memory", "64MiB", "-o", "json").stderr == "cli-waits: memory waits for a restart (lodge guest reboot cli-waits)\n"
    shown = lodge("guest", "show", "cli-waits", "-o", "json")
    assert shown.stderr == "" and json.loads(shown.stdout)["status"]["pending_restart"] == ["/spec/memory"]
    for verb in ("replace", "put"):
        text = lodge("guest", verb, "cli-waits", "--type", "vm", "--memory", "64MiB", "--cpu.cores", "2", "--nic", "name=eth0").stderr
        assert text == "cli-waits: cpu.cores, memory and nics.0 wait for a restart (lodge guest reboot cli-waits)\n"
    assert lodge("guest", "edit", "cli-waits", "--run", "last", "-q").stderr == ""
    lodge("guest", "reboot", "cli-waits", "--wait")
    assert lodge("guest", "edit", "cli-waits", "--run", "manual").stderr == ""


def test_a_dry_run_shows_the_plan_and_changes_nothing(lodge):
    plan = json.loads(lodge("guest", "create", "cli-dry", "--type", "vm", "--disk", "name=root,size=1GiB", "--dry-run", "-o", "json").stdout)
    assert plan["dry_run"] is True and plan["steps"] == ["create volume cli-dry-root in pool local"]
    assert "create volume" in lodge("guest", "create", "cli-dry", "--type", "vm", "--disk", "name=root,size=1GiB", "--dry-run").stdout
    lodge("guest", "show", "cli-dry", code=3)


def test_a_resource_is_read_from_a_file_with_options_on_top(lodge, tmp_path):
    (tmp_path / "role.json").write_text(json.dumps({"metadata": {"description": "from a file"}, "spec": {"permissions": ["guests.read"]}}))
    lodge("role", "create", "cli-file", "-f", str(tmp_path / "role.json"), "--label", "a=b")
    got = lodge("role", "show", "cli-file", "-o", "json").stdout
    assert json.loads(got)["metadata"]["labels"] == {"a": "b"} and json.loads(got)["metadata"]["description"] == "from a file"
    lodge("role", "replace", "cli-file", "-f", "-", input=got)
    lodge("role", "replace", "cli-file", "-f", "-", input="{", code=2)
    lodge("role", "delete", "cli-file")


def test_wait_ends_with_the_task_and_shows_its_failure(lodge, plan):
    lodge("guest", "create", "cli-fail", "--type", "vm", "--memory", "16MiB")
    plan("guest.start fail 1 internal")
    assert "told to fail" in lodge("guest", "start", "cli-fail", "--wait", code=1).stderr
    plan()
    task = lodge("guest", "start", "cli-fail").stdout.split()[1]
    wait_for(lambda: json.loads(lodge("task", "show", task, "-o", "json").stdout)["status"]["state"] == "succeeded", "the task")
    assert lodge("task", "log", task).stdout
    assert re.search(r"ID +ACTION +OBJECT +STATE +BY +AGE", lodge("task", "list").stdout)
    assert lodge("guest", "delete", "cli-fail", "--force", "--wait").stderr.count("done") == 1
    assert lodge("guest", "list", "-q").stderr == ""


def pieces(master):
    """What is written to a terminal, until its other end is closed."""
    try:
        while piece := os.read(master, 65536):
            yield piece
    except OSError:
        pass
    finally:
        os.close(master)


def test_a_progress_bar_is_drawn_on_a_terminal_only(daemons, plan):
    import pty
    done(daemons.cli("guest", "create", "cli-bar", "--type", "vm", "--memory", "16MiB"))
    plan("guest.start delay 60000")
    master, slave = pty.openpty()
    process = subprocess.Popen([TREE / "build/bin/lodge", "guest", "start", "cli-bar", "--wait"], stderr=slave, stdout=subprocess.DEVNULL,
                               env={"LODGE_STATE": str(daemons.state)})
    os.close(slave)
    drawn = b""
    for piece in pieces(master):
        drawn += piece
        if b"start guest cli-bar" in drawn:
            plan()
    assert process.wait(20) == 0 and b"[" in drawn and b"%" in drawn and b"start guest cli-bar" in drawn
    quiet = done(daemons.cli("guest", "delete", "cli-bar", "--force", "--purge", "--wait"))
    assert "[" not in quiet.stderr and "\x1b" not in quiet.stderr


def test_what_strangers_wrote_cannot_move_the_readers_cursor(lodge, api):
    api.put("/roles/cli-esc", {"metadata": {"description": "\x1b[2J\x07 \u009b31m"}, "spec": {"permissions": ["guests.read"]}}).expect(201)
    for words in (["role", "list"], ["role", "show", "cli-esc"]):
        text = lodge(*words).stdout
        assert "\x1b" not in text and "\x07" not in text and "\x9b" not in text
    lodge("role", "delete", "cli-esc")


def on_terminal(daemons, *words):
    """What the command writes when its standard output is a terminal."""
    import pty
    import termios
    master, slave = pty.openpty()
    settings = termios.tcgetattr(slave)
    settings[1] &= ~termios.OPOST  # as it was written: no CR before LF
    termios.tcsetattr(slave, termios.TCSANOW, settings)
    process = subprocess.Popen([TREE / "build/bin/lodge", *words], stdout=slave, stderr=subprocess.PIPE, env={"LODGE_STATE": str(daemons.state)})
    os.close(slave)
    written = b"".join(pieces(master))
    assert process.wait(20) == 0, process.stderr.read()
    process.stderr.close()
    return written


@pytest.mark.parametrize("written,shown", [
    (b"plain \xc3\xa4 text\ttab\n", b"plain \xc3\xa4 text\ttab\n"),
    (b"[\x1b[0;32m  OK  \x1b[0m] up\r\n", b"[  OK  ] up\n"),
    (b"title\x1b]0;owned\x07 and\x1b]8;;http://x\x1b\\link\n", b"title andlink\n"),
    (b"\x1b[2J\x1b[H\x1bc\x1b(Bhome\n", b"home\n"),
    (b"answer \x1b[6n\x1bP$q q\x1b\\ back\n", b"answer  back\n"),
    (b"root: safe\revil\r\r\n", b"root: safe\nevil\n"),
    (b"bell\x07 back\x08 del\x7f\n", b"bell? back? del?\n"),
    (b"c1 \xc2\x9b31m bidi \xe2\x80\xae smile \xf0\x9f\x98\x80\n", b"c1 ?31m bidi ? smile \xf0\x9f\x98\x80\n"),
    (b"open \x1b]0;no end\nnext\x1b[31\nlast\n", b"open \nnext\nlast\n"),
])
def test_the_log_of_a_guest_cannot_steer_a_terminal_and_is_raw_in_a_pipe(daemons, guest, written, shown):
    uuid = guest("cli-log")["metadata"]["uuid"]
    folder = daemons.state / "log/guests"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{uuid}.log").write_bytes(written)
    assert on_terminal(daemons, "guest", "log", "cli-log") == shown
    piped = subprocess.run([TREE / "build/bin/lodge", "guest", "log", "cli-log"], capture_output=True, timeout=20,
                           env={"LODGE_STATE": str(daemons.state)}, check=True)
    assert piped.stdout == written


def test_json_on_a_terminal_cannot_steer_it_either(daemons, lodge, api):
    api.put("/roles/cli-json", {"metadata": {"description": "\u009b31m\u202e ä"}, "spec": {"permissions": ["guests.read"]}}).expect(201)
    text = on_terminal(daemons, "role", "show", "cli-json", "-o", "json").decode()
    assert "\u009b" not in text and "\u202e" not in text and json.loads(text)["metadata"]["description"] == "?31m? ä"
    assert json.loads(lodge("role", "show", "cli-json", "-o", "json").stdout)["metadata"]["description"] == "\u009b31m\u202e ä"
    lodge("role", "delete", "cli-json")


def test_events_are_followed_until_interrupted(daemons, lodge, tmp_path):
    seen = tmp_path / "seen"
    with seen.open("wb") as file:
        process = subprocess.Popen([TREE / "build/bin/lodge", "events", "watch"], stdout=file, env={"LODGE_STATE": str(daemons.state)})
    try:
        wait_for(lambda: b"retry" in seen.read_bytes(), "the head of the stream")
        lodge("role", "create", "cli-event", "--permission", "guests.read")
        wait_for(lambda: b"cli-event" in seen.read_bytes(), "the event")
        lodge("role", "delete", "cli-event")
        assert process.poll() is None
    finally:
        process.terminate()
        process.wait(20)


def test_the_other_routes_answer_too(lodge):
    assert "root" in lodge("session", "session").stdout
    assert "lodge_guests" in lodge("metrics").stdout
    assert json.loads(lodge("openapi", "-o", "json").stdout)["openapi"].startswith("3.1")
    assert re.search(r"SEQ +TIME +WHO", lodge("audit", "list", "--limit", "5").stdout)
    assert "yes" in lodge("audit", "verify").stdout or "true" in lodge("audit", "verify").stdout
    assert "online" in lodge("node", "show").stdout
    lodge("node", "orphans")
    lodge("setting", "edit", "general", "--memory-overcommit", "100")
    assert lodge("--version").stdout.startswith("lodge ")


def test_a_token_is_shown_once_with_its_secret(lodge):
    made = json.loads(lodge("token", "create", "cli-token", "--user", "admin", "-o", "json").stdout)
    assert json.loads(lodge("session", "-o", "json", environment={"LODGE_TOKEN": made["secret"]}).stdout)["who"] == "token:cli-token"
    lodge("token", "delete", "cli-token")


def complete(lodge, *words):
    return lodge("__complete", *words).stdout.split()


def test_completion_offers_what_can_come_next(lodge, guest):
    guest("completed")
    assert "guest" in complete(lodge, "") and "completion" in complete(lodge, "gu")
    assert {"list", "create", "start", "delete"} <= set(complete(lodge, "guest", ""))
    assert "completed" in complete(lodge, "guest", "start", "")
    assert "--memory" in complete(lodge, "guest", "create", "new", "") and "--purge" in complete(lodge, "guest", "delete", "x", "")
    assert complete(lodge, "nonsense", "x", "") == []


def test_completion_scripts_are_valid_and_work(lodge, daemons, guest):
    guest("completed-too")
    script = lodge("completion", "bash").stdout
    probe = f"""{script}
lodge() {{ {TREE}/build/bin/lodge "$@"; }}
COMP_WORDS=(lodge guest start completed-t); COMP_CWORD=3
_lodge; printf '%s\\n' "${{COMPREPLY[@]}}" """
    result = subprocess.run(["bash", "-euc", probe], capture_output=True, text=True, timeout=10, env={"LODGE_STATE": str(daemons.state), "PATH": "/usr/bin:/bin"}, check=False)
    assert result.stdout.split() == ["completed-too"], result
    if os.path.exists("/usr/bin/zsh"):
        checked = subprocess.run(["zsh", "-n"], input=lodge("completion", "zsh").stdout, capture_output=True, text=True, timeout=10, check=False)
        assert checked.returncode == 0 and not checked.stderr
    assert lodge("completion", "fish", code=2).stderr
