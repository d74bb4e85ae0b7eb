"""The vendor's clock, which rules over ours: it is read from the ``Date`` of each response.

A bookmark is a promise about the vendor's records, and the vendor stamps them by its own clock. If
ours is ahead, "everything up to now has been emitted" speaks of a time that has not been, and the
records that come in it are never asked for. If ours is behind, nothing is lost: the newest records
are left to a later run. Reading on up to the vendor's time would win them once, and the next
run would begin with a bookmark that lies in its own future and have nothing to ask for.

``Date`` has whole seconds and a response takes its time, so a difference counts only as far as
neither explains it.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import time
import typing as t

from support_taps.timestamps import MILLISECOND, SECOND, floor
from support_taps.wording import duration

if t.TYPE_CHECKING:
    import logging
    from collections.abc import Mapping

TOLERANCE: t.Final = dt.timedelta(seconds=5)
"""Clocks that are set by the network differ by less, and nothing is said of it."""

_OLDEST: t.Final = dt.datetime(2025, 1, 1, tzinfo=dt.timezone.utc)
"""No clock that works shows a time from before this was written; a battery that is empty does."""


def date_of(headers: Mapping[str, str]) -> dt.datetime | None:
    """The moment at which the vendor made a response; None where it does not say.

    Args:
        headers: The response's.
    """
    return parse_http_date(headers.get("Date", ""))


def parse_http_date(text: str) -> dt.datetime | None:
    """An HTTP date (RFC 9110, section 5.6.7); None for text that is none."""
    try:
        moment = email.utils.parsedate_to_datetime(text)
        if moment.tzinfo is None:  # "-0000", which means UTC
            moment = moment.replace(tzinfo=dt.timezone.utc)
        return moment.astimezone(dt.timezone.utc)
    except (IndexError, OverflowError, TypeError, ValueError):
        return None


class ClockDifferenceError(Exception):
    """A span of time was asked for that the vendor's clock has now proved wrong."""


class VendorClock:
    """The clock of one vendor's host, as far as its responses have told it.

    Args:
        logger: Where a difference is warned of.
    """

    def __init__(self, logger: logging.Logger) -> None:
        """Freeze our own time at the run's start."""
        self._logger = logger
        self._started = floor(dt.datetime.now(dt.timezone.utc), MILLISECOND)
        self._ticks = time.monotonic()
        self._ahead = dt.timedelta(0)
        self._behind = dt.timedelta(0)
        self._has_warned = False
        self.told: dt.datetime | None = None
        """The earliest time that a response was made at: nothing is promised beyond it."""

    @property
    def now(self) -> dt.datetime:
        """The moment the run started, by our clock or the vendor's, whichever is earlier."""
        return self._started - self._ahead

    @property
    def vendor_now(self) -> dt.datetime:
        """The moment the run started, by the vendor's clock where it is known to differ."""
        return self._started - self._ahead + self._behind

    @property
    def described(self) -> str:
        """The difference between both clocks, in words."""
        if self.told is None:
            return "the vendor has not told its own"
        if difference := max(self._ahead, self._behind):
            side = "ahead of" if self._ahead >= self._behind else "behind"
            return f"this machine is {_length(difference)} {side} the vendor"
        return f"within {_length(TOLERANCE)} of the vendor's"

    def hear(self, headers: Mapping[str, str], elapsed: dt.timedelta) -> None:
        """Take what a response tells, sound or not.

        Args:
            headers: The response's.
            elapsed: How long it took to come.
        """
        date = date_of(headers)
        if date is None or date < _OLDEST:
            return
        self.told = date if self.told is None else min(self.told, date)
        # Ours is taken from the monotonic clock: the other one may be set while the run goes on.
        received = self._started + dt.timedelta(seconds=time.monotonic() - self._ticks)
        if received - elapsed - (date + SECOND) > TOLERANCE:
            self._ahead = max(self._ahead, received - date)
            self._warn(f"{_length(self._ahead)} ahead of", "no bookmark goes beyond the vendor's")
        elif date - received > TOLERANCE:
            self._behind = max(self._behind, date - received)
            self._warn(
                f"{_length(self._behind)} behind", "the newest records are left to a later run"
            )

    def _warn(self, difference: str, consequence: str) -> None:
        if not self._has_warned:
            self._has_warned = True
            self._logger.warning(
                "the clock of this machine is %s the vendor's: %s; set the clock",
                difference,
                consequence,
            )


def _length(difference: dt.timedelta) -> str:
    return duration(difference.total_seconds())
