"""Records that arrive, under each reading of the vendor's documents."""

from __future__ import annotations

import collections
import datetime as dt
import typing as t

import pytest

from tests.common import assert_records_follow_their_schemas
from tests.conftest import Run, deselect, selecting
from tests.tap_zendesk_chat.conftest import KEYS, MOMENT, expected, key_of

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from tests.conftest import Record

    Runner = Callable[..., Run]


def assert_everything_arrived(box: Sandbox, done: Run) -> None:
    for stream in KEYS:
        truth = expected(box, stream)
        assert done.by_key(stream) == truth, stream


def times_read(done: Run, stream: str) -> collections.Counter[t.Any]:
    return collections.Counter(key_of(stream, record) for record in done.records(stream))


@pytest.mark.parametrize("page_size", [1000, 7])
def test_every_record_arrives_with_the_values_it_had(
    box: Sandbox, run: Runner, page_size: int
) -> None:
    done = run(page_size=page_size).succeeded()
    assert_everything_arrived(box, done)
    for stream in ("chats", "conversions", "department_events"):
        assert set(times_read(done, stream).values()) == {1}, f"{stream} was read twice"
    # A page of the timeline starts with the span that ended the one before.
    pages = sum(request.stream == "agent_timeline" for request in box.requests)
    again = sum(times_read(done, "agent_timeline").values()) - len(expected(box, "agent_timeline"))
    assert again == pages - 1
    assert not done.log("WARNING")


@pytest.mark.parametrize(
    "switches",
    [
        {"timeline_start": "exclusive"},
        {"chats_end_time": "start"},
        {"department_events_end_id": False},
        {"short_pages": 3},
        {"short_pages": 3, "timeline_start": "exclusive", "chats_end_time": "start"},
        {"next_page_host": "https://www.zopim.com"},
    ],
    ids=str,
)
def test_nothing_is_lost_under_any_reading_of_the_documents(
    box: Sandbox, run: Runner, switches: Record
) -> None:
    """Play what the text and the samples of the reference leave open, each way."""
    for name, setting in switches.items():
        assert hasattr(box.zendesk_chat, name)
        setattr(box.zendesk_chat, name, setting)
    done = run(page_size=20).succeeded()
    assert_everything_arrived(box, done)
    assert max(max(times_read(done, stream).values()) for stream in KEYS) <= 2


def test_a_page_shorter_than_its_limit_is_not_the_end(box: Sandbox, run: Runner) -> None:
    """``If count is less than limit, more items are available``, read literally."""
    box.zendesk_chat.short_pages = 6
    done = run().succeeded()
    assert_everything_arrived(box, done)
    counts = [request.rows for request in box.requests if request.stream == "chats"]
    assert counts[:2] == [6, 6]
    assert {request.params["limit"] for request in box.requests} == {"1000"}


def test_a_full_page_is_not_the_end(box: Sandbox, run: Runner) -> None:
    """The same sentence read the other way round, as other clients do; nothing left over."""
    box.zendesk_chat.load("chats", box.zendesk_chat.truth("chats")[:40])
    done = run(page_size=20).succeeded()
    assert_everything_arrived(box, done)
    counts = [request.rows for request in box.requests if request.stream == "chats"]
    assert counts == [20, 20, 0]


@pytest.mark.parametrize("stream", ["chats", "conversions", "department_events"])
def test_more_records_in_one_second_than_a_page_holds_are_read_once_each(
    box: Sandbox, run: Runner, stream: str
) -> None:
    made = box.zendesk_chat.make(stream, 23, MOMENT)
    box.zendesk_chat.load(stream, made)
    done = run(page_size=5).succeeded()
    assert done.by_key(stream) == expected(box, stream)
    assert len(done.records(stream)) == 23
    assert [r.rows for r in box.requests if r.stream == stream] == [5, 5, 5, 5, 3, 0]


def test_a_crowded_second_is_read_whatever_the_end_time_of_a_chat_is(
    box: Sandbox, run: Runner
) -> None:
    box.zendesk_chat.chats_end_time = "start"
    made = box.zendesk_chat.make("chats", 23, MOMENT)
    for chat in made:
        chat["timestamp"] = "2025-02-01T11:00:00Z"
    box.zendesk_chat.put("chats", *made)
    done = run(page_size=5).succeeded()
    assert_everything_arrived(box, done)


@pytest.mark.parametrize("stream", ["agent_timeline", "department_events"])
def test_a_crowded_moment_is_read_with_larger_pages_where_no_id_tells_records_apart(
    box: Sandbox, run: Runner, stream: str
) -> None:
    """Without ``end_id`` a page full of one moment leads to itself."""
    box.zendesk_chat.department_events_end_id = False
    box.zendesk_chat.load(stream, box.zendesk_chat.make(stream, 6, MOMENT))
    assert run(page_size=5).succeeded().by_key(stream) == expected(box, stream)


def test_a_moment_that_the_largest_page_cannot_hold_is_an_error_and_not_a_loss(
    box: Sandbox, run: Runner
) -> None:
    stream = "department_events"
    box.zendesk_chat.department_events_end_id = False
    box.zendesk_chat.load(stream, box.zendesk_chat.make(stream, 1001, MOMENT))
    complaint = run(page_size=5).complaint()
    assert stream in complaint
    assert "more than 1000 records at one moment" in complaint
    assert len([request for request in box.requests if request.stream == stream]) <= 3


def test_pages_of_one_record_are_enough_for_every_stream(box: Sandbox, run: Runner) -> None:
    """The smallest ``page_size`` that is allowed; a page of the timeline repeats its last span."""
    for stream in KEYS:
        box.zendesk_chat.load(stream, box.zendesk_chat.truth(stream)[:5])
    done = run(page_size=1).succeeded()
    assert_everything_arrived(box, done)


def test_spans_of_one_agent_in_one_second_stay_apart(box: Sandbox, run: Runner) -> None:
    """The sample of the reference; its ``start_time`` is part of the key, to the microsecond."""
    sample = [
        ("2018-04-29T10:27:46.657990Z", 0.293610, "invisible"),
        ("2018-04-29T10:27:46.951600Z", 12740.456112, "online"),
    ]
    spans = [
        {
            "agent_id": 361089721035,
            "start_time": start,
            "duration": duration,
            "status": status,
            "engagement_count": 0,
        }
        for start, duration, status in sample
    ]
    box.zendesk_chat.load("agent_timeline", spans)
    done = run(start_date="2018-01-01").succeeded()
    assert list(done.by_key("agent_timeline").values()) == spans
    assert [r.params["start_time"] for r in box.requests if r.stream == "agent_timeline"] == [
        "1514764799999999",
        "1525010407407711",  # just before the end of the last span
    ]


VARIANCES: tuple[Record, ...] = (
    {"session": {"start_date": "2017-04-24T12:45:32+00:00Z", "end_date": "", "id": "1.2"}},
    {"webpath": [{"from": "", "to": "x"}, [1, "an item that is a list"], [], None]},
    {"agent_ids": ["1730415", "383486450414"], "agent_names": None, "tags": []},
    {"agent_ids": []},
    {"engagements": [{"id": "a.1", "agent_id": 383486450414}, {"id": "a.2", "agent_id": "9"}]},
    {"history": [{"type": "chat.msg", "msg_id": 1, "options": ["Yes", "No"]}]},
    {"history": [{"type": "chat.msg", "msg_id": "1", "options": "Yes/No"}]},
    {"history": [{"type": "x", "department_id": "7", "prev_department_id": 9007199254740993}]},
    {"history": [{"type": "x", "skills_name": "VIP", "timestamp": "2025-02-01T12:00:00.000001Z"}]},
    {"response_time": {"avg": 12.333333333333334, "first": None, "max": None}},
    {"end_timestamp": None, "triggered_response": None, "abandon_time": None},
    {"zendesk_ticket_id": 9007199254740993, "department_id": 7282618889231},
)


def test_what_varies_between_accounts_passes_unchanged_and_without_a_warning(
    box: Sandbox, run: Runner
) -> None:
    """Seen in samples, in fixtures of other connectors and in their users' reports."""
    made = box.zendesk_chat.make("chats", 40, MOMENT)
    kinds = {record["type"]: record for record in made}
    assert set(kinds) == {"chat", "offline_msg"}
    chats = {
        f"{kind} {number}": {**record, **fields, "id": f"{kind} {number}"}
        for number, fields in enumerate(VARIANCES)
        for kind, record in kinds.items()
    }
    box.zendesk_chat.load("chats", chats.values())
    done = run().succeeded()
    for identity, chat in done.by_key("chats").items():
        assert chat == chats.pop(identity)
    assert not chats
    assert not done.log("WARNING")
    assert_records_follow_their_schemas(done)


def test_a_page_of_a_visit_is_looked_at_whether_it_is_an_object_or_a_list(
    box: Sandbox, run: Runner
) -> None:
    """The schema has both as alternatives: what is new in one is told, and all pass unchanged."""
    (chat,) = box.zendesk_chat.make("chats", 1, MOMENT)
    pages = [{"to": "x", "scroll_depth": 0.5}, [1, "an item that is a list"], [1, {"deeper": True}]]
    box.zendesk_chat.load("chats", [{**chat, "webpath": pages}])
    done = run().succeeded()
    assert [record["webpath"] for record in done.records("chats")] == [pages]
    warnings = " ".join(done.log("WARNING"))
    assert "webpath[].scroll_depth (1)" in warnings
    assert "webpath[][]" in warnings


def test_fields_that_an_offline_message_lacks_are_not_filled_in(run: Runner) -> None:
    done = run().succeeded()
    kinds = collections.Counter(record["type"] for record in done.records("chats"))
    assert set(kinds) == {"chat", "offline_msg"}
    for record in done.records("chats"):
        if record["type"] == "offline_msg":
            assert not record.keys() & {"history", "engagements", "end_timestamp", "count"}
            assert record["message"] is not None


def test_every_record_follows_the_schema_of_its_stream(run: Runner) -> None:
    assert_records_follow_their_schemas(run().succeeded())


def test_deselected_fields_and_streams_are_left_out_and_keys_stay(
    box: Sandbox, run: Runner
) -> None:
    wanted = {"chats", "agent_timeline"}
    catalog = selecting("tap_zendesk_chat", lambda entry: entry["stream"] in wanted)
    for breadcrumb in (("visitor", "email"), ("history",), ("id",), ("update_timestamp",)):
        deselect(catalog, "chats", *breadcrumb)
    deselect(catalog, "agent_timeline", "start_time")
    done = run(catalog=catalog).succeeded()
    truth = expected(box, "chats")
    for record in truth.values():
        record.pop("history", None)
        del record["visitor"]["email"]
    assert done.by_key("chats") == truth
    assert done.by_key("agent_timeline") == expected(box, "agent_timeline")
    assert {request.stream for request in box.requests} == wanted


def test_unknown_fields_are_carried_and_counted_once_per_stream(box: Sandbox, run: Runner) -> None:
    extra = {"sentiment": {"score": 0.25}, "vip": True}
    box.fault(kind="fields", stream="chats", every=2, value=extra)
    done = run(page_size=50).succeeded()
    carrying = [record for record in done.records("chats") if "vip" in record]
    assert len(carrying) == 100
    assert all(record["sentiment"] == extra["sentiment"] for record in carrying)
    (line,) = done.log("WARNING")
    assert line.startswith("chats:")
    assert "sentiment (100), vip (100)" in line


def test_drift_that_loses_nothing_is_converted_back(box: Sandbox, run: Runner) -> None:
    box.fault(kind="drift", stream="chats", path="duration", to="text")
    box.fault(kind="drift", stream="conversions", path="goal_id", to="text")
    done = run().succeeded()
    assert_everything_arrived(box, done)
    assert not done.log("WARNING")


def test_other_drift_passes_as_it_is_with_one_warning(box: Sandbox, run: Runner) -> None:
    box.fault(kind="drift", stream="chats", path="rating", to="object")
    done = run().succeeded()
    truth = expected(box, "chats")
    for record in truth.values():
        if "rating" in record:
            record["rating"] = {"value": record["rating"]}
    assert done.by_key("chats") == truth
    (line,) = done.log("WARNING")
    assert "'rating'" in line


def test_records_of_the_last_minutes_arrive_without_asking_from_there(
    box: Sandbox, run: Runner
) -> None:
    """A page may hold them; a ``start_time`` among them would be refused."""
    now = dt.datetime.now(dt.timezone.utc)
    ages = (600, 400, 200, 60)
    chats = box.zendesk_chat.make("chats", len(ages), now)
    for chat, age in zip(chats, ages, strict=True):
        moment = now - dt.timedelta(seconds=age)
        chat["update_timestamp"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    box.zendesk_chat.load("chats", chats)
    done = run(page_size=3, end_date=None).succeeded()
    assert done.records("chats") == chats[:3]
    assert {request.status for request in box.requests} == {200}
