"""Retries: which errors are worth another try, and how long to wait before it.

Waits grow from one second to a minute (``backoff.expo``), with up to a second of jitter. What the
vendor asks for in ``Retry-After`` is honoured in both forms, seconds and HTTP date, where it is
longer: the vendors' own examples ask for 0 seconds, and obeying them would use up all tries
within a second. With the default of 20 tries an outage of about 13 minutes is survived.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import http
import itertools
import typing as t

import backoff

from support_taps.errors import GaveUpError, TransientError
from support_taps.http.clock import parse_http_date

if t.TYPE_CHECKING:
    from collections.abc import Iterator

LONGEST_WAIT = 60.0
"""Seconds between two tries at the most, unless the vendor asks for more."""

LONGEST_RETRY_AFTER = 900.0
"""Seconds a vendor may ask for. Beyond that the run ends; the next one goes on from there."""

_RETRIABLE = frozenset(
    {
        http.HTTPStatus.REQUEST_TIMEOUT,
        http.HTTPStatus.TOO_EARLY,
        http.HTTPStatus.TOO_MANY_REQUESTS,
    }
)


def is_retriable(status: int) -> bool:
    """Whether a response with this status may well be another one next time."""
    return status in _RETRIABLE or status >= http.HTTPStatus.INTERNAL_SERVER_ERROR


def parse_retry_after(value: str | None, date: dt.datetime | None = None) -> float | None:
    """Seconds to wait from a ``Retry-After`` header; None where it is absent or unreadable.

    Args:
        value: Delay in seconds or an HTTP date (RFC 9110, section 10.2.3).
        date: When the response was made, by the clock that made the HTTP date; None: it does not
            say, and our clock has to do.
    """
    if value is None:
        return None
    value = value.strip()
    if value.isdecimal():
        return float(value)
    moment = parse_http_date(value)
    if moment is None:
        return None
    return max(0.0, (moment - (date or dt.datetime.now(dt.timezone.utc))).total_seconds())


def parse_seconds(value: object) -> float | None:
    """Seconds to wait from a JSON body; None for what is no number of seconds.

    Args:
        value: The body's ``retry_after``, or whatever the vendor calls it.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    with contextlib.suppress(OverflowError):  # an integer beyond any float
        if (seconds := float(value)) >= 0:  # not so for NaN
            return seconds
    return None


class Retries:
    """The tries of one page: says how long to wait after each failure, or gives up.

    Args:
        max_tries: How often a page is tried, the first time included.
    """

    def __init__(self, max_tries: int) -> None:
        """Start with no failure seen."""
        self.max_tries = max_tries
        self.failures = 0
        self._waits = _growing_waits()

    def wait_after(self, error: TransientError) -> float:
        """Seconds to wait before the next try: the vendor's or our own, whichever is longer.

        Raises:
            GaveUpError: There is no next try.
        """
        self.failures += 1
        wait = next(self._waits)
        if error.retry_after is not None and error.retry_after > LONGEST_RETRY_AFTER:
            msg = (
                f"{error}; the vendor asks to wait {error.retry_after:.0f} s, and this run waits "
                f"{LONGEST_RETRY_AFTER:.0f} s at the most. Run again later: it goes on from here"
            )
            raise GaveUpError(msg) from error
        if self.failures >= self.max_tries:
            msg = f"{error}; gave up after {self.failures} tries (setting max_tries)"
            raise GaveUpError(msg) from error
        return max(wait, error.retry_after or 0.0)


def _growing_waits() -> Iterator[float]:
    # backoff's generators want one send(None) before the first value.
    waits = itertools.islice(backoff.expo(max_value=LONGEST_WAIT), 1, None)
    return (backoff.random_jitter(wait) for wait in waits)
