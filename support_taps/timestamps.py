"""Instants, exactly: integers and text on the vendors' side, aware UTC datetimes on ours.

No float is involved anywhere, so no digit is lost.
"""

from __future__ import annotations

import datetime as dt
import re
import typing as t

import msgspec

if t.TYPE_CHECKING:
    import decimal
    from collections.abc import Callable

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
SECOND = dt.timedelta(seconds=1)
MILLISECOND = dt.timedelta(milliseconds=1)
MICROSECOND = dt.timedelta(microseconds=1)

_MILLISECONDS_FROM = 100_000_000_000
"""Integers this large (5138-11-16 as seconds) can only be meant as milliseconds."""

_SHORTEST_EPOCH, _LONGEST_EPOCH = 9, 16
"""Digits of an epoch number in text: a date without separators has eight, microseconds have 16."""

_LONGEST_NUMBER = 64
"""Characters of an epoch number with a fraction; a longer one is no time that anybody measured."""

OUT_OF_RANGE = (OverflowError, ValueError, OSError)
"""Raised by Python, depending on the platform, for a number that is no instant it knows."""


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

    Seconds keep no digits of fraction, milliseconds three, microseconds six. The function raises
    one of :data:`OUT_OF_RANGE` for a number that stands for no instant of the years 1 to 9999.

    Args:
        unit: Second, millisecond or microsecond; None tells the first two apart by size, which is
            right for any number of milliseconds from 1973-03-03 on.

    Raises:
        ValueError: Another unit.
    """
    if unit is None:
        return _of_either
    return _FORMATS[_places(unit)]


def fraction_format(unit: dt.timedelta | None) -> Callable[[decimal.Decimal], str]:
    """As :func:`epoch_format`, for epoch numbers that have a fraction or an exponent.

    Every digit of the fraction is kept, unless all are zero.
    """
    of_whole = epoch_format(unit)
    fixed = None if unit is None else _places(unit)

    def of_fraction(value: decimal.Decimal) -> str:
        # The size is looked at first: 1E-4000000 written in full has four million zeros.
        if not value.is_finite() or abs(value.adjusted()) > _LONGEST_NUMBER:
            raise OverflowError
        plain = f"{value:f}"
        if len(plain) > _LONGEST_NUMBER:
            raise OverflowError
        whole, _, fraction = plain.partition(".")
        if not fraction.strip("0"):
            return of_whole(int(whole))
        places = fixed
        if places is None:
            places = 3 if _is_milliseconds(int(whole)) else 0
        places += len(fraction)
        second, rest = divmod(int(whole + fraction), 10**places)
        return f"{_HOURS[second // 3600]}{_IN_HOUR[second % 3600]}.{rest:0{places}d}Z"

    return of_fraction


def _places(unit: dt.timedelta) -> int:
    """Digits after the second that a unit tells."""
    try:
        return _PLACES[unit]  # by value: equal units need not be one object
    except KeyError:
        msg = f"epoch numbers count seconds, milliseconds or microseconds, and not {unit}"
        raise ValueError(msg) from None


def _of_seconds(value: int) -> str:
    return f"{_HOURS[value // 3600]}{_IN_HOUR[value % 3600]}Z"


def _of_milliseconds(value: int) -> str:
    hour, second = _HOURS[value // 3_600_000], _IN_HOUR[value % 3_600_000 // 1000]
    return f"{hour}{second}{_FRACTIONS[value % 1000]}"


def _of_microseconds(value: int) -> str:
    second, rest = divmod(value, 1_000_000)
    return f"{_HOURS[second // 3600]}{_IN_HOUR[second % 3600]}.{rest:06d}Z"


def _of_either(value: int) -> str:
    return _of_milliseconds(value) if _is_milliseconds(value) else _of_seconds(value)


def _is_milliseconds(value: int) -> bool:
    return value >= _MILLISECONDS_FROM or value <= -_MILLISECONDS_FROM


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


_PLACES = {SECOND: 0, MILLISECOND: 3, MICROSECOND: 6}
_FORMATS = {0: _of_seconds, 3: _of_milliseconds, 6: _of_microseconds}


def is_epoch_text(text: str) -> bool:
    """Whether text is an epoch number in digits, with a fraction or without.

    Nine digits at least (seconds from 1973-03-03 on), so that neither a year nor a date without
    separators (``20250101``) is one.
    """
    whole, point, fraction = text.partition(".")
    return (
        _SHORTEST_EPOCH <= len(whole) <= _LONGEST_EPOCH
        and whole.isdecimal()
        and text.isascii()
        and (not point or fraction.isdecimal())
    )


_OF_JAVA = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d)(:\d\d(?:\.\d+)?)?(Z|[+-]\d\d:\d\d)?(?:\[([\w/+-]+)\])?"
)


def in_utc(text: str) -> str | None:
    """A time as Java writes one, as RFC 3339 does; None if it is none.

    Java names the zone behind the offset (``2021-12-01T12:46:36.581Z[GMT]``), which says nothing
    more about the moment, leaves out seconds that are zero, and writes a local time without a zone,
    which is taken for UTC.
    """
    found = _OF_JAVA.fullmatch(text)
    if found is None:
        return None
    minute, rest, offset, zone = found.groups()
    if offset is None and zone not in {None, "GMT", "UTC", "Z"}:
        return None
    made = f"{minute}{rest or ':00'}{offset or 'Z'}"
    return made if is_date_time(made) else None


# msgspec checks the calendar as well, and is asked in the fast path's types in the same way.
AwareDateTime = t.Annotated[dt.datetime, msgspec.Meta(tz=True)]
_decoded = msgspec.json.Decoder(AwareDateTime).decode


_MINUTE = len("2025-01-04T14:13:")
_LONGEST_REST = len("20.123Z")
_MOST_PARTS = 4096
_minutes: set[str] = set()
_rests: set[str] = set()


def is_date_time(text: str) -> bool:
    """Whether text is a date and a time with a zone, as RFC 3339 writes them."""
    # Any minute and any rest of a minute that were right before are right together: records come
    # in order of time, and this takes a third of the time that decoding does.
    minute, rest = text[:_MINUTE], text[_MINUTE:]
    if minute in _minutes and rest in _rests:
        return True
    # Digits are the usual other thing; a backslash would be an escape between quotes.
    if text[4:5] != "-" or "\\" in text:
        return False
    try:
        _decoded(f'"{text}"')
    except (msgspec.DecodeError, UnicodeEncodeError):
        return False
    if len(rest) <= _LONGEST_REST:
        for parts, part in ((_minutes, minute), (_rests, rest)):
            if len(parts) >= _MOST_PARTS:
                parts.clear()
            parts.add(part)
    return True
