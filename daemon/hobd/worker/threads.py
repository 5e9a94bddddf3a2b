"""How many threads compute: all that may, or as many as the machine has cores to spare.

Must stay pure: it is told how long steps took and never looks at a clock. Used by loop.py.

Threads that compute one step meet at a barrier after each of its hundreds of operations, and spin there.
When another program has the core of one of them, all the others spin until it comes back: two threads on
two busy cores are many times slower than one. How much processor time a step got of what its threads
asked for shows that at once, whoever took it: other programs, another worker, a container's quota.
"""

from __future__ import annotations

# Shorter looks say more about a passing interrupt than about the neighbours.
_LOOK_US = 25_000
# A look at a step that took as long as this is as good as several.
_LONG_LOOK_US = 100_000
# Threads that compute lack more than this of their cores only when somebody else wants one: so much in
# all, for all the others wait for the one that lacks it; a little more where there are many.
_LACK_CORES, _LACK_SHARE = 0.3, 0.02
# Where fewer threads lack as much as this, there is no core for another one.
_HARDLY_CORES = 0.15
# After how long all threads are tried again: at first, and at most. Each try in vain doubles it.
_FIRST_PATIENCE_US, _LAST_PATIENCE_US = 250_000, 16_000_000
# After such a pause nobody knows any more who wants the cores.
_PAUSE_US = 20_000


class Threads:
    """`num` of `most` threads shall compute the next step."""

    def __init__(self, most: int) -> None:
        self.most = self.num = most
        self._wall_us = 0
        self._cpu_us = 0
        self._num_short = 0  # looks in a row that got less than was asked for
        self._is_trying = False
        self._since_us = 0  # for how long `num` have computed
        self._rested_us = 0  # for how long nothing was computed since `num` became what it is
        self._patience_us = _FIRST_PATIENCE_US

    def note(self, wall_us: int, cpu_us: int) -> bool:
        """A step took so long and got so much processor time. True if `num` changed."""
        self._wall_us += wall_us
        self._cpu_us += cpu_us
        if self.most == 1 or self._wall_us < _LOOK_US:
            return False
        before = self.num
        self._look(self._cpu_us / self._wall_us)
        self._wall_us = self._cpu_us = 0
        return self.num != before

    def rest(self, idle_us: int) -> bool:
        """Nothing was computed for so long, and something will be. True if `num` changed.

        Requests of a few steps now and then would hardly ever find out that a neighbour has gone.
        """
        if self.num == self.most:
            return False
        self._rested_us += idle_us
        if idle_us < _PAUSE_US or self._since_us + self._rested_us < self._patience_us:
            return False
        self._wall_us = self._cpu_us = 0
        self._set(self.most, is_trying=True)
        return True

    def _look(self, num_cores: float) -> None:
        """Decides after a while in which the threads together got `num_cores`."""
        self._since_us += self._wall_us
        if self.num - num_cores > max(_LACK_CORES, _LACK_SHARE * self.num):
            self._num_short += 1
            # One bad look may be a hiccup, unless it is just what was to be found out.
            is_sure = self._is_trying or self._num_short >= 2 or self._wall_us >= _LONG_LOOK_US
            if self.num > 1 and is_sure:
                self._retreat(num_cores)
            return
        self._num_short = 0
        if self.num == self.most:
            self._stay()
        elif self._since_us + self._rested_us >= self._patience_us and self.num - num_cores < _HARDLY_CORES:
            self._set(self.most, is_trying=True)

    def _retreat(self, num_cores: float) -> None:
        """As many threads as found a core: then nobody waits at a barrier for one that did not."""
        if self._is_trying:
            self._patience_us = min(2 * self._patience_us, _LAST_PATIENCE_US)
        self._set(max(1, min(self.num - 1, int(num_cores + 0.1))), is_trying=False)

    def _stay(self) -> None:
        self._is_trying = False
        if self._since_us >= self._patience_us:
            self._patience_us = _FIRST_PATIENCE_US

    def _set(self, num: int, *, is_trying: bool) -> None:
        self.num = num
        self._is_trying = is_trying
        self._since_us = self._rested_us = self._num_short = 0
