"""A worker of Windows without llama.cpp: the real walls, the real wire, and an answer by arithmetic.

Says in its answer what the model file begins with, and what became of an attempt to start a program. Dies
where the prompt says so. Started through broker/windows_spawning.py by tests.
"""

from __future__ import annotations

import os
import subprocess
import sys

from hobd.sandbox import enter
from hobd.wire import messages as m
from hobd.wire.attesting import Attested
from hobd.worker.windows_wire import PipeSocket, PipeWire

READY = m.Ready(
    architecture="fake",
    context_tokens=512,
    num_lanes=4,
    total_cells=2048,
    num_threads=1,
    vocabulary=256,
    weights_bytes=1,
    has_template=True,
)


def main(argv: list[str]) -> None:
    arguments = dict(zip(argv[::2], argv[1::2], strict=True))
    enter.be_private()
    confinement = enter.UNCONFINED
    if arguments["--sandbox"] != "none":
        confinement = enter.enter_worker(is_partial=arguments["--sandbox"] == "partial")
    wire = PipeWire(PipeSocket(int(arguments["--wire-handle"])))
    wire.send(m.Hello(m.WIRE_VERSION, "fake engine 1", str(confinement)))
    model = ""
    for message in wire.receive():
        if isinstance(message, m.Load):
            model = os.read(wire.files(message.descriptors).model, 64).decode().strip()
            wire.send(m.Probing())
            wire.send(READY)
        elif isinstance(message, m.Submit):
            answer(wire, message, f"{model}, program {outcome_of_starting()}")
        elif isinstance(message, m.Attest):
            wire.send(Attested(message.id, ()))  # nothing is shown, so nothing holds
        elif isinstance(message, m.Stop):
            return


def answer(wire: PipeWire, message: m.Submit, text: str) -> None:
    if "die" in str(message.prompt.messages if isinstance(message.prompt, m.ChatPrompt) else ""):
        os.abort()
    words = text.split(" ")
    wire.send(m.Admitted(message.id, 4, 0, ""))
    for index, word in enumerate(words):
        said = word if index + 1 == len(words) else f"{word} "
        wire.send(m.Step([message.id], [m.Delta(message.id, said, [], [index])], [], m.Tally()))
    end = m.End(message.id, "eos", "", 4, 0, len(words), 1, 1, 1)
    wire.send(m.Step([], [], [end], m.Tally()))


def outcome_of_starting() -> str:
    try:
        subprocess.run([sys.executable, "-c", ""], check=True, timeout=20, stdin=subprocess.DEVNULL)
    except OSError as error:
        return f"refused ({getattr(error, 'winerror', error.errno)})"
    except subprocess.SubprocessError:
        return "ended"
    return "started"


if __name__ == "__main__":
    main(sys.argv[1:])
    os._exit(0)
