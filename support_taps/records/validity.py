"""Whether a value is valid against a JSON schema, and how a schema is widened until it is.

Compiled, because each record that the fast path did not take is looked at. Targets that validate
use jsonschema, which takes a millisecond for one record.
"""

from __future__ import annotations

import decimal
import functools
import json
import typing as t

import jsonschema

from support_taps.json_codec import encode
from support_taps.timestamps import is_date_time

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Json = t.Any
    Schema = Mapping[str, t.Any]
    Check = Callable[[Json], bool]

_TYPES: t.Final = {
    type(None): "null",
    bool: "boolean",
    int: "integer",
    float: "number",
    decimal.Decimal: "number",
    str: "string",
    list: "array",
    dict: "object",
}
_KINDS: t.Final = {
    name: frozenset(kind for kind, named in _TYPES.items() if named == name)
    for name in _TYPES.values()
} | {"number": frozenset({int, float, decimal.Decimal})}

_LOOKED_AT = frozenset(
    {"additionalProperties", "anyOf", "format", "items", "properties", "required", "type"}
)
_SAY_NOTHING = frozenset(
    {"$comment", "$id", "$schema", "default", "deprecated", "description", "examples", "title"}
)
"""Keywords beyond these none of our schemas has, but a catalog that a user has edited may."""

_KNOWN = _LOOKED_AT | _SAY_NOTHING
_FORMATS = jsonschema.FormatChecker()


class _Rule(t.NamedTuple):
    """The values that are valid for a property.

    Args:
        right: Types whose values are, without a look at them.
        check: Says so of any value.
    """

    right: frozenset[type]
    check: Check


def type_of(value: Json) -> str:
    """The JSON type of a value."""
    return _TYPES[_kind(value)]


def validity(schema: Schema | bool) -> Check:  # noqa: FBT001 - JSON Schema has such schemas
    """A function that says whether a value is valid.

    What it takes for invalid although it is not is a whole number with a fraction of zeros where
    the schema says integer, since databases see it like that.
    """
    return _rule(schema).check


def covers(outer: Schema | bool, inner: Schema | bool) -> bool:  # noqa: FBT001
    """Whether whatever is valid against one schema is valid against another.

    Args:
        outer: The schema that is to be the wider one.
        inner: The schema that is to be the narrower one.
    """
    if outer == inner or not outer or isinstance(outer, bool) or isinstance(inner, bool):
        return outer == inner or outer in ({}, True)
    if "anyOf" in {*outer, *inner} or {*outer, *inner} - _KNOWN:
        return False
    if not _kinds(outer) >= _kinds(inner) or outer.get("format") not in {None, inner.get("format")}:
        return False
    listed, fields = outer.get("properties", {}), inner.get("properties", {})
    if (listed and not fields) or {*outer.get("required", ())} - {*inner.get("required", ())}:
        return False
    others = [each.get("additionalProperties", True) for each in (outer, inner)]
    return (
        covers(*others)
        and covers(outer.get("items", {}), inner.get("items", {}))
        and all(covers(listed.get(name, others[0]), field) for name, field in fields.items())
    )


def widened(schema: Json, value: Json) -> Json:
    """The schema with as little changed as makes a value valid. What was valid stays so.

    Args:
        schema: Not changed itself.
        value: In the types of Python's json.
    """
    if validity(schema)(value):
        return schema
    if isinstance(schema, bool):
        return True
    wide = {name: each for name, each in schema.items() if name in _KNOWN}
    if options := wide.pop("anyOf", None):
        return {**widened(wide, value), "anyOf": _with_an_option(options, value)}
    name = type_of(value)
    names = wide.get("type")
    if names is not None and _kind(value) not in _kinds(wide):
        names = [names] if isinstance(names, str) else list(names)
        if name == "number" and "integer" in names:
            names.remove("integer")
        wide["type"] = sorted([*names, name], key="null".__eq__)
    if "format" in wide and not _rule({"format": wide["format"]}).check(value):
        del wide["format"]
    if isinstance(value, dict):
        _widen_object(wide, value)
    elif isinstance(value, list) and "items" in wide:
        for item in value:
            wide["items"] = widened(wide["items"], item)
    return wide


def of_value(value: Json) -> dict[str, t.Any]:
    """The schema of values like one, or null; objects and arrays may hold anything."""
    name = type_of(value)
    schema: dict[str, t.Any] = {"type": [name, "null"]}
    return schema | {"items": {}} if name == "array" else schema


def _widen_object(schema: dict[str, t.Any], value: dict[str, Json]) -> None:
    if "required" in schema:
        schema["required"] = [name for name in schema["required"] if name in value]
    listed = schema.get("properties", {})
    for name, inner in value.items():
        if name in listed:
            listed = {**listed, name: widened(listed[name], inner)}
        elif "additionalProperties" in schema:
            schema["additionalProperties"] = widened(schema["additionalProperties"], inner)
    if listed:
        schema["properties"] = listed


def _with_an_option(options: list[Json], value: Json) -> list[Json]:
    """The alternatives of ``anyOf``, with one that a value fits."""
    if any(validity(option)(value) for option in options):
        return options
    for place, option in enumerate(options):
        if isinstance(option, dict) and _kind(value) in _kinds(option):
            return [*options[:place], widened(option, value), *options[place + 1 :]]
    return [*options, {"type": type_of(value)}]


def _kinds(schema: Schema) -> frozenset[type]:
    """The Python types that a schema lists; all of them if it lists none."""
    names = schema.get("type", _KINDS)
    return _kinds_of((names,) if isinstance(names, str) else tuple(names))


@functools.cache
def _kinds_of(names: tuple[str, ...]) -> frozenset[type]:
    return frozenset[type]().union(*(_KINDS[name] for name in names))


def _rule(schema: Schema | bool) -> _Rule:  # noqa: FBT001
    if isinstance(schema, bool):
        return _Rule(frozenset(_TYPES) if schema else frozenset(), lambda _: schema)
    form = schema.get("format", "date-time")
    if form != "date-time" or schema.keys() - _KNOWN:
        return _Rule(frozenset(), functools.partial(_is_valid_for_jsonschema, schema))
    kinds = _kinds(schema)
    looks: dict[type, Check] = {}
    if "format" in schema:
        looks[str] = is_date_time
    if {"properties", "required", "additionalProperties"} & schema.keys():
        looks[dict] = _object_check(schema)
    if schema.get("items", {}) not in ({}, True):
        item = _rule(schema["items"])
        looks[list] = lambda values: all(type(v) in item.right or item.check(v) for v in values)
    options = [_rule(option).check for option in schema.get("anyOf", ())]
    right = kinds - looks.keys()

    def check(value: Json) -> bool:
        kind = _kind(value)
        if kind not in right and not (kind in looks and kind in kinds and looks[kind](value)):
            return False
        return not options or any(option(value) for option in options)

    return _Rule(frozenset() if options else right, check)


def _object_check(schema: Schema) -> Check:
    rules = {name: _rule(field) for name, field in schema.get("properties", {}).items()}
    required = frozenset(schema.get("required", ()))
    others = _rule(schema.get("additionalProperties", True))

    def check(fields: dict[str, Json]) -> bool:
        for name, value in fields.items():
            right, is_valid = rules.get(name, others)
            if type(value) not in right and not is_valid(value):
                return False
        return required <= fields.keys()

    return check


def _kind(value: Json) -> type:
    """The type of a value; those of Python's own that stand for others count as these."""
    kind = type(value)
    if kind in _TYPES:
        return kind
    return decimal.Decimal if isinstance(value, decimal.Decimal) else object


def _is_valid_for_jsonschema(schema: Schema, value: Json) -> bool:
    validator = jsonschema.Draft202012Validator(schema, format_checker=_FORMATS)
    try:
        return validator.is_valid(json.loads(encode(value)))
    except Exception:  # noqa: BLE001 - a pattern or a reference that is none raises anything
        return False
