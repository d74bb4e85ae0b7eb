"""Types generated from a stream's schema, into which msgspec decodes records that fit it.

They differ from the schema in a few respects. Where records are written as they came:

- Text fits a date-time only if it is one, which msgspec finds out by decoding it.

Where records are encoded again:

- What can be coerced fits too, if vendors are known to send it: 0 and 1 for a boolean, a text for
  a list of texts, and epoch numbers where the stream has them.
- Text stays text, also of a date-time: whether it is one is looked at when it is changed.
- A number that can have a fraction stays as the bytes it came as: as a float it would lose digits.
"""

from __future__ import annotations

import typing as t

import msgspec
from msgspec import UNSET, Raw, Struct, UnsetType

from support_taps.records.coercions import MisfitError, ways
from support_taps.records.json_types import (
    DATE_TIME,
    alternatives,
    kinds,
    says_nothing,
    without_null,
)
from support_taps.timestamps import AwareDateTime, is_date_time

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from support_taps.records.coercions import Coercions, Way

    Schema = Mapping[str, t.Any]
    Changes = Mapping[type, Callable[[t.Any], t.Any]]

_PLAIN: dict[str, t.Any] = {
    "null": None,
    "boolean": bool,
    "integer": int,
    "string": str,
}
_FIRST_BYTES: dict[str, bytes] = {
    "null": b"n",
    "boolean": b"tf",
    "number": b"-0123456789",
}
"""First bytes of a value that is not looked into: no text, which could be no UTF-8."""


class Member(t.NamedTuple):
    """A property of a generated type.

    Args:
        attribute: The attribute's name; names of properties need not be identifiers.
        changes: What is made of values of some types; the others stay as they are.
        inner: The members of the objects that it holds.
        in_list: Whether these objects are in an array.
    """

    attribute: str
    changes: Changes
    inner: dict[str, Member]
    in_list: bool


class RecordTypes:
    """Makes types of schemas.

    Args:
        coercions: What is made of values of other types than the schema lists.
        rewrites: Whether records are encoded again.
    """

    def __init__(self, coercions: Coercions, *, rewrites: bool) -> None:
        """Remember what records are like."""
        self._coercions = coercions
        self._rewrites = rewrites

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
                typed, member = self._of_property(attribute, without_null(prop))
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
        every = alternatives(schema)
        is_plain = self._rewrites and len(every) == 1
        typed, inner, in_list = self._of_value(schema, times=str if is_plain else None)
        if not is_plain or typed is t.Any:
            return typed, Member(attribute, {}, inner, in_list)
        listed = kinds(every[0])
        makes = {sent: found[0] for sent, found in ways(self._coercions, listed).items()}
        changes: Changes = {}
        if "number" in listed and not inner:
            typed, changes = Raw, _numbers(listed)
        elif DATE_TIME in listed:
            if int in makes and makes[int].wanted == DATE_TIME and "integer" not in listed:
                typed, changes = typed | int, {int: makes[int].make}
            changes = {**changes, str: _instants(makes.get(str))}
        elif int in makes and makes[int].wanted == "boolean" and "integer" not in listed:
            typed, changes = typed | t.Literal[0, 1], {int: makes[int].make}
        elif str in makes and makes[str].wanted == "array" and "string" not in listed:
            items = every[0].get("items", {})
            if any("string" in kinds(each) for each in alternatives(items)):
                typed, changes = typed | str, {str: makes[str].make}
        return typed, Member(attribute, changes, inner, in_list)

    def _of_value(
        self, schema: Schema, *, times: type | None = None
    ) -> tuple[t.Any, dict[str, Member], bool]:
        """The type of a value, the members of the objects in it, whether these are in an array.

        Args:
            schema: Of the value.
            times: The type of a date-time, where records are encoded again; None: none fits.
        """
        every = alternatives(schema)
        if any(says_nothing(each) for each in every):
            return t.Any, {}, False
        listed = {kind for each in every for kind in kinds(each)}
        union: list[t.Any] = [
            _PLAIN[name] for name in ("null", "boolean", "integer", "string") if name in listed
        ]
        if "number" in listed:
            union.append(int if self._rewrites else float)
        if DATE_TIME in listed and "string" not in listed:
            time = times if self._rewrites else AwareDateTime
            union += [time] if time else []
        # What fits one of several objects or arrays is not for a type to say: it goes the long way.
        inner: dict[str, Member] = {}
        in_list = False
        objects = [each.get("properties") for each in every if "object" in kinds(each)]
        if objects and not all(objects):
            union.append(dict[str, t.Any])
        elif len(objects) == 1:
            struct, inner = self.of_record({"properties": objects[0]})
            union.append(struct)
        arrays = [each.get("items", {}) for each in every if "array" in kinds(each)]
        if any(says_nothing(option) for items in arrays for option in alternatives(items)):
            union.append(list[t.Any])
        elif len(arrays) == 1:
            item, members, is_nested = self._of_value(arrays[0])
            # Changes are made in one object, or in the objects of one array.
            if not (self._rewrites and members and (inner or is_nested)):
                union.append(list.__class_getitem__(item))
                if members:
                    inner, in_list = members, True
        return t.Union[tuple(union or [None])], inner, in_list  # noqa: UP007 - made of a list


def _instants(way: Way | None) -> Callable[[t.Any], t.Any]:
    """Text of a date-time stays, and other text is coerced if that is possible."""

    def checked(value: str) -> t.Any:
        if not value.isdecimal() and is_date_time(value):
            return value
        if way is None:
            raise MisfitError
        return way.make(value)

    return checked


def _numbers(listed: tuple[str, ...]) -> Changes:
    """Bytes stay as they are if they are a number, or a word that is listed beside it."""
    first_bytes = frozenset(b"".join(_FIRST_BYTES.get(name, b"") for name in listed))

    def checked(value: Raw) -> Raw:
        if memoryview(value)[0] not in first_bytes:
            raise MisfitError
        return value

    return {Raw: checked}
