"""Lines written without the SDK are those it would write: any stream, any selection, any record.

Records are drawn from each stream's schema, with values of other types now and then. What the SDK
makes of the conformed record (selection, mapping, message) is compared with our own line.
"""

# ruff: noqa: SLF001 - the two ways from a record to a line are no public API

from __future__ import annotations

import copy
import decimal
import json
import typing as t

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from scripts import taps
from support_taps.timestamps import MILLISECOND, to_epoch
from tests.common import bare
from tests.conftest import ROOT, SPAN, exports

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from support_taps.streams.base import SupportStream
    from support_taps.tap import SupportTap

    Json = t.Any
    Crumbs = tuple[str, ...]


def all_selected(catalog: Json) -> Json:
    """A catalog with the streams that are off by default as well."""
    for entry in catalog["streams"]:
        for metadata in entry["metadata"]:
            metadata["metadata"].pop("selected-by-default", None)
            if not metadata["breadcrumb"]:
                metadata["metadata"]["selected"] = True
    return catalog


CATALOGS: dict[type[SupportTap], Json] = {
    tap: all_selected(bare(tap).catalog_dict) for tap in taps.taps().values()
}
STREAMS = [
    (tap, entry["tap_stream_id"])
    for tap, catalog in CATALOGS.items()
    for entry in catalog["streams"]
]

EXPORTS = [(tap, name) for tap, name in STREAMS if name in exports(tap.name.replace("-", "_"))]
"""They differ in their schemas alone, so that a few records of each will do."""

INSTANTS = ["2025-01-04T14:13:20Z", "2025-01-04T14:13:20.123456+02:00"]
INSTANTS += ["1736000000001", "1736000000", "", "soon"]
EPOCHS = [0, -1, 1736000000, to_epoch(SPAN[0], MILLISECOND), 10**18]
TEXTS = ["", "5", "0", "é😀\u0000", 'a "quoted"\nline', "1736000000001", "x" * 40]
NUMBERS = [0, 1, -7, 2**53 + 1, 2**63, 10**25, 0.5, 3.0, -1e-7, 1e20, 0.1 + 0.2]

anything = st.recursive(
    st.sampled_from([None, True, False, *NUMBERS, *TEXTS]),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("ab"), inner, max_size=2)
    ),
    max_leaves=4,
)


PLAIN: dict[str, st.SearchStrategy[Json]] = {
    "string": st.sampled_from(TEXTS),
    "integer": st.sampled_from([each for each in NUMBERS if isinstance(each, int)]),
    "number": st.sampled_from(NUMBERS),
    "boolean": st.sampled_from([True, False, 0, 1]),
    "object": st.dictionaries(st.sampled_from("ab"), anything, max_size=2),
    "null": st.none(),
}


def values(schema: Json, *, drifts: bool = True) -> st.SearchStrategy[Json]:
    """Values of a property: of the types it lists, and sometimes of another."""
    names = schema.get("type", [])
    right: list[st.SearchStrategy[Json]] = []
    for name in [names] if isinstance(names, str) else names:
        if name == "string" and schema.get("format") == "date-time":
            right.append(st.sampled_from([*INSTANTS, *EPOCHS]))
        elif name == "array":
            right.append(st.lists(values(schema.get("items", {})), max_size=2))
            right.append(PLAIN["string"])
        elif name == "object" and schema.get("properties"):
            right.append(objects(schema["properties"]))
        else:
            right.append(PLAIN[name])
    fits = st.one_of(right) if right else anything
    return st.integers(0, 30).flatmap(lambda n: anything if n == 0 else fits) if drifts else fits


def without_null(schema: Json) -> Json:
    names = schema["type"]
    return schema if isinstance(names, str) else {**schema, "type": [*{*names} - {"null"}]}


def objects(properties: Json) -> st.SearchStrategy[Json]:
    """Objects with some of their properties, and now and then with an unknown one."""
    names = st.lists(
        st.sampled_from(list(properties)), min_size=min(2, len(properties)), max_size=6, unique=True
    )
    some = names.flatmap(
        lambda drawn: st.fixed_dictionaries({name: values(properties[name]) for name in drawn})
    )
    new = st.dictionaries(st.sampled_from(["new", "x.y"]), anything, max_size=1)
    return st.builds(
        lambda known, unknown, n: known if n else known | unknown, some, new, st.integers(0, 9)
    )


def crumbs_of(schema: Json, within: Crumbs = ()) -> Iterator[Crumbs]:
    """The breadcrumb of each property that can be selected."""
    for name, prop in schema.get("properties", {}).items():
        crumbs = (*within, "properties", name)
        yield crumbs
        yield from crumbs_of(prop, crumbs)


def catalog_of(tap: type[SupportTap], name: str) -> Json:
    """A copy of the catalog of one stream."""
    every = CATALOGS[tap]["streams"]
    return {"streams": copy.deepcopy([it for it in every if it["tap_stream_id"] == name])}


def selected(tap: type[SupportTap], name: str, left_out: set[Crumbs]) -> SupportStream[t.Any]:
    """The stream, with all but some properties selected."""
    catalog = catalog_of(tap, name)
    for entry in catalog["streams"]:
        for metadata in entry["metadata"]:
            if tuple(metadata["breadcrumb"]) in left_out:
                metadata["metadata"]["selected"] = False
    stream: t.Any = bare(taps.with_one(tap, name), catalog).streams[name]
    return t.cast("SupportStream[t.Any]", stream)


def keyed(
    stream: SupportStream[t.Any], properties: Json, keys: set[str]
) -> st.SearchStrategy[Json]:
    """Key fields, also where the vendor has one inside an object."""

    def inside(record: Json) -> Json:
        for key, (place, name) in stream.inner_keys.items():
            record[place] = {name: record[key]}
        return record

    own = {key: values(without_null(properties[key]), drifts=False) for key in sorted(keys)}
    return st.fixed_dictionaries(own).map(inside)


def record_messages(lines: bytes | bytearray) -> list[Json]:
    messages = [json.loads(line, parse_float=decimal.Decimal) for line in lines.splitlines()]
    return [message for message in messages if message["type"] == "RECORD"]


def canonical(value: Json) -> Json:
    """A value in which 1.0 is not 1, True is not 1, and the order of fields does not matter."""
    if isinstance(value, dict):
        return {name: canonical(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [canonical(inner) for inner in value]
    if isinstance(value, decimal.Decimal):
        return ("fraction", value)
    return (type(value).__name__, value)


UNSELECTIVE = {(tap, name): selected(tap, name, set()) for tap, name in STREAMS}
TABLES = [it for it in STREAMS if it not in EXPORTS and UNSELECTIVE[it].writes_lines]
"""Without the one whose key lies inside an object: the SDK writes it."""


@pytest.mark.parametrize(
    ("tap", "name"), EXPORTS, ids=[f"{tap.name}/{name}" for tap, name in EXPORTS]
)
@given(data=st.data())
@settings(max_examples=40, phases=[Phase.generate])  # each makes a tap: shrinking takes minutes
def test_our_line_is_the_sdks(tap: type[SupportTap], name: str, data: st.DataObject) -> None:
    assert_our_line_is_the_sdks(tap, name, data)


@pytest.mark.parametrize(
    ("tap", "name"), TABLES, ids=[f"{tap.name}/{name}" for tap, name in TABLES]
)
@given(data=st.data())
@settings(max_examples=4, phases=[Phase.generate])
def test_our_line_of_a_table_is_the_sdks(
    tap: type[SupportTap], name: str, data: st.DataObject
) -> None:
    assert_our_line_is_the_sdks(tap, name, data)


def assert_our_line_is_the_sdks(tap: type[SupportTap], name: str, data: st.DataObject) -> None:
    stream = UNSELECTIVE[tap, name]
    keys = {*stream.primary_keys, *filter(None, [stream.replication_key])}
    left_out = data.draw(
        st.just(set()) | st.sets(st.sampled_from(list(crumbs_of(stream.schema))), max_size=8)
    )
    stream = selected(tap, name, left_out)
    properties = stream.schema["properties"]
    drawn = st.builds(
        lambda known, key: known | key, objects(properties), keyed(stream, properties, keys)
    )
    records = [data.draw(drawn) for _ in range(data.draw(st.integers(1, 4)))]
    raws = [json.dumps(record, ensure_ascii=False).encode() for record in records]
    stream._partition = {"bot_name": "bot"} if stream.partitions else {}

    ours = record_messages(stream._lines(raws))
    theirs = [
        message
        for record in stream._decoded(raws)
        for sdk_message in stream._generate_record_messages(record)
        for message in record_messages(stream.tap.message_writer.serialize_message(sdk_message))
    ]
    for message in (*ours, *theirs):
        assert message.pop("time_extracted")
    assert [canonical(each) for each in ours] == [canonical(each) for each in theirs]
    for message, record in zip(ours, records, strict=True):
        whole = {crumbs[1] for crumbs in left_out if crumbs[2:] == ()} - keys
        assert message["record"].keys() == (record.keys() | stream._partition.keys()) - whole


def test_all_streams_of_all_taps_are_looked_at() -> None:
    files = ROOT.glob("tap_*/schemas/*.json")
    assert {(taps.vendor_of(tap.name), name) for tap, name in STREAMS} == {
        (file.parts[-3].removeprefix("tap_"), file.stem) for file in files
    }
