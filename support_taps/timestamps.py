"""Instants, exactly: integers and text on the vendors' side, aware UTC datetimes on ours.

No float is involved anywhere, so no digit is lost.
"""

from __future__ import annotations

import datetime as dt
import functools

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
SECOND = dt.timedelta(seconds=1)
MILLISECOND = dt.timedelta(milliseconds=1)
MICROSECOND = dt.timedelta(microseconds=1)

_MILLISECONDS_FROM = 100_000_000_000
"""Integers this large (5138-11-16 as seconds) can only be meant as milliseconds."""

LONGEST_EPOCH_TEXT = 16
"""Digits in text are an epoch number up to this length: enough for microseconds."""


def to_epoch(instant: dt.datetime, unit: dt.timedelta) -> int:
    """Whole units since 1970-01-01T00:00:00Z, rounded down."""
    return (instant - EPOCH) // unit


def from_epoch(value: int, unit: dt.timedelta) -> dt.datetime:
    """The instant that lies this many units after 1970-01-01T00:00:00Z.

    Raises:
        OverflowError: The instant lies outside of the years 1 to 9999.
    """
    return EPOCH + value * unit


def floor(instant: dt.datetime, unit: dt.timedelta) -> dt.datetime:
    """The last whole unit at or before the instant."""
    return from_epoch(to_epoch(instant, unit), unit)


def isoformat(instant: dt.datetime) -> str:
    """ISO 8601 in UTC with a Z, with milliseconds, or microseconds where there are any.

    The fixed width keeps bookmarks comparable as text, which is how the SDK compares them.
    """
    instant = instant.astimezone(dt.timezone.utc)
    timespec = "microseconds" if instant.microsecond % 1000 else "milliseconds"
    return instant.replace(tzinfo=None).isoformat(timespec=timespec) + "Z"


def isoformat_epoch(value: int, unit: dt.timedelta | None) -> str | None:
    """An epoch number as ISO 8601 text with the precision it had, or None if out of range.

    Seconds keep no digits of fraction, milliseconds three.

    Args:
        value: Units since 1970-01-01T00:00:00Z.
        unit: Second or millisecond; None tells the two apart by size, which is right for any
            number of milliseconds from 1973-03-03 on.
    """
    if unit is None:
        unit = MILLISECOND if abs(value) >= _MILLISECONDS_FROM else SECOND
    fraction = "Z"
    if unit is not SECOND:
        value, milliseconds = divmod(value, 1000)
        fraction = f".{milliseconds:03d}Z"
    hours, rest = divmod(value, 3600)
    try:
        hour = _hour(hours)
    except (OverflowError, ValueError, OSError):
        return None
    return f"{hour}{_SIXTY[rest // 60]}:{_SIXTY[rest % 60]}{fraction}"


def is_epoch_text(text: str) -> bool:
    """Whether text where a date-time belongs is an epoch number in digits."""
    return len(text) <= LONGEST_EPOCH_TEXT and text.isdecimal() and text.isascii()


_SIXTY = tuple(f"{number:02d}" for number in range(60))


@functools.lru_cache(maxsize=4096)
def _hour(hours: int) -> str:
    """Hours since 1970 as ISO 8601 up to the colon before the minutes.

    Kept, since records come more or less in order of time and have a dozen times each.
    """
    return dt.datetime.fromtimestamp(hours * 3600, dt.timezone.utc).isoformat()[:14]
