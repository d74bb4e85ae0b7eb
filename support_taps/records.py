"""From the bytes of a record to a Singer RECORD: conversion and conformance, compiled per stream.

The rules (design: nothing the vendor sent is lost, and nothing is bent):

- Epoch numbers, and digits in text, become ISO 8601 where the schema has a date-time.
- A value of a type the schema does not list is converted where that loses nothing: a single value
  into a list of one, digits into an integer, a number into its text, 0 and 1 into a boolean. Otherwise it passes as
  it is, with one warning per field.
- A field the schema does not list is carried under its own name, and counted.
- Nothing is added, nothing is filled in: absent stays absent, null stays null.
"""

from __future__ import annotations

import collections
import decimal
import typing as t

from support_taps.errors import ShapeError
from support_taps.json_codec import decode
from support_taps.timestamps import isoformat_epoch

if t.TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping

    Json = t.Any
    Conform = Callable[[Json], Json]
    Schema = Mapping[str, t.Any]

_TYPES: dict[str, frozenset[type]] = {
    "null": frozenset({type(None)}),
    "boolean": frozenset({bool}),
    "integer": frozenset({int}),
    "number": frozenset({int, float, decimal.Decimal}),
    "string": frozenset({str}),
    "array": frozenset({list}),
    "object": frozenset({dict}),
}
_NAMES = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    decimal.Decimal: "number",
    str: "string",
    list: "array",
    dict: "object",
}
_LISTED_NAMES = 20
_LONGEST_DIGITS = 18
"""Digits in text are taken for a number up to this length: all of these fit into 64 bits."""


class Drift(t.NamedTuple):
    """A field whose values are not what the schema says."""

    expected: str
    got: str
    key: str


class RecordPlan:
    """What is done to each record of one stream, worked out once from its schema.

    Args:
        schema: The stream's JSON schema.
        keys: Names of the key properties; without them a record is no record.
        epoch_unit: What epoch numbers count; None tells seconds and milliseconds apart by size.

    Attributes:
        unknown: How often each field came that the schema does not list.
        drifted: The first value of each field that passed although its type is not listed.
    """

    def __init__(
        self,
        schema: Schema,
        keys: t.Sequence[str],
        *,
        epoch_unit: dt.timedelta | None = None,
        on_drift: Callable[[str, Drift], None] = lambda _path, _drift: None,
    ) -> None:
        """Compile the schema."""
        self.unknown: collections.Counter[str] = collections.Counter()
        self.drifted: dict[str, Drift] = {}
        self._keys = tuple(keys)
        self._epoch_unit = epoch_unit
        self._on_drift = on_drift
        self._record: dict[str, Json] = {}
        self._conform = self._members(schema["properties"], "")

    def record(self, raw: bytes) -> dict[str, t.Any]:
        """The record that these bytes are, conformed.

        Raises:
            PassingError: They are no JSON.
            ShapeError: They are no object, or one without the stream's key.
        """
        record = decode(raw)
        if type(record) is not dict:
            msg = f"the answer holds a record that is no object but of type {_NAMES[type(record)]}"
            raise ShapeError(msg)
        for key in self._keys:
            if record.get(key) is None:
                names = ", ".join(list(record)[:_LISTED_NAMES]) or "none"
                msg = f"a record has no '{key}', which is part of its key; its fields are: {names}"
                raise ShapeError(msg)
        self._record = record
        self._conform(record)
        return t.cast("dict[str, t.Any]", record)

    def _compile(self, schema: Schema, path: str) -> Conform | None:
        """A function that conforms a value of this schema; None where any value is right."""
        names = schema.get("type")
        if names is None:
            return None
        allowed = (names,) if isinstance(names, str) else tuple(names)
        types = frozenset().union(*(_TYPES[name] for name in allowed))
        within = self._within(schema, path)
        is_instant = schema.get("format") == "date-time"
        if {"object", "array", "string", "number", "boolean"} <= set(allowed) and not within:
            return None
        drift = self._drift(allowed, path, within)

        if is_instant:
            return self._instant(types, drift)
        if not within:

            def conform(value: Json) -> Json:
                return value if type(value) in types else drift(value)

        else:

            def conform(value: Json) -> Json:
                kind = type(value)
                if kind not in types:
                    return drift(value)
                inner = within.get(kind)
                if inner is not None:
                    inner(value)
                return value

        return conform

    def _within(self, schema: Schema, path: str) -> dict[type, Callable[[Json], None]]:
        """What is done inside objects and arrays, in place."""
        within: dict[type, Callable[[Json], None]] = {}
        if schema.get("properties"):
            within[dict] = self._members(schema["properties"], f"{path}.")
        if (items := schema.get("items")) and (conform := self._compile(items, f"{path}[]")):

            def each(values: list[Json]) -> None:
                for index, value in enumerate(values):
                    conformed = conform(value)
                    if conformed is not value:
                        values[index] = conformed

            within[list] = each
        return within

    def _members(self, properties: Schema, prefix: str) -> Callable[[Json], None]:
        conforms = {name: self._compile(schema, prefix + name) for name, schema in properties.items()}
        unknown = self.unknown
        missing: t.Any = object()

        def members(record: dict[str, Json]) -> None:
            for name, value in record.items():
                conform = conforms.get(name, missing)
                if conform is None:
                    continue
                if conform is missing:
                    unknown[prefix + name] += 1
                    continue
                conformed = conform(value)
                if conformed is not value:
                    record[name] = conformed  # the keys stay, so this is safe in the loop

        return members

    def _instant(self, types: frozenset[type], drift: Conform) -> Conform:
        unit = self._epoch_unit

        def conform(value: Json) -> Json:
            kind = type(value)
            if kind is int:
                text = isoformat_epoch(value, unit)
                return drift(value) if text is None else text
            if kind is str and value.isdecimal() and value.isascii() and len(value) <= _LONGEST_DIGITS:
                return isoformat_epoch(int(value), unit) or value
            return value if kind in types else drift(value)

        return conform

    def _drift(
        self,
        allowed: tuple[str, ...],
        path: str,
        within: Mapping[type, Callable[[Json], None]],
    ) -> Conform:
        """What is done to a value of a type that is not allowed."""
        is_list = "array" in allowed
        is_text = "string" in allowed
        is_boolean = "boolean" in allowed
        is_number = "integer" in allowed or "number" in allowed

        def drift(value: Json) -> Json:
            kind = type(value)
            if kind in {int, decimal.Decimal} and is_text:
                return str(value)
            if kind is int and is_boolean and value in {0, 1}:
                return bool(value)
            if kind is decimal.Decimal and is_number and value == value.to_integral_value():
                return int(value)
            if kind is str and is_number and (number := _exact_integer(value)) is not None:
                return number
            if is_list and value is not None:
                listed = [value]
                if list in within:
                    within[list](listed)
                return listed
            self._report(path, Drift(" or ".join(allowed), _NAMES[kind], self._key_text()))
            return value

        return drift

    def _report(self, path: str, drift: Drift) -> None:
        if path not in self.drifted:
            self.drifted[path] = drift
            self._on_drift(path, drift)

    def _key_text(self) -> str:
        return ", ".join(f"{key}={self._record.get(key)}" for key in self._keys)


def _exact_integer(text: str) -> int | None:
    """The integer that is written exactly like this, or None."""
    if len(text) > _LONGEST_DIGITS or not text.lstrip("-").isdecimal() or not text.isascii():
        return None
    number = int(text) if text.count("-") <= 1 and "-" not in text[1:] else None
    return number if str(number) == text else None
