"""From the medium to an answering host, by BIOS, as a CD, without a question."""
import hashlib
import json
import os
import subprocess

import pytest

import stages


def test_a_cd_installs_by_bios_without_a_question_and_leaves_the_other_disk_alone(tmp_path):
    other = tmp_path / "other.raw"
    other.write_bytes(os.urandom(64 << 20))
    before = hashlib.sha256(other.read_bytes()).digest()
    stages.installed(again=True, others=[{"path": str(other), "format": "raw"}])
    assert hashlib.sha256(other.read_bytes()).digest() == before


def test_the_installed_host_starts_by_bios_and_its_api_answers():
    """Saved for the other tests once it is up."""
    def seen(vm):
        assert vm.answers(8443)
        assert vm.api().get("/session").expect(200).json["user"] == "admin"
    stages.booted(again=True, seen=seen)


@pytest.fixture(scope="module")
def facts(host):
    """What several tests ask, in one go."""
    words = {
        "hostname": "hostname -f", "zone": "readlink /etc/localtime", "failed": "systemctl --failed --no-legend --plain",
        "mounts": "findmnt -rn -o TARGET,FSTYPE,OPTIONS", "lvs": "lvs --noheadings -o lv_name,lv_attr", "links": "ip -br link",
        "machine_id": "cat /etc/machine-id", "hostkey": "cat /var/lib/lodge-host/etc/ssh/ssh_host_ed25519_key.pub", "free": "free -b",
        "vg": "vgs --noheadings -o vg_name", "shadow": "cat /etc/shadow", "json": "cat /var/lib/lodge-host/host.json",
        "early": "for u in lodge-cards lodge-kvm; do systemctl show -P ExecMainStatus $u; done",
        "order": "systemctl show -P ActiveEnterTimestampMonotonic systemd-networkd; systemctl show -P InactiveExitTimestampMonotonic systemd-udev-trigger",
        "below": "mkdir /tmp/var; mount --bind /var /tmp/var; lsattr -d /tmp/var/lib/lodge/{local,images,pools} | cut -d' ' -f1; umount /tmp/var",
        "errors": "journalctl -b -p err --no-pager -o cat", "lodge": "journalctl -b -p warning --no-pager -o cat -u lodged -u lodge-gate",
        "log": "stat -c %a /var/log/lodge-installer.log; cat /var/log/lodge-installer.log", "first": "ls /var/lib/lodge/first-password-hash 2>&1",
        "script": "cat /var/lib/first-boot-was-here"}
    script = "".join(f"echo '##{name}'; {command};" for name, command in words.items())
    found = {}
    for part in host.ssh(script, check=False).stdout.split("##")[1:]:
        name, _, text = part.partition("\n")
        found[name] = text.strip()
    return found


def test_the_host_is_what_the_answer_file_says(facts):
    assert facts["hostname"] == "host1.example.org"
    assert facts["zone"].endswith("/Europe/Zurich")
    assert facts["script"] == "once"
    assert "br0" in facts["links"] and "lan0" in facts["links"]
    assert facts["log"].startswith("600") and "grub-install" in facts["log"] and "FAILED" not in facts["log"]


def test_nothing_failed_and_nothing_complains(facts):
    assert facts["failed"] == ""
    assert facts["lodge"] == ""
    known = ("platform regulatory", "Unhandled WRMSR")
    assert [line for line in facts["errors"].splitlines() if not any(k in line for k in known)] == []


def test_cards_and_networkd_go_before_udevs_look_at_all_devices(facts):
    assert facts["early"].split() == ["0", "0"]
    networkd, trigger = map(int, facts["order"].split())
    assert 0 < networkd <= trigger


def test_its_pools_are_ready(facts, host):
    mounts = {line.split()[0]: line.split()[1:] for line in facts["mounts"].splitlines()}
    assert mounts["/var/lib/lodge/local"][0] == "xfs" and "prjquota" in mounts["/var/lib/lodge/local"][1]
    assert mounts["/var/lib/lodge/pools"][0] == "xfs"
    assert ["i" in flags for flags in facts["below"].split()] == [True] * 3, "nothing is written there while the volume is missing"
    volumes = dict(line.split() for line in facts["lvs"].splitlines())
    assert volumes["guests"].startswith("t") and volumes["local"].startswith("-")
    pool = host.api().get("/pools/local").expect(200).json
    assert pool["status"]["size"] > 5 << 30


def test_secrets_are_kept_as_hashes_only_and_the_first_one_is_forgotten(facts):
    assert "correct horse" not in facts["json"] + facts["shadow"] + facts["log"]
    assert "password_hash" not in json.dumps(json.loads(facts["json"]).get("admin", {}))
    assert "No such file" in facts["first"]


def test_an_idle_host_takes_little_memory(facts, figure):
    used = int(facts["free"].splitlines()[1].split()[2]) / 1e6
    figure("memory used by the idle host, without page cache", f"{used:.0f} MB", "<= 400 MB", used <= 400)


def test_the_image_has_no_secret_that_two_installations_could_share(facts):
    """What each makes for itself is neither in the image nor empty on the host."""
    assert len(facts["machine_id"]) == 32 and facts["hostkey"].startswith("ssh-ed25519")
    image = stages.ROOT / "build/image/lodge.squashfs"
    listing = subprocess.run(["unsquashfs", "-l", image], capture_output=True, text=True, check=True).stdout
    secrets = ("/etc/ssh/ssh_host_", "/etc/nvme/host", "/var/lib/systemd/random-seed", "/etc/ssl/private/", "/var/lib/lodge/run/", "/var/lib/lodge/tls/")
    assert [path for path in listing.splitlines() if any(secret in path for secret in secrets)] == []
    assert subprocess.run(["unsquashfs", "-cat", image, "etc/machine-id"], capture_output=True, check=True).stdout == b""
