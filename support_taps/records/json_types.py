"""The types that a JSON schema lists for a value, and the type that a value is of."""

from __future__ import annotations

import typing as t

from support_taps.json_codec import Number

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    Schema = Mapping[str, t.Any]

ANYTHING: t.Final = frozenset({"object", "array", "string", "number", "boolean"})
"""A schema that lists all of these says nothing; nor does one that lists none."""

DATE_TIME: t.Final = "date-time"

_NAMES: dict[type, str] = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    str: "string",
    list: "array",
    dict: "object",
}


def alternatives(schema: Schema) -> tuple[Schema, ...]:
    """The schemas of which a value fits one: those of ``anyOf``, or the schema itself.

    An alternative that lists nothing but null is joined with the one other there is: two
    spellings of the same schema shall be the same for everybody.
    """
    if not (listed := schema.get("anyOf")):
        return (schema,)
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    every = [inner for each in listed for inner in alternatives({**rest, **each})]
    others = [each for each in every if set(listed_types(each)) != {"null"}]
    if len(others) == 1 and len(every) > 1:
        return ({**others[0], "type": (*dict.fromkeys((*listed_types(others[0]), "null")),)},)
    return tuple(every)


def listed_types(schema: Schema) -> tuple[str, ...]:
    """The names of the types, of one or of several, in all alternatives."""
    if schema.get("anyOf"):
        every = (name for each in alternatives(schema) for name in listed_types(each))
        return tuple(dict.fromkeys(every))
    names = schema.get("type", tuple(ANYTHING))
    return (names,) if isinstance(names, str) else tuple(names)


def kinds(schema: Schema) -> tuple[str, ...]:
    """The types that a schema without ``anyOf`` lists; a text that is a time has a name of its own.

    JSON has no type for times: what is wanted of such a text is that a target can read it.
    """
    is_time = schema.get("format") == DATE_TIME
    return tuple(
        DATE_TIME if is_time and name == "string" else name for name in listed_types(schema)
    )


def says_nothing(schema: Schema) -> bool:
    """Whether any value fits, and nothing is known of what is in it."""
    return set(listed_types(schema)) >= ANYTHING and not schema.get("properties")


def without_null(schema: Schema) -> Schema:
    """The schema of a value that has to be there."""
    if options := schema.get("anyOf"):
        left = [without_null(each) for each in options if set(listed_types(each)) != {"null"}]
        return {**schema, "anyOf": left}
    return {**schema, "type": [name for name in listed_types(schema) if name != "null"]}


def type_name(value: object) -> str:
    """The JSON type of a decoded value."""
    if type(value) is Number:
        return "integer" if value.is_integer_literal else "number"
    return _NAMES[type(value)]
