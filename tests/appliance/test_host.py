"""What an installed host does: guests, storage, networks, the watchdog, a full disk, a power cut. In this order, on one machine."""
import time

from host import Host
import stages
from machine import PATIENCE, TimedOut

CONTAINER = {"type": "container", "memory": "128MiB", "disks": [{"name": "root", "image": "tiny-container"}], "nics": [{"name": "eth0"}]}
VM = {"type": "vm", "memory": "256MiB", "disks": [{"name": "root", "image": "tiny-vm"}], "nics": [{"name": "eth0"}]}


def wait(what, condition, timeout_s):
    deadline = time.monotonic() + timeout_s * PATIENCE
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimedOut(f"{what} did not come within {timeout_s} s")
        time.sleep(0.5)
    return value


def running(api, name):
    status = api.get(f"/guests/{name}").expect(200).json["status"]
    return status if status["state"] == "running" and status["addresses"] else None


def created(host, name, spec):
    """A guest, made and started."""
    api = host.api()
    task = api.finished(api.put(f"/guests/{name}?start=true", {"spec": spec}), 240 * PATIENCE)
    assert task["status"]["state"] == "succeeded", task["status"]


def beat(host, name):
    """What the guest's web server says, once it has an address."""
    status = running(host.api(), name)
    return status and host.ssh(f"curl -s --max-time 5 http://{status['addresses'][0]}/beat", check=False).stdout.strip()


def test_a_container_runs_and_answers(host):
    created(host, "c1", CONTAINER)
    assert wait("a beat of c1", lambda: beat(host, "c1"), 120)


def test_a_virtual_machine_runs_under_kvm_as_no_ones_root_and_answers(host):
    created(host, "v1", VM)
    qemu = host.ssh("ps -C qemu-system-x86_64 -o user:20,args --no-headers")
    assert "-accel kvm" in qemu and qemu.startswith("libvirt-qemu"), (qemu, host.api().get("/nodes").json)
    assert wait("a beat of v1", lambda: beat(host, "v1"), 240)
    assert "libvirt-" in host.ssh("cat /proc/$(pgrep -o qemu-system)/attr/current"), "AppArmor confines it"


def test_when_memory_runs_out_guests_end_and_not_lodged(host):
    scores = "cat $(pgrep -f '{}' | sed 's|.*|/proc/&/oom_score_adj|')"
    assert host.ssh(scores.format("^/usr/lib/lodge/lodged")).split() == ["-900"]
    assert set(host.ssh(scores.format("[q]emu-system|[l]odge-ct|[d]nsmasq")).split()) == {"0"}


def test_restarting_the_daemons_touches_no_guest(host):
    before = host.ssh("pgrep -o qemu-system; cat /sys/class/net/lodge0/ifindex; pgrep -f '[l]odge-ct'")
    host.ssh("systemctl restart libvirtd lodged lodge-gate && lodge node list -o name", timeout_s=120)  # who is started, answers
    wait("the API", host.answers, 60)
    assert host.ssh("pgrep -o qemu-system; cat /sys/class/net/lodge0/ifindex; pgrep -f '[l]odge-ct'") == before
    host._api = None
    assert wait("both guests", lambda: running(host.api(), "c1") and running(host.api(), "v1"), 60)


def test_the_thin_pool_makes_volumes_and_snapshots(host):
    host.ssh("""set -e; vg=$(vgs --noheadings -o vg_name | tr -d ' ')
        lvcreate -q -V 1G -T $vg/guests -n t1; mkfs.ext4 -q /dev/$vg/t1; mount /dev/$vg/t1 /mnt; echo before >/mnt/f; umount /mnt
        lvcreate -q -s -n t2 $vg/t1; mount /dev/$vg/t1 /mnt; echo after >/mnt/f; umount /mnt
        lvchange -q -K -ay $vg/t2; mount -o ro /dev/$vg/t2 /mnt; grep -q before /mnt/f; umount /mnt
        fstrim --version >/dev/null; lvremove -q -y $vg/t1 $vg/t2""", 120)


NAMESPACES = """set -e
for n in a b c; do ip netns add $n; ip link add v$n type veth peer name e$n; ip link set e$n netns $n; ip link set v$n up
    ip -n $n link set e$n up; done
ip -n a addr add 192.0.2.1/24 dev ea; ip -n b addr add 192.0.2.2/24 dev eb; ip -n c addr add 192.0.2.3/24 dev ec
"""
CLEAN = "for n in a b c; do ip netns del $n; done; "
PINGS = """nsenter --net=/run/netns/a ping -q -c 2 -W 5 192.0.2.2
! nsenter --net=/run/netns/a ping -q -c 1 -W 2 192.0.2.3"""


def test_open_vswitch_forwards_in_the_kernel_and_keeps_vlans_apart(host):
    host.ssh(NAMESPACES + f"""systemctl start openvswitch-switch
        ovs-vsctl add-br ovs0 -- add-port ovs0 va tag=10 -- add-port ovs0 vb tag=10 -- add-port ovs0 vc tag=20
        {PINGS}
        ovs-dpctl dump-flows | grep -q eth; ovs-vsctl del-br ovs0; systemctl stop openvswitch-switch; {CLEAN}""", 180)


def test_a_bridge_filters_vlans(host):
    host.ssh(NAMESPACES + f"""ip link add vb0 type bridge vlan_filtering 1 vlan_default_pvid 0; ip link set vb0 up
        for n in a b c; do ip link set v$n master vb0; done
        bridge vlan add dev va vid 10 pvid untagged; bridge vlan add dev vb vid 10 pvid untagged; bridge vlan add dev vc vid 20 pvid untagged
        {PINGS}
        ip link del vb0; {CLEAN}""", 120)


def test_a_full_state_file_system_is_told_and_the_api_answers(host):
    """Reads, and says so in an alarm; what was made before goes on."""
    host.ssh("fallocate -l $(($(df -B1 --output=avail /var | tail -1) - 65536)) /var/filler; "
             "dd if=/dev/zero of=/var/filler2 bs=4k 2>/dev/null; true", 180)
    try:
        assert host.answers()
        host._api = None
        api = host.api()
        assert running(api, "c1")
        refused = api.put("/networks/full", {"spec": {"kind": "isolated"}})
        assert refused.status == 507, refused
        assert "full" in refused.json["detail"] and refused.json["hint"], refused
    finally:
        host.ssh("rm -f /var/filler /var/filler2")
    api.put("/networks/full", {"spec": {"kind": "isolated"}}).expect(200, 201, 202)


# As an update will: the system into the other slot, which is tried once.
FILL_SLOT_B = """set -e; cat /dev/disk/by-partlabel/lodge-*-a >/dev/disk/by-partlabel/lodge-*-b; mount /dev/disk/by-partlabel/lodge-*-esp /mnt
cp /mnt/lodge/a/* /mnt/lodge/b/; grub-editenv /mnt/grub/grubenv set lodge_try=b; umount /mnt; sync"""
SLOTS = "mount -o ro /dev/disk/by-partlabel/lodge-*-esp /mnt; grub-editenv /mnt/grub/grubenv list; umount /mnt; cat /proc/cmdline"


def test_guests_come_back_after_a_power_cut_also_in_the_other_slot(host):
    """This machine's plug is pulled, and it is started again."""
    host.ssh(FILL_SLOT_B, 120)  # with a sync at its end: the test's disk promises nothing about what was just written (cache=unsafe)
    host.kill()
    with Host(host.disks) as vm:
        vm.wait_for_api(stages.BOOT_S)
        assert wait("the container", lambda: running(vm.api(), "c1"), 120)
        assert vm.ssh("grep -l ' /proc/meminfo fuse.lxcfs' /proc/[0-9]*/mounts | wc -l").strip() != "0"
        assert wait("a beat of the virtual machine", lambda: beat(vm, "v1"), 240)
        said = vm.ssh(SLOTS).splitlines()
        assert "lodge_slot=a" in said and "lodge_try=" in said and "lodge.slot=b" in said[-1].split(), said
        guests_shut_down_in_order_with_the_host(vm)


# Stopped behind lodge-guests, while libvirtd still runs: says on the serial port how the guests ended.
WITNESS = """cat >/run/witness.sh <<'END'
{ echo; echo "running: $(pgrep -fc '[q]emu-system|[l]odge-ct')"; tail -qn 2 /var/log/libvirt/qemu/*.log; echo "the witness has spoken"; } >/dev/ttyS0
END
systemd-run -q --unit=witness -p RemainAfterExit=yes -p Before=lodge-guests.service -p After=libvirtd.service \\
    -p ExecStop='/bin/sh /run/witness.sh' true"""


def guests_shut_down_in_order_with_the_host(vm):
    """Asked to by Lodge, before systemd ends what is left of them. libvirtd ends the QEMU of a guest that has switched itself off."""
    vm.ssh(f"{WITNESS}; systemctl poweroff", check=False)
    vm.wait_for("the witness has spoken", 150)
    said = vm.tail(4000)
    assert "running: 0" in said and "reason=shutdown" in said and "from pid 1 " not in said, said
    vm.wait_end(60)


def test_the_watchdog_resets_a_host_that_hangs(tmp_path):
    with stages.booted().start(tmp_path) as vm:
        stages.Saved.go_on(vm)
        vm.ssh("modprobe softdog soft_margin=5; dog=$(grep -l 'Software Watchdog' /sys/class/watchdog/*/identity | cut -d/ -f5); "
               "systemd-run -q sh -c \"exec 3>/dev/$dog; echo x >&3; sleep 1000\"")
        assert wait("a reset", lambda: vm.event("RESET"), 60)
