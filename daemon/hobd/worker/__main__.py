"""One model, one process, no rights: `python -I -m hobd.worker`, started by the broker's supervisor.

Must be confined before it imports or reads anything that a model file can influence, and must never
be imported by the owner process. It is born with two descriptors, its wire and its bell; files come over
the wire.
"""

from __future__ import annotations

import os
import sys


def main(argv: list[str]) -> int:
    """Status 0 after a Stop.

    `--wire-fd N [--bell-fd N] --parent PID [--sandbox none|partial|no-file-wall]`
    """
    arguments = dict(zip(argv[::2], argv[1::2], strict=True))
    import socket

    from hobd.sandbox import enter, hygiene

    hygiene.die_with_parent(int(arguments["--parent"]))
    enter.be_private()  # walls or none: what is said to a model is in no core file
    confinement, bell = enter.UNCONFINED, None
    if (wanted := arguments.get("--sandbox")) != "none":
        confinement = enter.enter_worker(
            has_file_wall=wanted != "no-file-wall", is_partial=wanted == "partial"
        )
        from hobd.worker.bell import Bell

        told = arguments.get("--bell-fd")  # where nobody hears of refusals there is none
        bell = Bell(None if told is None else socket.socket(fileno=int(told)), confinement)

    # Both fork, so they come before any thread; and before the engine, so that the children stay small.
    from hobd.worker.darkroom import start_darkroom
    from hobd.worker.template import start_renderer

    renderer, darkroom = start_renderer(bell), start_darkroom(bell)

    from hobd.worker import llama, llama_engine
    from hobd.worker.engine import EngineError
    from hobd.worker.serve import serve

    llama.prepare()
    sock = socket.socket(fileno=int(arguments["--wire-fd"]))
    try:
        serve(
            sock,
            load=llama_engine.load,
            renderer=renderer,
            engine_build=llama.build(),
            confinement=confinement,
            darkroom=darkroom,
            bell=bell,
            foresee=llama_engine.foresee,
        )
    except EngineError as error:
        print(f"hobd.worker: {error}", file=sys.stderr)
        return 70
    except (BrokenPipeError, ConnectionResetError):
        return 0  # the broker went away
    return 0


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stderr.flush()
    # Not sys.exit: the intake thread may be inside native code, and nothing here needs finalizing.
    os._exit(status)
