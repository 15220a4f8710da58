"""Consoles of real guests: QEMU's screen and serial port, a container's console, shells."""

import re
import signal
import struct
import time

import pytest
from guests import done, status
from sandbox import wait_for
from ws import BINARY, console


def prompt(ws, line="echo al''ive", answer="alive", timeout_s=60):
    """A shell that answers, however long it takes to be there."""
    deadline = time.monotonic() + timeout_s
    while True:
        ws.type(line + "\n")
        try:
            return ws.read_until(answer + "\r\n", 3)
        except TimeoutError:
            assert time.monotonic() < deadline, f"no shell answered within {timeout_s} s"


def answer_of(ws, line):
    """What a command prints, between two marks that its own echo does not have."""
    ws.type(f"echo be''gin; {line}; echo e''nd\n")
    ws.read_until("begin\r\n")
    return ws.read_until("end\r\n").decode().removesuffix("end\r\n").replace("\r\n", "\n").strip()


# -- a VM's screen


class Screen:
    """The client's side of RFB 3.8, as far as one picture in raw pixels needs it."""

    def __init__(self, ws):
        self.ws, self.pending = ws, b""
        assert self.take(12) == b"RFB 003.008\n"
        ws.type(b"RFB 003.008\n")
        kinds = self.take(self.take(1)[0])
        assert 1 in kinds, f"the screen asks for a password: {kinds}"
        ws.type(b"\x01")
        assert struct.unpack(">I", self.take(4))[0] == 0
        ws.type(b"\x01")  # ClientInit: shared
        self.width, self.height = struct.unpack(">HH", self.take(4))
        self.take(16)
        self.name = self.take(struct.unpack(">I", self.take(4))[0]).decode()
        ws.type(struct.pack(">BxxxBBBBHHHBBBxxx", 0, 32, 24, 0, 1, 255, 255, 255, 16, 8, 0))  # 32 bits a pixel
        ws.type(struct.pack(">BxHi", 2, 1, 0))  # raw

    def take(self, n):
        while len(self.pending) < n:
            opcode, data = self.ws.frame(20)
            assert opcode == BINARY
            self.pending += data
        data, self.pending = self.pending[:n], self.pending[n:]
        return data

    def picture(self):
        """(non-black pixels, distinct colours) of the whole screen."""
        self.ws.type(struct.pack(">BBHHHH", 3, 0, 0, 0, self.width, self.height))
        lit, colours = 0, set()
        while True:
            kind = self.take(1)[0]
            if kind == 2:  # bell
                continue
            assert kind == 0, f"message {kind}"
            self.take(1)
            for _ in range(struct.unpack(">H", self.take(2))[0]):
                x, y, width, height, encoding = struct.unpack(">HHHHi", self.take(12))
                assert encoding == 0
                pixels = self.take(width * height * 4)
                cells = [pixels[i:i + 3] for i in range(0, len(pixels), 4)]
                lit += sum(1 for cell in cells if cell != b"\0\0\0")
                colours.update(cells)
            return lit, len(colours)

    def press(self, keys):
        for key in keys:
            for down in (1, 0):
                self.ws.type(struct.pack(">BBxxI", 4, down, 0xFF0D if key == "\n" else ord(key)))


def test_the_screen_of_a_vm_shows_its_text_to_several(api, guest):
    guest("screen", kind="vm")
    with console(api, "screen", "vnc", ws={"headers": {"Sec-WebSocket-Protocol": "binary"}}, timeout=20) as ws:
        screen = Screen(ws)
        assert screen.width >= 640 and screen.height >= 400
        wait_for(lambda: screen.picture()[0] > 500, "text on the screen", 60)
        with console(api, "screen", "vnc", timeout=20) as another:
            second = Screen(another)
            assert second.picture()[0] > 500 and second.picture()[1] >= 2
            screen.press("echo shown\n")
        with console(api, "screen", "vnc", read_only=True, timeout=20) as looker:
            third = Screen(looker)
            assert third.picture()[0] > 500
            third.press("reboot -f\n")
            assert third.picture()[0] > 500
        assert screen.picture()[0] > 500, "the first viewer was thrown out"


# -- a VM's serial port


def test_the_serial_port_of_a_vm_answers_and_its_log_has_all_of_it(api, guest):
    guest("wired", kind="vm")
    with console(api, "wired", "serial", timeout=60) as ws, console(api, "wired", "log", timeout=60) as log:
        prompt(ws, timeout_s=90)
        assert answer_of(ws, "tty") == "/dev/ttyS0"
        assert answer_of(ws, "echo $((6 * 7))") == "42"
        log.read_until("42\r\n")
    text = api.get("/guests/wired/log").expect(200).body.decode()
    assert "42" in text
    with console(api, "wired", "serial", timeout=20) as ws:
        ws.read_until("42\r\n")  # from the log: nobody was connected
        assert answer_of(ws, "echo again") == "again"
    seen = len(api.get("/guests/wired/log").body)
    with console(api, "wired", "serial", timeout=20) as ws:
        ws.type("(sleep 1; echo l''ater) &\n")
        ws.read_until("&\r\n")
    wait_for(lambda: b"later" in api.get("/guests/wired/log").body[seen:], "output without a viewer in the log")


def test_a_flood_on_the_serial_port_holds_nobody_up(api, stack, guest):
    guest("loud", kind="vm")
    with console(api, "loud", "serial", timeout=60) as ws, console(api, "loud", "serial", timeout=60) as sleeper:
        prompt(ws, timeout_s=90)
        ws.type("yes small | head -n 4000; echo re''ady\n")  # what the first flood takes once, it keeps
        ws.read_until("ready\r\n", 60)
        before = stack.sandbox.output("sh", "-c", "grep VmRSS /proc/$(pidof lodged)/status")
        ws.type("yes 0123456789012345678901234567890123456789 | head -n 40000; echo fl''ooded\n")
        ws.read_until("flooded\r\n", 60)
        after = stack.sandbox.output("sh", "-c", "grep VmRSS /proc/$(pidof lodged)/status")
        assert int(after.split()[1]) - int(before.split()[1]) < 1024
        sleeper.read_until("flooded\r\n", 20)


# -- containers


def test_a_shell_in_a_container_has_a_terminal_of_its_own(api, guest):
    guest("box")
    with console(api, "box", "shell", columns=101, rows=37, timeout=20) as ws:
        prompt(ws)
        assert answer_of(ws, "id -u") == "0"
        assert re.fullmatch(r"/dev/pts/\d+", answer_of(ws, "tty"))
        assert answer_of(ws, "stty size") == "37 101"
        assert answer_of(ws, "echo $TERM") == "xterm-256color"
        assert answer_of(ws, "hostname") == "box"
        ws.control(resize=[132, 50])
        wait_for(lambda: answer_of(ws, "stty size") == "50 132", "the new size")
        ws.type("sh -c 'echo in fore''ground; exec sleep 100'\n")
        ws.read_until("in foreground\r\n")
        ws.type("\x03")
        assert answer_of(ws, "echo interrupted") == "interrupted"
        ws.type("exit 3\n")
        closed, end, _ = ws.read_end(10)
        assert closed.code == 4000 and end["code"] == 3, end


def test_a_shell_gets_its_terminal_and_no_other_descriptor(api, guest):
    guest("tight")
    with console(api, "tight", "shell", command=["/bin/sh", "-c", "for fd in /proc/$$/fd/*; do readlink $fd; done; true"], timeout=20) as ws:
        closed, end, seen = ws.read_end()
    kinds = {line.rstrip("0123456789") for line in seen.decode().split()}
    assert end["code"] == 0 and kinds <= {"/dev/pts/", "/dev/tty"}, (end, seen)


def test_a_shell_that_is_left_ends(api, stack, guest):
    guest("box")
    ws = console(api, "box", "shell", timeout=20)
    prompt(ws)
    ws.type("exec sleep 4711\n")
    wait_for(lambda: "sleep 4711" in stack.sandbox.output("ps", "ax"), "the program")
    ws.close()
    wait_for(lambda: "sleep 4711" not in stack.sandbox.output("ps", "ax"), "end of the program", 10)
    wait_for(lambda: "lodge-ct shell" not in stack.sandbox.output("ps", "axww"), "end of its helper", 10)
    assert status(api, "box")["state"] == "running"


def test_a_shell_that_does_not_want_to_end_keeps_nothing_of_the_host(api, stack, guest):
    guest("box")
    with console(api, "box", "shell", command=["/bin/sh", "-c", "trap '' HUP; echo he''re; while :; do sleep 4712; done"], timeout=20) as ws:
        ws.read_until("here")
        assert "lodge-ct shell" in stack.sandbox.output("ps", "axww")
    wait_for(lambda: "lodge-ct shell" not in stack.sandbox.output("ps", "axww"), "end of its helper", 10)
    assert "sleep 4712" in stack.sandbox.output("ps", "ax")
    assert status(api, "box")["state"] == "running"


def test_the_console_of_a_container_is_its_dev_console(api, guest):
    guest("box")
    with console(api, "box", "serial", timeout=30) as ws:
        prompt(ws)
        assert "console" in answer_of(ws, "tty") or "pts" in answer_of(ws, "tty")
        with console(api, "box", "serial", timeout=20) as second:
            ws.type("echo to b''oth\n")
            ws.read_until("to both\r\n")
            second.read_until("to both\r\n")
    with console(api, "box", "serial", timeout=20) as ws:
        ws.read_until("to both")
        assert answer_of(ws, "echo back") == "back"
    assert b"to both" in api.get("/guests/box/log").body


def test_the_command_line_runs_a_command_in_a_container(api, stack, guest):
    guest("box")

    def lodge(*words, **how):
        return stack.sandbox.run("env", f"LODGE_STATE={stack.state}", tree_program("lodge"), *words, check=False, **how)

    answer = lodge("shell", "box", "--", "sh", "-c", "echo out; exit 5")
    assert answer.returncode == 5 and answer.stdout == "out\n", answer
    answer = lodge("shell", "box", "--", "no-such-program")
    assert answer.returncode == 127 and "no-such-program" in answer.stdout
    answer = lodge("shell", "box", "--", "ls", "-q", "/etc/hostname", "--help")
    assert "BusyBox" in answer.stdout


def tree_program(name):
    from stack import TREE
    return TREE / "build/bin" / name


# -- what is restarted


@pytest.mark.allow_log("libvirt")
@pytest.mark.parametrize("kind", ["vm", "container"])
def test_restarts_end_consoles_and_no_guest(api, stack, guest, kind):
    import os
    guest("steady", kind=kind)
    what = "serial" if kind == "vm" else "shell"
    with console(api, "steady", what, timeout=60) as ws:
        prompt(ws, timeout_s=90)
        if kind == "vm":
            before = set(stack.daemon_pids("libvirtd"))
            os.kill(stack.daemon_pid("libvirtd"), signal.SIGKILL)
            wait_for(lambda: stack.daemon_pids("libvirtd") and set(stack.daemon_pids("libvirtd")) != before, "libvirtd again")
            assert answer_of(ws, "echo unmoved") == "unmoved"
        os.kill(stack.daemon_pid("lodged"), signal.SIGKILL)
        closed, end, _ = ws.read_end(10)
        assert closed.code == 4003 and end["end"] == "restarting"
    wait_for(lambda: api.get("/guests/steady").status == 200 and status(api, "steady")["state"] == "running", "lodged again", 30)
    with console(api, "steady", what, timeout=30) as ws:
        prompt(ws)


@pytest.mark.parametrize("kind", ["vm", "container"])
def test_a_guest_that_stops_ends_its_consoles(api, guest, kind):
    guest("brief", kind=kind)
    kinds = ("vnc", "serial") if kind == "vm" else ("serial", "shell")
    consoles = [console(api, "brief", what, timeout=20) for what in kinds]
    done(api, api.post("/guests/brief/actions/stop"))
    codes = [ws.read_end(10)[0].code for ws in consoles]
    assert codes[0] == 4002 and codes[1] in (4000, 4002), codes
