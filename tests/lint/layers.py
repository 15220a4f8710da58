#!/usr/bin/python3
"""layers.py [ROOT]: checks that includes point downward only (docs/architecture.md, "The house").

Each row of ALLOWED: a folder of the C code, and what its files may include besides their own: other folders, or single
headers of them where only these are the seam.
"""

import re
import sys
from pathlib import Path

# What core sees of drivers, and all that drivers see of each other.
SEAMS = "guest/guest_ops.h guest/ids.h network/net_ops.h storage/storage_ops.h registry/replica_ops.h cluster/fence_ops.h"
# The descriptive half of the tables: what a route or a field is, without what it does.
DESCRIPTIONS = "api/routes.def api/routes.h schema"

ALLOWED = {
    "base": "",
    "wire": "base",
    "schema": "base",
    "registry": f"base wire schema {SEAMS}",
    "guest": f"base wire schema helpers {SEAMS}",
    "network": f"base wire schema helpers {SEAMS}",
    "storage": f"base wire schema helpers {SEAMS}",
    "cluster": f"base wire schema {SEAMS}",
    "auth": "base wire schema registry/registry.h registry/sql.h",
    "core": f"base wire schema auth registry/registry.h {SEAMS}",
    "api": "base wire schema auth core registry/registry.h",
    "gate": f"base wire {DESCRIPTIONS}",
    "cli": f"base wire {DESCRIPTIONS}",
    # One short-lived program each. What a driver calls to start one stands there too and knows only base.
    "helpers": "base wire schema",
    # The installer shares nothing with the daemon but the base; the host's own screen asks lodged as the command line does.
    "iso": "base wire cli/client.h",
}
# The wiring: the files directly in daemon/. Tests include what they test.
FREE = {"daemon", "tests"}

INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def folder_of(path):
    """daemon/base/x.c -> base, storage/x.c -> storage, daemon/main.c -> daemon."""
    if path.parts[0] == "daemon":
        return path.parts[1] if len(path.parts) > 2 else "daemon"
    return path.parts[0]


def violations(root):
    files = sorted(file for top in ("daemon", "storage", "cluster", "iso", "tests") for file in (root / top).rglob("*")
                   if file.suffix in (".c", ".h", ".def") and "planted" not in file.relative_to(root).parts)
    for file in files:
        path = file.relative_to(root)
        own = folder_of(path)
        if own in FREE:
            continue
        if own not in ALLOWED:
            yield f"{path}: the folder {own} has no row in tests/lint/layers.py"
            continue
        allowed = ALLOWED[own].split()
        text = file.read_text()
        for found in INCLUDE.finditer(text):
            included = found[1]
            target = included.split("/")[0] if "/" in included else own
            if target == own or target in allowed or included in allowed:
                continue
            line = text.count("\n", 0, found.start()) + 1
            yield f"{path}:{line}: {own} must not include {included} (it may: {', '.join(allowed) or 'nothing'})"


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
    found = list(violations(root))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
