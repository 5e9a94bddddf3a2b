"""From a command line to a daemon that runs: reads arguments and configuration, says what is wrong with them.

Must import little before the first worker is started: that one imports llama.cpp while this process imports
the rest of the daemon. Called by __main__.py once the process is confined.

Exit status: 0 ended as asked, 1 could not start, 2 bad arguments or configuration.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress

from hobd import log
from hobd.broker import spawning
from hobd.config import Config, to_toml
from hobd.errors import ConfigError, HobError
from hobd.sandbox import enter
from hobd.sandbox.failure import SandboxError
from hobd.starting import Starter, load_config, open_log, parse

EXIT_OK, EXIT_CANNOT_START, EXIT_USAGE = 0, 1, 2


def run(
    argv: list[str],
    confinement: enter.Confinement | None,
    failure: str,
    *,
    is_lacking: bool = False,
    worker: Sequence[str] = spawning.ENGINE_WORKER,
    budget: Mapping[str, int] | None = None,
) -> int:
    """The whole life of a daemon.

    `failure` says why there is no confinement, `is_lacking` that this system could not have one; `worker`
    what Python runs as a worker; `budget` the memory for models, if not as the machine has it.
    """
    arguments = parse(argv)
    starter = Starter(arguments.ready_fd)
    try:
        if arguments.log_file is not None:
            open_log(arguments.log_file)
        config = load_config(arguments)
        if arguments.check_config:
            print("the configuration is good")
            return EXIT_OK
        if arguments.print_config:
            print(to_toml(config), end="")
            return EXIT_OK
        if failure and config.security.sandbox not in ("none", "partial" if is_lacking else "none"):
            raise ConfigError(f"the daemon cannot confine itself: {failure}")
        log.configure(config.daemon.log_level)
        log.catch_tracebacks()
        first = _first_worker(worker, config) if arguments.load is not None else None

        import asyncio

        from hobd.broker.supervisor import PythonSpawner
        from hobd.daemon import Daemon

        spawner = PythonSpawner(sandbox=config.security.sandbox, module=worker, first=first)
        asyncio.run(Daemon(arguments, config, confinement, starter, spawner, budget).serve())
    except ConfigError as error:
        starter.fail(error.message)
        return EXIT_USAGE
    except (HobError, SandboxError) as error:
        starter.fail(str(error))
        return EXIT_CANNOT_START
    return EXIT_OK


def _first_worker(module: Sequence[str], config: Config) -> spawning.Newborn | None:
    """One for the model that is asked for at the start; where it cannot be had, its load will say why."""
    if sys.platform == "win32":
        return None
    with suppress(OSError):
        return spawning.start(module, config.security.sandbox)
    return None
