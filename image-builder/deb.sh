#!/bin/bash
# deb.sh DIST: build/deb/DIST/lodge_VERSION_amd64.deb, Lodge's package for a release of Debian. The web console and the
# starter images in it come from this machine's build, and work with every release.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$here/lib.sh"

# What the package is made of. Documents and tests outside these do not build it anew.
sources() { (cd "$tree" && find Makefile LICENSE README.md daemon storage iso docs/*.md docs/man debian webui/module.mk tests/module.mk image-builder/module.mk -type f | sort); }

# Anew each time, with all that is compiled of them: what is left of other sources would not always be seen.
copy_sources() {
    rm -rf "$1"
    mkdir -p "$1/build/images"
    (cd "$tree" && sources | tar --create --files-from=- --file=-) | tar --extract --directory="$1" --file=-
    cp -r "$build/webui" "$1/build/webui"
    cp "$build"/images/tiny-* "$1/build/images/"
}

main() {
    local root=$cache/buildroot-$dist out=$build/deb/$dist key version
    key=$(
        {
            cat "$cache/buildroot-$dist.stamp"
            (cd "$tree" && sources | xargs -d '\n' sha256sum)
            hash_of "$build/webui"
            sha256sum <"$build/images/tiny-vm.qcow2"
            sha256sum <"$build/images/tiny-container.tar.zst"
            sha256sum <"$0"
        } | text_hash
    )
    if is_made "$out/stamp" "$key"; then return 0; fi
    say "package for $dist"
    rm -f "$out/stamp"
    mkdir -p "$out"
    copy_sources "$root/build/lodge"
    enter "$root" sh -c 'cd /build/lodge && rm -f ../*.deb ../*.buildinfo ../*.changes && DEB_BUILD_OPTIONS="noautodbgsym nocheck" dpkg-buildpackage -b -us -uc -d >../log 2>&1' ||
        { grep -E 'error|warning' "$root/build/log" | head -40 >&2; die "the package cannot be built: $root/build/log says why"; }
    # What the image has beside the package: the installer.
    enter "$root" sh -c 'cd /build/lodge && LODGE_WEBUI=built make --no-print-directory need-build= image-programs >>../log 2>&1' ||
        { grep -E 'error|warning' "$root/build/log" | head -40 >&2; die "the installer cannot be built: $root/build/log says why"; }
    rm -rf "$out/programs"
    mkdir "$out/programs"
    cp -r "$root/build/lodge/build/image-programs/." "$out/programs/"
    version=$(sed -n '1s/.*(\(.*\)).*/\1/p' "$tree/debian/changelog")
    rm -f "$out"/*.deb
    mv "$root/build/lodge_${version}_amd64.deb" "$out/"
    say "$out/lodge_${version}_amd64.deb, $(megabytes "$(stat -c %s "$out/lodge_${version}_amd64.deb")")"
    make_stamp "$out/stamp" "$key"
}

[ $# -eq 1 ] || { echo "usage: deb.sh DIST" >&2; exit 2; }
dist=$1
in_own_mounts "$@"
SOURCE_DATE_EPOCH=$(source_date_epoch)
take_lock "$cache/buildroot.lock"
main
