"""The rate limits of the Support API, as the headers of its responses tell them.

Two limits count at once: that of the account, which all its tools share, and that of an endpoint.
From developer.zendesk.com/api-reference/introduction/rate-limits/ and recorded responses:

- The account's: ``X-Rate-Limit`` and ``X-Rate-Limit-Remaining``, each minute; beside them
  ``ratelimit-limit``, ``-remaining`` and ``-reset`` (seconds). 200 to 2500 a minute, by plan.
- An endpoint's: ``zendesk-ratelimit-<name>: total=10; remaining=9; resets=2``.
- Recordings of 2023 have ``rate-limit`` in the place of ``ratelimit``.
- ``/engagements`` and ``/queue_events`` send none of them.
"""

from __future__ import annotations

import re
import time
import typing as t

from support_taps.http.retries import LONGEST_RETRY_AFTER

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from support_taps.http.rate_limits import WindowRateLimiter

ACCOUNT: t.Final = "account"
SMALLEST_ACCOUNT: t.Final = 200
"""Requests a minute of the smallest plan: until the account's own is told."""

_ENDPOINT = re.compile(r"zendesk-rate-?limit-([\w-]+)", re.IGNORECASE)
_PART = re.compile(r"(\w+)\s*=\s*(\d+)")
_MINUTE = 60


class Told(t.NamedTuple):
    """What a response told of a rate limit.

    Args:
        limit: Requests in its period.
        remaining: How many of them are left, for everybody.
        whole_at: When it is whole again, by the monotonic clock (seconds).
    """

    limit: int
    remaining: int
    whole_at: float


def told_limits(headers: Mapping[str, str]) -> dict[str, Told]:
    """The rate limits that a response tells, by name.

    Args:
        headers: The response's; names in any case.
    """
    found: dict[str, dict[str, int]] = {ACCOUNT: {}}
    for name, value in headers.items():
        plain = name.lower().replace("rate-limit", "ratelimit")
        if endpoint := _ENDPOINT.fullmatch(name):
            found[endpoint[1].lower()] = {key: int(part) for key, part in _PART.findall(value)}
        elif (key := _ACCOUNT_KEYS.get(plain)) and value.strip().isdecimal():
            found[ACCOUNT].setdefault(key, int(value))
    now = time.monotonic()
    return {
        name: Told(
            each["total"],
            each["remaining"],
            now + min(each.get("resets", _MINUTE), LONGEST_RETRY_AFTER),
        )
        for name, each in found.items()
        if each.get("total") and "remaining" in each
    }


_ACCOUNT_KEYS = {
    "ratelimit-limit": "total",
    "ratelimit-remaining": "remaining",
    "ratelimit-reset": "resets",
    "x-ratelimit": "total",
    "x-ratelimit-remaining": "remaining",
}


class SupportRateLimiter:
    """A pace of our own, and a wait where the vendor tells that this run's share is used up.

    Args:
        window: The pace.
        account: What was told of the account last; all limiters of a run share it.
        share: The part of what is told that this run may use: the rest is left to other tools.
        part: The part of the account's limit that the pace follows; None: it is fixed.
    """

    def __init__(
        self,
        window: WindowRateLimiter,
        account: dict[str, Told],
        share: float,
        part: float | None = None,
    ) -> None:
        """Nothing has been told yet."""
        self.waited = 0.0
        self._window = window
        self._account = account
        self._endpoint: dict[str, Told] = {}
        self._reserve = max(0.0, 1.0 - share)
        self._part = part

    @property
    def recovery(self) -> float:
        """Seconds after which the pace's period is over."""
        return self._window.recovery

    def wait(self) -> None:
        """Sleep until the pace, the account and the endpoint allow another request."""
        before = self._window.waited
        self._window.wait()
        self.waited += self._window.waited - before
        used_up = (
            each.whole_at - time.monotonic()
            for each in (*self._account.values(), *self._endpoint.values())
            if each.remaining <= each.limit * self._reserve
        )
        if (seconds := max(used_up, default=0.0)) > 0:
            self.waited += seconds
            time.sleep(seconds)

    def responded(self, headers: Mapping[str, str]) -> None:
        """Take what the vendor tells; a response without it changes nothing."""
        self._window.responded(headers)
        for name, told in told_limits(headers).items():
            if name != ACCOUNT:
                self._endpoint[name] = told
                continue
            self._account[name] = told
            if self._part is not None:
                self._window.allow(max(1, int(told.limit * self._part)))
