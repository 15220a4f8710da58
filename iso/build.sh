#!/bin/bash
# build.sh [--output FILE] [ANSWER [FIRST-BOOT]]: build/lodge-VERSION.iso (with an answer file on it, which installs without a question,
# lodge-VERSION-unattended.iso), or FILE, from build/image: starts by BIOS and by UEFI, from CD and from a USB stick, on a screen and on a
# serial port. FIRST-BOOT is the script that the answer's [first-boot] takes from-iso. The same image, files and GRUB give the same bits.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=../image-builder/lib.sh source-path=SCRIPTDIR
. "$here/../image-builder/lib.sh"

begun=$SECONDS
image=$build/image
version=$(sed -n '1s/.*(\(.*\)).*/\1/p' "$tree/debian/changelog")
iso='' stamp=''
if [ "${1:-}" = --output ]; then
    iso=${2:?--output needs a file} stamp=$2.stamp
    shift 2
fi
answer=${1:-} first_boot=${2:-}
# Another name: it installs without a question, and may hold passwords.
: "${iso:=$build/lodge-$version${answer:+-unattended}.iso}" "${stamp:=$image/iso${answer:+-unattended}.stamp}"
SOURCE_DATE_EPOCH=$(source_date_epoch)
export SOURCE_DATE_EPOCH

stage_files() {
    local to=$1
    mkdir -p "$to/lodge" "$to/boot/grub"
    ln "$image"/{lodge.squashfs,vmlinuz,initrd.img,manifest} "$to/lodge/"
    if [ -n "$answer" ]; then install -m 644 "$answer" "$to/lodge/answer.toml"; fi
    if [ -n "$first_boot" ]; then install -m 644 "$first_boot" "$to/lodge/first-boot"; fi
    install -m 644 "$tree/docs/install.md" "$to/install.md"
    (cd "$to/lodge" && sha256sum ./* >../sha256sums && mv ../sha256sums .)
    sed "s/=MEDIUM /=$(text_hash <"$to/lodge/sha256sums") /" "$here/grub.cfg" >"$to/boot/grub/grub.cfg"
}

# The file system that UEFI starts from gets a serial number by chance, unless mformat is told one.
wrap_mformat() {
    local to=$1 serial=$2
    mkdir "$to"
    printf '#!/bin/sh\nexec %s -N %s "$@"\n' "$(command -v mformat)" "$serial" >"$to/mformat"
    chmod 755 "$to/mformat"
}

# All that identifies file systems and partitions comes from the version's date, and that serial number from the content.
assemble() {
    local tree=$1 bin=$2 date serial
    date=$(date --utc --date="@$SOURCE_DATE_EPOCH" +%Y%m%d%H%M%S00)
    serial=$(text_hash <"$tree/lodge/sha256sums" | cut -c 1-8)
    wrap_mformat "$bin" "$serial"
    PATH="$bin:$PATH" grub-mkrescue --output="$iso.new" --locales= --fonts=unicode --themes= \
        "$tree" -- -volid LODGE -volume_date uuid "$date" -volume_date all_file_dates "=$SOURCE_DATE_EPOCH" \
        >"$image/iso.log" 2>&1 || die "the ISO cannot be made: $(tail -n 2 "$image/iso.log")"
    mv "$iso.new" "$iso"
}

# The installer would refuse the answer on each machine.
check_first_boot() {
    local wanted=no
    if [ -n "$answer" ] && grep -qE "^[[:space:]]*source[[:space:]]*=[[:space:]]*[\"']from-iso[\"']" "$answer"; then wanted=yes; fi
    case $wanted:$first_boot in
        yes:) die "$answer takes its script for the first boot from-iso: name that too (make iso ANSWER=$answer FIRST_BOOT=file)" ;;
        no:?*) die "$first_boot would be used by nobody: write [first-boot] source = \"from-iso\" into the answer file" ;;
    esac
}

main() {
    local key scratch
    check_first_boot
    take_lock "$image/lock"
    key=$({ cat "$image/stamp"; hash_of "$here/build.sh" "$here/grub.cfg" "$tree/docs/install.md"; cat "${@:-/dev/null}"; } | text_hash)
    if is_made "$stamp" "$key" && [ -e "$iso" ]; then
        say "$iso is up to date, $(megabytes "$(stat -c %s "$iso")")"
        return 0
    fi
    scratch=$(mktemp -d "$image/iso.XXXXXX")
    # shellcheck disable=SC2064 # the folder of this call
    trap "rm -rf '$scratch'" EXIT
    rm -f "$stamp"
    stage_files "$scratch/tree"
    assemble "$scratch/tree" "$scratch/bin"
    say "$iso: $(megabytes "$(stat -c %s "$iso")") (image $(megabytes "$(stat -c %s "$image/lodge.squashfs")")), made in $((SECONDS - begun)) s"
    make_stamp "$stamp" "$key"
}

main "$@"
