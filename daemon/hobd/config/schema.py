"""Every setting there is: its type, its range, its default and what it means, each said once.

Must stay declarations: no reading, no writing.
Used by the rest of this folder; the values by main.py.
"""

import os
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from hob import address
from msgspec import Meta

from hobd.config.doors import DoorSettings

# Not `from __future__ import annotations`: keys.py reads the types, and as text they would cost an eval each.


class Section(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One table of the file."""


class Daemon(Section, frozen=True, kw_only=True):
    """The daemon as a whole."""

    drain_timeout_seconds: Annotated[
        int, Meta(ge=0, le=86400, description="How long requests under way may go on once hobd is to end.")
    ] = 30
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="The least that is logged. No level logs text of prompts or answers."),
    ] = "info"
    max_sessions: Annotated[
        int,
        Meta(ge=1, le=65536, description="Requests under way at once; one more is told that hobd is busy."),
    ] = 256
    idle_exit_seconds: Annotated[
        int, Meta(ge=0, le=31536000, description="End after so long without a request. 0: never.")
    ] = 0


class Models(Section, frozen=True, kw_only=True):
    """Which models there are, and how long they stay in memory."""

    dir: Annotated[
        str,
        Meta(
            description="Where they lie: an absolute path, or one below ~. Empty: the user's data directory."
        ),
    ] = ""
    default: Annotated[
        str, Meta(description="The model for requests that name none. Empty: such requests are refused.")
    ] = ""
    max_resident: Annotated[
        int,
        Meta(ge=0, le=1024, description="Models in memory at once, however small. 0: as many as fit."),
    ] = 0
    idle_ttl_seconds: Annotated[
        int,
        Meta(
            ge=0,
            le=31536000,
            description="A model unused for so long leaves memory. 0: it stays until its room is needed.",
        ),
    ] = 1800
    room_wait_seconds: Annotated[
        int,
        Meta(
            ge=0,
            le=86400,
            description="How long a request waits for memory that others use. 0: it is refused at once.",
        ),
    ] = 300
    verify: Annotated[
        Literal["cached", "always", "off"],
        Meta(description="When a file's digest is compared: after it changed, at every load, or never."),
    ] = "cached"

    def directory(self) -> Path:
        return Path(os.path.expanduser(self.dir)) if self.dir else address.data_dir() / "models"


class Engine(Section, frozen=True, kw_only=True):
    """How a model is run. Read when a model is loaded."""

    threads: Annotated[
        int, Meta(ge=0, le=1024, description="Threads that compute. 0: chosen for this machine.")
    ] = 0
    context_tokens: Annotated[
        int,
        Meta(
            ge=0,
            le=16777216,
            description="The longest one sequence can get. 0: the model's own, at most 8192.",
        ),
    ] = 0
    lanes: Annotated[int, Meta(ge=1, le=256, description="Sequences that decode together.")] = 16
    batch_tokens: Annotated[
        int,
        Meta(
            ge=32, le=8192, description="Tokens of prompts computed in one step; more delays other answers."
        ),
    ] = 512
    kv_cells: Annotated[
        int, Meta(ge=0, le=67108864, description="Tokens that all sequences hold together. 0: chosen.")
    ] = 0
    kv_type: Annotated[
        Literal["f16", "q8_0"],
        Meta(description="What a cell of the KV cache is written as. q8_0 takes half the room, and rounds."),
    ] = "f16"
    gpu_layers: Annotated[
        int,
        Meta(ge=0, le=65536, description="Layers that go to GPUs, where there are any; 9999: all of them."),
    ] = 9999
    speculation: Annotated[
        Literal["auto", "off"],
        Meta(
            description="auto: tokens are guessed ahead where that makes answers faster. Never changes one."
        ),
    ] = "auto"
    stash_mb: Annotated[
        int,
        Meta(
            ge=0,
            le=1 << 20,
            description="Megabytes beside the KV cache for prefixes that may be wanted again. 0: none.",
        ),
    ] = 512
    spare_worker: Annotated[
        bool,
        Meta(description="Keep a worker without a model started, so that the next model loads sooner."),
    ] = True
    load_timeout_seconds: Annotated[
        int, Meta(ge=1, le=86400, description="A model that takes longer to load is given up.")
    ] = 600
    step_timeout_seconds: Annotated[
        int,
        Meta(
            ge=1,
            le=86400,
            description="A worker that has work and gets nothing done for so long is killed and replaced.",
        ),
    ] = 120


class Memory(Section, frozen=True, kw_only=True):
    """How much memory models may take together, and what happens to one for which that is too little."""

    ram_mb: Annotated[
        int,
        Meta(
            ge=0,
            le=1 << 30,
            description="Megabytes of main memory for models, beside pool_mb. 0: ram_percent says.",
        ),
    ] = 0
    ram_percent: Annotated[
        int, Meta(ge=1, le=100, description="Of main memory, or of what hobd's cgroup may have, for models.")
    ] = 80
    gpu_mb: Annotated[
        int, Meta(ge=0, le=1 << 30, description="Megabytes of each GPU for models. 0: gpu_percent says.")
    ] = 0
    gpu_percent: Annotated[int, Meta(ge=1, le=100, description="Of each GPU's memory, for models.")] = 90
    when_short: Annotated[
        Literal["shrink", "refuse"],
        Meta(description="A model that does not fit gets less cache and context, said aloud, or is refused."),
    ] = "shrink"
    pool_mb: Annotated[
        int,
        Meta(
            ge=0,
            le=1 << 20,
            description="Megabytes for what models that left had computed, sealed. 0: they start anew.",
        ),
    ] = 512


class Security(Section, frozen=True, kw_only=True):
    """What the kernel is asked to forbid hobd and its workers."""

    sandbox: Annotated[
        Literal["enforce", "no-file-wall", "partial", "none"],
        Meta(
            description="enforce: no confinement, no start. no-file-wall: for kernels without Landlock; a "
            "worker that loads a model could open your files. partial: what macOS and Windows "
            "have, which is less. none: run without; status and log say so."
        ),
    ] = "enforce"
    tripwire: Annotated[
        Literal["record", "stop", "quarantine"],
        Meta(
            description="What follows when a worker tries what the sandbox forbids. record: it is told and "
            "counted. stop: the worker is ended too. quarantine: and the file is not loaded again."
        ),
    ] = "record"


class Network(Section, frozen=True, kw_only=True):
    """What programs beside the daemon may do. The daemon itself and its workers have no network at all."""

    offline: Annotated[
        bool,
        Meta(description="No program of hob's uses a network, whatever it is told. They must ask for this."),
    ] = True
    update_check: Annotated[
        bool,
        Meta(
            description="A separate program may ask for newer versions, if not offline. It tells the family "
            "of the system and hob's version."
        ),
    ] = False


class Admission(Section, frozen=True, kw_only=True):
    """Which model files are let near the engine. What is refused is told by `hob models check`."""

    vetting: Annotated[
        Literal["enforce", "warn", "off"],
        Meta(
            description="Headers with serious faults are refused, with enforce suspicious ones too; "
            "off refuses none, and tells all."
        ),
    ] = "warn"
    first_use: Annotated[
        Literal["pin", "off"],
        Meta(description="pin: a file without a recorded digest must stay what it was when first used."),
    ] = "pin"
    max_load_crashes: Annotated[
        int,
        Meta(
            ge=0,
            le=1000,
            description="A model that killed so many workers while it was loaded is quarantined. 0: never.",
        ),
    ] = 3
    signatures: Annotated[
        Literal["off", "warn", "enforce"],
        Meta(description="Whether a model must have a signature of Model Signing by one of trusted_keys."),
    ] = "off"
    signatures_in: Annotated[
        str,
        Meta(
            pattern=r"^$|^[^/,=]+=(off|warn|enforce)(,[^/,=]+=(off|warn|enforce))*$",
            max_length=4096,
            description='The same for directories in models.dir: "vendor=enforce,mine=off".',
            extra={"expectation": 'directories with off, warn or enforce each, as "vendor=enforce,mine=off"'},
        ),
    ] = ""
    trusted_keys: Annotated[
        str,
        Meta(
            max_length=16384,
            description='PEM files of public keys or root certificates, with ":" between them.',
        ),
    ] = ""

    def signatures_for(self, directory: str) -> Literal["off", "warn", "enforce"]:
        """What holds for a directory of models.dir; empty for models.dir itself."""
        rules = dict(rule.split("=", 1) for rule in self.signatures_in.split(",") if rule)
        found = rules.get(directory, self.signatures)
        return "enforce" if found == "enforce" else "warn" if found == "warn" else "off"


class Limits(Section, frozen=True, kw_only=True):
    """Bounds on single requests."""

    max_prompt_bytes: Annotated[
        int,
        # Below wire.messages.MAX_FRAME_TO_WORKER_BYTES, with room for the rest of the message.
        Meta(ge=1, le=15 << 20, description="A request with more text is refused."),
    ] = 8388608
    max_tokens_default: Annotated[
        int,
        Meta(
            ge=0,
            le=16777216,
            description="Where an answer ends if its request does not say. 0: context full.",
        ),
    ] = 0


class Audit(Section, frozen=True, kw_only=True):
    """The journal of who asked which model, and what became of it; it holds no word of prompts or answers."""

    enabled: Annotated[bool, Meta(description="Keep it; `hob audit` reads it.")] = True
    max_file_mb: Annotated[
        int, Meta(ge=1, le=1024, description="A file of more megabytes is followed by a new one.")
    ] = 8
    num_files: Annotated[
        int, Meta(ge=1, le=1000, description="So many files are kept; the oldest goes for a new one.")
    ] = 4


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """All of it. `Config()` is what hobd does when told nothing."""

    daemon: Daemon = Daemon()
    models: Models = Models()
    engine: Engine = Engine()
    memory: Memory = Memory()
    security: Security = Security()
    network: Network = Network()
    admission: Admission = Admission()
    limits: Limits = Limits()
    audit: Audit = Audit()
    doors: tuple[DoorSettings, ...] = ()  # [doors.NAME] and doors.d; not the owner's
