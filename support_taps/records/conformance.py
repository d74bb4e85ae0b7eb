"""What is done to a record that is not quite what the schema says, value by value.

The schema is compiled into functions once; a record then goes through the ones its fields have.
"""

from __future__ import annotations

import collections
import contextlib
import decimal
import typing as t

from support_taps.records.json_types import ANYTHING, as_one, listed_types
from support_taps.timestamps import OUT_OF_RANGE, epoch_format, is_epoch_text

if t.TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping

    Json = t.Any
    Conform = Callable[[Json], Json]
    Within = Mapping[type, Callable[[Json], None]]
    Schema = Mapping[str, t.Any]

_PYTHON_TYPES: dict[str, frozenset[type]] = {
    "null": frozenset({type(None)}),
    "boolean": frozenset({bool}),
    "integer": frozenset({int}),
    "number": frozenset({int, float, decimal.Decimal}),
    "string": frozenset({str}),
    "array": frozenset({list}),
    "object": frozenset({dict}),
}
_NAMES: dict[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    decimal.Decimal: "number",
    str: "string",
    list: "array",
    dict: "object",
}
_LONGEST_INTEGER = 18
"""Digits in text are taken for an integer up to this length: all of these fit into 64 bits."""


class Drift(t.NamedTuple):
    """A value that is of none of the types the schema lists, and passed as it is.

    Args:
        expected: The types that are listed.
        got: The type that came.
        key: The key of the first record that had it.
    """

    expected: str
    got: str
    key: str


class _Rule(t.NamedTuple):
    """What is done to the values of a property.

    Args:
        right: Types of values that stay as they are.
        conform: Makes of a value of another type what it shall be.
    """

    right: frozenset[type]
    conform: Conform


_ANYTHING_GOES = _Rule(frozenset(_NAMES), lambda value: value)


def type_name(value: object) -> str:
    """The JSON type of a decoded value."""
    return _NAMES[type(value)]


class Conformance:
    """A stream's schema as functions.

    Args:
        schema: The stream's JSON schema.
        keys: Names of the key properties, to name a record by.
        epoch_unit: What epoch numbers count; None tells seconds and milliseconds apart by size.
        on_drift: Told the first drift of each field.

    Attributes:
        unknown: How often each field came that the schema does not list, by its path.
        unknown_fields: Those of them that are fields of the record itself.
        drifted: The first drift of each field.
    """

    def __init__(
        self,
        schema: Schema,
        keys: tuple[str, ...],
        epoch_unit: dt.timedelta | None,
        on_drift: Callable[[str, Drift], None],
    ) -> None:
        """Compile the schema."""
        self.unknown: collections.Counter[str] = collections.Counter()
        self.unknown_fields: set[str] = set()
        self.drifted: dict[str, Drift] = {}
        self._keys = keys
        self._epoch_text = epoch_format(epoch_unit)
        self._on_drift = on_drift
        self._record: dict[str, Json] = {}
        self._listed = frozenset(schema["properties"])
        self._conform = self._members(schema["properties"], "")

    def conform(self, record: dict[str, Json]) -> None:
        """Conform a record in place."""
        self._record = record
        self._conform(record)
        if not self._listed.issuperset(record):
            self.unknown_fields.update(record.keys() - self._listed)

    def _members(self, properties: Schema, prefix: str) -> Callable[[Json], None]:
        """A function that conforms the fields of an object in place."""
        rules = {name: self._rule(prop, prefix + name) for name, prop in properties.items()}
        unknown = self.unknown

        def members(record: dict[str, Json]) -> None:
            for name, value in record.items():
                rule = rules.get(name)
                if rule is None:
                    unknown[prefix + name] += 1
                elif type(value) not in rule.right:
                    # No key is added or removed while looping.
                    record[name] = rule.conform(value)

        return members

    def _rule(self, schema: Schema, path: str) -> _Rule:
        """What is done to the values of a property."""
        schema = as_one(schema)
        allowed = listed_types(schema)
        within = self._within(schema, path)
        if not within and set(allowed) >= ANYTHING:
            return _ANYTHING_GOES
        types = frozenset[type]().union(*(_PYTHON_TYPES[name] for name in allowed))
        drift = self._drift(allowed, path, within)
        if schema.get("format") == "date-time":
            return _Rule(types - {int, str}, self._instant(types - {int}, drift))

        def conform(value: Json) -> Json:
            kind = type(value)
            if kind not in types:
                return drift(value)
            within[kind](value)
            return value

        return _Rule(types - within.keys(), conform)

    def _within(self, schema: Schema, path: str) -> Within:
        """What is done inside of objects and arrays, in place."""
        within: dict[type, Callable[[Json], None]] = {}
        if schema.get("properties"):
            within[dict] = self._members(schema["properties"], f"{path}.")
        items = schema.get("items")
        if items and (rule := self._rule(items, f"{path}[]")) is not _ANYTHING_GOES:
            right, conform = rule

            def each(values: list[Json]) -> None:
                values[:] = [v if type(v) in right else conform(v) for v in values]

            within[list] = each
        return within

    def _instant(self, right: frozenset[type], drift: Conform) -> Conform:
        """A function for a date-time: epoch numbers and digits in text become ISO 8601."""
        to_text = self._epoch_text

        def conform(value: Json) -> Json:
            kind = type(value)
            if kind is int or (kind is str and is_epoch_text(value)):
                with contextlib.suppress(*OUT_OF_RANGE):
                    return to_text(int(value))
            return value if kind in right else drift(value)

        return conform

    def _drift(self, allowed: tuple[str, ...], path: str, within: Within) -> Conform:
        """A function for a value of a type that is not listed: converted if nothing is lost."""
        ways = [_WAYS[name] for name in _WAYS if name in allowed]
        each = within.get(list)

        def drift(value: Json) -> Json:
            for way in ways:
                if (converted := way(value)) is not None:
                    if each is not None and type(converted) is list:
                        each(converted)
                    return converted
            self._report(path, Drift(" or ".join(allowed), type_name(value), self._key_text()))
            return value

        return drift

    def _report(self, path: str, drift: Drift) -> None:
        if path not in self.drifted:
            self.drifted[path] = drift
            self._on_drift(path, drift)

    def _key_text(self) -> str:
        return ", ".join(f"{key}={self._record.get(key)}" for key in self._keys)


def _to_text(value: Json) -> str | None:
    """A number as its text."""
    return str(value) if type(value) in {int, decimal.Decimal} else None


def _to_boolean(value: Json) -> bool | None:
    """0 and 1 as a boolean."""
    return bool(value) if type(value) is int and value in {0, 1} else None


def _to_integer(value: Json) -> int | None:
    """A number without a fraction, or the text of an integer, as an integer."""
    if type(value) is decimal.Decimal and value.is_finite() and value == value.to_integral_value():
        return int(value)
    if type(value) is not str or not value.isascii() or len(value) > _LONGEST_INTEGER:
        return None
    number = int(value) if value.removeprefix("-").isdecimal() else None
    return number if str(number) == value else None


def _to_list(value: Json) -> list[Json] | None:
    """A single value as a list of one."""
    return None if value is None else [value]


_WAYS: dict[str, Conform] = {
    "string": _to_text,
    "boolean": _to_boolean,
    "integer": _to_integer,
    "number": _to_integer,
    "array": _to_list,
}
"""By the type that is wanted, in the order in which they are tried."""
