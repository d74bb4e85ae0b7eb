"""From the bytes of a record to a Singer RECORD: conversion and conformance, compiled per stream.

The rules (design: nothing the vendor sent is lost, and nothing is bent):

- Epoch numbers, and digits in text, become ISO 8601 where the schema has a date-time.
- A value of a type the schema does not list is converted where that loses nothing: a single value
  into a list of one, digits into an integer, a number into its text, 0 and 1 into a boolean. Otherwise it passes as
  it is, with one warning per field.
- A field the schema does not list is carried under its own name, and counted.
- Nothing is filled in: absent stays absent, null stays null.

There are two ways with one result. :meth:`RecordPlan.record` walks through a decoded record. Most
records need no walk: they fit the type that ``fitting`` generated from the schema, and then
:meth:`RecordPlan.lines` writes their bytes as they came, or sets the few attributes that change and
encodes what was decoded.
"""

from __future__ import annotations

import collections
import decimal
import functools
import typing as t

import msgspec

from support_taps.errors import ShapeError
from support_taps.fitting import LONGEST_DIGITS, record_type
from support_taps.json_codec import decode, encode
from support_taps.timestamps import isoformat_epoch

if t.TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping

    from singer_sdk.singerlib import SelectionMask

    from support_taps.fitting import Member

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
_LONGEST_INTEGER = 18
"""Digits in text are taken for an integer up to this length: all of these fit into 64 bits."""

_MISFITS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Drift(t.NamedTuple):
    """A field whose values are not what the schema says."""

    expected: str
    got: str
    key: str


class RecordPlan:
    """What is done to each record of one stream, worked out once from its schema and selection.

    Args:
        schema: The stream's JSON schema.
        keys: Names of the key properties; without them a record is no record.
        epochs: Whether the vendor sends epoch numbers; they are converted in any case.
        epoch_unit: What these count; None tells seconds and milliseconds apart by size.
        mask: The selection; None: all is selected.
        on_drift: Told the first value of each field that passes although its type is not listed.

    Attributes:
        unknown: How often each field came that the schema does not list.
        drifted: The first value of each field that passed although its type is not listed.
    """

    def __init__(
        self,
        schema: Schema,
        keys: t.Sequence[str],
        *,
        epochs: bool = False,
        epoch_unit: dt.timedelta | None = None,
        mask: SelectionMask | None = None,
        on_drift: Callable[[str, Drift], None] = lambda _path, _drift: None,
    ) -> None:
        """Compile the schema."""
        self.unknown: collections.Counter[str] = collections.Counter()
        self.drifted: dict[str, Drift] = {}
        self._schema = schema
        self._keys = tuple(keys)
        self._epochs = epochs
        self._epoch_unit = epoch_unit
        self._on_drift = on_drift
        self._record: dict[str, Json] = {}
        self._deselected = {} if mask is None else _deselected(schema, mask, ())
        self._conform = self._members(schema["properties"], "")

    def lines(
        self, raws: list[bytes], start: bytes, end: bytes, added: Mapping[str, t.Any]
    ) -> bytes:
        """The records conformed and as selected, each between two given pieces of text.

        Args:
            raws: Records as they came.
            start: What comes before each.
            end: What comes after each.
            added: Fields that records have in addition, unless the vendor sent them.

        Raises:
            PassingError: One is no JSON.
            ShapeError: One is no object, or one without the stream's key.
        """
        fit = self._fit(tuple(added.items()))
        pieces: list[bytes] = []
        for raw in raws:
            try:
                body = fit(raw)
            except _MISFITS:
                record = self.record(raw)
                _prune(record, self._deselected)
                body = encode({**added, **record})
            pieces += (start, body, end)
        return b"".join(pieces)

    @functools.lru_cache(maxsize=1)  # noqa: B019 - a plan lives as long as its stream
    def _fit(self, added: tuple[tuple[str, t.Any], ...]) -> Callable[[bytes], bytes]:
        """A function that conforms the bytes of a record that fits, and raises for others."""
        generated = record_type(self._schema, epochs=self._epochs)
        fitted = msgspec.json.Decoder(generated.type, float_hook=decimal.Decimal).decode
        keys = [generated.members[key].attribute for key in self._keys]

        if not self._epochs and not self._deselected and not added:

            def unchanged(raw: bytes) -> bytes:
                record = fitted(raw)
                for key in keys:
                    if not getattr(record, key):
                        raise msgspec.DecodeError
                # White space between tokens may break a line, and a line is a message.
                return encode(decode(raw)) if b"\n" in raw or b"\r" in raw else raw

            return unchanged

        change = self._changes(generated.members, self._deselected)
        extra = [(generated.members[name].attribute, value) for name, value in added]

        def changed(raw: bytes) -> bytes:
            record = fitted(raw)
            for key in keys:
                if not getattr(record, key):
                    raise msgspec.DecodeError
            change(record)
            for attribute, value in extra:
                if getattr(record, attribute) is msgspec.UNSET:
                    setattr(record, attribute, value)
            return _encode_fitted(record)

        return changed

    def _changes(
        self, members: Mapping[str, Member], deselected: Mapping[str, t.Any]
    ) -> Callable[[msgspec.Struct], None]:
        """A function that makes, in place, of a record that fits what is to be written."""
        unit = self._epoch_unit
        dropped = [members[name].attribute for name, part in deselected.items() if part is True]
        kept = [member for name, member in members.items() if deselected.get(name) is not True]
        instants = [member.attribute for member in kept if member.is_instant]
        fractions = [member.attribute for member in kept if member.is_number]
        inside = [
            (
                members[name].attribute,
                members[name].is_list,
                # The SDK selects within objects only, not within the objects of an array.
                self._changes(
                    members[name].inner,
                    deselected.get(name, {}) if not members[name].is_list else {},
                ),
            )
            for name, member in members.items()
            if member in kept and member.inner
        ]

        def change(record: msgspec.Struct) -> None:
            for attribute in instants:
                value = getattr(record, attribute)
                if value is not None and value is not msgspec.UNSET:
                    if type(value) is str:
                        if not _is_epoch_text(value):
                            continue
                        value = int(value)
                    if (text := isoformat_epoch(value, unit)) is None:
                        raise msgspec.DecodeError
                    setattr(record, attribute, text)
            for attribute in fractions:
                # A float would not keep every digit on its way out.
                if type(getattr(record, attribute)) is float:
                    raise msgspec.DecodeError
            for attribute, is_list, change_inner in inside:
                value = getattr(record, attribute)
                if isinstance(value, msgspec.Struct):
                    change_inner(value)
                elif is_list and type(value) is list:
                    for item in value:
                        if isinstance(item, msgspec.Struct):
                            change_inner(item)
            for attribute in dropped:
                setattr(record, attribute, msgspec.UNSET)

        return change

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
            if kind is str and _is_epoch_text(value):
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


_encode_fitted = msgspec.json.Encoder(decimal_format="number").encode


def _deselected(schema: Schema, mask: SelectionMask, breadcrumb: tuple[str, ...]) -> dict[str, t.Any]:
    """What is not selected: the names of fields, each with True, or with the same for its fields."""
    parts: dict[str, t.Any] = {}
    for name, prop in schema.get("properties", {}).items():
        crumbs = (*breadcrumb, "properties", name)
        if not mask[crumbs]:
            parts[name] = True
        elif inner := _deselected(prop, mask, crumbs):
            parts[name] = inner
    return parts


def _prune(record: dict[str, Json], deselected: Mapping[str, t.Any]) -> None:
    """Take what is not selected out of a record, as the SDK does: within objects, not arrays."""
    for name, part in deselected.items():
        if part is True:
            record.pop(name, None)
        elif isinstance(inner := record.get(name), dict):
            _prune(inner, part)


def _is_epoch_text(text: str) -> bool:
    """Whether text where a date-time belongs is an epoch number in digits."""
    return len(text) <= LONGEST_DIGITS and text.isdecimal() and text.isascii()


def _exact_integer(text: str) -> int | None:
    """The integer that is written exactly like this, or None."""
    if len(text) > _LONGEST_INTEGER or not text.lstrip("-").isdecimal() or not text.isascii():
        return None
    number = int(text) if text.count("-") <= 1 and "-" not in text[1:] else None
    return number if str(number) == text else None
