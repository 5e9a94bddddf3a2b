"""How hobd was told to behave: typed, checked once at start, the same everywhere.

Must hold no other setting than those in schema.py, and answer every mistake with its place.
Read by main.py, which hands each part the values it needs.
"""

from hobd.config.compare import RELOADABLE, changed_keys
from hobd.config.load import config_file, load
from hobd.config.schema import Admission, Config, Daemon, Engine, Limits, Memory, Models, Security
from hobd.config.write import to_toml

__all__ = [
    "RELOADABLE",
    "Admission",
    "Config",
    "Daemon",
    "Engine",
    "Limits",
    "Memory",
    "Models",
    "Security",
    "changed_keys",
    "config_file",
    "load",
    "to_toml",
]
