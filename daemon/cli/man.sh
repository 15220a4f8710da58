#!/bin/bash
# man.sh LODGE: the manual page lodge(1), on standard output, from what `lodge help` says about each noun and verb.
set -euo pipefail

lodge=$1

roff() { sed -e 's/\\/\\e/g' -e "s/^[.']/\\\\\&&/" -e 's/-/\\-/g'; }
preformatted() { printf '.nf\n'; roff; printf '.fi\n'; }

# The indented words below a heading of a help text: its nouns, or its verbs.
names_below() { awk -v heading="$1" '$0 == heading { on = 1; next } on && !/^  / { exit } on { print $1 }'; }

main() {
    local noun verb
    printf '.TH LODGE 1 "" "%s" "Lodge"\n.SH NAME\nlodge \\- manages the guests, storage and networks of a Lodge host\n' \
        "$("$lodge" --version)"
    printf '.SH DESCRIPTION\n'
    "$lodge" help | preformatted
    for noun in $("$lodge" help | names_below Nouns:); do
        printf '.SH "LODGE %s"\n' "${noun^^}"
        "$lodge" help "$noun" | preformatted
        for verb in $("$lodge" help "$noun" | names_below Verbs:); do
            printf '.SS "lodge %s %s"\n' "$noun" "$verb"
            "$lodge" help "$noun" "$verb" | preformatted
        done
    done
    printf '.SH "SEE ALSO"\n.BR lodged (8),\n.BR lodge\\-gate (8)\n'
}

main
