"""What the broker can do without when the machine is short of memory: caches first, then models nobody uses.

Must not decide when: yielding.py calls it. Made by broker.py.
"""

from __future__ import annotations

from hobd.broker.loading import Loading
from hobd.broker.tenancy import Tenancy


class Thrift:
    """Implements yielding's Holder."""

    def __init__(self, tenancy: Tenancy, loading: Loading) -> None:
        self._tenancy = tenancy
        self._loading = loading

    @property
    def has_idle_models(self) -> bool:
        return self._tenancy.residency.has_idle

    def drop_caches(self) -> None:
        """Prefixes beside the KV caches, sealed ones, and the worker that waits for a model.

        What lies in a KV cache stays: its memory was the model's from the start.
        """
        self._tenancy.set_stashes(is_open=False)
        self._loading.vault.suspend()
        self._loading.spare.let_go()

    def restore_caches(self) -> None:
        self._loading.vault.resume()
        self._tenancy.set_stashes(is_open=True)

    def let_idle_model_go(self) -> None:
        self._tenancy.let_one_go()

    def tell_pressure(self, message: str) -> None:
        self._tenancy.feed.tell("memory_pressure", message=message)
