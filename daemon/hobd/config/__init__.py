"""How hobd was told to behave: typed, checked once at start, the same everywhere.

Must hold no other setting than those in schema.py, and answer every mistake with its place.
Read by main.py, which hands each part the values it needs.
"""

from hobd.config.compare import RELOADABLE, changed_keys
from hobd.config.doors import DoorSettings, Terms
from hobd.config.load import config_file, decided_by, load
from hobd.config.schema import (
    Admission,
    Audit,
    Config,
    Daemon,
    Engine,
    Limits,
    Memory,
    Models,
    Network,
    Security,
)
from hobd.config.write import to_toml

__all__ = [
    "RELOADABLE",
    "Admission",
    "Audit",
    "Config",
    "Daemon",
    "DoorSettings",
    "Engine",
    "Limits",
    "Memory",
    "Models",
    "Network",
    "Security",
    "Terms",
    "changed_keys",
    "config_file",
    "decided_by",
    "load",
    "to_toml",
]
