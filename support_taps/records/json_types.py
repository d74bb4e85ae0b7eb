"""The types that a JSON schema lists for a value."""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Mapping

ANYTHING: t.Final = frozenset({"object", "array", "string", "number", "boolean"})
"""A schema that lists all of these says nothing; nor does one that lists none."""


def listed_types(schema: Mapping[str, t.Any]) -> tuple[str, ...]:
    """The names of the types, of one or of several."""
    names = schema.get("type", tuple(ANYTHING))
    return (names,) if isinstance(names, str) else tuple(names)
