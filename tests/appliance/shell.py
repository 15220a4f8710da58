"""`make appliance-shell`: an installed, started host within seconds, thrown away at the end."""
import subprocess
import sys
import tempfile

import stages
from host import PASSWORD, ssh_key

WORDS = """
  A Lodge host runs in a machine of its own, in software emulation; what you change is gone when this shell ends.

    console   https://127.0.0.1:{https}   user admin, password "{password}"
    ssh       ssh -i {key} -p {ssh} root@127.0.0.1

"""


def main():
    if not sys.stdin.isatty():
        sys.exit("appliance-shell: this needs a terminal")
    print("appliance-shell: getting a host that has just started (the first time it is installed: some minutes)")
    saved = stages.booted()
    with tempfile.TemporaryDirectory(prefix="lodge-appliance-") as folder, saved.start(folder) as vm:
        saved.go_on(vm)
        print(WORDS.format(https=vm.ports[443], ssh=vm.ports[22], password=PASSWORD, key=ssh_key()))
        subprocess.run(["ssh", "-i", ssh_key(), "-p", str(vm.ports[22]), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                        "-o", "LogLevel=ERROR", "root@127.0.0.1"])


main()
