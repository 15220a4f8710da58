"""lodge-host: what it makes of host.json, in a folder that stands for the root."""

import os
import re
import stat

import pytest

from conftest import MACS, ROOT, configuration

FIRST_BOOT = ROOT / "image-builder/files/usr/lib/systemd/system/lodge-first-boot.service"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE8QpH6zGkq5n0H2E4m1N6J0rXWQy0l3i2uYb0g7c9aP you"
HASH = "$y$j9T$salt$0123456789012345678901234567890123456789012"
STATIC = {"mode": "static", "address": "192.0.2.10/24", "gateway": "192.0.2.1", "dns": ["192.0.2.53", "2001:db8::53"], "vlan": 12}


def network_files(host):
    return {path.name: path.read_text() for path in (host.root / "etc/systemd/network").iterdir()}


def render(host, command="render"):
    done = host.run(command)
    assert done.returncode == 0, done.stderr
    return network_files(host)


# ---- the network ----

def test_dhcp_on_a_bridge_that_has_the_cards_address(host):
    files = render(host)
    assert sorted(files) == ["10-lan0.link", "10-lan1.link", "20-br0.netdev", "30-lan0.network", "40-br0.network",
                             "50-lan1.network"]
    assert files["10-lan0.link"] == f"[Match]\nPermanentMACAddress={MACS[0]}\n\n[Link]\nName=lan0\n"
    assert "Kind=bridge\nMACAddress=" + MACS[0] in files["20-br0.netdev"]
    assert files["30-lan0.network"] == "[Match]\nName=lan0\n\n[Network]\nBridge=br0\nLinkLocalAddressing=no\n"
    assert files["40-br0.network"] == (
        "[Match]\nName=br0\n\n[Network]\nDHCP=yes\nDomains=example.org\n\n"
        "[DHCPv4]\nClientIdentifier=mac\nUseDomains=yes\n\n[Link]\nRequiredForOnline=routable\n")
    assert "DHCP" not in files["50-lan1.network"] and "LinkLocalAddressing=no" in files["50-lan1.network"]


def test_a_static_address_in_a_vlan(host):
    host.configure(configuration(network=STATIC))
    files = render(host)
    assert files["20-br0.12.netdev"] == "[NetDev]\nName=br0.12\nKind=vlan\n\n[VLAN]\nId=12\n"
    assert files["30-br0.network"] == "[Match]\nName=br0\n\n[Network]\nVLAN=br0.12\nLinkLocalAddressing=no\n"
    assert "40-br0.network" not in files
    assert ("[Network]\nIPv6AcceptRA=no\nAddress=192.0.2.10/24\nGateway=192.0.2.1\nDNS=192.0.2.53\nDNS=2001:db8::53\n"
            in files["40-br0.12.network"])
    assert "DHCP=yes" not in files["40-br0.12.network"]


def test_the_host_is_known_by_its_static_address_and_by_a_local_one_with_dhcp(host):
    render(host)
    assert "\n127.0.1.1 host1.example.org host1\n" in host.text("etc/hosts") and "192.0.2" not in host.text("etc/hosts")
    host.configure(configuration(network=STATIC))
    render(host)
    assert "\n192.0.2.10 host1.example.org host1\n" in host.text("etc/hosts")
    assert host.text("etc/hostname") == "host1\n"


def test_the_second_card_manages_and_the_first_has_no_address(host):
    host.configure(configuration(network={"interface": {"mac": MACS[1], "name": "lan1"}}))
    files = render(host)
    assert "Bridge=br0" in files["30-lan1.network"] and "30-lan0.network" not in files
    assert "50-lan0.network" in files and "50-lan1.network" not in files
    assert "MACAddress=" + MACS[1] in files["20-br0.netdev"]


def test_without_a_card_nothing_but_names_is_written(host):
    host.configure(configuration(network={"interface": None, "nics": []}))
    assert not (host.root / "etc/systemd/network").exists() or not network_files(host)
    assert host.run("render").returncode == 0
    assert host.text("etc/hostname") == "host1\n"


def test_what_no_longer_applies_is_removed_and_what_others_wrote_stays(host):
    host.configure(configuration(network=STATIC))
    assert "40-br0.12.network" in render(host)
    (host.root / "etc/systemd/network/80-own.network").write_text("[Match]\nName=own0\n")
    host.configure(configuration())
    host.calls_file.unlink()
    files = render(host, "render-network")
    assert not [name for name in files if "12" in name] and "30-br0.network" not in files
    assert "40-br0.network" in files and "80-own.network" in files
    assert host.calls() == [], "it changes files only"


def test_applying_tells_networkd_and_removes_the_vlan_that_is_gone(host):
    host.configure(configuration(network=STATIC))
    render(host)
    host.configure(configuration(network={"interface": {"mac": MACS[1], "name": "lan1"}}))
    for name in ("br0", "br0.12", "br0.99", "lan0", "lan1"):
        host.add_card(name, MACS[0], device=False)
    host.calls_file.unlink(missing_ok=True)
    assert host.run("apply-network").returncode == 0
    assert host.calls() == ["ip link delete dev br0.12", "networkctl reload", f"ip link set dev br0 address {MACS[1]}",
                            "networkctl reconfigure lan1 br0 lan0"]


def test_applying_fails_when_networkd_does(host):
    host.fake("networkctl", "exit 1")
    assert host.run("apply-network").returncode != 0


# ---- identity and time ----

def test_the_machine_id_is_made_once_and_kept(host):
    render(host)
    first = host.text("etc/machine-id")
    assert re.fullmatch(r"[0-9a-f]{32}\n?", first)
    assert host.text("var/lib/lodge-host/etc/machine-id").strip() == first.strip()
    (host.root / "etc/machine-id").unlink()
    render(host)
    assert host.text("etc/machine-id") == first


def test_a_damaged_machine_id_is_made_anew(host):
    (host.root / "var/lib/lodge-host/etc").mkdir()
    (host.root / "var/lib/lodge-host/etc/machine-id").write_text("not one\n")
    render(host)
    assert re.fullmatch(r"[0-9a-f]{32}\n?", host.text("etc/machine-id"))


def test_time_zone_and_servers(host):
    (host.root / "usr/share/zoneinfo/Europe/Zurich").touch()
    (host.root / "etc/chrony").mkdir()
    (host.root / "etc/chrony/chrony.conf").write_text("pool 2.debian.pool.ntp.org iburst\nmakestep 1 3\n")
    host.configure(configuration(timezone="Europe/Zurich", time={"ntp": ["192.0.2.123", "ntp.example.org"]}))
    render(host)
    assert os.readlink(host.root / "etc/localtime") == "/usr/share/zoneinfo/Europe/Zurich"
    assert host.text("etc/chrony/sources.d/lodge.sources") == "server 192.0.2.123 iburst\nserver ntp.example.org iburst\n"
    assert host.text("etc/chrony/chrony.conf") == "makestep 1 3\n"


# ---- accounts ----

def test_root_without_password_and_key_is_locked_and_nothing_listens(host):
    render(host)
    assert host.text("etc/shadow").startswith("root:*:20000:")
    assert "daemon:*:20000:" in host.text("etc/shadow")
    assert not (host.root / "etc/systemd/system/multi-user.target.wants").exists()


def test_a_key_opens_ssh_without_password(host):
    host.configure(configuration(root={"password_hash": None, "ssh_keys": [KEY, KEY + "2"]}))
    render(host)
    assert host.text("etc/ssh/authorized_keys/root") == f"{KEY}\n{KEY}2\n"
    assert host.text("etc/ssh/sshd_config.d/10-lodge-root.conf") == "PermitRootLogin prohibit-password\n"
    assert os.readlink(host.root / "etc/systemd/system/multi-user.target.wants/ssh.service").endswith("ssh.service")
    assert host.text("etc/shadow").startswith("root:*:")


def test_a_password_opens_ssh_with_it(host):
    host.configure(configuration(root={"password_hash": HASH, "ssh_keys": []}))
    render(host)
    assert host.text("etc/shadow").startswith(f"root:{HASH}:20000:")
    assert stat.S_IMODE((host.root / "etc/shadow").stat().st_mode) == 0o640
    assert host.text("etc/ssh/sshd_config.d/10-lodge-root.conf") == "PermitRootLogin yes\n"


def test_the_hash_of_root_stands_on_no_command_line(host):
    host.configure(configuration(root={"password_hash": HASH, "ssh_keys": []}))
    host.fake("awk", 'exec /usr/bin/awk "$@"')
    host.fake("install", 'exec /usr/bin/install "$@"')
    render(host)
    assert host.text("etc/shadow").startswith(f"root:{HASH}:")
    assert host.calls() and not [call for call in host.calls() if HASH in call]


def test_applying_roots_access_starts_ssh_where_root_may_sign_in_and_ends_it_where_not(host):
    for root, verb in (({"password_hash": HASH, "ssh_keys": [KEY]}, "reload-or-restart"), ({"password_hash": None, "ssh_keys": []}, "stop")):
        host.configure(configuration(root=root))
        assert host.run("apply-root").returncode == 0
        assert host.calls()[-1] == f"systemctl {verb} ssh.service"
    left = [path for folder in ("etc/ssh", "etc/systemd/system/multi-user.target.wants") for path in (host.root / folder).rglob("*") if not path.is_dir()]
    assert left == [], "what let root in"


OTHER_HASH = HASH.replace("salt", "pepper")


def change_shadow(host, before, after):
    (host.root / "etc/shadow").write_text(host.text("etc/shadow").replace(f"root:{before}:", f"root:{after}:"))


def test_a_password_of_root_that_passwd_has_changed_is_kept(host):
    host.configure(configuration(root={"password_hash": HASH, "ssh_keys": [KEY]}))
    render(host)
    change_shadow(host, HASH, OTHER_HASH)
    assert host.run("keep-root").returncode == 0
    assert host.read() == configuration(root={"password_hash": OTHER_HASH, "ssh_keys": [KEY]})
    assert stat.S_IMODE(host.config.stat().st_mode) == 0o600
    assert host.calls()[-1] == "systemctl reload-or-restart ssh.service"
    render(host)
    assert f"root:{OTHER_HASH}:" in host.text("etc/shadow")


def test_a_first_password_of_root_starts_ssh_and_one_that_is_locked_is_none(host):
    render(host)
    change_shadow(host, "*", HASH)
    assert host.run("keep-root").returncode == 0
    assert host.read()["root"]["password_hash"] == HASH
    assert host.text("etc/ssh/sshd_config.d/10-lodge-root.conf") == "PermitRootLogin yes\n"
    assert host.calls()[-1] == "systemctl reload-or-restart ssh.service"
    change_shadow(host, HASH, "!" + HASH)
    assert host.run("keep-root").returncode == 0
    assert host.read()["root"]["password_hash"] is None


def test_a_password_that_passwd_has_just_changed_outlasts_whatever_else_is_put_in_force(host):
    render(host)
    change_shadow(host, "*", HASH)
    host.configure(configuration(root={"password_hash": None, "ssh_keys": [KEY]}))
    assert host.run("apply-root").returncode == 0
    assert f"root:{HASH}:" in host.text("etc/shadow") and host.read()["root"] == {"password_hash": HASH, "ssh_keys": [KEY]}


def test_a_configuration_that_cannot_be_changed_stays_as_it_is(host):
    render(host)
    change_shadow(host, "*", HASH)
    host.fake("jq", 'case "$*" in *rawfile*) exit 1 ;; esac; exec /usr/bin/jq "$@"')
    done = host.run("keep-root")
    assert done.returncode == 1 and "lasts until the next start" in done.stderr
    assert host.run("apply-root").returncode != 0 and f"root:{HASH}:" in host.text("etc/shadow"), "the new one stays in force"
    assert host.read() == configuration()


def test_what_the_hosts_screen_has_changed_is_not_taken_back_by_another_change_of_the_accounts(host):
    """Its password is in host.json before it is in /etc/shadow."""
    render(host)
    host.configure(configuration(root={"password_hash": OTHER_HASH, "ssh_keys": []}))
    (host.root / "etc/shadow").write_text(host.text("etc/shadow") + "guest:!:20000::::::\n")
    assert host.run("keep-root").returncode == 0
    assert host.read()["root"]["password_hash"] == OTHER_HASH


def test_the_first_start_gives_a_disk_its_name_where_a_power_cut_came_before(host):
    host.fake("sgdisk")
    host.fake("lsblk", """case $* in *PKNAME*) printf '/dev/sda lodge-unfinished\\n/dev/sda lodge-1a2b3c4d-esp\\n/dev/sdb lodge-unfinished\\n' ;;
        */dev/sda) printf 'lodge-unfinished\\nlodge-1a2b3c4d-esp\\n' ;; *) printf 'lodge-unfinished\\nlodge-00c0ffee-esp\\n' ;; esac""")
    assert host.run("first-boot").returncode == 0
    assert [call for call in host.calls() if call.startswith("sgdisk")] == ["sgdisk --change-name=1:lodge-1a2b3c4d-bios /dev/sda"]


def test_the_first_administrators_hash_is_given_once_and_forgotten(host):
    host.configure(configuration(admin={"password_hash": HASH}))
    (host.root / "var/lib/lodge").mkdir(exist_ok=True)
    render(host)
    given = host.root / "var/lib/lodge/first-password-hash"
    assert given.read_text() == f"{HASH}\n" and stat.S_IMODE(given.stat().st_mode) == 0o600
    assert host.read()["admin"]["password_hash"] == HASH, "lodged may fail to take it: the next start gives it again"
    first_start = host.root / "run/lodge/first-start"
    assert f"ConditionPathExists=|/{first_start.relative_to(host.root)}\n" in FIRST_BOOT.read_text()
    (host.root / "var/lib/lodge/registry.db").touch()  # a power cut: lodged had begun, and had no user yet
    given.write_text("")
    first_start.unlink()
    render(host)
    assert given.read_text() == f"{HASH}\n" and first_start.exists()


def test_the_first_boot_forgets_the_hash_and_runs_its_script_once(host):
    script = host.root / "var/lib/lodge-host/first-boot"
    script.write_text(f"#!/bin/sh\necho ran >>{host.root}/ran\n")
    host.configure(configuration(admin={"password_hash": HASH}, first_boot={"script": "/var/lib/lodge-host/first-boot"}))
    for _ in range(2):
        assert host.run("first-boot").returncode == 0
    assert host.text("ran") == "ran\n"
    assert host.read()["admin"] == {}


# ---- a network that was tried ----

@pytest.mark.parametrize("status, vlan, interface", [(0, None, "br0"), (1, 12, "br0.12")])
def test_the_script_of_the_first_boot_waits_for_an_address_but_not_for_ever(host, status, vlan, interface):
    host.configure(configuration(first_boot={"script": "/script"}, network={"vlan": vlan}))
    (host.root / "usr/lib/systemd").mkdir()
    host.fake("online", f"exit {status}")
    (host.root / "usr/lib/systemd/systemd-networkd-wait-online").symlink_to(host.programs / "online")
    (host.root / "script").write_text(f"#!/bin/bash\necho script >>{host.calls_file}\n")
    done = host.run("first-boot")
    assert done.returncode == 0 and ("no address" in done.stderr) == bool(status)
    assert host.calls() == [f"online --interface={interface}:routable --timeout=120", "script"]


def test_a_start_takes_back_a_network_that_nobody_confirmed_and_nothing_else(host):
    host.configure(configuration())
    before = host.config.with_name("host.json.before")
    before.write_text(host.config.read_text())
    host.configure(configuration(network=STATIC, root={"password_hash": HASH, "ssh_keys": []}))
    files = render(host)
    assert "DHCP=yes" in files["40-br0.network"] and not before.exists()
    assert host.read()["network"]["mode"] == "dhcp" and host.read()["root"]["password_hash"] == HASH
    assert stat.S_IMODE(host.config.stat().st_mode) == 0o600


@pytest.mark.parametrize("damaged", ["{ half", ""])
def test_a_start_with_a_damaged_new_file_takes_the_old_one(host, damaged):
    before = host.config.with_name("host.json.before")
    before.write_text(host.config.read_text())
    host.config.write_text(damaged)
    assert "DHCP=yes" in render(host)["40-br0.network"]
    assert not before.exists()


# ---- disks, images, live ----

def test_the_volume_is_mounted_by_its_place_and_only_waited_for_a_while(host):
    render(host)
    fstab = host.text("etc/fstab").splitlines()
    assert fstab[0].startswith("/dev/lodge_1a2b3c4d/local /var/lib/lodge/local xfs ") and "nofail" in fstab[0]
    assert [line.split()[1] for line in fstab[1:]] == ["/var/lib/lodge/images", "/var/lib/lodge/pools"]
    assert (host.root / "var/lib/lodge/local").is_dir()


def test_caches_are_forgotten_with_another_image_only(host):
    cache = host.root / "var/cache/libvirt/qemu/capabilities"
    render(host)
    cache.mkdir(parents=True)
    render(host)
    assert cache.exists()
    (host.root / "usr/lib/lodge/image-id").write_text("image-2\n")
    render(host)
    assert not cache.exists()


def test_without_a_configuration_it_is_the_installation_medium(host):
    host.config.unlink()
    files = render(host)
    assert list(files) == ["80-live.network"] and "DHCP=yes" in files["80-live.network"]
    assert host.text("etc/hostname") == "lodge-live\n" and host.text("etc/fstab") == ""
    assert os.readlink(host.root / "etc/systemd/system/default.target").endswith("lodge-live.target")


@pytest.mark.parametrize("text", ["{ half", '{"version": 2}', ""])
def test_a_configuration_that_cannot_be_understood_is_said_and_starts_without_it(host, text):
    host.config.write_text(text)
    done = host.run("render")
    assert done.returncode == 1 and "cannot be understood" in done.stderr
    assert host.text("etc/hostname") == "lodge-live\n"


@pytest.mark.parametrize("change, part", [({"network": {"dns": "192.0.2.53"}}, "network"), ({"root": {"ssh_keys": KEY}}, "root"),
                                          ({"time": {"ntp": 5}}, "time"), ({"network": {"nics": "lan0"}}, "network")])
def test_a_wrong_value_costs_its_own_part_only_and_is_said(host, change, part):
    whole = configuration(root={"password_hash": HASH}, admin={"password_hash": HASH})
    whole["network"] |= {"mode": "static", "address": "192.0.2.10/24"}
    host.configure({key: whole.get(key, {}) | change[key] if key in change else value for key, value in (whole | change).items()})
    done = host.run("render")
    assert done.returncode == 1 and f"not made of it: {part}\n" in done.stderr, done.stderr
    assert host.text("run/lodge/not-rendered") == f"{part}\n"
    assert "/var/lib/lodge/local xfs" in host.text("etc/fstab") and host.text("etc/hostname") == "host1\n"
    assert HASH in host.text("etc/shadow")
    assert (host.root / "etc/systemd/network/40-br0.network").exists() == (part != "network")


def test_what_is_put_right_is_no_longer_said_to_be_wrong(host):
    (host.root / "run/lodge").mkdir(parents=True, exist_ok=True)
    (host.root / "run/lodge/not-rendered").write_text("root network\n")
    host.run("apply-network")
    assert host.text("run/lodge/not-rendered") == "root \n"


def test_the_keys_that_restart_a_machine_do_nothing_to_a_host(host):
    render(host)
    assert os.readlink(host.root / "etc/systemd/system/ctrl-alt-del.target") == "/dev/null"
    assert not (host.root / "run/lodge/not-rendered").exists()


def test_wrong_usage_says_what_there_is(host):
    done = host.run("rendr")
    assert done.returncode == 2 and "render-network" in done.stderr
