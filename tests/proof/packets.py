"""`python -m tests.proof.packets FOLDER`: a whole session, and what of it reached a network, as JSON.

Must be started in a network namespace of its own, with the prompt on standard input. The folder gets what the
kernel was asked for about sockets. Started by test_packets.py.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path

from tests.proof.outside import LEAKS, Outside, loopback_packets

_USES_AN_ADDRESS = re.compile(r"(connect|bind|sendto|sendmsg|sendmmsg|listen)\(.*sa_family=AF_(INET|PACKET)")
_SOCKET = re.compile(r"socket\(AF_(\w+)[^)]*\) += (-1 \w+|\d+)")


def main(folder: Path) -> None:
    outside = Outside()
    controls = {name: outside.catches(leak) for name, leak in LEAKS.items()}
    num_before, loops_before = len(outside.packets), loopback_packets()
    trace = folder / "trace"
    command = [
        "strace",
        "-f",
        "-qq",
        "--seccomp-bpf",
        "-e",
        "trace=%net",
        "-e",
        "signal=none",
        "-o",
        str(trace),
    ]
    command += ["-o", str(trace), sys.executable, "-m", "tests.proof.session"]
    done = subprocess.run(command, input=sys.stdin.read(), stdout=subprocess.DEVNULL, text=True)
    lines = trace.read_text(errors="replace").splitlines()
    made = [match.groups() for line in lines if (match := _SOCKET.search(line))]
    told = {
        "status": done.returncode,
        "controls": controls,
        "packets": len(outside.packets) - num_before,
        "loopback": loopback_packets() - loops_before,
        "addresses": [line[:200] for line in lines if _USES_AN_ADDRESS.search(line)],
        "inet_sockets": sum(family != "UNIX" for family, _ in made),
        "refused": sum(how.startswith("-1") for family, how in made if family != "UNIX"),
        "unix_sockets": sum(family == "UNIX" for family, _ in made),
    }
    print(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
