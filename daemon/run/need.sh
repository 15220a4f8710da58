#!/bin/bash
# need.sh GROUP...: make sure that what a part of the build uses is on this Debian machine (12 or 13).
#
# Groups: build run test lint fuzz bench image appliance. Silent and fast when nothing is missing. Otherwise it says which packages
# it installs and for what, asks sudo where it is not root, and installs them without starting or enabling a service:
# installing what `make run` needs must not change what the machine does.
set -euo pipefail
export LC_ALL=C.UTF-8 # what apt says is read
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

groups_known="build run test lint fuzz bench image appliance"

# One row a need: groups | how to see that it is there | packages, the first that apt knows | what for.
#   cmd:NAME   a command, wherever it comes from        pc:MODULE   a pkg-config module
#   file:GLOB  a file (a Python module, a plug-in, data that no command stands for)
needs() {
    cat <<'ROWS'
build,bench | cmd:gcc | gcc | the C compiler
build,bench | file:/usr/include/stdio.h | libc6-dev | the C library's headers
build,lint | cmd:make | make | the build
build,lint | cmd:pkg-config | pkgconf pkg-config | finding the libraries
build,lint,fuzz | pc:libvirt | libvirt-dev | virtual machines
build,lint,fuzz | pc:lxc | lxc-dev liblxc-dev | system containers
build,lint,fuzz | pc:libmicrohttpd | libmicrohttpd-dev | HTTP in the gate
build,lint,fuzz | file:/usr/include/wslay/wslay.h | libwslay-dev | WebSockets in the gate
build,lint,fuzz | pc:gnutls | libgnutls28-dev | TLS in the gate
build,lint,fuzz | pc:jansson | libjansson-dev | JSON
build,lint,fuzz | pc:sqlite3 | libsqlite3-dev | the registry
build,lint,fuzz | pc:libxml-2.0 | libxml2-dev | libvirt's documents
build,lint,fuzz | pc:libnl-route-3.0 | libnl-route-3-dev | links and bridges
build,lint,fuzz | pc:libnftables | libnftables-dev | firewall and address translation
build,lint,fuzz | pc:libcurl | libcurl4-gnutls-dev | downloads of images, the command line
build,lint,fuzz | pc:libcrypt | libcrypt-dev | password hashes
build,lint,fuzz | pc:libseccomp | libseccomp-dev | system call filters
build,lint,fuzz | pc:libnewt | libnewt-dev | text screens of the installer
build,lint,fuzz | pc:libarchive | libarchive-dev | container archives
build | cmd:node | nodejs | building the console
build | cmd:npm | npm | the console's libraries
build,lint,fuzz | pc:libzstd | libzstd-dev | compressed images
run,test,bench | cmd:libvirtd | libvirt-daemon | virtual machines
run,test,bench | file:/usr/lib/*/libvirt/connection-driver/libvirt_driver_qemu.so | libvirt-daemon-driver-qemu | virtual machines
run,test,bench | file:/usr/lib/*/libvirt/connection-driver/libvirt_driver_nodedev.so | libvirt-daemon-driver-nodedev libvirt-daemon | host devices
run,test,bench | file:/usr/lib/*/libvirt/connection-driver/libvirt_driver_storage.so | libvirt-daemon-driver-storage libvirt-daemon | migration with disks
run,test,bench,appliance | cmd:qemu-system-x86_64 | qemu-system-x86 | virtual machines
run,test,bench,appliance | cmd:qemu-img | qemu-utils | disk images
run,test,appliance | file:/usr/share/OVMF/OVMF_CODE*.fd | ovmf | UEFI firmware for guests
run,test,bench | file:/usr/lib/*/liblxc.so.1 | liblxc1t64 liblxc1 | system containers
run,test,bench | file:/usr/share/lxc/config/common.seccomp | liblxc-common | system containers
run,test,bench | cmd:dnsmasq | dnsmasq-base | addresses for guests
run,test,bench | cmd:ip | iproute2 | links and bridges
run,test,bench | cmd:nft | nftables | firewall and address translation
run,test,bench | cmd:tini | tini | a first process that reaps, for the sandbox of `make run`
run,test,bench | cmd:unshare | util-linux | the sandbox of `make run`
run,test,bench,appliance | cmd:mke2fs | e2fsprogs | starter images: file systems
run,test,bench,image,appliance | cmd:mcopy | mtools | starter images: the EFI partition
run,test,bench,image,appliance | cmd:mkfs.vfat | dosfstools | starter images: the EFI partition
run,test,bench | cmd:sgdisk | gdisk | starter images: partitions
run,test,bench,image | cmd:grub-mkimage | grub-common | starter images: the boot loader
run,test,bench,image | file:/usr/lib/grub/i386-pc/boot.img | grub-pc-bin | starter images: the boot loader for BIOS
run,test,bench,image | file:/usr/lib/grub/x86_64-efi/linux.mod | grub-efi-amd64-bin | starter images: the boot loader for UEFI
run,test,bench | cmd:depmod | kmod | starter images: kernel modules
run,test,bench,image | cmd:cpio | cpio | starter images: the initial file system
run,test,bench | cmd:xz | xz-utils | starter images: kernel modules
run,test,bench,image | cmd:zstd | zstd | starter images: compression
test | pc:cmocka | libcmocka-dev | unit tests
test | file:/usr/bin/python3 | python3 | system tests
test,appliance | file:/usr/lib/python3/dist-packages/pytest | python3-pytest | system tests
test | file:/usr/lib/python3/dist-packages/jsonschema | python3-jsonschema | checking the OpenAPI document
test,appliance | file:/usr/lib/python3/dist-packages/pyte | python3-pyte | the installer's screens in a terminal emulator
test,appliance | cmd:openssl | openssl | certificates in tests
test | cmd:chromium | chromium | the console in a browser
test,bench | cmd:virsh | libvirt-clients | looking at libvirt from outside, in tests
run,test | cmd:curl | curl | asking whether the API answers, and trying it by hand
lint,fuzz | cmd:clang | clang | the second compiler
lint | cmd:clang-format | clang-format | code style
lint | cmd:clang-tidy | clang-tidy | static analysis
lint | cmd:cppcheck | cppcheck | static analysis
lint | cmd:shellcheck | shellcheck | shell scripts
lint,test | cmd:git | git | knowing which files belong to the project
fuzz | file:/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a | libclang-rt-dev libclang-rt-14-dev | libFuzzer and sanitizers
image | cmd:mmdebstrap | mmdebstrap | root file systems from Debian packages
image | file:/usr/share/keyrings/debian-archive-keyring.gpg | debian-archive-keyring | checking the mirror's signatures
image,appliance | cmd:mksquashfs | squashfs-tools | the host system's image
image,appliance | cmd:xorriso | xorriso | the ISO
image | cmd:grub-mkrescue | grub-common | the ISO
image | cmd:unshare | util-linux | mounts that end with the build
appliance | cmd:ssh | openssh-client | shells in the appliance's tests
bench | cmd:wrk | wrk | load for the HTTP figures
bench | cmd:lxc-start | lxc | the baseline for container starts
ROWS
}

# Units of the packages above which, freshly installed, would run at the next boot of the machine.
units_kept_off='^(libvirt|virtlo|virtqemu|virtnet|virtstorage|virtnodedev|virtsecret|virtinterface|virtproxy|virtnwfilter|virt-guest|lxc)'

say() { printf '%s\n' "need: $*" >&2; }
die() { say "$*"; exit 1; }

is_there() {
    local kind=${1%%:*} what=${1#*:}
    case $kind in
        cmd) command -v "$what" >/dev/null ;;
        pc) pkg-config --exists "$what" 2>/dev/null ;;
        file) compgen -G "$what" >/dev/null ;;
        *) die "the table of needs has a row of unknown kind: $1" ;;
    esac
}

trimmed() { local text=$1; text=${text#"${text%%[![:space:]]*}"}; printf -v "$2" '%s' "${text%"${text##*[![:space:]]}"}"; }

# Prints the rows of the wanted groups that are not there, as TEST|PACKAGES|WHY.
missing_rows() {
    local wanted=" $* " row_groups row_test packages why group modules=() rows=() row
    while IFS='|' read -r row_groups row_test packages why; do
        trimmed "$row_groups" row_groups; trimmed "$row_test" row_test; trimmed "$packages" packages; trimmed "$why" why
        for group in ${row_groups//,/ }; do
            [[ $wanted == *" $group "* ]] || continue
            rows+=("$row_test|$packages|$why")
            [[ $row_test == pc:* ]] && modules+=("${row_test#pc:}")
            break
        done
    done < <(needs)
    # One question for all libraries; only when the answer is no are they asked for one by one.
    local all_modules=no
    if [ ${#modules[@]} -eq 0 ] || pkg-config --exists "${modules[@]}" 2>/dev/null; then all_modules=yes; fi
    for row in "${rows[@]}"; do
        [[ $row == pc:* && $all_modules == yes ]] && continue
        is_there "${row%%|*}" || printf '%s\n' "$row"
    done
}

# The first of the packages that this Debian release has.
package_known() {
    local package candidate
    for package in "$@"; do
        candidate=$(apt-cache policy "$package" 2>/dev/null | sed -n 's/^ *Candidate: //p')
        if [ -n "$candidate" ] && [ "$candidate" != "(none)" ]; then printf '%s\n' "$package"; return 0; fi
    done
    return 1
}

enabled_links() { find /etc/systemd/system -type l -printf '%f\n' 2>/dev/null | sort -u; }

# Runs as root in a mount namespace of its own, where policy-rc.d (what maintainer scripts ask before they start a
# service) answers: only what runs already. Outside of this namespace the machine keeps the policy it has.
install_in_namespace() {
    local policy=/usr/sbin/policy-rc.d placed=no scratch before
    scratch=$(mktemp -d)
    # shellcheck disable=SC2064 # the folder of this call
    trap "rm -rf '$scratch'" EXIT
    cat >"$scratch/policy" <<'POLICY'
#!/bin/sh
while [ "${1#--}" != "$1" ]; do shift; done
[ -d /run/systemd/system ] && systemctl is-active --quiet "$1" 2>/dev/null && exit 0
exit 101
POLICY
    chmod 755 "$scratch/policy"
    # The mount needs a file to lie on. Empty and not executable it means nothing, should it ever stay behind.
    if [ ! -e "$policy" ]; then : >"$policy"; placed=yes; fi
    mount --bind "$scratch/policy" "$policy"
    before=$(enabled_links)
    local status=0
    DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends --no-remove \
        -o Dpkg::Use-Pty=0 -- "$@" >&2 || status=$?
    umount "$policy"
    if [ "$placed" = yes ] && [ ! -s "$policy" ]; then rm -f "$policy"; fi
    keep_services_off "$before"
    return "$status"
}

# Disables the services that were enabled only because their package came just now.
keep_services_off() {
    local before=$1 unit
    command -v systemctl >/dev/null || return 0
    comm -13 <(printf '%s\n' "$before") <(enabled_links) | { grep -E "$units_kept_off" || true; } | while read -r unit; do
        systemctl disable "$unit" >/dev/null 2>&1 || say "cannot disable $unit: it will start at the next boot"
    done
}

as_root=()
become_root() {
    [ "$(id -u)" -ne 0 ] || return 0
    command -v sudo >/dev/null || die "not root, and there is no sudo. As root run: apt-get install $*"
    as_root=(sudo)
}

install_packages() {
    local self
    self=$(readlink -f "$0")
    if "${as_root[@]}" unshare --mount --propagation private true 2>/dev/null; then
        "${as_root[@]}" unshare --mount --propagation private "$self" --install-in-namespace "$@"
    else # a container that allows no mounts has no services to guard either
        "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 \
            apt-get install -y -q --no-install-recommends --no-remove -- "$@" >&2
    fi
}

install_missing() {
    local missing=$1 row packages why package chosen=() unknown=() all=()
    command -v apt-get >/dev/null || die "this machine has no apt-get, and these are missing: $(cut -d'|' -f2 <<<"$missing" | tr '\n' ' ')"
    while IFS='|' read -r row packages why; do all+=("${packages%% *}"); done <<<"$missing"
    become_root "${all[@]}"
    say "refreshing the package lists"
    "${as_root[@]}" apt-get update -q >/dev/null || say "the package lists could not all be refreshed; going on with those that are there"
    say "installing what is missing for ${*:2}:"
    while IFS='|' read -r row packages why; do
        # shellcheck disable=SC2086 # alternatives, separated by spaces
        if package=$(package_known $packages); then
            chosen+=("$package")
            printf '    %-28s %s (%s)\n' "$package" "$why" "${row#*:}" >&2
        else
            unknown+=("$packages")
        fi
    done <<<"$missing"
    [ ${#unknown[@]} -eq 0 ] || die "apt knows no package for: ${unknown[*]}. Lodge is built on Debian 12 or 13 (main)."
    install_packages "${chosen[@]}" || die "apt-get could not install them; its message above says why"
}

main() {
    local group rows
    [ $# -gt 0 ] || die "usage: need.sh GROUP... with groups of: $groups_known"
    for group in "$@"; do
        [[ " $groups_known " == *" $group "* ]] || die "no group '$group'; there are: $groups_known"
    done
    rows=$(missing_rows "$@")
    [ -n "$rows" ] || return 0
    install_missing "$rows" "$@"
    rows=$(missing_rows "$@")
    [ -z "$rows" ] || die "installed, and still not there: $(cut -d'|' -f1 <<<"$rows" | tr '\n' ' ')"
}

if [ "${1:-}" = --install-in-namespace ]; then
    shift
    install_in_namespace "$@"
else
    main "$@"
fi
