"""Ethernet frames, made and sent by hand, and what another card sees of them. Run as a program, it is the other side."""

import json
import socket
import struct
import subprocess
import sys
import threading

BROADCAST = "ff:ff:ff:ff:ff:ff"
PROBE = b"lodge-test-frame"  # so that a listener knows ours


def _mac(text):
    return bytes.fromhex(text.replace(":", ""))


def _v4(text):
    return socket.inet_aton(text)


def _v6(text):
    return socket.inet_pton(socket.AF_INET6, text)


def _sum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ether(source, kind, payload, target=BROADCAST):
    return _mac(target) + _mac(source) + struct.pack("!H", kind) + payload


def tagged(frame, tag=7):
    """A listener sees it without its tag, which the kernel takes off."""
    return frame[:12] + struct.pack("!HH", 0x8100, tag) + frame[12:]


def untagged(frame):
    return frame[:12] + frame[16:] if frame[12:14] == b"\x81\x00" else frame


def arp(source, address, target, operation=1, inner=None):
    """Who has `target`, says `address`; the sender's MAC within may be another than the frame's."""
    body = struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + _mac(inner or source) + _v4(address) + bytes(6) + _v4(target)
    return ether(source, 0x0806, body + PROBE)


def udp4(source, address, target, from_port, to_port, payload=PROBE):
    datagram = struct.pack("!HHHH", from_port, to_port, 8 + len(payload), 0) + payload
    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(datagram), 1, 0, 64, 17, 0, _v4(address), _v4(target))
    return ether(source, 0x0800, head[:10] + struct.pack("!H", _sum(head)) + head[12:] + datagram)


def bootp(operation, client, address="0.0.0.0"):
    """A DHCP message as far as it matters here."""
    fixed = struct.pack("!BBBBIHH4s4s4s4s", operation, 1, 6, 0, 7, 0, 0x8000, bytes(4), _v4(address), bytes(4), bytes(4))
    return fixed + _mac(client) + bytes(10 + 64 + 128) + bytes.fromhex("63825363") + bytes([53, 1, 5 if operation == 2 else 1, 255]) + PROBE


def icmp6(source, address, target, kind, body):
    message = struct.pack("!BBH", kind, 0, 0) + body
    pseudo = _v6(address) + _v6(target) + struct.pack("!II", len(message), 58)
    message = message[:2] + struct.pack("!H", _sum(pseudo + message)) + message[4:]
    head = struct.pack("!IHBB", 6 << 28, len(message), 58, 255) + _v6(address) + _v6(target)
    return ether(source, 0x86DD, head + message, target="33:33:00:00:00:01")


def udp6(source, address, target, from_port, to_port):
    datagram = struct.pack("!HHHH", from_port, to_port, 8 + len(PROBE), 0) + PROBE
    pseudo = _v6(address) + _v6(target) + struct.pack("!II", len(datagram), 17)
    datagram = datagram[:6] + struct.pack("!H", _sum(pseudo + datagram)) + datagram[8:]
    return ether(source, 0x86DD, struct.pack("!IHBB", 6 << 28, len(datagram), 17, 255) + _v6(address) + _v6(target) + datagram, target="33:33:00:00:00:01")


def router_advertisement(source, address):
    return icmp6(source, address, "ff02::1", 134, struct.pack("!BBHII", 64, 0, 1800, 0, 0) + PROBE)


def neighbour_advertisement(source, address, of):
    return icmp6(source, address, "ff02::1", 136, struct.pack("!I", 0x20000000) + _v6(of) + b"\2\1" + _mac(source) + PROBE)


def neighbour_solicitation(source, address, of):
    return icmp6(source, address, "ff02::1", 135, bytes(4) + _v6(of) + PROBE)


def link_local(mac):
    b = bytearray(_mac(mac))
    b[0] ^= 2
    return socket.inet_ntop(socket.AF_INET6, b"\xfe\x80" + bytes(6) + b[:3] + b"\xff\xfe" + b[3:])


class Listener:
    """What arrives at the card eth0 of the network namespace of this process: in `seen`, as it comes."""

    def __init__(self, pid):
        self.process = subprocess.Popen(_in_network(pid, "listen"), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"
        self.seen = []
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.seen.append(bytes.fromhex(line))

    def end(self):
        self.process.kill()
        self.process.wait()
        self._reader.join()
        self.process.stdout.close()


def send(pid, frames):
    """Out of the card eth0 of the network namespace of this process, in this order."""
    subprocess.run(_in_network(pid, "send"), input=json.dumps([f.hex() for f in frames]), text=True, check=True)


def ping6(pid, address):
    """Whether that link-local address answers within a second."""
    return subprocess.run(_in_network(pid, "ping", address), check=False).returncode == 0


def _in_network(pid, verb, *more):
    return ["nsenter", "-t", str(pid), "-n", "--", "/usr/bin/python3", "-B", __file__, verb, *more]


def _ping(address):
    echo = socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6)
    echo.settimeout(1)
    echo.sendto(struct.pack("!BBHHH", 128, 0, 0, 1, 1) + PROBE, (address, 0, 0, socket.if_nametoindex("eth0")))
    try:
        while echo.recv(1500)[0] != 129:
            pass
    except TimeoutError:
        sys.exit(1)


def main():
    if sys.argv[1] == "ping":
        return _ping(sys.argv[2])
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
    link.bind(("eth0", 3 if sys.argv[1] == "listen" else 0))
    if sys.argv[1] == "send":
        for frame in json.load(sys.stdin):
            link.send(bytes.fromhex(frame))
        return None
    print("ready", flush=True)
    while True:
        frame, address = link.recvfrom(65536)
        if address[2] != socket.PACKET_OUTGOING and PROBE in frame:
            print(frame.hex(), flush=True)


if __name__ == "__main__":
    main()
