"""The types that a JSON schema lists for a value."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Mapping

ANYTHING: t.Final = frozenset({"object", "array", "string", "number", "boolean"})
"""A schema that lists all of these says nothing; nor does one that lists none."""


def listed_types(schema: Mapping[str, t.Any]) -> tuple[str, ...]:
    """The names of the types, of one or of several."""
    names = as_one(schema).get("type", tuple(ANYTHING))
    return (names,) if isinstance(names, str) else tuple(names)


def as_one(schema: Mapping[str, t.Any]) -> Mapping[str, t.Any]:
    """The alternatives of an ``anyOf`` in one schema, which lists all their types.

    They are told apart by type, a list and an object for example, so that no keyword is in two.
    Schema files keep them apart because some readers, singer-check-tap for one, look for the
    `properties` of whatever the value is.
    """
    if "anyOf" not in schema:
        return schema
    one = {name: value for name, value in schema.items() if name != "anyOf"}
    types = [name for each in schema["anyOf"] for name in listed_types(each)]
    for each in schema["anyOf"]:
        one |= each
    return {**one, "type": types}
