#!/bin/bash
# base.sh: build/cache/base, the image's packages from Debian, unpacked and configured, and build/cache/firmware, the packages that
# firmware is chosen from. Made anew only when the lists or the mirror have changed; Lodge itself comes on top (root.sh).
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$here/lib.sh"

dist=trixie root=$cache/base stamp=$cache/base.stamp
in_own_mounts "$@"
take_lock "$cache/base.lock"
key=$(cat "$here"/{packages,firmware,users}.list "$here"/{base,bootstrap,accounts,lib}.sh "$cache/apt/$dist/id" | text_hash)
if is_made "$stamp" "$key"; then exit 0; fi
say "packages of the image"
rm -f "$stamp"
SOURCE_DATE_EPOCH=$(source_date_epoch)
export SOURCE_DATE_EPOCH
firmware=$cache/packages/firmware
mkdir -p "$firmware"
firmware_packages=$(sed 's/#.*//' "$here/firmware.list" | xargs)
# Licenses stay: they are a condition of distributing the rest.
"$here/bootstrap.sh" "$dist" "$root" "$cache/packages/base" "$here/packages.list" \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --dpkgopt='path-exclude=/usr/share/man/*' --dpkgopt='path-exclude=/usr/share/info/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --dpkgopt='path-exclude=/usr/share/lintian/*' --dpkgopt=force-confold \
    --essential-hook="'$here/accounts.sh' \"\$1\"" \
    --essential-hook="mkdir -p \"\$1/etc/initramfs-tools\"; echo update_initramfs=no >\"\$1/etc/initramfs-tools/update-initramfs.conf\"" \
    --customize-hook="mkdir \"\$1/firmware\"; cp -l '$firmware'/*.deb \"\$1/firmware/\" 2>/dev/null || true" \
    --customize-hook="cd \"\$1/firmware\" && APT_CONFIG=\"\$MMDEBSTRAP_APT_CONFIG\" apt-get -o APT::Sandbox::User=root download -q $firmware_packages >/dev/null" \
    --customize-hook="rm -f '$firmware'/*.deb; cp -l \"\$1\"/firmware/*.deb '$firmware/'; rm -rf \"\$1/firmware\""
make_stamp "$stamp" "$key"
