"""Selection takes out what is not selected, inside of objects too."""

from __future__ import annotations

from singer_sdk.singerlib import SelectionMask

from support_taps.records.selection import deselected, prune

SCHEMA = {
    "properties": {
        "id": {},
        "visitor": {"type": "object", "properties": {"email": {}, "name": {}}},
        "rows": {"type": "array", "items": {"properties": {"a": {}}}},
    }
}


def mask(**left_out: bool) -> SelectionMask:
    crumbs = {(): True, ("properties", "id"): True, ("properties", "rows"): True}
    visitor = ("properties", "visitor")
    crumbs |= {visitor: True, (*visitor, "properties", "name"): True}
    crumbs |= {(*visitor, "properties", "email"): True}
    for name in left_out:
        crumbs[tuple(part for word in name.split("__") for part in ("properties", word))] = False
    return SelectionMask(crumbs)


def test_everything_selected_leaves_nothing_out() -> None:
    assert deselected(SCHEMA, mask()) == {}


def test_fields_and_fields_of_objects_are_left_out() -> None:
    parts = deselected(SCHEMA, mask(rows=True, visitor__email=True))
    assert parts == {"rows": True, "visitor": {"email": True}}
    record = {"id": 1, "rows": [], "visitor": {"email": "x", "name": "y", "new": 1}}
    prune(record, parts)
    assert record == {"id": 1, "visitor": {"name": "y", "new": 1}}


def test_values_of_another_shape_are_left_alone() -> None:
    for value in (None, "text", [{"email": "x"}]):
        record = {"visitor": value}
        prune(record, {"visitor": {"email": True}, "absent": True})
        assert record == {"visitor": value}
