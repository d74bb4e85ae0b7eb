"""All rows of all streams through the other target for PostgreSQL.

pipelinewise-target-postgres 2.1.2 writes CSV and lets PostgreSQL read it, which bends values in
ways of its own; :func:`held` says which. Whatever else differed from the truth would be ours.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from .postgres import assert_same, by_key
from .tools import tap_config
from .truth import EXPORTS, PROJECT, Row, emitted, exact, is_text, schema_of, sent, types_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from sandbox import Sandbox

    from .postgres import Database
    from .tools import Pipeline


def readme_map() -> dict[str, Any]:
    """The stream map with which docs/targets.md loads values of any type."""
    readme = (PROJECT / "docs" / "targets.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"<!-- any-type-map -->\n```json\n(.*?)```", readme, re.DOTALL)
    settings: dict[str, Any] = json.loads(block)
    return settings


def rows(database: Database, vendor: str, stream: str) -> list[Row]:
    """All rows of a table by the properties' names, which the columns have in lower case."""
    names = [*schema_of(vendor, stream)]
    columns = ", ".join(f'"{name.lower()}"' for name in names)
    found = database.ask(f"select {columns} from tap_{vendor}.{stream}")  # noqa: S608
    return [dict(zip(names, row, strict=True)) for row in found]


def held(schema: dict[str, Any], value: Any) -> Any:
    """A value as a column of this target holds it."""
    if value is None or value == "":
        return None  # an empty text is NULL
    if schema.get("format") == "date-time":
        whole, _, fraction = value.removesuffix("Z").partition(".")
        # Rounded to microseconds, not cut off.
        rounded = timedelta(microseconds=round(float(f"0.{fraction or 0}") * 1_000_000))
        return datetime.fromisoformat(whole) + rounded
    types = types_of(schema)
    if is_text(schema):
        # Line breaks and other control characters stay as JSON escapes them.
        return re.sub(r'\\(["\\])', r"\1", json.dumps(str(value), ensure_ascii=False)[1:-1])
    return float(value) if types == {"number"} else value


def unmapped(row: Row, mapped: Collection[str]) -> Row:
    """A row with the values that the map has made JSON texts of."""
    return {
        name: json.loads(value, parse_float=Decimal) if name in mapped and value else value
        for name, value in row.items()
    }


@pytest.mark.parametrize("vendor", EXPORTS)
def test_every_row_is_what_the_vendor_sent_but_for_what_the_target_bends(
    box: Sandbox, database: Database, into_pipelinewise: Callable[[str], Pipeline], vendor: str
) -> None:
    """The map of docs/targets.md is for DeepConverse's messages: three fields are of any type."""
    settings = readme_map() if vendor == "deepconverse" else {}
    into_pipelinewise(vendor).run(tap_config(box, vendor, **settings)).succeeded()
    for stream in EXPORTS[vendor]:
        mapped = settings.get("stream_maps", {}).get(stream, ())
        found = [
            {name: exact(it) for name, it in unmapped(row, mapped).items()}
            for row in rows(database, vendor, stream)
        ]
        expected = [
            {
                name: exact(record.get(name) if name in mapped else held(schema, record.get(name)))
                for name, schema in schema_of(vendor, stream).items()
            }
            for record in (emitted(vendor, stream, it) for it in sent(box, vendor, stream))
        ]
        table = by_key(vendor, stream, found)
        assert len(table) == len(found), "a key is there twice"
        assert_same(table, by_key(vendor, stream, expected))


def test_the_map_keeps_what_is_null_or_absent_apart_from_json(
    box: Sandbox, database: Database, into_pipelinewise: Callable[[str], Pipeline]
) -> None:
    values: list[Any] = [None, "", "null", "text", 'a "b" \\\n', 0, 0.25, False, [], {"a": [None]}]
    made = [{"_id": "absent", "time": 1_740_830_400}]
    made += [{**made[0], "_id": str(place), "outMsg": it} for place, it in enumerate(values)]
    for bot in box.deepconverse.bots:
        box.deepconverse.load("conversations", [], bot)
        box.deepconverse.load("messages", [{**it, "_id": f"{bot} {it['_id']}"} for it in made], bot)
    config = tap_config(box, "deepconverse", **readme_map())
    into_pipelinewise("deepconverse").run(config).succeeded()
    found = {row["_id"]: row["outMsg"] for row in rows(database, "deepconverse", "messages")}
    for bot in box.deepconverse.bots:
        assert found[f"{bot} absent"] is found[f"{bot} 0"] is None
        texts = [found[f"{bot} {place}"] for place in range(1, len(values))]
        assert [json.loads(text) for text in texts] == values[1:]
