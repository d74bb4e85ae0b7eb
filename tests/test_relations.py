"""The diagrams of the taps' documents name streams, keys and foreign keys that exist."""

from __future__ import annotations

import re
import typing as t
from pathlib import Path

import pytest

from scripts.taps import streams, taps

ROOT = Path(__file__).parent.parent
DIAGRAM = re.compile(r"```mermaid\nerDiagram\n(.*?)```", re.DOTALL)
ENTITY = re.compile(r"^    (\w+) \{\n(.*?)^    \}\n", re.DOTALL | re.MULTILINE)
FIELD = re.compile(r"^        (\w+) (\w+)(?: (PK, FK|PK|FK))?$")
RELATION = re.compile(r"^    (\w+) [|}][|o]--[|o][|{] (\w+) : \"([\w.]+)\"$", re.MULTILINE)

Json = t.Any


class Diagram(t.NamedTuple):
    """A diagram beside the streams that it is about.

    Args:
        fields: Type, name and marks of the fields of each stream.
        relations: Parent, child and the way to the foreign key in the child.
        streams: The tap's, by name.
    """

    fields: dict[str, list[tuple[str, str, str]]]
    relations: list[tuple[str, str, tuple[str, ...]]]
    streams: dict[str, t.Any]


def read(tap: str) -> Diagram:
    """The diagram of a tap, every line of which has to be understood."""
    (body,) = DIAGRAM.findall(document(tap))
    fields = {}
    for name, lines in ENTITY.findall(body):
        found = [FIELD.match(line) for line in lines.splitlines()]
        assert all(found), lines
        fields[name] = [(it[1], it[2], it[3] or "") for it in found if it]
    relations = []
    for parent, child, label in RELATION.findall(body):
        way = tuple(label.removeprefix(f"{child}.").split("."))
        relations.append((parent, child, way))
    assert not RELATION.sub("", ENTITY.sub("", body)).strip(), "a line of another form"
    return Diagram(fields, relations, {it.name: it for it in streams(taps()[tap])})


def document(tap: str) -> str:
    return (ROOT / tap.replace("-", "_") / "README.md").read_text(encoding="utf-8")


def property_at(schema: Json, way: tuple[str, ...]) -> Json:
    """A property by its way through objects and lists of them; None if there is none."""
    for name in way:
        while "items" in schema:
            schema = schema["items"]
        schema = schema.get("properties", {}).get(name)
        if schema is None:
            return None
    return schema


every_diagram = pytest.mark.parametrize(
    "tap", [tap for tap in taps() if DIAGRAM.search(document(tap))]
)


def test_taps_with_tables_have_a_diagram() -> None:
    with_diagram = {tap for tap in taps() if DIAGRAM.search(document(tap))}
    assert {"tap-devrev", "tap-dixa", "tap-zendesk-chat"} <= with_diagram


@every_diagram
def test_every_stream_of_the_diagram_exists_and_has_its_key(tap: str) -> None:
    diagram = read(tap)
    for name, fields in diagram.fields.items():
        stream = diagram.streams[name]
        keys = {field for _, field, marks in fields if "PK" in marks}
        assert keys == set(stream.primary_keys), name
        for kind, field, _ in fields:
            schema = stream.schema["properties"][field]
            assert kind in schema.get("type", kind), f"{name}.{field}"


@every_diagram
def test_every_foreign_key_of_the_diagram_exists(tap: str) -> None:
    diagram = read(tap)
    assert diagram.relations
    for parent, child, way in diagram.relations:
        assert parent in diagram.streams, parent
        assert property_at(diagram.streams[child].schema, way), f"{child}.{'.'.join(way)}"
    told = {(child, way[0]) for _, child, way in diagram.relations}
    marked = {
        (name, field)
        for name, fields in diagram.fields.items()
        for _, field, marks in fields
        if "FK" in marks
    }
    assert marked <= told


@every_diagram
def test_every_child_is_in_the_diagram_with_its_parent(tap: str) -> None:
    diagram = read(tap)
    told = {(parent, child) for parent, child, _ in diagram.relations}
    for stream in diagram.streams.values():
        if stream.parent_stream_type is not None:
            assert (stream.parent_stream_type.name, stream.name) in told
