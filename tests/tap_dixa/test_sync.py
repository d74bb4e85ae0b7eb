"""Records that arrive, compared with what the vendor has."""

from __future__ import annotations

import collections
import datetime as dt
import hashlib
import itertools
import json
import re
import typing as t

import jsonschema
import pytest

from tests.conftest import ROOT, SPAN, Run, deselect, discovered, run_tap, selecting
from tests.tap_dixa.conftest import CURSORS, STREAMS, config_for, expected, expected_by_key, iso

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from tests.conftest import Record

    Runner = Callable[..., Run]

DAY = dt.timedelta(days=1)
MILLISECOND = dt.timedelta(milliseconds=1)
IDS = itertools.count(7_000_000_000)


def put_on_borders(box: Sandbox, window: dt.timedelta) -> set[str | int]:
    """Records on every border between windows and one millisecond to each side; their keys."""
    keys: set[str | int] = set()
    for stream in STREAMS:
        border = SPAN[0]
        while border < SPAN[1]:
            moments = [border, border + MILLISECOND]
            if border > SPAN[0]:
                moments.append(border - MILLISECOND)
            made = box.dixa.make(stream, len(moments), border)
            for record, moment in zip(made, moments, strict=True):
                record["id"] = f"{stream} {iso_of(moment)}" if stream == "messages" else next(IDS)
                record[CURSORS[stream]] = round(moment.timestamp() * 1000)
                keys.add(record["id"])
            box.dixa.put(stream, *made)
            border += window
    return keys


def iso_of(moment: dt.datetime) -> str:
    return iso(round(moment.timestamp() * 1000))


@pytest.mark.parametrize("bounds", ["inclusive", "exclusive", "half-open"])
def test_every_record_arrives_whole_however_the_vendor_reads_its_bounds(
    box: Sandbox, run: Runner, bounds: t.Literal["inclusive", "exclusive", "half-open"]
) -> None:
    """Whether ``_after`` and ``_before`` include their moment is not documented."""
    box.dixa.bounds = bounds
    on_borders = put_on_borders(box, 7 * DAY)
    done = run(window_days=7).succeeded()
    for stream in STREAMS:
        emitted = done.by_key(stream)
        truth = expected_by_key(box, stream)
        assert len(truth) > 200
        assert emitted.keys() == truth.keys()
        for key, record in truth.items():
            assert emitted[key] == record
        times_read = collections.Counter(record["id"] for record in done.records(stream))
        assert max(times_read.values()) <= 2
        assert {key for key, times in times_read.items() if times > 1} <= on_borders


def test_the_longest_windows_lose_nothing(box: Sandbox, run: Runner) -> None:
    put_on_borders(box, 31 * DAY - MILLISECOND)
    done = run().succeeded()
    for stream in STREAMS:
        assert done.by_key(stream) == expected_by_key(box, stream)


def test_every_record_follows_the_schema_of_its_stream(run: Runner) -> None:
    began = dt.datetime.now(dt.timezone.utc)
    done = run().succeeded()
    ended = dt.datetime.now(dt.timezone.utc)
    announced: set[str] = set()
    for message in done.messages:
        if message["type"] == "SCHEMA":
            announced.add(message["stream"])
            assert message["key_properties"] == ["id"]
            assert message["bookmark_properties"] == [CURSORS[message["stream"]]]
        elif message["type"] == "RECORD":
            assert message["stream"] in announced
            extracted = dt.datetime.fromisoformat(message["time_extracted"].replace("Z", "+00:00"))
            assert began - MILLISECOND <= extracted <= ended
    for stream in STREAMS:
        validator = jsonschema.Draft7Validator(
            done.schemas[stream]["schema"], format_checker=jsonschema.FormatChecker()
        )
        records = done.records(stream)
        assert records
        for record in records:
            validator.validate(record)


def test_every_documented_field_arrives_at_least_once(box: Sandbox, run: Runner) -> None:
    box.dixa.put("messages", {**box.dixa.make("messages", 1, SPAN[0])[0], "form_submission": {}})
    done = run().succeeded()
    for stream in STREAMS:
        seen = {name for record in done.records(stream) for name in record}
        assert seen == set(done.schemas[stream]["schema"]["properties"])


LARGE = json.dumps({"id": "large", "created_at": 1736000000000, "text": "ø" * 5_000_000}).encode()
ODD = (
    rb'{"id":"9007199254740993","csid":9223372036854775807,"created_at":1736000000001,'
    rb'"duration":0.10,"text":"\ud83d\ude00 caf\u00e9 \u0000 tab\t \ud800 \"end\"",'
    rb'"to":[],"cc":null,"form_submission":{"big":123456789012345678901234567890,"e":1e400}}'
)


def test_digits_and_characters_survive_to_the_last(box: Sandbox, run: Runner) -> None:
    """A double holds neither 0.10 nor 1e400; a lone surrogate has no UTF-8 form."""
    box.dixa.load_raw("messages", [(1736000000001, "odd", ODD)])
    done = run().succeeded()
    (record,) = done.records("messages")
    assert record == json.loads(ODD) | {"created_at": "2025-01-04T14:13:20.001Z"}
    (line,) = (line for line in done.lines if b'"duration"' in line and b"RECORD" in line[:20])
    for text in (b'"duration":0.10', b"9223372036854775807", b"123456789012345678901234567890"):
        assert text in line
    assert b"1e400" in line.lower().replace(b"1e+400", b"1e400")


def test_times_are_milliseconds_however_small(box: Sandbox, run: Runner) -> None:
    record = {**box.dixa.make("conversations", 1, SPAN[0])[0], "queued_at": 5, "closed_at": 0}
    box.dixa.load("conversations", [record])
    (emitted,) = run().succeeded().records("conversations")
    assert emitted["queued_at"] == "1970-01-01T00:00:00.005Z"
    assert emitted["closed_at"] == "1970-01-01T00:00:00.000Z"


def test_deselected_fields_are_left_out_and_keys_stay(box: Sandbox, run: Runner) -> None:
    catalog = selecting("tap_dixa", lambda entry: entry["stream"] == "conversations")
    for breadcrumb in (("requester_email",), ("id",), ("updated_at",)):
        deselect(catalog, "conversations", *breadcrumb)
    done = run(catalog=catalog).succeeded()
    truth = expected_by_key(box, "conversations")
    for record in truth.values():
        del record["requester_email"]
    assert done.by_key("conversations") == truth
    assert "requester_email" not in done.schemas["conversations"]["schema"]["properties"]
    assert set(done.schemas) == {"conversations"}
    assert {request.stream for request in box.requests} == {"conversations"}


def test_a_field_that_holds_an_object_can_be_deselected(box: Sandbox, run: Runner) -> None:
    record = {**box.dixa.make("messages", 1, SPAN[0])[0], "form_submission": {"name": "Ada"}}
    box.dixa.load("messages", [record])
    catalog = discovered("tap_dixa")
    deselect(catalog, "messages", "form_submission")
    (emitted,) = run(catalog=catalog).succeeded().records("messages")
    assert "form_submission" not in emitted
    assert emitted["author_name"] == record["author_name"]


def test_the_stream_map_of_the_documents_hashes_and_drops_fields(box: Sandbox, run: Runner) -> None:
    readme = (ROOT / "docs" / "privacy.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"<!-- stream-map -->\n```json\n(.*?)```", readme, re.DOTALL)
    example = json.loads(block)
    with_address = box.dixa.truth("conversations")
    assert all(record["requester_email"] for record in with_address[:2])
    null = {**with_address[0], "requester_email": None}
    absent = {name: it for name, it in with_address[1].items() if name != "requester_email"}
    box.dixa.put("conversations", null, absent)
    done = run(**example).succeeded()
    seed = example["stream_map_config"]["hash_seed"]
    dropped = ("requester_name", "requester_phone_number", "conversation_wrapup_notes")
    truth = expected_by_key(box, "conversations")
    for record in truth.values():
        for field in dropped:
            record.pop(field, None)
        address = record.setdefault("requester_email", None)  # a map makes null of what is absent
        if address:
            record["requester_email"] = hashlib.sha256((seed + address).encode()).hexdigest()
    assert done.by_key("conversations") == truth
    assert not done.schemas["conversations"]["schema"]["properties"].keys() & set(dropped)
    assert done.by_key("messages") == expected_by_key(box, "messages")


def test_flattening_keeps_every_record(box: Sandbox, run: Runner) -> None:
    done = run(flattening_enabled=True, flattening_max_depth=2).succeeded()
    for stream in STREAMS:
        assert done.by_key(stream).keys() == {record["id"] for record in box.dixa.truth(stream)}


def test_unknown_fields_reach_the_output_and_are_reported_once(box: Sandbox, run: Runner) -> None:
    extra = {"sentiment": {"score": 0.25, "at": 1735700000000}, "vip": True}
    box.fault(kind="fields", vendor="dixa", stream="conversations", every=2, value=extra)
    done = run().succeeded()
    records = done.records("conversations")
    carrying = [record for record in records if "vip" in record]
    assert 90 <= len(carrying) <= 110
    assert all(record["sentiment"] == extra["sentiment"] for record in carrying)
    (line,) = done.log("WARNING")
    assert f"sentiment ({len(carrying)}), vip ({len(carrying)})" in line
    assert line.startswith("conversations:")


def test_the_other_spelling_of_a_form_is_carried_as_an_unknown_field(
    box: Sandbox, run: Runner
) -> None:
    """One consumer of the API has seen it. Listed, it would be the same column as the first."""
    message = {**box.dixa.truth("messages")[0], "formSubmission": {"name": "Ada"}}
    box.dixa.load("messages", [message])
    done = run().succeeded()
    (emitted,) = done.records("messages")
    assert emitted["formSubmission"] == {"name": "Ada"}
    (line,) = done.log("WARNING")
    assert "formSubmission (1)" in line


def test_unknown_fields_are_announced_before_the_first_record_that_has_them(
    box: Sandbox, run: Runner
) -> None:
    """A target that loads into columns leaves out what no SCHEMA has named."""
    box.fault(kind="fields", vendor="dixa", stream="conversations", at=2, value={"vip": True})
    box.fault(kind="fields", vendor="dixa", stream="conversations", at=3, value={"score": 1})
    announced: set[str] = set()
    schemas = 0
    for message in run().succeeded().messages:
        if message["type"] == "SCHEMA" and message["stream"] == "conversations":
            schemas += 1
            assert announced <= set(message["schema"]["properties"])
            announced = set(message["schema"]["properties"])
            assert message["key_properties"] == ["id"]
        elif message["type"] == "RECORD" and message["stream"] == "conversations":
            assert set(message["record"]) <= announced
    assert {"vip", "score"} <= announced
    assert schemas == 3


def test_output_without_a_buffer_is_whole_too(box: Sandbox) -> None:
    """With PYTHONUNBUFFERED, as in many containers, a write to a pipe may take a part only."""
    box.dixa.load_raw("messages", [(1736000000000, "large", LARGE)])
    environment = {"PYTHONUNBUFFERED": "1"}
    done = run_tap("tap_dixa", config_for(box), environment=environment).succeeded()
    assert done.by_key("conversations") == expected_by_key(box, "conversations")
    assert done.by_key("messages") == expected_by_key(box, "messages")


def test_unknown_fields_inside_known_ones_are_carried_too(box: Sandbox, run: Runner) -> None:
    def add_question(ratings: list[Record]) -> list[Record]:
        return [{**rating, "question": "Why?"} for rating in ratings]

    box.fault(kind="drift", stream="conversations", path="ratings", to=add_question)
    done = run().succeeded()
    ratings = [rating for record in done.records("conversations") for rating in record["ratings"]]
    assert ratings
    assert all(rating["question"] == "Why?" for rating in ratings)
    (line,) = done.log("WARNING")
    assert f"ratings[].question ({len(ratings)})" in line


@pytest.mark.parametrize(
    ("stream", "path", "to"),
    [
        ("conversations", "total_duration", "text"),
        ("conversations", "created_at", "text"),
        ("messages", "created_at", "text"),
        ("messages", "is_automated_message", "number"),
    ],
)
def test_drift_that_loses_nothing_is_converted_back(
    box: Sandbox, run: Runner, stream: str, path: str, to: str
) -> None:
    box.fault(kind="drift", stream=stream, path=path, to=to)
    done = run().succeeded()
    assert done.by_key(stream) == expected_by_key(box, stream)
    assert not done.log("WARNING")


def half_a_millisecond_later(value: int) -> str:
    second = dt.datetime.fromtimestamp(value // 1000, dt.timezone.utc)
    return f"{second:%Y-%m-%dT%H:%M:%S}.{value % 1000:03d}5Z"


@pytest.mark.parametrize(
    ("path", "to", "became"),
    [
        ("tags", "-".join, lambda tags: ["-".join(tags)]),
        ("direction", "object", lambda value: {"value": value}),
        ("handling_duration", lambda value: value + 0.5, lambda value: value + 0.5),
        ("created_at", lambda _: "last Tuesday", lambda _: "last Tuesday"),
        ("closed_at", lambda _: "20250101", lambda _: "20250101"),
        ("created_at", lambda value: value + 0.5, half_a_millisecond_later),
        ("custom_fields", "absent", None),
        ("subject", "null", lambda _: None),
    ],
)
def test_drifted_values_pass_and_nothing_else_changes(
    box: Sandbox, run: Runner, path: str, to: t.Any, became: Callable[[t.Any], t.Any] | None
) -> None:
    box.fault(kind="drift", stream="conversations", path=path, to=to)
    done = run().succeeded()
    truth = {}
    for sent in box.dixa.truth("conversations"):
        record = expected("conversations", sent)
        if became is None:
            record.pop(path, None)
        elif path in record:
            record[path] = became(sent[path])
        truth[record["id"]] = record
    assert done.by_key("conversations") == truth


def test_a_drifted_field_is_reported_once_with_a_record_to_look_at(
    box: Sandbox, run: Runner
) -> None:
    box.fault(kind="drift", stream="conversations", path="direction", to="object")
    done = run().succeeded()
    (line,) = done.log("WARNING")
    first = done.records("conversations")[0]["id"]
    assert "'direction'" in line
    assert f"id={first}" in line


def test_the_connection_test_asks_each_stream_once(box: Sandbox) -> None:
    run_tap("tap_dixa", config_for(box), arguments=["--test"]).succeeded()
    assert {request.stream for request in box.requests} == {
        entry["stream"] for entry in discovered("tap_dixa")["streams"]
    }
