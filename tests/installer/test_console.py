"""The screen of an installed host in a terminal emulator: a host's root in a folder, with lodged-fake and fake programs."""

import ctypes
import os
import re
import signal
import subprocess
import termios
import time

import pytest

from conftest import MACS, ROOT, configuration

CONSOLE = ROOT / "build/bin/lodge-console"
LODGED = ROOT / "build/test/lodged-fake"
SHOWN = """Id=lodged.service
LoadState=loaded
ActiveState=active
SubState=running

Id=lodge-gate.service
LoadState=loaded
ActiveState=failed
SubState=failed

Id=libvirtd.service
LoadState=loaded
ActiveState=inactive
SubState=dead

Id=libvirtd.socket
LoadState=loaded
ActiveState=active
SubState=listening
"""


def crypted(password, setting="$6$saltsalt$"):
    crypt = ctypes.CDLL("libcrypt.so.1").crypt
    crypt.restype = ctypes.c_char_p
    return crypt(password.encode(), setting.encode()).decode()


@pytest.fixture
def machine(host):
    """The host with a root password, two cards, a certificate and answers of systemctl; its console is on lo."""
    network = {"bridge": "lo"}
    host.configure(configuration(network=network))
    host.add_card("lan0", MACS[0])
    host.add_card("lan1", MACS[1], carrier="0")
    (host.root / "etc/shadow").write_text(f"root:{crypted('root password')}:20000:0:99999:7:::\n")
    (host.root / "proc/self/mountinfo").write_text("36 35 98:0 / /var/lib/lodge/local rw,noatime - xfs /dev/dm-1 rw\n")
    host.fake("systemctl", f"if [ \"$1\" = show ]; then cat <<'SHOWN'\n{SHOWN}SHOWN\nfi")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    "/dev/null", "-subj", "/CN=host1", "-out", host.root / "var/lib/lodge/tls/cert.pem"],
                   check=True, capture_output=True)
    return host


@pytest.fixture
def console(machine, screens):
    def start(**kwargs):
        log = machine.root / "log"
        return screens(program=CONSOLE, log=log, **machine.environment(), **kwargs)
    return start


@pytest.fixture
def lodged(machine):
    """Lodge's daemon for this host, with admin and a user who is none."""
    state = machine.root / "var/lib/lodge"
    with open(machine.root / "lodged.log", "wb") as log:
        process = subprocess.Popen([LODGED, "--state", state], stderr=log,
                                   env=os.environ | {"LODGE_ADMIN_PASSWORD": "admin password", "LODGE_INSTANCE": "screen"})

    def lodge(*words):
        return subprocess.run([ROOT / "build/bin/lodge", "--state", state, *words], capture_output=True, text=True, timeout=30)
    until = time.monotonic() + 20
    while lodge("node", "list").returncode != 0:
        assert time.monotonic() < until, (machine.root / "lodged.log").read_text()
        time.sleep(0.05)
    yield lodge
    process.terminate()
    process.wait()


def choose(s, entry):
    """Along the menu, which begins at Network."""
    s.wait("Services").type("\t" * ["Network", "Password", "Shell", "Restart", "Power off"].index(entry) + "\r")
    return s


def prove(s, password="root password", name=None):
    s.wait("Only who may change this host")
    if name:
        s.type("\x1b[A\x01\x0b" + name + "\t")
    return s.type(password + "\r")


def forget_failures(machine):
    """So that the next attempt need not wait."""
    (machine.root / "run/lodge-console/attempts").unlink()


# ---- what everybody sees ----

@pytest.mark.parametrize("term", ["vt220", "linux"])
def test_the_screen_shows_how_the_host_is_reached_and_how_it_is(console, machine, term):
    # When a machine is too busy to answer in time, the services stand there from the next look.
    s = console(term=term).wait("host1.example.org", "https://127.0.0.1", "FAILED (journalctl -u lodge-gate)",
                                "ready: starts when it is needed", "mounted", "Power off", seconds=60)
    out = subprocess.run(["openssl", "x509", "-noout", "-fingerprint", "-sha256", "-in",
                          machine.root / "var/lib/lodge/tls/cert.pem"], capture_output=True, text=True, check=True).stdout
    fingerprint = out.strip().split("=")[1]
    assert fingerprint[:48] in s.text() and fingerprint[48:] in s.text()
    assert re.search(r"lodged +running", s.text())
    assert re.search(r"lodge-gate +FAILED \(journalctl -u lodge-gate\)", s.text())
    assert re.search(r"libvirtd +ready: starts when it is needed", s.text())
    assert re.search(r"local +mounted", s.text())


def test_without_an_address_it_says_why_and_what_to_do(console, machine):
    machine.configure(configuration())
    (machine.root / "sys/class/net/lan0/carrier").write_text("0\n")
    console().wait("No address on br0: the card lan0 has no link. Is its cable")


def test_it_comes_up_without_lodged_certificate_systemd_and_storage(console, machine):
    (machine.root / "var/lib/lodge/tls/cert.pem").unlink()
    (machine.root / "proc/self/mountinfo").write_text("36 35 98:0 / / rw - ext4 /dev/sda rw\n")
    machine.fake("systemctl", "exit 1")
    s = console().wait("none yet: lodge-gate makes it when it starts", "NOT MOUNTED", "unknown: systemd does not answer")
    s.wait("https://127.0.0.1")


@pytest.fixture
def full(machine):
    """The folder of host.json lies on a file system without room."""
    if os.geteuid() != 0:
        pytest.skip("needs root to mount a file system")
    text = machine.config.read_text()
    folder = machine.config.parent
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "state", folder], check=True)
    machine.config.write_text(text)
    with open(folder / "filling", "wb", buffering=0) as file:
        try:
            while file.write(bytes(4096)):
                pass
        except OSError:
            pass
    yield machine
    subprocess.run(["umount", folder], check=True)


def test_with_a_full_file_system_it_comes_up_and_changes_nothing(full, console):
    before = full.config.read_text()
    s = console().wait("https://127.0.0.1", "100% used: NEARLY FULL")
    prove(choose(s, "Password")).wait("Whose password").type("\x1b[B\r").wait("Password of root")
    s.type("new password\tnew password\r").wait("the password of root was not changed", "No space left").type("\r")
    to_changes(s).type("\x1b[24~").wait("No space left")
    assert full.config.read_text() == before


@pytest.mark.parametrize("text", ["", "{ half", None])
def test_without_a_configuration_that_can_be_read_it_says_so_and_what_helps(console, machine, text):
    machine.config.unlink()
    if text is not None:
        machine.config.write_text(text)
    console().wait("host.json", "helps")


def test_a_change_appears_without_a_key(console, machine):
    s = console().wait("https://127.0.0.1")
    machine.configure(configuration(hostname="renamed", network={"bridge": "lo"}))
    s.wait("renamed.example.org")
    machine.fake("systemctl", "echo Id=lodged.service; echo ActiveState=failed")
    s.wait("FAILED (journalctl -u lodged)", seconds=60)  # two looks, when the first met a half-written program


def test_what_others_wrote_over_the_screen_goes_away_with_a_key(console):
    s = console().wait("Services", "Power off")
    s.stream.feed(b"\x1b[10;1H[  OK  ] garbage of the kernel")
    assert "garbage" in s.text()
    s.type("\x0c").wait_gone("garbage")


@pytest.mark.parametrize("size", [(24, 80), (50, 160), (0, 0)])
def test_terminals_of_other_sizes_show_all_of_it(console, size):
    console(size=size).wait("host1.example.org", "Storage", "Power off")


GARBAGE = [b"\x03\x1a\x1c", b"\x13", b"\x00\x04", b"\xff\xfe\x80\x81", b"\x1b[99~\x1bOZ", b"garbage", bytes(range(1, 9)),
           b"\x1b" * 40]


@pytest.mark.parametrize("keys", GARBAGE)
def test_keys_that_mean_nothing_neither_end_nor_wedge_it(console, keys):
    s = console().wait("Services", "Power off").type(keys)
    s.screen.reset()
    s.type("\x0c").wait("Services", "Power off")  # so it has taken them all
    choose(s, "Restart").wait("Only who may change this host")


def test_signals_of_a_terminal_neither_end_nor_stop_it(console):
    s = console().wait("Services")
    for number in (signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU, signal.SIGPIPE):
        os.kill(s.pid, number)
    choose(s, "Password").wait("Only who may change this host")


def test_when_it_is_stopped_it_leaves_a_plain_terminal_and_says_what_happens(console):
    s = console().wait("Services", "Power off")
    os.kill(s.pid, signal.SIGTERM)
    s.wait("Lodge: the screen was stopped", "are shut down first").wait_gone("Services")
    assert termios.tcgetattr(s.fd)[3] & termios.ICANON


def test_a_terminal_that_is_gone_ends_it(console):
    s = console().wait("Services")
    os.close(s.fd)
    until = time.monotonic() + 10
    while os.waitpid(s.pid, os.WNOHANG) == (0, 0):
        assert time.monotonic() < until
        time.sleep(0.05)
    s.pid, s.fd = 0, os.open("/dev/null", os.O_RDONLY)


# ---- who may ----

@pytest.mark.parametrize("entry", ["Network", "Password", "Shell", "Restart", "Power off"])
def test_every_entry_asks_for_a_password_first(console, machine, entry):
    s = choose(console(), entry)
    prove(s, "wrong password")
    s.wait("Not allowed", "this is not the password of root").type("\r")
    s.wait("Only who may change this host")
    assert not [call for call in machine.calls() if "show" not in call]
    assert "wrong password" not in (machine.root / "log").read_text()


def test_wrong_passwords_make_the_next_attempt_wait_even_after_a_restart_of_the_screen(console, machine):
    for _ in range(3):
        s = choose(console(), "Restart")
        prove(s, "wrong").wait("Not allowed", "password")
        s.type("\r").wait("Only who may")
    # A failure that is still to come counts as one of just now, however long the next steps take.
    (machine.root / "run/lodge-console/attempts").write_text(f"9 {time.monotonic_ns() // 1_000_000 + 10**9}\n")
    s = choose(console(), "Restart")
    prove(s).wait("this one was not looked at", "Wait 60 seconds")


def test_an_administrator_of_lodge_may_and_others_may_not(console, machine, lodged):
    assert lodged("user", "put", "viewer", "--password", "viewer password").returncode == 0
    assert lodged("binding", "put", "viewer", "--subject", "user:viewer", "--role", "viewer").returncode == 0
    s = choose(console(), "Restart")
    prove(s, "viewer password", "viewer").wait("viewer is no administrator of Lodge").type("\r")
    forget_failures(machine)
    prove(s, "admin password", "admin").wait("Restart this host?", "No guest runs.")


def test_without_root_password_and_lodged_it_names_the_way_that_is_left(console, machine):
    (machine.root / "etc/shadow").write_text("root:*:20000:0:99999:7:::\n")
    s = choose(console(), "Restart")
    prove(s, "any").wait("users of Lodge cannot be checked", "rescue shell of the installation")
    s.type("\r")
    prove(s, "any", "root").wait("root has no password on this host")


# ---- what the menu does ----

@pytest.mark.parametrize("entry, verb", [("Restart", "reboot"), ("Power off", "poweroff")])
def test_going_down_is_asked_first_and_the_cursor_stands_on_back(console, machine, entry, verb):
    s = choose(console(), entry)
    prove(s).wait("How many guests run is not known").type("\r")
    s.wait("Services")
    assert f"systemctl {verb}" not in machine.calls()
    s.wait("Power off").type("\r")  # the menu begins anew
    s.wait("Only who may").type("\x1b[24~").wait("Not allowed").type("\r")
    forget_failures(machine)
    s = choose(console(), entry)
    prove(s).wait("is not known").type("\x1b[24~")
    s.wait("The host shuts its guests down")
    assert f"systemctl {verb}" in machine.calls()


def test_the_shell_is_a_session_of_its_own_and_leads_back(console):
    s = choose(console(), "Shell")
    prove(s).wait("leads back to the screen")
    s.type("stty size; echo home=$HOME shell=$SHELL; [ $(ps -o sid= -p $$) = $$ ] && env | grep -c LODGE_; echo n''one\r")
    s.wait("24 80", "home=/root shell=/bin/bash", "\n0", "none")
    s.type("sh -c 'echo in fore''ground; exec sleep 1000'\r")
    s.wait("in foreground")  # an interrupt before that would be for the shell, which ignores it while it starts something
    s.type("\x03").wait("^C").type("exit\r").wait("Services", "Power off")


def test_a_password_of_root_becomes_a_hash_in_both_files_and_nothing_else(console, machine):
    s = choose(console(), "Password")
    prove(s).wait("Whose password").type("\x1b[B\r").wait("Password of root")
    s.type("short\tshort\r").wait("has fewer than 8 characters").type("\r")
    s.wait("Password of root").type("new password\tother password\r").wait("not the same").type("\r")
    s.wait("Password of root").type("new password\tnew password\r").wait("is changed")
    hashed = machine.read()["root"]["password_hash"]
    assert hashed.startswith("$y$") and crypted("new password", hashed) == hashed
    assert f"root:{hashed}:" in machine.text("etc/shadow")
    assert machine.config.stat().st_mode & 0o777 == 0o600
    assert "systemctl reload-or-restart ssh.service" in machine.calls()
    assert "new password" not in (machine.root / "log").read_text() + "".join(machine.calls())


def test_a_password_of_a_user_of_lodge_is_changed(console, lodged):
    s = choose(console(), "Password")
    prove(s).wait("Whose password").type("\r").wait("Password of a user of Lodge", "admin")
    s.type("\tanother password\tanother password\r").wait("The password of admin is changed").type("\r")
    s = choose(console(), "Restart")
    prove(s, "another password", "admin").wait("No guest runs.")


# ---- the network ----

def to_changes(s):
    """From the menu to what changes: static, with VLAN 12."""
    choose(s, "Network")
    prove(s).wait("Network (1 of 2)", "lan0", "link", "no link").type("\t \t12\x1b[24~")
    s.wait("Network (2 of 2)").type("192.0.2.10").type("\x1b[24~").wait("Not yet", "has no prefix").type("\r")
    s.wait("Network (1 of 2)").type("\x1b[24~").wait("Network (2 of 2)").type("\x05/24\t192.0.2.1\t192.0.2.53\x1b[24~")
    return s.wait("this will change", "by DHCP -> 192.0.2.10/24", "none -> 12")


def test_a_network_that_is_kept_stands_in_the_file_and_is_applied(console, machine):
    s = to_changes(console()).type("\x1b[24~")
    s.wait("does it work?", "Without an answer the old configuration").type("\x1b[24~").wait("Services")
    network = machine.read()["network"]
    assert network["address"] == "192.0.2.10/24" and network["vlan"] == 12 and network["dns"] == ["192.0.2.53"]
    assert machine.config.stat().st_mode & 0o777 == 0o600
    assert "Address=192.0.2.10/24" in machine.text("etc/systemd/network/40-lo.12.network")
    assert "networkctl reload" in machine.calls()
    assert not machine.config.with_name("host.json.before").exists()


def test_a_network_that_is_undone_is_as_it_was(console, machine):
    before = machine.read()
    s = to_changes(console()).type("\x1b[24~")
    s.wait("does it work?").type("\t\r").wait("was not confirmed: the old one").type("\r")
    assert machine.read() == before
    assert "DHCP=yes" in machine.text("etc/systemd/network/40-lo.network")
    assert not (machine.root / "etc/systemd/network/40-lo.12.network").exists()


def test_escape_confirms_nothing(console, machine):
    before = machine.read()
    to_changes(console()).type("\x1b[24~").wait("does it work?").type("\x1b").wait("was not confirmed: the old one")
    assert machine.read() == before


def test_a_network_that_nobody_confirms_goes_back_by_itself_and_it_is_said(console, machine):
    before = machine.read()
    s = to_changes(console()).type("\x1b[24~").wait("does it work?")
    assert machine.read() != before
    s.wait("was not confirmed: the old one", seconds=80)
    assert machine.read() == before


def test_a_trial_whose_screen_died_is_taken_back_by_the_next(console, machine):
    before = machine.read()
    s = to_changes(console()).type("\x1b[24~").wait("does it work?")
    other = console().wait("Services")
    assert machine.read() != before
    os.kill(s.pid, 9)
    other.wait("A network that nobody confirmed was taken back")
    assert machine.read() == before


@pytest.mark.parametrize("failing,words", [("once", "the old one is in force"), ("always", "restart the host")])
def test_a_network_that_cannot_be_applied_is_taken_back_at_once(console, machine, failing, words):
    before = machine.read()
    mark = machine.root / "failed"
    once = f"[ ! -e {mark} ] || exit 0; touch {mark}; " if failing == "once" else ""
    machine.fake("networkctl", f"{once}echo no such link >&2; exit 1")
    s = to_changes(console()).type("\x1b[24~")
    s.wait("the network cannot be changed", "no such link", words)
    assert machine.read() == before


def test_it_says_how_many_guests_run(console, lodged):
    for name in ("one", "two", "three"):
        made = lodged("guest", "put", name, "--type", "vm", "--disk", "name=root,size=1GiB", "--wait")
        assert made.returncode == 0, made.stderr
    for name in ("one", "two"):
        assert lodged("guest", "start", name, "--wait").returncode == 0
    s = choose(console(), "Restart")
    prove(s).wait("2 guests run. They are shut down in order")
