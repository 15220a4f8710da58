"""Networks with real guests on them: who reaches whom, and what happens when their parts fail."""

import os
import signal

import pytest
from guests import address_of, beat_of, done, failed, processes_of, run_in, status
from peer import Peer
from sandbox import wait_for


@pytest.fixture
def network(api):
    """network(name, **spec): makes a network, which is gone again after the test. Ask for it before `guest`."""
    names = []

    def make(name, **spec):
        names.append(name)
        done(api, api.put(f"/networks/{name}", {"spec": spec}))
        return name

    yield make
    for name in names:
        answer = api.delete(f"/networks/{name}")
        if answer.status != 404:
            done(api, answer)


@pytest.fixture
def peer(stack):
    """peer(name): another machine beside the host."""
    made = []

    def make(name):
        made.append(Peer(stack.sandbox, name))
        return made[-1]

    yield make
    for one in made:
        one.remove()


@pytest.fixture
def bridge(stack):
    """A bridge that the host has already, and that is none of Lodge's business."""
    stack.sandbox.run("ip", "link", "add", "br-lan", "type", "bridge")
    stack.sandbox.run("ip", "link", "set", "br-lan", "up")
    yield "br-lan"
    stack.sandbox.run("ip", "link", "delete", "br-lan")


def uuid_of(api, kind, name):
    return api.get(f"/{kind}/{name}").expect(200).json["metadata"]["uuid"]


def reaches(stack, uuid, url):
    return run_in(stack, uuid, "curl", "-sk", "-o", "/dev/null", "--max-time", "2", url).returncode == 0


def network_traces(stack):
    """What networks consist of on the host: links, packet rules, address servers."""
    links = [line.split()[0] for line in stack.sandbox.output("ip", "-br", "link").splitlines()]
    rules = [line.split("comment")[1] for line in stack.sandbox.output("nft", "list", "ruleset").splitlines() if "comment" in line]
    servers = [line for _, line in stack.sandbox.processes() if "dnsmasq" in line]
    return sorted(links + rules + servers)


# -- isolated


def test_guests_of_an_isolated_network_reach_each_other_and_nothing_else(api, stack, network, guest, peer, tmp_path):
    outside = peer("out").cable("192.0.2.2/24", host_address="192.0.2.1/24").serve_web(tmp_path)
    outside.run("ip", "route", "add", "default", "via", "192.0.2.1")
    network("closed", kind="isolated", cidr="10.88.0.0/24", dhcp={"from": "10.88.0.10", "to": "10.88.0.20"})
    network("closed2", kind="isolated", cidr="10.89.0.0/24", dhcp={"from": "10.89.0.10", "to": "10.89.0.20"})
    nics = lambda name: [{"name": "eth0", "network": name}]  # noqa: E731
    names = {"in1": "closed", "in2": "closed", "other": "closed2", "open": "default"}
    for name, where in names.items():
        guest(name, nics=nics(where))
    uuid = {name: uuid_of(api, "guests", name) for name in names}
    address = {name: address_of(api, name) for name in names}
    assert address["in1"].startswith("10.88.0.") and address["other"].startswith("10.89.0.")
    for name in names:
        wait_for(lambda: reaches(stack, uuid[name], "http://127.0.0.1/beat"), f"the web server of {name}")

    wait_for(lambda: reaches(stack, uuid["in1"], f"http://{address['in2']}/beat"), "one reaching the other")
    wait_for(lambda: reaches(stack, uuid["in2"], f"http://{address['in1']}/beat"), "the other reaching the one")
    # The guest may try whatever it likes: with a way out of its own, it is the host that lets nothing through.
    for name, gateway in (("in1", "10.88.0.1"), ("other", "10.89.0.1")):
        assert run_in(stack, uuid[name], "ip", "route", "add", "default", "via", gateway).returncode == 0
    wait_for(lambda: reaches(stack, uuid["open"], "http://192.0.2.2/"), "the way out that the others must not have")
    assert not reaches(stack, uuid["in1"], "http://192.0.2.2/")
    assert not reaches(stack, uuid["in1"], f"http://{address['open']}/beat")
    assert not reaches(stack, uuid["in1"], f"http://{address['other']}/beat")
    assert not reaches(stack, uuid["open"], f"http://{address['in1']}/beat")
    assert not reaches(stack, uuid["in1"], "https://10.88.0.1:8443/"), "the host's own services"
    assert outside.run("curl", "-s", "--max-time", "2", f"http://{address['in1']}/beat", check=False).returncode != 0


# -- bridge


def test_guests_on_an_existing_bridge_are_part_of_its_network_and_deleting_ours_leaves_it_alone(
        api, stack, bridge, network, guest, peer, tmp_path):
    lan = peer("lan").cable("198.51.100.1/24", bridge=bridge).serve_web(tmp_path)
    leases = tmp_path / "leases"
    lan.serve_addresses("198.51.100.10", "198.51.100.20", leases)
    before = network_traces(stack)
    network("lan", kind="bridge", bridge=bridge)
    vm, box = [guest(f"lan-{kind}", kind, nics=[{"name": "eth0", "network": "lan"}]) for kind in ("vm", "container")]
    for name in (vm, box):  # each is a port of it; the container boots sooner, so that one is asked
        link = f"lg{uuid_of(api, 'guests', name)[:8]}.0"
        wait_for(lambda: link in stack.sandbox.output("ip", "link", "show", "master", bridge), f"{name} being plugged in")
    mac = api.get(f"/guests/{box}").json["status"]["nics"][0]["mac"]
    address = wait_for(
        lambda: next((line.split()[2] for line in leases.read_text().splitlines() if mac in line), None) if leases.exists() else None,
        f"a lease of {box}")
    wait_for(lambda: lan.run("curl", "-s", "--max-time", "5", f"http://{address}/beat", check=False).stdout.strip(), f"a beat of {box}")
    uuid = uuid_of(api, "guests", "lan-container")
    wait_for(lambda: reaches(stack, uuid, "http://198.51.100.1/"), f"{box} reaching the network's web server")
    wait_for(lambda: api.get(f"/guests/{box}").json["status"]["addresses"] == [address], f"the address of {box}")

    problem = api.delete("/networks/lan").expect(409).json
    assert problem["code"] == "in-use" and "lan-" in problem["detail"] and problem["hint"]
    for kind in ("vm", "container"):
        done(api, api.delete(f"/guests/lan-{kind}?force=true&purge=true"))
    done(api, api.delete("/networks/lan"))
    assert network_traces(stack) == before
    assert "state UP" in stack.sandbox.output("ip", "link", "show", bridge)


def test_a_bridge_that_cannot_be_used_is_refused_with_its_reason_and_leaves_nothing(api, stack, bridge, peer):
    peer("card").cable("203.0.113.2/24", host_address="203.0.113.1/24")
    stack.sandbox.run("ip", "link", "add", "br-down", "type", "bridge")
    before = network_traces(stack)
    for link, code, words in (("br-none", "not-found", "br-none does not exist"),
                              ("p-card", "invalid", "is not a bridge"),
                              ("br-down", "wrong-state", "br-down is down")):
        error = failed(api, api.put("/networks/bad", {"spec": {"kind": "bridge", "bridge": link}}))
        assert error["code"] == code and words in error["detail"] and error["hint"], error
        api.get("/networks/bad").expect(404)
    problem = api.put("/networks/bad", {"spec": {"kind": "bridge"}}).expect(422).json
    assert problem["errors"][0]["pointer"] == "/spec/bridge"
    # Somebody else's bridge never becomes one of ours.
    error = failed(api, api.put("/networks/bad", {"spec": {"kind": "nat", "bridge": bridge}}))
    assert error["code"] == "conflict" and bridge in error["detail"] and error["hint"], error
    assert network_traces(stack) == before
    stack.sandbox.run("ip", "link", "delete", "br-down")


# -- address servers


def servers_of(stack, uuid):
    return [pid for pid, line in stack.sandbox.processes() if "dnsmasq" in line and uuid in line]


def test_an_address_server_that_is_killed_comes_back_and_guests_notice_nothing(api, stack, guest):
    uuid = uuid_of(api, "networks", "default")
    first = guest("before")
    address = address_of(api, first)
    beat_of(stack, address)
    for _ in range(2):  # the second time it is not its first death in a row
        old = servers_of(stack, uuid)
        assert len(old) == 1
        os.kill(old[0], signal.SIGKILL)
        wait_for(lambda: servers_of(stack, uuid) not in ([], old), "a new address server")
        assert beat_of(stack, address)
    second = guest("after")
    assert beat_of(stack, address_of(api, second)) and address_of(api, second) != address
    assert address_of(api, first) == address
    assert len(servers_of(stack, uuid)) == 1


def test_the_address_server_of_a_deleted_network_does_not_come_back(api, stack, network):
    before = network_traces(stack)
    name = network("brief", kind="nat")
    uuid = uuid_of(api, "networks", name)
    wait_for(lambda: servers_of(stack, uuid), "its address server")
    done(api, api.delete(f"/networks/{name}"))
    # A change of another network's server passes through the same queue after it.
    default = uuid_of(api, "networks", "default")
    old = servers_of(stack, default)
    os.kill(old[0], signal.SIGKILL)
    wait_for(lambda: servers_of(stack, default) not in ([], old), "a new address server of the other network")
    assert [line for line in network_traces(stack) if "dnsmasq" not in line] == [line for line in before if "dnsmasq" not in line]
    assert servers_of(stack, uuid) == []


def test_a_network_that_cannot_be_brought_up_leaves_nothing(api, stack):
    wait_for(lambda: servers_of(stack, uuid_of(api, "networks", "default")), "the default network")
    before = network_traces(stack)
    # Its folder has no room for it: that shows when bridge and rules are there already.
    folder = stack.state / "run/net"
    stack.run_inside("mount", "-t", "tmpfs", "-o", "nr_inodes=1", "full", folder)
    try:
        error = failed(api, api.put("/networks/mute", {"spec": {"kind": "nat"}}))
        assert error["code"] == "no-space" and "network mute" in error["detail"], error
        api.get("/networks/mute").expect(404)
        assert network_traces(stack) == before
    finally:
        stack.run_inside("umount", folder)
    done(api, api.put("/networks/mute", {"spec": {"kind": "nat"}}))
    done(api, api.delete("/networks/mute"))
    assert network_traces(stack) == before


def test_a_domain_that_no_name_server_takes_is_refused(api):
    for domain in ("a" * 64, "a..b", "-a", "a.-b"):
        problem = api.put("/networks/odd", {"spec": {"kind": "nat", "domain": domain}}).expect(422).json
        assert problem["errors"][0]["pointer"] == "/spec/domain"
