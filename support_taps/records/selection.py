"""Which fields of a stream are not selected, and taking them out of a record.

As the SDK does it: within objects, not within the objects of an array.
"""

from __future__ import annotations

import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from singer_sdk.singerlib import SelectionMask

    Deselected = Mapping[str, t.Any]
    """Names of fields, each with True, or with the same for the fields of its object."""


def deselected(
    schema: Mapping[str, t.Any], mask: SelectionMask, breadcrumb: tuple[str, ...] = ()
) -> dict[str, t.Any]:
    """The part of a schema that a selection leaves out.

    Args:
        schema: JSON schema of the stream, or of an object in it.
        mask: The selection.
        breadcrumb: Where the object lies.
    """
    parts: dict[str, t.Any] = {}
    for name, prop in schema.get("properties", {}).items():
        crumbs = (*breadcrumb, "properties", name)
        if not mask[crumbs]:
            parts[name] = True
        elif inner := deselected(prop, mask, crumbs):
            parts[name] = inner
    return parts


def selected(schema: Mapping[str, t.Any], parts: Deselected) -> dict[str, t.Any]:
    """A schema without what is not selected.

    Args:
        schema: JSON schema of the stream, or of an object in it.
        parts: What is left out.
    """
    if not parts:
        return dict(schema)
    properties = {
        name: selected(field, parts.get(name, {}))
        for name, field in schema["properties"].items()
        if parts.get(name) is not True
    }
    return {**schema, "properties": properties}


def prune(record: dict[str, t.Any], parts: Deselected) -> None:
    """Take what is not selected out of a record, in place."""
    for name, part in parts.items():
        if part is True:
            record.pop(name, None)
        elif isinstance(inner := record.get(name), dict):
            prune(inner, part)
