"""The deepest records, flattened to the last level by the tap, in both targets for PostgreSQL."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from .postgres import assert_same, by_key
from .test_pipelinewise import held
from .tools import tap_config
from .truth import Row, column, exact, schema_of, sent, types_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sandbox import Sandbox

    from .postgres import Database

DEEPEST = {"flattening_enabled": True, "flattening_max_depth": 10}
HELD = {"into_postgres": column, "into_pipelinewise": held}
"""A value as a column of each target holds it."""


def leaves(schema: Row, value: Row | None, prefix: str = "") -> Iterator[tuple[str, Row, Any]]:
    """Every column that there must be, with its schema and value."""
    for name, prop in schema["properties"].items():
        inner = (value or {}).get(name)
        if "properties" in prop:
            yield from leaves(prop, inner, f"{prefix}{name}__")
        else:
            yield prefix + name, prop, inner


@pytest.mark.parametrize("target", HELD)
def test_every_leaf_of_a_conversation_has_its_column_and_value(
    box: Sandbox, database: Database, request: pytest.FixtureRequest, target: str
) -> None:
    make: Callable[[str], Any] = request.getfixturevalue(target)
    make("devrev").run(tap_config(box, "devrev", **DEEPEST)).succeeded()
    schema = {"properties": schema_of("devrev", "conversations")}
    # Lists, and objects that are not spelt out, are JSON texts.
    texts = {name for name, prop, _ in leaves(schema, {}) if types_of(prop) & {"array", "object"}}
    expected = [
        {
            name: exact(inner if name in texts else HELD[target](prop, inner))
            for name, prop, inner in leaves(schema, record)
        }
        for record in sent(box, "devrev", "conversations")
    ]
    names = [*expected[0]]
    columns = ", ".join(f'"{name}"' for name in names)
    found = [
        {
            name: exact(json.loads(it, parse_float=Decimal) if name in texts and it else it)
            for name, it in zip(names, row, strict=True)
        }
        for row in database.ask(f"select {columns} from tap_devrev.conversations")  # noqa: S608
    ]
    assert len(found) == len(expected)
    assert_same(
        by_key("devrev", "conversations", found), by_key("devrev", "conversations", expected)
    )
