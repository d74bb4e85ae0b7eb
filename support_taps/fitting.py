"""The short way for records that are just what the schema says, which most are.

A type is generated from the schema. Decoding a record into it succeeds only if every field is
listed and of a listed type, which msgspec checks in C, and then there is nothing to walk through
in Python: the bytes are written as they came; or, where something changes in every record (epoch
numbers, fields that are not selected, the name of a partition), a few attributes are set and
the record is encoded again. A record that does not fit goes the long way (``conformance.py``).

Where no epoch numbers are expected, the types are stricter than the schema in one respect: text
shorter than any ISO 8601 date-time does not fit a date-time, so that digits in text are seen.
"""

from __future__ import annotations

import decimal
import typing as t

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from support_taps.json_codec import decode, encode
from support_taps.timestamps import LONGEST_EPOCH_TEXT, is_epoch_text, isoformat_epoch

if t.TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping

    from support_taps.selection import Deselected

    Schema = Mapping[str, t.Any]
    Change = Callable[[Struct], None]

_ANYTHING = frozenset({"object", "array", "string", "number", "boolean"})
_INSTANT_TEXT = t.Annotated[str, Meta(min_length=LONGEST_EPOCH_TEXT + 1)]
_PLAIN: dict[str, t.Any] = {
    "null": None,
    "boolean": bool,
    "integer": int,
    "number": float,
    "string": str,
    "object": dict[str, t.Any],
}
_encode = msgspec.json.Encoder(decimal_format="number").encode

MISFITS = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What a function made by :func:`fitter` raises for a record that does not fit."""


class _Member(t.NamedTuple):
    """A property of a generated type.

    Args:
        attribute: The attribute's name; names of properties need not be identifiers.
        is_instant: Whether the property is a date-time.
        is_number: Whether it can be a number with a fraction.
        inner: The members of the objects that it holds.
        in_list: Whether these objects are in an array.
    """

    attribute: str
    is_instant: bool
    is_number: bool
    inner: dict[str, _Member]
    in_list: bool


def fitter(  # noqa: PLR0913 - all that a plan knows
    schema: Schema,
    keys: tuple[str, ...],
    *,
    epochs: bool,
    epoch_unit: dt.timedelta | None,
    deselected: Deselected,
    added: Mapping[str, t.Any],
) -> Callable[[bytes], bytes]:
    """A function that makes of a record's bytes what is to be written.

    Args:
        schema: The stream's JSON schema.
        keys: Names of the key properties; a record without them does not fit.
        epochs: Whether epoch numbers are expected where the schema has a date-time.
        epoch_unit: What they count; None tells seconds and milliseconds apart by size.
        deselected: What is left out.
        added: Fields that records have in addition, unless the vendor sent them.
    """
    struct, members = _record_type(schema, epochs=epochs)
    fitted = msgspec.json.Decoder(struct, float_hook=decimal.Decimal).decode
    key_attributes = [members[key].attribute for key in keys]
    extra = [(members[name].attribute, value) for name, value in added.items()]

    def unchanged(raw: bytes) -> bytes:
        _require_keys(fitted(raw), key_attributes)
        # White space between tokens may break the line, and a line is a message.
        return encode(decode(raw)) if b"\n" in raw or b"\r" in raw else raw

    if not (epochs or deselected or added):
        return unchanged
    change = _changes(members, deselected, epoch_unit)

    def changed(raw: bytes) -> bytes:
        record = fitted(raw)
        _require_keys(record, key_attributes)
        change(record)
        for attribute, value in extra:
            if getattr(record, attribute) is UNSET:
                setattr(record, attribute, value)
        return _encode(record)

    return changed


def _require_keys(record: Struct, attributes: list[str]) -> None:
    for attribute in attributes:
        value = getattr(record, attribute)
        if value is UNSET or value is None:
            raise msgspec.DecodeError


def _record_type(schema: Schema, *, epochs: bool) -> tuple[type[Struct], dict[str, _Member]]:
    """The type of an object with properties, and its members by the properties' names."""
    members: dict[str, _Member] = {}
    fields: list[tuple[str, t.Any, t.Any]] = []
    for name, prop in schema["properties"].items():
        attribute = f"p{len(fields)}"
        typed, inner, in_list = _value_type(prop, epochs=epochs)
        is_instant = prop.get("format") == "date-time"
        members[name] = _Member(attribute, is_instant, "number" in _names(prop), inner, in_list)
        fields.append((attribute, typed | UnsetType, UNSET))
    struct = msgspec.defstruct(
        "Record",
        fields,
        rename={member.attribute: name for name, member in members.items()},
        forbid_unknown_fields=True,
        gc=False,
    )
    return struct, members


def _value_type(schema: Schema, *, epochs: bool) -> tuple[t.Any, dict[str, _Member], bool]:
    """The type of a value, the members of the objects in it, and whether these are in an array."""
    names = _names(schema)
    if set(names) >= _ANYTHING and "properties" not in schema:
        return t.Any, {}, False
    inner: dict[str, _Member] = {}
    in_list = False
    union: list[t.Any] = []
    for name in names:
        if name == "string" and schema.get("format") == "date-time":
            union += (str, int) if epochs else (_INSTANT_TEXT,)
        elif name == "array":
            items = schema.get("items", {})
            # Numbers among date-times in a list are not looked for: they do not fit.
            of_items = epochs and items.get("format") != "date-time"
            item_type, item_members, _ = _value_type(items, epochs=of_items)
            union.append(list.__class_getitem__(item_type))
            if not inner:
                inner, in_list = item_members, True
        elif name == "object" and schema.get("properties"):
            struct, inner = _record_type(schema, epochs=epochs)
            union.append(struct)
            in_list = False
        else:
            union.append(_PLAIN[name])
    return t.Union[tuple(union)], inner, in_list  # noqa: UP007 - made of a list


def _names(schema: Schema) -> tuple[str, ...]:
    names = schema.get("type", tuple(_ANYTHING))
    return (names,) if isinstance(names, str) else tuple(names)


def _changes(
    members: Mapping[str, _Member], deselected: Deselected, epoch_unit: dt.timedelta | None
) -> Change:
    """A function that sets what changes in an object that fits, and in the objects inside it."""
    steps: list[Change] = []
    for name, member in members.items():
        part = deselected.get(name, {})
        if part is True:
            steps.append(_dropped(member.attribute))
            continue
        if member.is_instant:
            steps.append(_instant(member.attribute, epoch_unit))
        if member.is_number:
            steps.append(_without_fraction(member.attribute))
        if member.inner:
            inner = _changes(member.inner, {} if member.in_list else part, epoch_unit)
            steps.append(_inside(member, inner))

    def change(record: Struct) -> None:
        for step in steps:
            step(record)

    return change


def _dropped(attribute: str) -> Change:
    def drop(record: Struct) -> None:
        setattr(record, attribute, UNSET)

    return drop


def _instant(attribute: str, unit: dt.timedelta | None) -> Change:
    def convert(record: Struct) -> None:
        value = getattr(record, attribute)
        kind = type(value)
        if kind is str:
            if not is_epoch_text(value):
                return
            value = int(value)
        elif kind is not int:
            return
        if (text := isoformat_epoch(value, unit)) is None:
            raise msgspec.DecodeError
        setattr(record, attribute, text)

    return convert


def _without_fraction(attribute: str) -> Change:
    def check(record: Struct) -> None:
        # Decoded as a float, it would not keep every digit on its way out.
        if type(getattr(record, attribute)) is float:
            raise msgspec.DecodeError

    return check


def _inside(member: _Member, change: Change) -> Change:
    attribute, in_list = member.attribute, member.in_list

    def each(record: Struct) -> None:
        value = getattr(record, attribute)
        for item in value if in_list and type(value) is list else (value,):
            if isinstance(item, Struct):
                change(item)

    return each
