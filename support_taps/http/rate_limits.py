"""The vendor's published rate limit, kept by the client.

Why not a library: pyrate-limiter and requests-ratelimiter were tried first. Both note the moment
a request is *sent*. The vendor counts the moment it *arrives*; when the first of a burst is slow
on its way and a later one fast, the vendor sees them closer together than the client did, and
answers 429. A rate limit here notes the moment the response came, which is never earlier than the
arrival, so that staying within the rate limit on this side means staying within it on the other,
however the vendor counts (sliding or fixed windows, a bucket that refills). It also tells
how long was waited, and a signal ends the wait at once; pyrate-limiter polls from a thread.
"""

from __future__ import annotations

import collections
import dataclasses
import time
import typing as t

from support_taps.http.clock import date_of

if t.TYPE_CHECKING:
    from collections.abc import Mapping


class RateLimiter(t.Protocol):
    """Something that says when the next request may go."""

    waited: float
    """Seconds spent waiting so far."""

    def wait(self) -> None:
        """Return when the next request may go."""

    def responded(self, headers: Mapping[str, str]) -> None:
        """Note that a response came: the request counts from now on."""

    @property
    def recovery(self) -> float:
        """Seconds after which a used-up rate limit is whole again."""


@dataclasses.dataclass
class WindowRateLimiter:
    """So many requests in any stretch of so many seconds; the first ones go at once.

    Args:
        requests: How many the vendor allows.
        seconds: Within how many seconds.
        share: The part of it this run may use. It stretches the period rather than lowering
            the number, so that a small rate limit (three a minute) can be shared too.
    """

    requests: int
    seconds: float
    share: dataclasses.InitVar[float] = 1.0
    waited: float = dataclasses.field(default=0.0, init=False)

    def __post_init__(self, share: float) -> None:
        """Work out the period in which ``requests`` may be used."""
        self.recovery = self.seconds / share
        self._responses: collections.deque[float] = collections.deque(maxlen=self.requests)

    recovery: float = dataclasses.field(default=0.0, init=False)

    def allow(self, requests: int) -> None:
        """Go on with another number of requests, which the vendor has told."""
        if requests != self.requests:
            self.requests = requests
            self._responses = collections.deque(self._responses, maxlen=requests)

    def wait(self) -> None:
        """Sleep until the oldest of the last ``requests`` answers is a period old."""
        if len(self._responses) < self.requests:
            return
        seconds = self._responses[0] + self.recovery - time.monotonic()
        if seconds > 0:
            self.waited += seconds
            time.sleep(seconds)

    def responded(self, headers: Mapping[str, str]) -> None:  # noqa: ARG002 - part of RateLimiter
        """Note the response's moment."""
        self._responses.append(time.monotonic())


class HeaderRateLimiter:
    """A rate limit that the vendor tells in the headers of every response.

    ``X-Ratelimit-Limit``, ``-Remaining`` and ``-Reset`` (epoch seconds by the vendor's clock), as
    DevRev sends them. Nothing is known before the first response.

    Args:
        share: The part of the limit that this run may use; the rest is left for others.
        longest: Seconds waited at the most, whatever the headers say.
    """

    def __init__(self, share: float, *, longest: float) -> None:
        """Start without a wait."""
        self.waited = 0.0
        self._reserve = max(0.0, 1.0 - share)
        self._longest = longest
        self._whole_at = 0.0
        self._used_up = False

    @property
    def recovery(self) -> float:
        """Seconds until the vendor resets the rate limit."""
        return max(0.0, self._whole_at - time.monotonic())

    def wait(self) -> None:
        """Sleep until the reset if nothing is left of this run's share."""
        seconds = self.recovery
        if self._used_up and seconds > 0:
            self.waited += seconds
            time.sleep(seconds)

    def responded(self, headers: Mapping[str, str]) -> None:
        """Take what the vendor tells; a response without it changes nothing."""
        try:
            limit, remaining, reset = (
                float(headers[f"X-Ratelimit-{name}"]) for name in ("Limit", "Remaining", "Reset")
            )
        except (KeyError, ValueError):
            return
        self._used_up = remaining <= limit * self._reserve
        seconds = min(max(0.0, reset - _clock_of(headers)), self._longest)
        self._whole_at = time.monotonic() + seconds


def _clock_of(headers: Mapping[str, str]) -> float:
    """The vendor's clock in epoch seconds, or ours where it does not tell."""
    date = date_of(headers)
    return time.time() if date is None else date.timestamp()
