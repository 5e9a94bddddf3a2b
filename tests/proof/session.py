"""`python -m tests.proof.session`: a whole day with hob in a minute, through its command line.

Must print the first answer alone, and end with status 1 if a program ends otherwise than it should. Started
inside a proof's walls, with HOME in a place of its own; the prompt comes from standard input.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

HOB = str(Path(sys.executable).with_name("hob"))
MODEL = "smollm2-135m-instruct"


def hob(*arguments: str, stdin: str = "", expected: int = 0) -> str:
    """What it prints. Ends the session if its exit status is another than expected."""
    done = subprocess.run([HOB, *arguments], input=stdin, capture_output=True, text=True, timeout=120)
    if done.returncode != expected:
        sys.exit(f"hob {arguments[0]} ended with {done.returncode}, not {expected}: {done.stderr[-500:]}")
    return done.stdout


def ask(*arguments: str, stdin: str, expected: int = 0) -> str:
    return hob("run", "-m", MODEL, *arguments, stdin=stdin, expected=expected)


def workers() -> list[int]:
    return [resident["worker_pid"] for resident in json.loads(hob("ps", "--json"))["residents"]]


def die_in_mid_answer(prompt: str) -> None:
    """A worker is killed while it answers; its answer goes on in another."""
    answering = subprocess.Popen(
        [HOB, "run", "-m", MODEL, "--max-tokens", "60", "--ignore-eos"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert answering.stdin is not None and answering.stdout is not None
    answering.stdin.write(prompt.encode())
    answering.stdin.close()
    answering.stdout.read(1)
    for pid in workers():
        os.kill(pid, signal.SIGSEGV)
    answering.stdout.read()
    if answering.wait(120):
        sys.exit("an answer did not outlive its worker")


def day(prompt: str) -> None:
    # What nobody ever wrote, so that whoever finds it has found this answer.
    print(ask("--choice", secrets.token_hex(30), stdin=prompt))
    ask("--raw", "--seed", "7", "--max-tokens", "8", "--stats", stdin=prompt)
    ask("--json", "--max-tokens", "4", "--choice", "yes", "--choice", "no", stdin=prompt)
    ask("--json-schema", json.dumps({"const": prompt[:40]}), "--max-tokens", "40", stdin=prompt)
    ask("--max-tokens", "8", stdin=prompt * 3000, expected=4)  # too long
    ask("--regex", f"({prompt[:40]}", stdin=prompt, expected=4)  # no regular expression
    hob("embed", "-m", MODEL, stdin=prompt)
    die_in_mid_answer(prompt)
    for command in ("status", "ps", "models"):
        hob(command)
    hob("stop", MODEL)  # what it computed is sealed
    ask("--max-tokens", "4", stdin=prompt)
    last = json.loads(hob("status", "--json"))["pid"]
    os.kill(last, signal.SIGSEGV)  # a daemon that crashes
    while Path(f"/proc/{last}").exists():
        time.sleep(0.05)
    ask("--max-tokens", "4", stdin=prompt)


def main(prompt: str) -> None:
    try:
        day(prompt)
    finally:
        subprocess.run([HOB, "stop", "--daemon"], capture_output=True)


if __name__ == "__main__":
    main(sys.stdin.read())
