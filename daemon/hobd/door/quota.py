"""How much each user of each door uses: answers under way, and tokens a minute.

Must stay pure: the clock is passed in. What an answer takes is known when it ends, so a user may overdraw
once, and then waits until that is paid back; the mean is what was granted. Kept by api/gate.py.
"""

from __future__ import annotations

from hobd.door.policy import Use

_SECONDS_PER_MINUTE = 60.0
# Users who use nothing are forgotten when there are more than so many.
_MANY_USERS = 1024


class Bucket:
    """Fills with `per_minute` tokens a minute, and holds those of one minute at most."""

    __slots__ = ("_at", "_level", "_per_minute")

    def __init__(self, per_minute: int, now: float) -> None:
        self._per_minute = per_minute
        self._level = float(per_minute)
        self._at = now

    def follow(self, per_minute: int, now: float) -> None:
        """From now on another rate; what was used stays used."""
        self._fill(now)
        self._level += per_minute - self._per_minute if self._level > 0 else 0
        self._per_minute = per_minute
        self._level = min(self._level, per_minute)

    def take(self, num_tokens: int, now: float) -> None:
        """They were used, whether or not they were there."""
        self._fill(now)
        self._level -= num_tokens

    def wait_seconds(self, now: float) -> float:
        """Until there is a token; 0 when there is one."""
        self._fill(now)
        return max(0.0, 1 - self._level) / self._per_minute * _SECONDS_PER_MINUTE

    def is_full(self, now: float) -> bool:
        self._fill(now)
        return self._level >= self._per_minute

    def _fill(self, now: float) -> None:
        gained = max(0.0, now - self._at) * self._per_minute / _SECONDS_PER_MINUTE
        self._level = min(self._level + gained, float(self._per_minute))
        self._at = max(self._at, now)


class _Account:
    __slots__ = ("bucket", "num_running")

    def __init__(self) -> None:
        self.num_running = 0
        self.bucket: Bucket | None = None


class Quotas:
    """By caller's key: a user at a door. Each `begin` is followed by one `end`."""

    def __init__(self) -> None:
        self._accounts: dict[str, _Account] = {}

    def use(self, key: str, tokens_per_minute: int, now: float) -> Use:
        """What the caller uses now; `tokens_per_minute` as his door grants it now, 0 for no limit."""
        account = self._accounts.get(key)
        if account is None:
            return Use()
        wait_ms = 0
        if tokens_per_minute and account.bucket is not None:
            account.bucket.follow(tokens_per_minute, now)
            wait_ms = round(account.bucket.wait_seconds(now) * 1000)
        return Use(num_running=account.num_running, wait_ms=wait_ms)

    def begin(self, key: str, num_answers: int, now: float) -> None:
        if len(self._accounts) >= _MANY_USERS:
            self._forget_idle(now)
        self._accounts.setdefault(key, _Account()).num_running += num_answers

    def end(self, key: str, num_answers: int, num_tokens: int, tokens_per_minute: int, now: float) -> None:
        account = self._accounts[key]
        account.num_running -= num_answers
        assert account.num_running >= 0, f"{key} ended more than it began"
        if not tokens_per_minute:
            account.bucket = None
            return
        if account.bucket is None:
            account.bucket = Bucket(tokens_per_minute, now)
        account.bucket.take(num_tokens, now)

    def _forget_idle(self, now: float) -> None:
        """Those without whom nothing would be decided otherwise."""
        idle = [
            key
            for key, account in self._accounts.items()
            if not account.num_running and (account.bucket is None or account.bucket.is_full(now))
        ]
        for key in idle:
            del self._accounts[key]
