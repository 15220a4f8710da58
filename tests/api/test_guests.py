"""The life of guests, volumes, networks and images, with fake drivers behind them."""

import signal
import threading
import time

import pytest

from daemons import problem, wait_for

DISK = {"name": "root", "size": "8MiB"}


def act(api, name, action, body=None, state="succeeded"):
    answer = api.post(f"/guests/{name}/actions/{action}", body, {"Prefer": "wait=20"}).expect(200)
    assert answer.json["status"]["state"] == state, answer
    return answer.json


def state_of(api, name):
    return api.get(f"/guests/{name}").expect(200).json["status"]["state"]


def test_a_guest_is_created_started_paused_rebooted_stopped_and_deleted(api, daemons):
    body = {"spec": {"type": "vm", "memory": "16MiB", "disks": [DISK], "nics": [{"name": "eth0"}]}}
    made = api.put("/guests/life", body).expect(202)
    assert made.location == f"/api/v1/tasks/{made.json['metadata']['name']}"
    assert api.finished(made)["status"]["state"] == "succeeded"
    shown = api.get("/guests/life").json
    assert shown["status"]["state"] == "stopped" and shown["status"]["desired"] == {"state": "stopped", "cause": "user"}
    assert shown["status"]["disks"][0]["volume"] == "life-root" and shown["status"]["nics"][0]["mac"].startswith("02:4c:")
    for action, state in (("start", "running"), ("pause", "paused"), ("resume", "running"), ("reset", "running"),
                          ("reboot", "running"), ("shutdown", "stopped"), ("start", "running"), ("stop", "stopped")):
        act(api, "life", action)
        assert state_of(api, "life") == state, action
    gone = api.delete("/guests/life", {"Prefer": "wait=10"}).expect(200).json
    assert gone["status"]["state"] == "succeeded"
    api.get("/guests/life").expect(404)


@pytest.mark.parametrize("state,possible", [
    ("stopped", {"start"}), ("running", {"shutdown", "stop", "reboot", "reset", "pause"}), ("paused", {"stop", "reset", "resume"})])
def test_each_state_takes_its_own_actions_and_refuses_the_others_with_a_reason(api, guest, state, possible):
    guest("states", start=state != "stopped")
    if state == "paused":
        act(api, "states", "pause")
    for action in ("start", "shutdown", "stop", "reboot", "reset", "pause", "resume"):
        answer = api.post(f"/guests/states/actions/{action}?dry_run=true")
        if action in possible:
            answer.expect(200)
        else:
            assert state in problem(answer, 409, "wrong-state")["detail"]


def test_a_client_that_waited_for_a_task_may_go_on_at_once(api, guest):
    guest("prompt")
    for _ in range(12):
        act(api, "prompt", "start")
        act(api, "prompt", "stop")
        assert "task" not in api.get("/guests/prompt").json["status"]


def test_a_busy_guest_names_the_task_that_holds_it(api, guest, plan):
    guest("busy")
    plan("guest.start delay 60000")
    begun = api.post("/guests/busy/actions/start").expect(202)
    task = begun.json["metadata"]["name"]
    for answer in (api.post("/guests/busy/actions/stop"), api.delete("/guests/busy"), api.patch("/guests/busy", {"spec": {"run": "always"}})):
        body = problem(answer, 409, "busy")
        assert task in body["detail"] and task in body["hint"]
    assert api.get("/guests/busy").json["status"]["task"] == task
    plan()
    api.finished(begun)


def test_a_guest_that_ends_while_it_is_started_is_shown_as_it_is(api, guest, plan):
    guest("brief")
    plan("guest.run fail 1 internal")
    act(api, "brief", "start")
    assert api.get("/guests/brief").json["status"]["state"] == "crashed"


def test_a_running_guest_is_deleted_by_force_only(api, guest):
    guest("forced", start=True)
    assert "force" in problem(api.delete("/guests/forced"), 409, "wrong-state")["hint"]
    assert api.delete("/guests/forced?force=true", {"Prefer": "wait=10"}).expect(200).json["status"]["state"] == "succeeded"


def test_a_protected_guest_is_not_deleted(api, guest):
    guest("precious", protection=True)
    problem(api.delete("/guests/precious?force=true&purge=true"), 409, "wrong-state")
    api.patch("/guests/precious", {"spec": {"protection": False}}).expect(200)


def test_deleted_disks_wait_in_the_trash_and_come_back(api, guest, daemons):
    guest("trashed", disks=[DISK])
    before = daemons.volume_files()
    api.delete("/guests/trashed", {"Prefer": "wait=10"}).expect(200)
    in_trash = [v for v in api.get("/volumes?filter=status.state=trashed").json["items"]]
    volume = next(v for v in in_trash if v["metadata"]["name"].startswith("trashed-root"))
    assert volume["status"]["purged_after"] > volume["status"]["trashed"] and daemons.volume_files() == before
    back = api.post(f"/volumes/{volume['metadata']['name']}/actions/undelete").expect(200).json
    assert back["metadata"]["name"] == "trashed-root" and back["status"]["state"] == "ready"
    problem(api.post("/volumes/trashed-root/actions/undelete"), 409, "wrong-state")
    guest("trashed", disks=[{"name": "root", "volume": "trashed-root"}])
    assert "guest trashed" in problem(api.delete("/volumes/trashed-root"), 409, "in-use")["detail"]
    api.delete("/guests/trashed", {"Prefer": "wait=10"}).expect(200)
    assert api.get("/volumes/trashed-root").json["status"]["state"] == "ready", "a disk that was brought along stays"
    api.delete("/volumes/trashed-root?purge=true", {"Prefer": "wait=10"}).expect(200)
    assert back["metadata"]["uuid"] not in daemons.volume_files()


def test_undelete_finds_another_name_when_its_own_is_taken(api):
    for _ in range(2):
        assert api.put("/volumes/reborn", {"spec": {"size": "4MiB"}}, {"Prefer": "wait=10"}).expect(200).json["status"]["state"] == "succeeded"
        api.delete("/volumes/reborn").expect(200)
    names = [v["metadata"]["name"] for v in api.get("/volumes?filter=status.state=trashed,metadata.name~reborn").json["items"]]
    back = [api.post(f"/volumes/{name}/actions/undelete").expect(200).json["metadata"]["name"] for name in names]
    assert len(set(back)) == 2 and "reborn" in back
    for name in back:
        api.delete(f"/volumes/{name}?purge=true", {"Prefer": "wait=10"}).expect(200)


def test_purging_takes_the_data_at_once(api, guest, daemons):
    before = daemons.volume_files()
    guest("purged", disks=[DISK, {"name": "data", "size": "4MiB"}])
    assert len(daemons.volume_files()) == len(before) + 2
    api.delete("/guests/purged?purge=true", {"Prefer": "wait=10"}).expect(200)
    assert daemons.volume_files() == before
    assert not api.get("/volumes?filter=metadata.name~purged").json["items"]


def test_disks_grow_but_never_shrink(api, guest):
    guest("growing", disks=[DISK])
    api.patch("/guests/growing", {"spec": {"disks": [{"name": "root", "size": "16MiB"}]}}, {"Prefer": "wait=10"}).expect(200)
    assert api.get("/volumes/growing-root").json["spec"]["size"] == 16 << 20
    problem(api.patch("/guests/growing", {"spec": {"disks": [{"name": "root", "size": "8MiB"}]}}), 422, "invalid", "/spec/disks/0/size")


def test_a_disk_is_added_and_removed_while_the_guest_is_stopped(api, guest):
    guest("plugs", disks=[DISK], start=True)
    more = {"spec": {"disks": [DISK, {"name": "data", "size": "4MiB"}]}}
    problem(api.patch("/guests/plugs", more), 409, "wrong-state")
    act(api, "plugs", "stop")
    api.patch("/guests/plugs", more, {"Prefer": "wait=10"}).expect(200)
    assert [d["name"] for d in api.get("/guests/plugs").json["status"]["disks"]] == ["root", "data"]
    api.patch("/guests/plugs", {"spec": {"disks": [DISK]}}, {"Prefer": "wait=10"}).expect(200)
    assert api.get("/volumes?filter=metadata.name~plugs-data").json["items"][0]["status"]["state"] == "trashed"


def pending(api, name):
    return api.get(f"/guests/{name}").expect(200).json["status"].get("pending_restart")


def change(api, name, **spec):
    return api.patch(f"/guests/{name}", {"spec": spec}).expect(200).json["status"].get("pending_restart")


def test_a_running_guest_shows_what_waits_for_a_restart(api, guest):
    shown = guest("waits", start=True, nics=[{"name": "eth0"}])
    assert "pending_restart" not in shown["status"]
    assert change(api, "waits", memory="32MiB") == ["/spec/memory"]
    assert change(api, "waits", cpu={"cores": 1}) == ["/spec/memory"], "one core was the default"
    assert change(api, "waits", run="manual", boot={"order": 3}) == ["/spec/memory"], "taken up at once"
    card = {"name": "eth0", "mac": shown["status"]["nics"][0]["mac"]}
    assert change(api, "waits", nics=[card]) == ["/spec/memory"], "it has that address"
    assert change(api, "waits", nics=[{"name": "eth0"}, {"name": "eth1"}]) == ["/spec/memory", "/spec/nics/1"]
    assert change(api, "waits", nics=[]) == ["/spec/memory", "/spec/nics"]
    assert next(g for g in api.get("/guests").json["items"] if g["metadata"]["name"] == "waits")["status"]["pending_restart"]
    act(api, "waits", "pause")
    assert change(api, "waits", nics=[{"name": "eth0"}]) == ["/spec/memory", "/spec/nics/0/mac"], "another card of that name"
    assert change(api, "waits", nics=[card]) == ["/spec/memory"]
    act(api, "waits", "resume")
    assert change(api, "waits", memory="16MiB") is None, "taken back"
    assert change(api, "waits", memory="48MiB") == ["/spec/memory"]
    act(api, "waits", "reset")
    assert pending(api, "waits") == ["/spec/memory"], "a reset makes no new machine"
    act(api, "waits", "reboot")
    assert pending(api, "waits") is None


def test_nothing_waits_for_a_restart_of_a_guest_that_is_stopped(api, guest):
    guest("idle", start=True)
    change(api, "idle", memory="32MiB")
    act(api, "idle", "stop")
    assert pending(api, "idle") is None and change(api, "idle", memory="64MiB") is None
    act(api, "idle", "start")
    assert pending(api, "idle") is None
    assert change(api, "idle", memory="32MiB") == ["/spec/memory"], "compared with this start, not with the one before"


def test_a_reboot_that_fails_leaves_what_waits(api, guest, plan):
    guest("stubborn", start=True)
    change(api, "stubborn", memory="32MiB")
    plan("guest.shutdown fail 1 internal")
    act(api, "stubborn", "reboot", state="failed")
    assert pending(api, "stubborn") == ["/spec/memory"] and state_of(api, "stubborn") == "running"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_what_waits_for_a_restart_outlives_lodged(own, number):
    pair = own().start()
    api = pair.admin()
    api.put("/guests/kept?start=true", {"spec": {"type": "vm", "memory": "16MiB"}}, {"Prefer": "wait=10"}).expect(200)
    assert change(api, "kept", memory="32MiB") == ["/spec/memory"]
    pair.restart_lodged(number)
    wait_for(lambda: api.get("/session").status == 200, "the gate")
    wait_for(lambda: state_of(api, "kept") == "running", "the guest to be seen")
    assert pending(api, "kept") == ["/spec/memory"]
    assert change(api, "kept", memory="16MiB") is None


def test_addresses_are_known_again_after_a_restart_however_late_a_guest_is_seen(own):
    pair = own().start()
    api = pair.admin()
    api.put("/guests/kept?start=true", {"spec": {"type": "vm", "memory": "16MiB", "nics": [{"name": "eth0"}]}}, {"Prefer": "wait=10"}).expect(200)
    mac = api.get("/guests/kept").json["status"]["nics"][0]["mac"]
    network = api.get("/networks/default").json["metadata"]["uuid"]
    (pair.state / f"run/net/{network}/leases").write_text(f"{int(time.time()) + 3600} {mac} 10.77.0.123 kept *\n")
    wait_for(lambda: api.get("/guests/kept").json["status"]["addresses"] == ["10.77.0.123"], "the address")
    pair.stop_lodged()
    pair.plan("guest.poll delay 700")
    pair.start_lodged()
    wait_for(lambda: api.get("/session").status == 200, "the gate")
    wait_for(lambda: api.get("/guests/kept").json["status"]["addresses"] == ["10.77.0.123"], "the address after the restart")


def test_what_is_not_known_yet_is_not_taken_for_stopped(own):
    """After a start of Lodge, until the hypervisor has answered once."""
    pair = own().start()
    api = pair.admin()
    api.put("/guests/kept?start=true", {"spec": {"type": "vm", "memory": "16MiB"}}, {"Prefer": "wait=10"}).expect(200)
    pair.stop_lodged()
    pair.plan("guest.poll delay 60000")
    pair.start_lodged()
    wait_for(lambda: api.get("/session").status == 200, "the gate")
    assert "not known yet" in problem(api.delete("/guests/kept"), 503, "unavailable")["detail"]
    problem(api.patch("/guests/kept", {"spec": {"disks": [DISK]}}), 503, "unavailable")
    pair.plan()
    wait_for(lambda: state_of(api, "kept") == "running", "the guest to be seen")
    problem(api.delete("/guests/kept"), 409, "wrong-state")


def test_a_start_commits_once_more_where_something_waited(api, guest):
    def commits_of(action):
        before = api.get("/guests?limit=1").json["revision"]
        act(api, "frugal", action)
        return api.get("/guests?limit=1").json["revision"] - before

    guest("frugal", start=True)
    usual = commits_of("reboot")
    change(api, "frugal", memory="32MiB")
    assert commits_of("reboot") == usual + 1
    assert commits_of("reboot") == usual


def test_the_mac_of_a_card_stays_with_it(api, guest):
    mac = guest("carded", nics=[{"name": "eth0"}])["status"]["nics"][0]["mac"]
    api.patch("/guests/carded", {"spec": {"nics": [{"name": "eth1"}, {"name": "eth0"}]}}).expect(200)
    assert {n["name"]: n["mac"] for n in api.get("/guests/carded").json["status"]["nics"]}["eth0"] == mac
    problem(api.put("/guests/thief", {"spec": {"type": "vm", "nics": [{"name": "eth0", "mac": mac}]}}), 422, "invalid", "/spec/nics/0/mac")


def test_memory_is_promised_up_to_the_host_and_no_further(api, guest):
    total = api.get("/nodes/self").json["status"]["memory"]["total"]
    guest("large", memory=int(total * 0.6))
    guest("larger", memory=int(total * 0.6))
    act(api, "large", "start")
    body = problem(api.post("/guests/larger/actions/start"), 409, "capacity")
    assert "promised" in body["detail"] and "memory_overcommit" in body["hint"]
    api.patch("/settings/general", {"spec": {"memory_overcommit": 200}}).expect(200)
    try:
        act(api, "larger", "start")
    finally:
        api.patch("/settings/general", {"spec": {"memory_overcommit": None}}).expect(200)


def test_a_node_in_maintenance_starts_nothing(api, guest):
    guest("waiting")
    api.patch("/nodes/self", {"spec": {"maintenance": True}}).expect(200)
    try:
        assert "maintenance" in problem(api.post("/guests/waiting/actions/start"), 409)["detail"]
    finally:
        api.patch("/nodes/self", {"spec": {"maintenance": False}}).expect(200)
    act(api, "waiting", "start")


def test_a_container_needs_an_image_and_has_no_reset(api, daemons):
    (daemons.root / "root.tar").write_bytes(b"x" * 1024)
    body = {"spec": {"format": "tar", "source": {"file": str(daemons.root / "root.tar")}}}
    assert api.put("/images/base", body, {"Prefer": "wait=10"}).expect(200).json["status"]["state"] == "succeeded"
    image = api.get("/images/base").json
    assert image["status"]["state"] == "ready" and len(image["status"]["sha256"]) == 64
    problem(api.put("/guests/box", {"spec": {"type": "container"}}), 422, "invalid", "/spec/disks")
    problem(api.put("/guests/box", {"spec": {"type": "container", "disks": [DISK]}}), 422, "invalid", "/spec/disks/0/image")
    problem(api.put("/guests/box", {"spec": {"type": "vm", "disks": [{"name": "root", "image": "base"}]}}), 422, "invalid", "/spec/disks/0/image")
    api.put("/guests/box?start=true", {"spec": {"type": "container", "memory": "16MiB", "disks": [{"name": "root", "image": "base"}]}},
            {"Prefer": "wait=10"}).expect(200)
    assert state_of(api, "box") == "running"
    problem(api.post("/guests/box/actions/reset"), 422, "unsupported")
    api.delete("/guests/box?force=true&purge=true", {"Prefer": "wait=10"}).expect(200)
    api.delete("/images/base", {"Prefer": "wait=10"}).expect(200)


def test_an_image_that_does_not_arrive_leaves_nothing(api):
    missing = api.put("/images/absent", {"spec": {"format": "raw", "source": {"file": "/no/such/file"}}}, {"Prefer": "wait=10"})
    assert missing.expect(200).json["status"]["state"] == "failed"
    assert "/no/such/file" in missing.json["status"]["error"]["detail"]
    api.get("/images/absent").expect(404)


def test_networks_get_their_addresses_and_stay_while_used(api, guest):
    api.put("/networks/side", {"spec": {"kind": "isolated", "cidr": "10.99.0.0/24"}}, {"Prefer": "wait=10"}).expect(200)
    side = api.get("/networks/side").json
    assert side["status"]["address"] == "10.99.0.1/24"
    guest("wired", nics=[{"name": "eth0", "network": "side"}])
    assert "wired" in problem(api.delete("/networks/side"), 409, "in-use")["detail"]
    problem(api.patch("/networks/side", {"metadata": {"name": "other"}}), 409, "in-use")
    problem(api.put("/networks/clash", {"spec": {"kind": "isolated", "cidr": "10.99.0.128/25"}}), 422, "invalid", "/spec/cidr")
    problem(api.put("/networks/odd", {"spec": {"kind": "isolated", "cidr": "10.98.0.0/24", "dhcp": {"from": "10.97.0.5", "to": "10.98.0.9"}}}),
            422, "invalid", "/spec/dhcp/from")
    api.delete("/guests/wired", {"Prefer": "wait=10"}).expect(200, 204)
    api.delete("/networks/side", {"Prefer": "wait=10"}).expect(200)


def test_pools_with_volumes_stay(api):
    api.put("/pools/extra", {"spec": {"kind": "dir"}}, {"Prefer": "wait=10"}).expect(200)
    assert wait_for(lambda: api.get("/pools/extra").json["status"].get("free"), "figures of the pool") > 0
    api.put("/volumes/filler", {"spec": {"pool": "extra", "size": "4MiB"}}, {"Prefer": "wait=10"}).expect(200)
    problem(api.delete("/pools/extra"), 409, "in-use")
    problem(api.patch("/pools/extra", {"metadata": {"name": "renamed"}}), 409, "in-use")
    api.delete("/volumes/filler?purge=true", {"Prefer": "wait=10"}).expect(200)
    api.delete("/pools/extra").expect(204)


def test_a_guest_that_shuts_itself_down_is_wanted_stopped(api, guest, daemons):
    guest("leaver", start=True)
    assert api.get("/guests/leaver").json["status"]["desired"] == {"state": "running", "cause": "user"}


def test_the_host_going_down_stops_every_guest_but_not_the_wish(own):
    pair = own().start()
    api = pair.admin()
    api.put("/guests/stays?start=true", {"spec": {"type": "vm", "memory": "16MiB"}}, {"Prefer": "wait=10"}).expect(200)
    problem(api.post("/nodes/self/actions/shutdown-guests", {"timeout_s": 0}), 422, "invalid", "/timeout_s")
    problem(api.post("/nodes/self/actions/shutdown-guests", {"timeout_s": "5"}), 422, "invalid", "/timeout_s")
    problem(api.post("/nodes/self/actions/shutdown-guests", {"timeot_s": 5}), 422, "invalid", "/timeot_s")
    assert state_of(api, "stays") == "running"
    api.post("/nodes/self/actions/shutdown-guests", {"timeout_s": 5}, {"Prefer": "wait=10"}).expect(200)
    status = api.get("/guests/stays").json["status"]
    assert status["state"] == "stopped" and status["desired"]["state"] == "running"
    pair.restart_lodged(LODGE_BOOT_ID="the next boot")
    wait_for(lambda: api.get("/session").status == 200, "the gate")
    wait_for(lambda: state_of(api, "stays") == "running", "the guest with its host")


def test_metrics_count_what_runs(api, guest):
    guest("counted", start=True)
    answer = api.get("//metrics").expect(200)
    assert answer.headers["Content-Type"].startswith("text/plain")
    assert 'lodge_guest_running{guest="counted",type="vm"} 1' in answer.body.decode().splitlines()


def test_a_guest_is_not_plugged_into_a_network_that_is_being_deleted(api, plan):
    plan("net.remove delay 60000")
    api.put("/networks/leaving", {"spec": {"kind": "isolated"}}, {"Prefer": "wait=20"}).expect(200)
    going = api.delete("/networks/leaving").expect(202)
    problem(api.put("/guests/late", {"spec": {"type": "vm", "nics": [{"name": "eth0", "network": "leaving"}]}}), 409, "busy")
    plan()
    assert api.finished(going)["status"]["state"] == "succeeded"


def test_pools_and_networks_that_are_deleted_while_guests_are_made_in_them_leave_no_guest_without_them(api, daemons):
    disk = [{"name": "root", "size": "1MiB", "pool": "contested"}]
    nic = [{"name": "eth0", "network": "contested"}]
    other = daemons.admin()
    wait = {"Prefer": "wait=20"}
    for _ in range(10):
        api.put("/pools/contested", {"spec": {"kind": "dir"}}, wait).expect(200)
        api.put("/networks/contested", {"spec": {"kind": "isolated"}}, wait).expect(200)
        for kind, more in (("pools", {"disks": disk}), ("networks", {"nics": nic})):
            racer = threading.Thread(target=other.delete, args=(f"/{kind}/contested", wait))
            racer.start()
            api.put("/guests/contestant", {"spec": {"type": "vm", **more}}, wait)
            racer.join()
            made = api.get("/guests/contestant").status == 200
            assert not made or api.get(f"/{kind}/contested").status == 200, f"a guest without its {kind}"
            if made:
                api.delete("/guests/contestant?purge=true", wait).expect(200)
            api.delete(f"/{kind}/contested", wait).expect(200, 204, 404)
    other.close()


def test_two_cards_of_one_guest_have_different_addresses(api):
    nics = [{"name": name, "mac": "02:00:00:00:00:07"} for name in ("eth0", "eth1")]
    problem(api.put("/guests/twins", {"spec": {"type": "vm", "nics": nics}}), 422, "invalid", "/spec/nics/1/mac")


def test_the_disk_of_a_guest_with_the_longest_name_can_be_changed(api):
    name = "n" * 63
    api.put(f"/guests/{name}", {"spec": {"type": "vm", "disks": [DISK]}}, {"Prefer": "wait=20"}).expect(200)
    volume = api.get(f"/guests/{name}").json["status"]["disks"][0]["volume"]
    api.patch(f"/volumes/{volume}", {"metadata": {"labels": {"kept": "yes"}}}).expect(200)
    api.delete(f"/guests/{name}?purge=true", {"Prefer": "wait=20"}).expect(200)


@pytest.mark.parametrize("cidr", ["127.0.0.0/8", "0.0.0.0/8", "169.254.7.0/24", "224.0.0.0/24", "255.255.255.0/24"])
def test_a_network_does_not_take_addresses_that_have_another_use(api, cidr):
    problem(api.put("/networks/odd", {"spec": {"kind": "nat", "cidr": cidr}}), 422, "invalid", "/spec/cidr")


@pytest.mark.parametrize("domain", ["a" * 64, f"lan.{'a' * 64}", "a..b", "a-.b"])
def test_a_networks_domain_has_parts_that_dns_can_carry(api, domain):
    problem(api.put("/networks/odd", {"spec": {"kind": "nat", "domain": domain}}), 422, "invalid", "/spec/domain")


def guards(daemons, name):
    """What the packet rules would be told of the guest's cards, by link."""
    lines = (daemons.state / "run/guards").read_text().splitlines()
    return {line.split()[0]: line.split()[1:] for line in lines if line.startswith(f"lg{name}.")}


def test_each_card_of_a_running_guest_is_guarded_unless_it_says_otherwise(api, daemons, guest, plan):
    api.put("/networks/lan", {"spec": {"kind": "bridge", "bridge": "br0"}}, {"Prefer": "wait=20"})
    nics = [{"name": "a", "addresses": ["10.77.0.9"]}, {"name": "b", "spoofing": True}, {"name": "c", "network": "lan"}]
    name, document = "guarded", guest("guarded", nics=nics)
    macs = [nic["mac"] for nic in document["status"]["nics"]]
    prefix = document["metadata"]["uuid"][:8]
    assert guards(daemons, prefix) == {}
    plan("net.guard fail 1 internal")  # rules that somebody took away: they are made anew
    act(api, name, "start")
    assert guards(daemons, prefix) == {f"lg{prefix}.0": [macs[0], "held", "10.77.0.9"], f"lg{prefix}.2": [macs[2], "free"]}
    act(api, name, "stop")
    assert guards(daemons, prefix) == {}
    api.delete(f"/guests/{name}?purge=true", {"Prefer": "wait=20"}).expect(200)
    api.delete("/networks/lan", {"Prefer": "wait=20"}).expect(200)


def test_a_restart_guards_the_cards_as_they_are_now_and_nothing_brings_back_the_old_ones(api, daemons, guest, plan):
    """While it starts, others start too: the leases are looked at again, and with them everybody's cards."""
    prefix = guest("renumbered", nics=[{"name": "a", "addresses": ["10.77.0.9"]}])["metadata"]["uuid"][:8]
    guest("other")
    act(api, "renumbered", "start")
    assert change(api, "renumbered", nics=[{"name": "a", "addresses": ["10.77.0.11"]}]) == ["/spec/nics/0/addresses"]
    plan("guest.start delay 600")
    task = api.post("/guests/renumbered/actions/reboot").expect(202).json["metadata"]["uuid"]
    act(api, "other", "start")
    seen = []
    while api.get(f"/tasks/{task}").json["status"]["state"] in ("queued", "running"):
        seen.append(guards(daemons, prefix).get(f"lg{prefix}.0", [])[2:])
    seen.append(guards(daemons, prefix)[f"lg{prefix}.0"][2:])
    assert seen[-1] == ["10.77.0.11"] and ["10.77.0.9"] not in seen[seen.index(["10.77.0.11"]):]


@pytest.mark.parametrize("address,words", [("10.77.0.1", "host's own"), ("10.77.0.200", "gives out"), ("10.77.0.9", "belongs to"),
                                           ("0.0.0.0", "no address"), ("ff02::1", "no address"), ("::1", "no address"), ("1.2.3", "no address"),
                                           ("2001:DB8::1", "lower case")])
def test_a_card_names_only_addresses_that_can_be_its_own(api, guest, address, words):
    guest("holder", nics=[{"name": "a", "addresses": ["10.77.0.9"]}])
    answer = api.put("/guests/taker", {"spec": {"type": "vm", "nics": [{"name": "a", "addresses": [address]}]}})
    body = problem(answer, 422, "invalid", "/spec/nics/0/addresses/0")
    assert words in body["errors"][0]["detail"], body


def test_containers_that_are_made_at_once_get_ranges_of_ids_of_their_own(api, daemons):
    """The lowest that is free; one that is deleted leaves its own to the next."""
    (daemons.root / "root.tar").write_bytes(bytes(10240))
    image = {"spec": {"format": "tar", "source": {"file": str(daemons.root / "root.tar")}}}
    api.put("/images/ranges", image, {"Prefer": "wait=20"}).expect(200)
    spec = {"type": "container", "memory": "16MiB", "disks": [{"name": "root", "image": "ranges", "size": "16MiB"}]}
    wait, names = {"Prefer": "wait=20"}, [f"range-{i}" for i in range(12)]
    api.put("/guests/looked-at?dry_run=true", {"spec": spec}).expect(200)

    def make(name):
        client = daemons.admin()
        client.put(f"/guests/{name}?start=true", {"spec": spec}, wait).expect(200)
        client.close()

    def base(name):
        return int((daemons.state / "fake/guests-container" / api.get(f"/guests/{name}").json["metadata"]["uuid"]).read_text())

    threads = [threading.Thread(target=make, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bases = {name: base(name) for name in names}
    assert len(set(bases.values())) == len(names)
    assert all(b >= 1000000 and (b - 1000000) % 65536 == 0 and b <= 1000000 + 65536 * 13 for b in bases.values()), bases
    freed = bases["range-3"]
    api.delete("/guests/range-3?force=true&purge=true", wait).expect(200)
    make("range-3")
    # The plan that was only looked at holds one for a minute.
    assert base("range-3") in (freed, *({1000000 + 65536 * i for i in range(13)} - set(bases.values())))
    for name in names:
        api.delete(f"/guests/{name}?force=true&purge=true", wait).expect(200)
    api.delete("/images/ranges", wait).expect(200)


@pytest.mark.parametrize("what", ["there", "away"])
def test_a_password_in_the_url_of_an_image_is_used_and_never_shown(api, daemons, what):
    host = f"mirror.test/{what}"
    body = {"spec": {"format": "raw", "source": {"url": f"https://user:s3cr3t@{host}"}}}
    plan = api.put("/images/fetched?dry_run=true", body).expect(200)
    answer = api.put("/images/fetched", body, {"Prefer": "wait=20"}).expect(200)
    task = answer.json["metadata"]["name"]
    assert answer.json["status"]["state"] == ("succeeded" if what == "there" else "failed")
    assert (daemons.state / "fake/fetched").read_text().splitlines()[-1] == f"https://user:s3cr3t@{host}"
    log = wait_for(lambda: api.get(f"/tasks/{task}/log").body.decode(), "the task's log")
    image = api.get("/images/fetched")
    if what == "there":
        assert image.json["spec"]["source"]["url"] == f"https://{host}"
        api.put("/images/fetched", body).expect(200)  # again: nothing is other than before
        api.put("/images/fetched", {"spec": image.json["spec"]}).expect(200)
    shown = [plan.body, answer.body, image.body, log.encode(), api.get("/images").body, api.get("/tasks").body,
             api.get("/audit?limit=1000").body, daemons.new_log("lodged").encode(), daemons.new_log("gate").encode()]
    shown += [path.read_bytes() for path in daemons.state.glob("*.db*")]
    assert not [text for text in shown if b"s3cr3t" in text]
    api.delete("/images/fetched", {"Prefer": "wait=20"})


def test_an_unusable_url_is_refused_without_its_password(api):
    for url in ("ftp://user:s3cr3t@h/x", "https://user:s3cr3t@ h", "https://user:s3cr3t@"):
        answer = api.put("/images/odd", {"spec": {"format": "raw", "source": {"url": url}}})
        problem(answer, 422, "invalid", "/spec/source/url")
        assert b"s3cr3t" not in answer.body
