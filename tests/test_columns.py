"""Every schema becomes columns, whatever a target does to names."""

from __future__ import annotations

import json
import re
import typing as t
from pathlib import Path

import pytest

if t.TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
SCHEMAS = sorted(ROOT.glob("tap_*/schemas/*.json"))
LONGEST_NAME = 62
"""Characters of a column's name that no target shortens: PostgreSQL has 63, several stop at 62."""

Json = t.Any

every_schema = pytest.mark.parametrize("file", SCHEMAS, ids=lambda file: f"{file.parts[-3:]}")


def snake_case(name: str) -> str:
    """As most targets into databases have it: `formSubmission` becomes `form_submission`."""
    parted = re.sub(r"(?<=[a-z\d])(?=[A-Z])|[^\w]", "_", name)
    return parted.casefold()


def columns(schema: Json, *parents: str) -> Iterator[str]:
    """The columns of a schema that is flattened as deep as it goes."""
    for name, prop in schema["properties"].items():
        if "object" in prop.get("type", ()) and "properties" in prop:
            yield from columns(prop, *parents, name)
        else:
            yield "__".join([*parents, name])


@every_schema
def test_no_name_is_too_long_for_a_column_when_all_is_flattened(file: Path) -> None:
    """Targets shorten longer ones, `stage__stage` and `stage__state` to the same letters."""
    names = columns(json.loads(file.read_text(encoding="utf-8")))
    assert [name for name in names if len(name) > LONGEST_NAME] == []


@every_schema
def test_no_two_names_become_one_column(file: Path) -> None:
    names = [*columns(json.loads(file.read_text(encoding="utf-8")))]
    assert len({snake_case(name) for name in names}) == len(names) > 0


@every_schema
def test_properties_of_objects_and_items_of_lists_are_kept_apart(file: Path) -> None:
    """Readers that look for the `properties` of any value stumble over a list."""

    def within(schema: Json) -> Iterator[Json]:
        yield schema
        for inner in (*schema.get("properties", {}).values(), *schema.get("anyOf", ())):
            yield from within(inner)
        if "items" in schema:
            yield from within(schema["items"])

    for schema in within(json.loads(file.read_text(encoding="utf-8"))):
        assert not ("properties" in schema and "array" in schema["type"])
