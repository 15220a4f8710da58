#!/bin/bash
# mirror.sh DIST: prints the lines of a sources.list for a release of Debian (trixie, bookworm) and asks the mirror whether
# it has something new. build/cache/apt/DIST/id is the state of the mirror as one hash; when the mirror cannot be reached,
# what it said last holds.
#
#   LODGE_MIRROR           the mirror; unless set, the one that this machine's apt uses
#   LODGE_SECURITY_MIRROR  the same for security updates
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=lib.sh source-path=SCRIPTDIR
. "$here/lib.sh"

keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# Of this machine's sources that of its own release, or of the release's security updates ($1 = -security).
machine_mirror() {
    local codename
    # shellcheck source=/dev/null
    codename=$(. /etc/os-release && printf '%s' "${VERSION_CODENAME:-}")
    # shellcheck disable=SC2016 # for apt
    apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' |
        awk -v release="$codename$1" '$2 == release && $3 == "main" && !found++ { print $1 }'
}

sources() {
    local mirror security components
    mirror=${LODGE_MIRROR:-$(machine_mirror '')}
    security=${LODGE_SECURITY_MIRROR:-$(machine_mirror -security)}
    [ -n "$mirror" ] || die "this machine's apt names no mirror of Debian: set LODGE_MIRROR=URL"
    components='main non-free-firmware'
    printf 'deb [signed-by=%s] %s %s %s\n' "$keyring" "$mirror" "$dist" "$components" \
        "$keyring" "$mirror" "$dist-updates" "$components"
    if [ -z "$security" ]; then
        say "this machine's apt names no source of security updates, so they are left out: set LODGE_SECURITY_MIRROR=URL"
    else
        printf 'deb [signed-by=%s] %s %s-security %s\n' "$keyring" "$security" "$dist" "$components"
    fi
}

refresh() {
    local options=(-o Dir::State="$state" -o Dir::Cache="$state/cache" -o Dir::State::status=/dev/null
        -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=/dev/null
        -o Dir::Etc::preferencesparts=/dev/null -o Acquire::Languages=none
        -o Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false -o APT::Architecture=amd64)
    mkdir -p "$state/lists/partial" "$state/cache"
    apt-get "${options[@]}" update -q --error-on=any >"$state/log" 2>&1
}

[ $# -eq 1 ] || { echo "usage: mirror.sh DIST" >&2; exit 2; }
dist=$1 state=$cache/apt/$1
mkdir -p "$state"
take_lock "$state/lock"
sources >"$state/sources.list.new"
mv "$state/sources.list.new" "$state/sources.list"
if refresh; then
    cat "$state/sources.list" "$state"/lists/*InRelease | text_hash >"$state/id"
elif [ -s "$state/id" ]; then
    say "the mirror cannot be asked for news ($(grep -m 1 '^[EW]:' "$state/log" || echo "see $state/log")): going on with what it had"
else
    die "the mirror cannot be reached: $(grep -m 1 '^[EW]:' "$state/log" || tail -n 1 "$state/log")"
fi
cat "$state/sources.list"
