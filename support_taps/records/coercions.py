"""The one table of coercions: values of another type than listed, where nothing is lost.

This is the only place that knows. The fast path (``types.py``) takes from the table what
vendors are known to send, and the long way (``conformance.py``) everything; so both ways make the
same of a value.
"""

from __future__ import annotations

import typing as t

from support_taps.json_codec import Number
from support_taps.records.json_types import DATE_TIME
from support_taps.timestamps import (
    OUT_OF_RANGE,
    epoch_format,
    fraction_format,
    in_utc,
    is_epoch_text,
)

if t.TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping

    Coercion = Callable[[t.Any], t.Any]
    Coercions = Mapping[str, Mapping[type, Coercion]]
    """By the type that is wanted, in the order in which they are tried, and the type that came."""

_LONGEST_INTEGER_TEXT = 18
"""Digits in text are taken for an integer up to this length: all of these fit into 64 bits."""

_LONGEST_WHOLE = 38
"""Digits of a number with a zero fraction that is made an integer: what databases can hold.

Written out, ``1E4000000`` would be four million digits.
"""


class MisfitError(ValueError):
    """A value cannot be made what is wanted without a loss."""


class Way(t.NamedTuple):
    """One coercion.

    Args:
        wanted: The type that it makes.
        make: The function.
    """

    wanted: str
    make: Coercion


def coercions(
    *, epochs: bool, epoch_unit: dt.timedelta | None, names_zones: bool = False
) -> Coercions:
    """The table of a stream.

    A function of it raises :class:`MisfitError`, or one of ``OUT_OF_RANGE``, for a value that it
    does not take. What it makes is of the type that was wanted, but for the item of a list, which
    the caller has to look at.

    Args:
        epochs: Whether the vendor sends times as numbers. Where it does not, a number is none.
        epoch_unit: What they count; None tells seconds and milliseconds apart by size.
        names_zones: Whether the vendor writes times as Java does, with the name of a zone, or
            without one where it is UTC.
    """
    return {
        DATE_TIME: {
            **({str: _utc} if names_zones else {}),
            **(_times(epoch_unit) if epochs else {}),
        },
        "string": {int: str, Number: str},
        "boolean": {int: _flag},
        "integer": {Number: _whole, str: _integer},
        "number": {str: _integer},
        "array": dict.fromkeys((bool, int, Number, str, dict), _list_of_one),
    }


def _times(unit: dt.timedelta | None) -> Mapping[type, Coercion]:
    """Epoch numbers become ISO 8601 with the digits that they had; so do those in text."""
    of_whole, of_fraction = epoch_format(unit), fraction_format(unit)

    def of_text(value: str) -> str:
        if not is_epoch_text(value):
            raise MisfitError
        return of_fraction(Number(value)) if "." in value else of_whole(int(value))

    return {int: of_whole, Number: of_fraction, str: of_text}


def _utc(value: str) -> str:
    """A time with the name of a zone, or without a zone, as RFC 3339 writes it."""
    made = in_utc(value)
    if made is None:
        raise MisfitError
    return made


def _flag(value: int) -> bool:
    """0 and 1 as a boolean."""
    if value not in {0, 1}:
        raise MisfitError
    return bool(value)


def _whole(value: Number) -> int:
    """A number without a fraction as an integer."""
    if not value:
        return 0
    if not 0 <= value.adjusted() < _LONGEST_WHOLE or value != value.to_integral_value():
        raise MisfitError
    return int(value)


def _integer(value: str) -> int:
    """The text of an integer, if it is the one way to write it, as an integer."""
    if len(value) > _LONGEST_INTEGER_TEXT or not value.removeprefix("-").isdecimal():
        raise MisfitError
    number = int(value)
    if str(number) != value:
        raise MisfitError
    return number


def _list_of_one(value: t.Any) -> list[t.Any]:
    """A single value as a list of one."""
    return [value]


def ways(coercions: Coercions, listed: t.Collection[str]) -> dict[type, list[Way]]:
    """The types that values of each type can become, in the order in which to try them.

    Args:
        coercions: The table.
        listed: The types that a schema lists.
    """
    found: dict[type, list[Way]] = {}
    for wanted, by_type in coercions.items():
        for sent, make in by_type.items() if wanted in listed else ():
            found.setdefault(sent, []).append(Way(wanted, make))
    return found


def attempt(makes: t.Iterable[Coercion], value: t.Any) -> t.Any:
    """The result of the first function that takes the value.

    Raises:
        MisfitError: None does.
    """
    for make in makes:
        try:
            return make(value)
        except OUT_OF_RANGE:  # of which MisfitError is one
            continue
    raise MisfitError
