#!/bin/bash
# accounts.sh ROOT: writes the accounts of users.list into a root file system that has only Debian's essential packages,
# before any other package would make its own.
set -euo pipefail
here=$(dirname "$(readlink -f "$0")")
root=$1

while read -r kind name number rest; do
    case $kind in
        group)
            echo "$name:x:$number:" >>"$root/etc/group"
            echo "$name:*::" >>"$root/etc/gshadow"
            ;;
        user)
            read -r group home shell gecos <<<"$rest"
            echo "$name:x:$number:$group:$gecos:$home:$shell" >>"$root/etc/passwd"
            # A locked account whose password never changes; the day is the same in each build.
            echo "$name:!*:20000::::::" >>"$root/etc/shadow"
            ;;
        '' | '#'*) ;;
        *)
            echo "users.list: a line begins with $kind" >&2
            exit 1
            ;;
    esac
done <"$here/users.list"
