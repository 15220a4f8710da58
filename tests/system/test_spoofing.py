"""What a guest may send: under its own addresses everything, under those of others nothing."""

import os
import signal

import pytest
from frames import (Listener, arp, bootp, link_local, neighbour_advertisement, neighbour_solicitation, ping6, router_advertisement, send, tagged,
                    udp4, udp6, untagged)
from guests import address_of, beat_of, done, init_of, processes_of, run_in, status
from sandbox import wait_for

STRANGER = "02:4c:ff:ff:ff:fe"


@pytest.fixture
def listener():
    """listener(pid): a card that is listened at, until the test ends."""
    made = []

    def make(pid):
        made.append(Listener(pid))
        return made[-1]

    yield make
    for one in made:
        one.end()


@pytest.fixture
def network(api):
    names = []

    def make(name, **spec):
        names.append(name)
        done(api, api.put(f"/networks/{name}", {"spec": spec}))
        return name

    yield make
    for name in names:
        done(api, api.delete(f"/networks/{name}"))


class Card:
    """The first card of a container."""

    def __init__(self, api, stack, name, address=True):
        document = api.get(f"/guests/{name}").json
        self.uuid = document["metadata"]["uuid"]
        self.mac = document["status"]["nics"][0]["mac"]
        self.link = f"lg{self.uuid[:8]}.0"
        self.pid = init_of(stack, self.uuid)
        self.local = link_local(self.mac)
        if address:
            self.address = address_of(api, name)
            # It is told before the guest has set it up.
            wait_for(lambda: self.address in run_in(stack, self.uuid, "ip", "-4", "address").stdout, f"{name} having its address")


def seen_by(listener, card, frames, last):
    """Which of {name: frame} arrive there, when this card sends them; `last` is one that must, and is sent until it does."""
    send(card.pid, frames.values())
    wait_for(lambda: last in listener.seen or send(card.pid, [last]), "the last frame")
    return {name for name, frame in frames.items() if untagged(frame) in listener.seen}


def forbidden(me, other, gateway):
    """What no card of a network of ours may send."""
    return {
        "gratuitous ARP for the gateway": arp(me.mac, gateway, gateway),
        "ARP answer for the gateway": arp(me.mac, gateway, other.address, operation=2),
        "ARP for the other guest's address": arp(me.mac, other.address, gateway),
        "ARP for an address that nobody has": arp(me.mac, "10.77.0.77", gateway),
        "ARP with another MAC within": arp(me.mac, me.address, gateway, inner=STRANGER),
        "ARP answer without an address": arp(me.mac, "0.0.0.0", gateway, operation=2),
        "a foreign source MAC": arp(STRANGER, me.address, gateway),
        "the other guest's MAC": udp4(other.mac, me.address, other.address, 5000, 5000),
        "a foreign IPv4 address": udp4(me.mac, "192.0.2.1", other.address, 5000, 5000),
        "the gateway's IPv4 address": udp4(me.mac, gateway, other.address, 5000, 5000),
        "the other guest's IPv4 address": udp4(me.mac, other.address, "255.255.255.255", 5000, 5000),
        "no IPv4 address and no DHCP": udp4(me.mac, "0.0.0.0", "255.255.255.255", 5000, 5000),
        "a DHCP answer": udp4(me.mac, me.address, "255.255.255.255", 67, 68, bootp(2, other.mac, "10.77.0.99")),
        "a DHCP request of another's": udp4(me.mac, me.address, "255.255.255.255", 68, 67, bootp(1, other.mac)),
        "a router advertisement": router_advertisement(me.mac, me.local),
        "a DHCPv6 answer": udp6(me.mac, me.local, "ff02::1", 547, 546),
        "a neighbour advertisement of another's": neighbour_advertisement(me.mac, me.local, other.local),
        "another's link-local address": neighbour_solicitation(me.mac, other.local, me.local),
        "a foreign IPv6 address": udp6(me.mac, "2001:db8::1", "ff02::1", 5000, 5000),
        "a tagged frame": tagged(arp(me.mac, me.address, "10.77.0.88")),
    }


def permitted(me, gateway):
    return {
        "gratuitous ARP for its own address": arp(me.mac, me.address, me.address),
        "ARP probe": arp(me.mac, "0.0.0.0", "10.77.0.77"),
        "its own IPv4 address": udp4(me.mac, me.address, "255.255.255.255", 5000, 5000),
        "a DHCP request": udp4(me.mac, "0.0.0.0", "255.255.255.255", 68, 67, bootp(1, me.mac)),
        "its own link-local address": udp6(me.mac, me.local, "ff02::1", 5000, 5000),
        "a solicitation": neighbour_solicitation(me.mac, me.local, "fe80::1"),
        "a question whether an address is free": neighbour_solicitation(me.mac, "::", me.local),
        "an advertisement of its own": neighbour_advertisement(me.mac, me.local, me.local),
    }


def rules_with(stack, text):
    """Without what the kernel has learned from the address server, which it forgets after a minute."""
    return [line for line in stack.sandbox.output("nft", "list", "ruleset").splitlines() if text in line and "expires" not in line]


def test_a_guest_sends_under_its_own_addresses_and_no_others(api, stack, guest, listener):
    gateway = api.get("/networks/default").json["status"]["address"].split("/")[0]
    for name in ("honest", "liar"):
        guest(name)
    other, me = Card(api, stack, "honest"), Card(api, stack, "liar")
    bad, good = forbidden(me, other, gateway), permitted(me, gateway)
    last = arp(me.mac, me.address, "10.77.0.250")
    assert seen_by(listener(other.pid), me, {**bad, **good}, last) == set(good)

    # Who may, can: the same frames arrive, so that it is the rules that stopped them.
    answer = api.patch("/guests/liar", {"spec": {"nics": [{"name": "eth0", "spoofing": True}]}})
    answer.expect(200)
    assert status(api, "liar")["pending_restart"] == ["/spec/nics/0/spoofing"]
    assert rules_with(stack, me.link)
    done(api, api.post("/guests/liar/actions/stop"))
    assert not rules_with(stack, me.link), "rules of a guest that does not run"
    done(api, api.post("/guests/liar/actions/start"))
    me = Card(api, stack, "liar")
    bad = forbidden(me, other, gateway)
    assert seen_by(listener(other.pid), me, bad, last) == set(bad)
    assert not rules_with(stack, me.link)


def test_an_honest_guest_notices_nothing_of_its_guard(api, stack, guest):
    for name in ("one", "two"):
        guest(name)
    one, two = Card(api, stack, "one"), Card(api, stack, "two")
    for _ in range(2):
        assert beat_of(stack, one.address) and beat_of(stack, two.address)
        wait_for(lambda: run_in(stack, one.uuid, "curl", "-s", "--max-time", "2", f"http://{two.address}/beat").returncode == 0, "a beat of the other")
        for card in (one, two):
            # Its DHCP client took that address away with all others; from now on the kernel has it again, made from the MAC.
            run_in(stack, card.uuid, "sh", "-c", "cd /proc/sys/net/ipv6/conf/eth0 && echo 1 >disable_ipv6 && echo 0 >disable_ipv6")
        wait_for(lambda: ping6(one.pid, two.local), "an answer to a ping by link-local address")
        # The client that gives them their addresses asks again at this signal.
        leases = stack.state / "run/net" / api.get("/networks/default").json["metadata"]["uuid"] / "leases"
        before = leases.stat().st_mtime_ns
        clients = [pid for pid, line in processes_of(stack, one.uuid) if "udhcpc" in line]
        assert clients
        for pid in clients:
            os.kill(pid, signal.SIGUSR1)
        wait_for(lambda: leases.stat().st_mtime_ns != before, "a renewed lease")
        # Somebody takes all rules away: the next lodged makes those of running guests again.
        stack.sandbox.run("nft", "flush", "ruleset")
        os.kill(stack.daemon_pid("lodged"), signal.SIGKILL)
        wait_for(lambda: rules_with(stack, one.link) and rules_with(stack, two.link), "the rules of both", 20)
        wait_for(lambda: api.get("/guests").status == 200, "lodged")


def test_a_guest_uses_the_addresses_that_its_card_names_and_nobody_else_may(api, stack, guest, listener):
    guest("fixed", nics=[{"name": "eth0", "addresses": ["10.77.0.9", "2001:db8::9"]}])
    guest("plain")
    me, other = Card(api, stack, "fixed"), Card(api, stack, "plain")
    frames = {"v4": udp4(me.mac, "10.77.0.9", "255.255.255.255", 5000, 5000), "arp": arp(me.mac, "10.77.0.9", "10.77.0.1"),
              "v6": udp6(me.mac, "2001:db8::9", "ff02::1", 5000, 5000)}
    assert seen_by(listener(other.pid), me, frames, arp(me.mac, me.address, me.address)) == set(frames)
    frames = {"v4": udp4(other.mac, "10.77.0.9", "255.255.255.255", 5000, 5000), "arp": arp(other.mac, "10.77.0.9", "10.77.0.1")}
    assert seen_by(listener(me.pid), other, frames, arp(other.mac, other.address, other.address)) == set()
    for address, words in (("10.77.0.9", "fixed"), ("10.77.0.1", "host's own"), ("10.77.0.120", "gives out"), ("224.0.0.1", "is no address")):
        problem = api.patch("/guests/plain", {"spec": {"nics": [{"name": "eth0", "addresses": [address]}]}}).expect(422).json
        assert problem["errors"][0]["pointer"] == "/spec/nics/0/addresses/0" and words in problem["errors"][0]["detail"], problem


def test_without_an_address_server_only_hardware_addresses_and_the_hosts_own_are_held(api, stack, network, guest, listener):
    network("quiet", kind="isolated", cidr="10.93.0.0/24")
    nics = [{"name": "eth0", "network": "quiet"}]
    for name in ("left", "right"):
        guest(name, nics=nics)
    me, other = Card(api, stack, "left", address=False), Card(api, stack, "right", address=False)
    good = {"any address": udp4(me.mac, "10.93.0.7", "255.255.255.255", 5000, 5000),
            "a router of its own": router_advertisement(me.mac, "fe80::1"),
            "a DHCP answer": udp4(me.mac, "10.93.0.7", "255.255.255.255", 67, 68, bootp(2, other.mac, "10.93.0.9"))}
    bad = {"the host's address": udp4(me.mac, "10.93.0.1", "255.255.255.255", 5000, 5000), "ARP for it": arp(me.mac, "10.93.0.1", "10.93.0.1"),
           "another MAC": arp(other.mac, "10.93.0.7", "10.93.0.8"), "tagged": tagged(arp(me.mac, "10.93.0.7", "10.93.0.8"))}
    assert seen_by(listener(other.pid), me, {**good, **bad}, arp(me.mac, "10.93.0.7", "10.93.0.7")) == set(good)


def test_a_virtual_machine_gets_its_address_behind_its_guard(api, stack, guest):
    name = guest("guarded-vm", "vm")
    document = api.get(f"/guests/{name}").json
    link = f"lg{document['metadata']['uuid'][:8]}.0"
    address = address_of(api, name)
    assert beat_of(stack, address)
    assert any(address in line for line in rules_with(stack, link)) and rules_with(stack, f'"{link}" : goto held')
    done(api, api.delete(f"/guests/{name}?force=true&purge=true"))
    assert not rules_with(stack, link)
