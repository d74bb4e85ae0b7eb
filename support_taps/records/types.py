"""Types generated from a stream's schema, into which msgspec decodes records that fit it.

They differ from the schema in a few respects. Where records are written as they came:

- Text shorter than any ISO 8601 date-time does not fit one, so that digits in text are seen.

Where records are encoded again:

- What is mended without a loss fits too, if vendors are known to send it: 0 and 1 for a boolean, a
  text for a list of texts, and epoch numbers where the stream has them.
- A number that can have a fraction stays as the bytes it came as: as a float it would lose digits.
"""

from __future__ import annotations

import typing as t

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType

from support_taps.records.json_types import ANYTHING, as_one, listed_types
from support_taps.timestamps import LONGEST_EPOCH_TEXT, epoch_format, is_epoch_text

if t.TYPE_CHECKING:
    import datetime as dt
    from collections.abc import Callable, Mapping

    Schema = Mapping[str, t.Any]
    Coercions = Mapping[type, Callable[[t.Any], t.Any]]

_INSTANT_TEXT = t.Annotated[str, Meta(min_length=LONGEST_EPOCH_TEXT + 1)]
_PLAIN: dict[str, t.Any] = {
    "null": None,
    "boolean": bool,
    "integer": int,
    "number": float,
    "string": str,
    "object": dict[str, t.Any],
}
_FIRST_BYTES: dict[str, bytes] = {
    "null": b"n",
    "boolean": b"tf",
    "integer": b"-0123456789",
    "number": b"-0123456789",
    "string": b'"',
    "array": b"[",
    "object": b"{",
}


class Member(t.NamedTuple):
    """A property of a generated type.

    Args:
        attribute: The attribute's name; names of properties need not be identifiers.
        coercions: What is made of values of some types; the others stay as they are.
        inner: The members of the objects that it holds.
        in_list: Whether these objects are in an array.
    """

    attribute: str
    coercions: Coercions
    inner: dict[str, Member]
    in_list: bool


class RecordTypes:
    """Makes types of schemas.

    Args:
        rewrites: Whether records are encoded again.
        epochs: Whether epoch numbers are expected where the schema has a date-time.
        epoch_unit: What they count; None tells seconds and milliseconds apart by size.
    """

    def __init__(self, *, rewrites: bool, epochs: bool, epoch_unit: dt.timedelta | None) -> None:
        """Remember what records are like."""
        self._rewrites = rewrites
        self._instants = _instants(epoch_unit) if epochs else None

    def of_record(
        self, schema: Schema, keys: tuple[str, ...] = ()
    ) -> tuple[type[Struct], dict[str, Member]]:
        """The type of an object with properties, and its members by the properties' names.

        Args:
            schema: Of the object.
            keys: Properties that have to be there, and not be null.
        """
        members: dict[str, Member] = {}
        fields: list[tuple[str, t.Any] | tuple[str, t.Any, t.Any]] = []
        for name, prop in schema["properties"].items():
            attribute = f"p{len(fields)}"
            if name in keys:
                required = [each for each in listed_types(prop) if each != "null"]
                typed, member = self._of_property(attribute, {**prop, "type": required})
                fields.append((attribute, typed))
            else:
                typed, member = self._of_property(attribute, prop)
                # Raw stands for any value and cannot be part of a union.
                fields.append((attribute, typed if typed is Raw else typed | UnsetType, UNSET))
            members[name] = member
        struct = msgspec.defstruct(
            "Record",
            fields,
            rename={member.attribute: name for name, member in members.items()},
            forbid_unknown_fields=True,
            kw_only=True,
            gc=False,
        )
        return struct, members

    def _of_property(self, attribute: str, schema: Schema) -> tuple[t.Any, Member]:
        """The type of a property."""
        schema = as_one(schema)
        names = listed_types(schema)
        if schema.get("format") == "date-time" and "string" in names and self._instants:
            typed, inner, in_list = self._of_value({**schema, "format": None})
            return typed | int, Member(attribute, self._instants, inner, in_list)
        typed, inner, in_list = self._of_value(schema)
        coercions: Coercions = {}
        if self._rewrites and typed is not t.Any:
            if "number" in names and not inner:
                typed, coercions = Raw, _numbers(names)
            elif "boolean" in names and not {"integer", "number"}.intersection(names):
                typed, coercions = typed | t.Literal[0, 1], _FLAGS
            elif "array" in names and "string" not in names and _is_text(schema.get("items", {})):
                typed, coercions = typed | str, _LISTS
        return typed, Member(attribute, coercions, inner, in_list)

    def _of_value(self, schema: Schema) -> tuple[t.Any, dict[str, Member], bool]:
        """The type of a value, the members of the objects in it, whether these are in an array."""
        schema = as_one(schema)
        names = listed_types(schema)
        if set(names) >= ANYTHING and "properties" not in schema:
            return t.Any, {}, False
        inner: dict[str, Member] = {}
        in_list = False
        union: list[t.Any] = []
        for name in names:
            if name == "string" and schema.get("format") == "date-time":
                # Numbers among date-times in a list are not looked for: they do not fit.
                union.append(_INSTANT_TEXT)
            elif name == "array":
                item_type, item_members, _ = self._of_value(schema.get("items", {}))
                if inner and item_members:
                    continue  # objects of two types: one of them does not fit
                union.append(list.__class_getitem__(item_type))
                if item_members:
                    inner, in_list = item_members, True
            elif name == "object" and schema.get("properties"):
                if inner:
                    continue
                struct, inner = self.of_record(schema)
                union.append(struct)
            elif name == "number" and self._rewrites:
                union.append(int)
            else:
                union.append(_PLAIN[name])
        return t.Union[tuple(union)], inner, in_list  # noqa: UP007 - made of a list


def _is_text(schema: Schema) -> bool:
    return "string" in listed_types(schema) and schema.get("format") != "date-time"


def _instants(unit: dt.timedelta | None) -> Coercions:
    """Epoch numbers, and digits in text, become ISO 8601."""
    to_text = epoch_format(unit)
    return {
        int: to_text,
        str: lambda value: to_text(int(value)) if is_epoch_text(value) else value,
    }


def _numbers(names: tuple[str, ...]) -> Coercions:
    """Bytes stay as they are if they are a value of one of these types."""
    first_bytes = frozenset(b"".join(_FIRST_BYTES[name] for name in names))

    def checked(value: Raw) -> Raw:
        if memoryview(value)[0] not in first_bytes:
            raise msgspec.DecodeError
        return value

    return {Raw: checked}


_FLAGS: t.Final[Coercions] = {int: bool}
_LISTS: t.Final[Coercions] = {str: lambda value: [value]}
