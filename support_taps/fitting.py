"""Types generated from a stream's schema, with which msgspec checks a whole record in C.

Most records are just what the schema says. For these nothing has to be walked through in Python:
decoding into a generated ``Struct`` succeeds only if every field is listed and of a listed type.
One that does not fit goes the slow way through ``records.RecordPlan``, which knows what to do
about it.

Where no epoch numbers are expected the types are stricter than the schema in one respect: text
shorter than any ISO 8601 date-time does not fit a date-time, so that digits in text are seen.
"""

from __future__ import annotations

import typing as t

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    Schema = Mapping[str, t.Any]

LONGEST_DIGITS = 16
"""Digits in text are an epoch number up to this length: enough for microseconds."""

_ANYTHING = frozenset({"object", "array", "string", "number", "boolean"})
_INSTANT_TEXT = t.Annotated[str, Meta(min_length=LONGEST_DIGITS + 1)]


class Member(t.NamedTuple):
    """A property of an object, as the generated type has it.

    Args:
        attribute: The attribute's name: names of properties need not be identifiers.
        is_instant: Whether the property is a date-time.
        is_number: Whether it can be a number with a fraction.
        inner: The members of the object, or of the objects in the array, that it holds.
        is_list: Whether ``inner`` is about the items of an array.
    """

    attribute: str
    is_instant: bool
    is_number: bool
    inner: dict[str, Member]
    is_list: bool


class RecordType(t.NamedTuple):
    """The type of a record and what its attributes stand for, by the properties' names."""

    type: type[Struct]
    members: dict[str, Member]


def record_type(schema: Schema, *, epochs: bool) -> RecordType:
    """Generate the type of an object with properties.

    Args:
        schema: Its JSON schema.
        epochs: Whether integers are expected where the schema has a date-time.
    """
    members: dict[str, Member] = {}
    fields: list[tuple[str, t.Any, t.Any]] = []
    renamed: dict[str, str] = {}
    for number, (name, prop) in enumerate(schema["properties"].items()):
        attribute = f"p{number}"
        typed, inner, is_list = _type_of(prop, epochs=epochs)
        names = _type_names(prop)
        instant = prop.get("format") == "date-time"
        members[name] = Member(attribute, instant, "number" in names, inner, is_list)
        fields.append((attribute, typed | UnsetType, UNSET))
        renamed[attribute] = name
    struct = msgspec.defstruct("Record", fields, rename=renamed, forbid_unknown_fields=True, gc=False)
    return RecordType(struct, members)


def _type_names(schema: Schema) -> tuple[str, ...]:
    names = schema.get("type", tuple(_ANYTHING))
    return (names,) if isinstance(names, str) else tuple(names)


def _type_of(schema: Schema, *, epochs: bool) -> tuple[t.Any, dict[str, Member], bool]:
    """The type of one value, the members inside it, and whether these are in an array."""
    names = _type_names(schema)
    if set(names) >= _ANYTHING and "properties" not in schema:
        return t.Any, {}, False
    inner: dict[str, Member] = {}
    is_list = False
    union: list[t.Any] = []
    for name in names:
        if name == "string" and schema.get("format") == "date-time":
            union += (str, int) if epochs else (_INSTANT_TEXT,)
        elif name == "array":
            item, item_members, _ = _type_of(schema.get("items", {}), epochs=epochs)
            union.append(list[item])
            if item_members and not inner:
                inner, is_list = item_members, True
        elif name == "object" and schema.get("properties"):
            generated = record_type(schema, epochs=epochs)
            union.append(generated.type)
            inner, is_list = generated.members, False
        else:
            union.append(_PLAIN[name])
    return t.Union[tuple(union)], inner, is_list  # noqa: UP007 - made of a list


_PLAIN: dict[str, t.Any] = {
    "null": None,
    "boolean": bool,
    "integer": int,
    "number": float,
    "string": str,
    "object": dict[str, t.Any],
}
