"""Records that arrive, under each reading of the vendor's documents."""

from __future__ import annotations

import collections
import typing as t

import pytest

from tests.common import assert_records_follow_their_schemas, instant
from tests.conftest import SPAN, Run, deselect, discovered
from tests.tap_deepconverse.conftest import BOTS, DAY, END, START, STREAMS, TIMES, expected, iso

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from tests.conftest import Json, Record

    Runner = Callable[..., Run]


def assert_everything_arrived(box: Sandbox, done: Run) -> None:
    for stream in STREAMS:
        assert done.by_key(stream) == expected(box, stream), stream


def put_on_borders(box: Sandbox) -> set[str]:
    """Records on every border between windows of a week and a second to each side; their ids."""
    moments = [
        moment
        for border in range(START, END, 7 * DAY)
        for moment in (border - 1, border, border + 1)
        if moment >= START
    ]
    ids = set()
    for stream in STREAMS:
        for bot in BOTS:
            made = box.deepconverse.make(stream, len(moments), SPAN[0])
            for record, moment in zip(made, moments, strict=True):
                record["_id"] = f"{stream} {bot} {moment}"
                record.update(dict.fromkeys(record.keys() & set(TIMES), moment))
                ids.add(record["_id"])
            box.deepconverse.put(stream, *made, group=bot)
    return ids


@pytest.mark.parametrize("bounds", ["inclusive", "exclusive", "half-open"])
def test_every_record_arrives_whole_however_the_vendor_reads_its_bounds(
    box: Sandbox, run: Runner, bounds: t.Literal["inclusive", "exclusive", "half-open"]
) -> None:
    """Whether a window includes its ends is not documented."""
    box.deepconverse.bounds = bounds
    on_borders = put_on_borders(box)
    done = run().succeeded()
    assert_everything_arrived(box, done)
    for stream in STREAMS:
        times_read = collections.Counter(record["_id"] for record in done.records(stream))
        assert max(times_read.values()) <= 2
        assert {key for key, times in times_read.items() if times > 1} <= on_borders
    assert not done.log("WARNING")


@pytest.mark.parametrize(
    "switches",
    [
        {"paging.empty_pages": True},
        {"paging.short_pages": 3},
        {"end_cursor": "absent"},
        {"end_cursor": "empty"},
        {"paging.empty_pages": True, "paging.short_pages": 4, "end_cursor": "empty"},
    ],
    ids=str,
)
def test_a_window_ends_with_its_cursor_and_with_nothing_else(
    box: Sandbox, run: Runner, switches: Record
) -> None:
    """Neither an empty page nor a short one is the end.

    Null and "" are, and no cursor is if that is proved by asking for one record again.
    """
    for name, setting in switches.items():
        place = box.deepconverse.paging if name.startswith("paging.") else box.deepconverse
        assert hasattr(place, name.rpartition(".")[2])
        setattr(place, name.rpartition(".")[2], setting)
    done = run(page_size=10, window_days=30).succeeded()
    assert_everything_arrived(box, done)
    proofs = sum(request.params["per_page"] == "1" for request in box.requests)
    assert (proofs > 0) == (switches.get("end_cursor") == "absent")
    times_read = collections.Counter(r["_id"] for r in done.records("messages"))
    assert sum(times_read.values()) <= len(times_read) + proofs


@pytest.mark.parametrize("place", ["cursor", "next_cursor", "nextCursor", "pagination", "meta"])
def test_the_cursor_is_found_where_such_apis_have_it(box: Sandbox, run: Runner, place: str) -> None:
    """Its place is not documented; the ones that other APIs of this kind use are looked at."""
    records = [{"_id": str(number), "startTime": START} for number in range(3)]
    for number, record in enumerate(records, 1):
        cursor: Json = f"c{number}" if number < 3 else None
        told = {place: {"cursor": cursor} if place in {"pagination", "meta"} else cursor}
        box.fault(kind="json", stream="conversations", at=number, value={"data": [record], **told})
    done = run(bot_names=["r3-218210"], end_date="2025-01-02").succeeded()
    assert [record["_id"] for record in done.records("conversations")] == ["0", "1", "2"]
    asked = [r.params.get("cursor") for r in box.requests if r.stream == "conversations"]
    assert asked == [None, "c1", "c2"]


@pytest.mark.parametrize("times", ["seconds", "milliseconds", "text", "iso"])
def test_times_become_the_same_date_times_in_whatever_form_they_come(
    box: Sandbox, run: Runner, times: t.Literal["seconds", "milliseconds", "text", "iso"]
) -> None:
    """Only ``startTime`` is documented, as seconds."""
    told = {stream: expected(box, stream) for stream in STREAMS}
    box.deepconverse.times = times
    done = run().succeeded()
    for stream in STREAMS:
        emitted = done.by_key(stream)
        assert emitted.keys() == told[stream].keys()
        for key, record in told[stream].items():
            for name in record.keys() & set(TIMES):
                assert instant(emitted[key][name]) == instant(record[name])
            assert {n: v for n, v in emitted[key].items() if n not in TIMES} == {
                n: v for n, v in record.items() if n not in TIMES
            }
    assert not done.log("WARNING")
    assert_records_follow_their_schemas(done)


def test_milliseconds_keep_their_digits(box: Sandbox, run: Runner) -> None:
    message = {"_id": "a", "time": 1736000000123}
    box.deepconverse.load("messages", [message])
    (record,) = run(bot_names=[BOTS[0]]).succeeded().records("messages")
    assert record == {"_id": "a", "time": "2025-01-04T14:13:20.123Z", "bot_name": BOTS[0]}


def test_times_that_are_missing_stay_missing(box: Sandbox, run: Runner) -> None:
    conversation = {"_id": "a", "startTime": START, "lastActionAt": None, "locale": None}
    box.deepconverse.load("conversations", [conversation])
    (record,) = run(bot_names=[BOTS[0]]).succeeded().records("conversations")
    assert record == {**conversation, "startTime": iso(START), "bot_name": BOTS[0]}


ANYTHING: tuple[Json, ...] = (
    {"a": {"b": [1, {"c": None}]}, "__sys_userIp": "203.0.113.7", "dots. and spaces": ""},
    ["text", 1, None, {"x": []}],
    [],
    {},
    "text",
    "",
    0.1,
    2**63 + 1,
    True,
    None,
)


@pytest.mark.parametrize(
    ("stream", "field"),
    [
        ("messages", "outMsg"),
        ("messages", "userInput"),
        ("messages", "sender"),
        ("conversations", "metadata"),
    ],
)
def test_free_values_of_any_shape_pass_whole(
    box: Sandbox, run: Runner, stream: str, field: str
) -> None:
    times = "time" if stream == "messages" else "startTime"
    records = [
        {"_id": str(number), times: START, field: value} for number, value in enumerate(ANYTHING)
    ]
    box.deepconverse.load(stream, records)
    done = run(bot_names=[BOTS[0]]).succeeded()
    for number, value in enumerate(ANYTHING):
        emitted = done.by_key(stream)[str(number)][field]
        assert emitted == value
        assert type(emitted) is type(value)
    # `metadata` alone is documented as an object.
    assert len(done.log("WARNING")) == (field == "metadata")


def test_every_record_follows_the_schema_of_its_stream(run: Runner) -> None:
    assert_records_follow_their_schemas(run().succeeded())


def test_unknown_fields_are_carried_and_counted_once_per_stream(box: Sandbox, run: Runner) -> None:
    extra = {"nodeType": "Question", "csat": {"rating": 5}}
    box.fault(kind="fields", stream="messages", value=extra)
    done = run().succeeded()
    records = done.records("messages")
    assert all(record["csat"] == extra["csat"] for record in records)
    (line,) = done.log("WARNING")
    assert line.startswith("messages:")
    assert f"csat ({len(records):,}), nodeType ({len(records):,})" in line


def test_deselected_fields_are_left_out_and_keys_stay(box: Sandbox, run: Runner) -> None:
    catalog = discovered("tap_deepconverse")
    for name in ("metadata", "_id", "startTime"):
        deselect(catalog, "conversations", name)
    deselect(catalog, "messages")
    done = run(catalog=catalog).succeeded()
    truth = expected(box, "conversations")
    for record in truth.values():
        del record["metadata"]
    assert done.by_key("conversations") == truth
    assert {request.stream for request in box.requests} == {"conversations"}


def test_drift_that_loses_nothing_is_converted_and_other_drift_passes(
    box: Sandbox, run: Runner
) -> None:
    box.fault(kind="drift", stream="conversations", path="tags", to="-".join)
    box.fault(kind="drift", stream="messages", path="type", to="object")
    done = run().succeeded()
    for key, record in expected(box, "conversations").items():
        if "tags" in record:
            record["tags"] = ["-".join(record["tags"])]
        assert done.by_key("conversations")[key] == record
    assert all(set(record["type"]) == {"value"} for record in done.records("messages"))
    (line,) = done.log("WARNING")
    assert "'type'" in line


def test_only_the_bots_that_are_named_are_read(box: Sandbox, run: Runner) -> None:
    done = run(bot_names=["support-bot"]).succeeded()
    for stream in STREAMS:
        assert done.by_key(stream) == expected(box, stream, ["support-bot"])


@pytest.mark.parametrize("bot_names", ["support-bot", [" support-bot ", "support-bot"]], ids=str)
def test_a_bare_name_is_a_list_and_each_bot_is_read_once(
    box: Sandbox, run: Runner, bot_names: Json
) -> None:
    done = run(bot_names=bot_names, window_days=365).succeeded()
    assert len(box.requests) == 2
    assert len(done.records("messages")) == len(expected(box, "messages", ["support-bot"]))


def test_an_unknown_bot_is_a_warning_and_no_failure(box: Sandbox, run: Runner) -> None:
    """The vendor answers it like a bot without conversations."""
    done = run(bot_names=["nobody", "support-bot"]).succeeded()
    assert done.by_key("messages") == expected(box, "messages", ["support-bot"])
    warnings = done.log("WARNING")
    assert len(warnings) == 2
    for line, stream in zip(warnings, STREAMS, strict=True):
        assert f"{stream} of nobody" in line
        assert "'bot_names'" in line
