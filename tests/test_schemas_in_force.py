"""Each RECORD is listed in, and valid against, the last SCHEMA of its stream: any record, any way.

Records are drawn as for ``test_lines.py``, and given to a stream as bytes, in the place of what a
vendor sends. What it writes is checked with jsonschema, as a target does that validates.
"""

from __future__ import annotations

import copy
import datetime as dt
import decimal
import functools
import gzip
import json
import operator
import re
import tempfile
import typing as t
from pathlib import Path

import jsonschema
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from scripts.taps import with_one
from support_taps.records.emitter import MOST_NEW_FIELDS
from support_taps.writer import LineWriter
from tap_zendesk_chat.tap import TapZendeskChat
from tests.common import bare
from tests.conftest import deselect
from tests.test_lines import (
    CATALOGS,
    EXPORTS,
    STREAMS,
    UNSELECTIVE,
    catalog_of,
    keyed,
    objects,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from support_taps.streams.base import SupportStream
    from support_taps.tap import SupportTap
    from tests.conftest import Record

    Json = t.Any
    Way = t.Literal["lines", "maps", "flattening", "batches", "full table"]

FORMATS = jsonschema.FormatChecker(formats=())
_RFC_3339 = re.compile(r"\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII)


@FORMATS.checks("date-time", raises=ValueError)
def is_date_time(value: object) -> bool:
    """RFC 3339, section 5.6; jsonschema checks the format only with a package of its own."""
    if not isinstance(value, str):
        return True
    dt.datetime.fromisoformat(value[:10])
    return _RFC_3339.fullmatch(value) is not None


class Output(t.NamedTuple):
    """The messages that are written.

    Args:
        messages: Singer messages in order; before a BATCH stand its records as RECORD messages.
    """

    messages: list[Record]

    def schemas(self, stream: str) -> list[Record]:
        """The properties of each SCHEMA of a stream, in order."""
        return [each["schema"]["properties"] for each in self._of("SCHEMA", stream)]

    def records(self, stream: str) -> list[Record]:
        """The records of a stream, in order."""
        return [each["record"] for each in self._of("RECORD", stream)]

    def _of(self, kind: str, stream: str) -> Iterator[Record]:
        return (each for each in self.messages if each["type"] == kind and each["stream"] == stream)


class Writer(LineWriter):
    """Keeps what would go to standard output."""

    def __init__(self) -> None:
        super().__init__()
        self.lines = b""

    def write_lines(self, lines: bytes | bytearray) -> None:
        self.lines += lines


def written(
    tap_class: type[SupportTap],
    name: str,
    batches: Sequence[list[Json]],
    *,
    catalog: Json = None,
    **config: Json,
) -> Output:
    """The output of a stream for some batches of records, checked against its SCHEMA."""
    tap: t.Any = bare(with_one(tap_class, name), catalog or catalog_of(tap_class, name), **config)
    stream: SupportStream[t.Any] = tap.streams[name]
    tap.message_writer = Writer()

    def read_pages(context: Json, convert: Callable[[list[bytes]], Json]) -> Iterator[Json]:
        stream.enter(context)
        for batch in batches:
            yield convert([json.dumps(record, ensure_ascii=False).encode() for record in batch])

    stream.read_pages = read_pages  # type: ignore[method-assign]
    stream.sync()
    messages: list[Record] = []
    for line in tap.message_writer.lines.splitlines():
        message = json.loads(line, parse_float=decimal.Decimal)
        for file in message.get("manifest", ()):
            for row in gzip.decompress(
                Path(file.removeprefix("file://")).read_bytes()
            ).splitlines():
                record = json.loads(row, parse_float=decimal.Decimal)
                messages.append({"type": "RECORD", "stream": message["stream"], "record": record})
        messages.append(message)
    in_force: dict[str, t.Any] = {}
    for message in messages:
        if message["type"] == "SCHEMA":
            known = in_force[message["stream"]].schema if message["stream"] in in_force else {}
            new = {
                name: field
                for name, field in message["schema"]["properties"].items()
                if known and known["properties"].get(name) != field
            }
            jsonschema.Draft202012Validator.check_schema({"properties": new})
            in_force[message["stream"]] = jsonschema.Draft202012Validator(
                message["schema"], format_checker=FORMATS
            )
        elif message["type"] == "RECORD":
            in_force[message["stream"]].validate(message["record"])
    return Output(messages)


def configured(way: Way, tap_class: type[SupportTap], name: str, folder: str) -> Record:
    """Settings, and a catalog, with which a stream takes a way."""
    catalog = catalog_of(tap_class, name)
    (entry,) = catalog["streams"]
    properties = list(entry["schema"]["properties"])
    keys = keys_of(entry)
    dropped = next(each for each in properties if each not in keys)
    if way == "full table":
        entry["replication_method"] = "FULL_TABLE"
    config: Record = {"catalog": catalog}
    if way == "maps":
        mapped = {"seen": "record.get('new')", dropped: "__NULL__", "as_text": "str(record)"}
        few = {"__source__": name, "__else__": None, "same": "record.get('new')"}
        few |= {key: key for key in entry["key_properties"]}
        config["stream_maps"] = {name: {**mapped, "__alias__": "renamed"}, "few": few}
    if way == "flattening":
        config |= {"flattening_enabled": True, "flattening_max_depth": 2}
    if way == "batches":
        config["batch_config"] = {
            "encoding": {"format": "jsonl", "compression": "gzip"},
            "storage": {"root": f"file://{folder}"},
            "batch_size": 2,
        }
    return config


def keys_of(entry: Record) -> set[str]:
    """The fields that every record of a catalog's stream has."""
    return {*entry["key_properties"], *filter(None, [entry.get("replication_key")])}


def forget(schema: Json, keys: set[str], data: st.DataObject) -> None:
    """Take fields out of a schema, as a catalog lacks them that was saved long ago."""
    names = [name for name in schema["properties"] if name not in keys]
    for name in data.draw(st.sets(st.sampled_from(names), max_size=6)):
        if schema["properties"][name].get("properties") and data.draw(st.booleans()):
            forget(schema["properties"][name], keys, data)
        else:
            del schema["properties"][name]


WAYS: list[Way] = ["lines", "maps", "flattening", "batches", "full table"]
# Exports go all ways; the many tables, which differ in their schemas alone, one each by turns.
CASES = [
    (way, tap, name)
    for number, (tap, name) in enumerate(STREAMS)
    for way in (WAYS if (tap, name) in EXPORTS else [WAYS[number % len(WAYS)]])
]


@pytest.mark.parametrize(
    ("way", "tap", "name"), CASES, ids=[f"{tap.name}/{name}-{way}" for way, tap, name in CASES]
)
@given(data=st.data())
@settings(max_examples=6, phases=[Phase.generate])  # each makes a tap: shrinking takes minutes
def test_every_record_is_listed_and_valid(
    way: Way, tap: type[SupportTap], name: str, data: st.DataObject
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        config = configured(way, tap, name, folder)
        (entry,) = config["catalog"]["streams"]
        keys, own = keys_of(entry), catalog_of(tap, name)["streams"][0]["schema"]
        if data.draw(st.booleans()):
            forget(entry["schema"], keys, data)
        drawn = st.builds(
            lambda known, key: known | key,
            objects(own["properties"]),
            keyed(UNSELECTIVE[tap, name], own["properties"], keys),
        )
        batches = data.draw(st.lists(st.lists(drawn, min_size=1, max_size=3), max_size=3))
        output = written(tap, name, batches, **config)
    in_force: dict[str, Record] = {}
    for message in output.messages:
        if message["type"] == "SCHEMA":
            in_force[message["stream"]] = message["schema"]["properties"]
        elif message["type"] == "RECORD":
            held = {field for field, value in message["record"].items() if value is not None}
            assert held <= in_force[message["stream"]].keys()
    count = sum(map(len, batches))
    for stream in ("few", "renamed") if way == "maps" else (name,):
        assert len(output.records(stream)) == count


def chats(*batches: list[Record], **options: Json) -> Output:
    """The output of the chats stream of Zendesk for batches of records."""
    keyed = [
        [{"id": "c1", "update_timestamp": "2025-01-04T14:13:20Z"} | record for record in batch]
        for batch in batches
    ]
    return written(TapZendeskChat, "chats", keyed, **options)


def catalog_without(*names: str) -> Json:
    """The catalog of Zendesk Chat, as if saved when the tap did not have these fields of chats."""
    catalog = copy.deepcopy(CATALOGS[TapZendeskChat])
    (entry,) = (each for each in catalog["streams"] if each["stream"] == "chats")
    for name in names:
        *outer, last = name.split(".")
        schema = entry["schema"]
        for each in outer:
            schema = schema["properties"][each]
        del schema["properties"][last]
        crumbs = [part for each in name.split(".") for part in ("properties", each)]
        entry["metadata"] = [
            each for each in entry["metadata"] if each["breadcrumb"][: len(crumbs)] != crumbs
        ]
    return catalog


OWN: Record = next(
    each["schema"]["properties"]
    for each in CATALOGS[TapZendeskChat]["streams"]
    if each["stream"] == "chats"
)


@pytest.mark.parametrize(
    ("values", "types"),
    [
        (["text"], [["string", "null"]]),
        (["2025-01-04T14:13:20Z", "later"], [["string", "null"]]),
        ([7], [["integer", "null"]]),
        ([7, 0.5, 8], [["integer", "null"], ["number", "null"]]),
        ([True, "yes"], [["boolean", "null"], ["boolean", "string", "null"]]),
        ([{"a": 1}, {"b": []}], [["object", "null"]]),
        ([[1], ["x"], []], [["array", "null"]]),
        ([None, None, 5, None], [["integer", "null"]]),
    ],
)
def test_a_new_field_is_announced_with_the_types_that_were_seen(
    values: list[Json], types: list[list[str]]
) -> None:
    output = chats(*([{"new": value}] for value in values))
    first, *later = output.schemas("chats")
    assert "new" not in first
    assert [schema["new"]["type"] for schema in later] == types
    assert [record["new"] for record in output.records("chats")] == [
        decimal.Decimal(str(value)) if type(value) is float else value for value in values
    ]


@pytest.mark.parametrize(
    ("field", "value", "path"),
    [
        ("unread", 2, ()),
        ("timestamp", 5, ()),
        ("visitor", {"email": []}, ("properties", "email")),
        ("history", [{"msg": []}], ("items", "properties", "msg")),
    ],
)
def test_a_value_of_another_type_widens_its_field_once(
    field: str, value: Json, path: tuple[str, ...]
) -> None:
    first, second = chats([{field: value}], [{field: value}, {field: None}]).schemas("chats")
    assert {name for name in second if second[name] != first[name]} == {field}
    before, after = (
        functools.reduce(operator.getitem, path, schema[field]) for schema in (first, second)
    )
    assert set(after["type"]) > set(before["type"])


def test_a_time_that_is_none_takes_the_format_away() -> None:
    first, second = chats([{"timestamp": ""}], [{"timestamp": "soon"}]).schemas("chats")
    assert first["timestamp"]["format"] == "date-time"
    assert "format" not in second["timestamp"]


def test_a_hostile_vendor_gets_a_hundred_fields_announced_and_no_flood_of_schemas() -> None:
    flood = [[{f"field_{batch}_{n}": n for n in range(40)}] for batch in range(20)]
    output = chats(*flood)
    schemas = output.schemas("chats")
    assert len(schemas) == 1 + 3
    assert len(schemas[-1]) == len(OWN) + MOST_NEW_FIELDS
    assert sum(map(len, output.records("chats"))) == 20 * (40 + 2)


@pytest.mark.parametrize(
    "name", ["ctid", "XMIN", "", "a%b", "bell\x07", "x" * 64, "Unread", "agentNames", "agent names"]
)
def test_what_no_column_can_be_named_is_carried_without_being_announced(name: str) -> None:
    output = chats([{name: 1}])
    assert len(output.schemas("chats")) == 1
    assert output.records("chats")[0][name] == 1


def test_of_new_names_that_are_one_column_only_the_first_is_announced() -> None:
    _, schema = chats([{"madeUp": 1, "made_up": 2, "MADE_UP": 3}]).schemas("chats")
    assert schema.keys() - OWN == {"madeUp"}


def test_a_catalog_that_forbids_other_fields_is_opened() -> None:
    catalog = copy.deepcopy(CATALOGS[TapZendeskChat])
    for entry in catalog["streams"]:
        entry["schema"]["additionalProperties"] = False
        if entry["stream"] == "chats":
            entry["schema"]["properties"]["visitor"]["additionalProperties"] = False
    output = chats([{"ctid": 1}], [{"visitor": {"new": 1}}], catalog=catalog)
    assert len(output.schemas("chats")) == 3


@pytest.mark.parametrize(
    "edit",
    [
        {"enum": ["web", None]},
        {"maxLength": 3},
        {"anyOf": [{"type": "integer"}, {"type": "null"}], "description": "Edited."},
        {"type": "integer", "format": "email"},
    ],
)
def test_a_catalog_that_says_something_else_is_widened_too(edit: Record) -> None:
    catalog = copy.deepcopy(CATALOGS[TapZendeskChat])
    (entry,) = (each for each in catalog["streams"] if each["stream"] == "chats")
    entry["schema"]["properties"]["comment"] = edit
    output = chats([{"comment": "text"}], [{"comment": "t"}], catalog=catalog)
    assert len(output.schemas("chats")) == 2


def test_a_field_that_a_saved_catalog_lacks_has_the_taps_own_definition() -> None:
    catalog = catalog_without("comment", "unread", "visitor")
    sent = {"comment": "text", "unread": None}
    first, second = chats([{}], [sent], [sent], catalog=catalog).schemas("chats")
    assert not {"comment", "unread", "visitor"} & first.keys()
    assert second.keys() - first.keys() == {"comment", "unread"}
    assert all(second[name] == OWN[name] for name in second)


def test_flattening_takes_a_field_that_the_catalog_lacks_as_if_it_had_it() -> None:
    flattening = {"flattening_enabled": True, "flattening_max_depth": 2}
    catalog = catalog_without("visitor", "session.ip", "response_time")
    sent = [{"visitor": {"name": "Ann", "new": 1}, "session": {"ip": "::1"}, "history": []}]
    old = chats(sent, catalog=catalog, **flattening)
    assert chats(sent, **flattening).records("chats") == old.records("chats")
    assert old.records("chats")[0]["visitor__name"] == "Ann"
    assert old.schemas("chats")[-1]["visitor__name"] == OWN["visitor"]["properties"]["name"]
    assert old.schemas("chats")[-1]["visitor__new"]["type"] == ["integer", "null"]
    assert "session__ip" in old.schemas("chats")[-1]


def test_stream_maps_decide_what_new_fields_do() -> None:
    maps = {
        "chats": {
            "twice": "record.get('new', '') * 2 or None",
            "comment": "__NULL__",
        },
        "few": {"__source__": "chats", "__else__": None, "id": "id"},
    }
    output = chats([{"comment": "x"}], [{"new": 1}], [{"new": "ab"}], stream_maps=maps)
    types = [schema.get("new", {}).get("type") for schema in output.schemas("chats")]
    assert types == [None, ["integer", "null"], ["integer", "string", "null"]]
    assert output.schemas("chats")[-1]["twice"]["type"] == ["string", "integer", "null"]
    assert all("comment" not in schema for schema in output.schemas("chats"))
    assert len(output.schemas("few")) == 1
    assert [record.keys() for record in output.records("few")] == [{"id"}] * 3


def test_batches_hold_what_is_selected_and_mapped_after_its_schema(tmp_path: Path) -> None:
    batch_config = {
        "encoding": {"format": "jsonl", "compression": "gzip"},
        "storage": {"root": tmp_path.as_uri()},
        "batch_size": 2,
    }
    catalog = copy.deepcopy(CATALOGS[TapZendeskChat])
    deselect(catalog, "chats", "visitor", "email")
    output = chats(
        [{"visitor": {"email": "e", "name": "Ann"}, "comment": "x"}] * 2,
        [{"new": 1}],
        catalog=catalog,
        batch_config=batch_config,
        stream_maps={"chats": {"comment": "__NULL__"}, "few": {"__source__": "chats"}},
    )
    mapped, whole = output.records("chats"), output.records("few")
    assert [record.get("visitor") for record in mapped] == [{"name": "Ann"}, {"name": "Ann"}, None]
    assert [record.get("comment") for record in mapped] == [None, None, None]
    assert [record.get("comment") for record in whole] == ["x", "x", None]
    assert [record.get("new") for record in mapped] == [None, None, 1]
    assert sum(message["type"] == "BATCH" for message in output.messages) == 2 * 2
