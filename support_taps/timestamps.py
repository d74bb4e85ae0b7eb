"""Instants, exactly: integers and text on the vendors' side, aware UTC datetimes on ours.

No float is involved anywhere, so no digit is lost.
"""

from __future__ import annotations

import datetime as dt
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Callable

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
SECOND = dt.timedelta(seconds=1)
MILLISECOND = dt.timedelta(milliseconds=1)
MICROSECOND = dt.timedelta(microseconds=1)

_MILLISECONDS_FROM = 100_000_000_000
"""Integers this large (5138-11-16 as seconds) can only be meant as milliseconds."""

LONGEST_EPOCH_TEXT = 16
"""Digits in text are an epoch number up to this length: enough for microseconds."""

OUT_OF_RANGE = (OverflowError, ValueError, OSError)
"""What Python raises, depending on the platform, for a number that is no instant it knows."""


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


def epoch_format(unit: dt.timedelta | None) -> Callable[[int], str]:
    """A function that makes of an epoch number ISO 8601 text with the precision it had.

    Seconds keep no digits of fraction, milliseconds three. The function raises one of
    :data:`OUT_OF_RANGE` for a number that stands for no instant of the years 1 to 9999.

    Args:
        unit: Second or millisecond; None tells the two apart by size, which is right for any
            number of milliseconds from 1973-03-03 on.
    """
    if unit is None:
        return _of_either
    return _of_seconds if unit is SECOND else _of_milliseconds


def _of_milliseconds(value: int) -> str:
    hour, second = _HOURS[value // 3_600_000], _IN_HOUR[value % 3_600_000 // 1000]
    return f"{hour}{second}{_FRACTIONS[value % 1000]}"


def _of_seconds(value: int) -> str:
    return f"{_HOURS[value // 3600]}{_IN_HOUR[value % 3600]}Z"


def _of_either(value: int) -> str:
    is_long = value >= _MILLISECONDS_FROM or value <= -_MILLISECONDS_FROM
    return _of_milliseconds(value) if is_long else _of_seconds(value)


class _Hours(dict[int, str]):
    """Hours since 1970 as ISO 8601 up to the colon before the minutes.

    Kept, since records come more or less in order of time and have a dozen times each.
    """

    def __missing__(self, hours: int) -> str:
        if len(self) >= _MOST_HOURS:
            self.clear()
        text = dt.datetime.fromtimestamp(hours * 3600, dt.timezone.utc).isoformat()[:14]
        self[hours] = text
        return text


_MOST_HOURS = 4096
_HOURS = _Hours()
_IN_HOUR = tuple(f"{minute:02d}:{second:02d}" for minute in range(60) for second in range(60))
_FRACTIONS = tuple(f".{number:03d}Z" for number in range(1000))


def is_epoch_text(text: str) -> bool:
    """Whether text where a date-time belongs is an epoch number in digits."""
    return len(text) <= LONGEST_EPOCH_TEXT and text.isdecimal() and text.isascii()
