"""The state of the streams of Messaging: runs that are cut off, cursors that expire."""

from __future__ import annotations

import datetime as dt
import typing as t

import pytest

from tests.common import instant, up_to_each_state
from tests.conftest import Stop, run_tap, selecting
from tests.tap_zendesk_chat.messaging import (
    CONVERSATIONS,
    TAP,
    asked,
    config,
    expected,
    iso,
    read,
    support,
    tickets_asked,
)

if t.TYPE_CHECKING:
    from sandbox import Sandbox
    from tests.conftest import Json, Record

IN_ORDER_OF_TIME = (*CONVERSATIONS, "ticket_metric_events", "users")
"""Without the streams of windows, which the harness plays in other taps."""


def after(*runs: t.Any, stream: str) -> dict[Json, Record]:
    """What a target holds after some runs."""
    held: dict[Json, Record] = {}
    for run in runs:
        if stream in run.schemas:
            held |= run.by_key(stream)
    return held


@pytest.mark.parametrize("lookback", [0, 60])
def test_a_run_from_any_state_ends_with_everything(small_box: Sandbox, lookback: int) -> None:
    settings = {"page_size": 7, "support_lookback_minutes": lookback}
    whole = read(small_box, *IN_ORDER_OF_TIME, **settings).succeeded()
    cuts = up_to_each_state(whole)
    assert len(cuts) >= 9
    for before in cuts[:: 2 if lookback else 1]:
        later = read(small_box, *IN_ORDER_OF_TIME, state=before.states[-1], **settings).succeeded()
        for stream in IN_ORDER_OF_TIME:
            assert after(before, later, stream=stream) == expected(small_box, stream)


def test_each_state_of_the_tickets_covers_the_logs_of_its_page(small_box: Sandbox) -> None:
    done = read(small_box, *CONVERSATIONS, page_size=7).succeeded()
    events = expected(small_box, "conversation_log").values()
    seen: set[str] = set()
    tickets: set[int] = set()
    states = 0
    for message in done.messages:
        if message["type"] == "RECORD" and message["stream"] == "tickets":
            tickets.add(message["record"]["id"])
        elif message["type"] == "RECORD":
            seen.add(message["record"]["id"])
        elif message["type"] == "STATE" and tickets:
            assert {it["id"] for it in events if it["ticket_id"] in tickets} == seen
            states += 1
    assert states >= 5


def test_a_run_that_is_killed_among_the_logs_of_a_page_reads_them_again(
    small_box: Sandbox,
) -> None:
    stall = small_box.fault(kind="stall", seconds=300, stream="conversation_log", at=9)
    catalog = selecting(TAP, lambda entry: entry["stream"] in CONVERSATIONS)
    killed = run_tap(TAP, config(small_box, page_size=7), catalog=catalog, stop=Stop(stalls=stall))
    assert killed.exit_code == -9
    small_box.clear_faults()
    later = read(small_box, *CONVERSATIONS, page_size=7, state=killed.states[-1]).succeeded()
    for stream in CONVERSATIONS:
        assert after(killed, later, stream=stream) == expected(small_box, stream)


def test_the_state_holds_the_cursor_that_the_next_run_begins_with(small_box: Sandbox) -> None:
    settings = {"support_lookback_minutes": 0, "page_size": 7}
    first = read(small_box, "tickets", **settings).succeeded()
    newest = max(it["generated_timestamp"] for it in small_box.zendesk_chat.truth("tickets"))
    bookmark = first.bookmarks["tickets"]
    assert bookmark["replication_key_value"] == iso(newest).replace("Z", ".000Z")
    assert bookmark["cursor"]["until"] == newest
    (changed,) = small_box.zendesk_chat.make("tickets", 1, instant(iso(newest + 5)))
    small_box.zendesk_chat.put("tickets", changed)
    small_box.clear_requests()
    second = read(small_box, "tickets", state=first.states[-1], **settings).succeeded()
    assert [it["id"] for it in second.records("tickets")] == [changed["id"]]
    assert asked(small_box, "tickets")[0]["cursor"] == bookmark["cursor"]["after_cursor"]


def test_a_run_looks_back_an_hour_for_late_messages(small_box: Sandbox) -> None:
    """A message may come into a log without bringing its ticket into the export again."""
    first = read(small_box, *CONVERSATIONS).succeeded()
    tickets = small_box.zendesk_chat.truth("tickets")
    newest = max(it["generated_timestamp"] for it in tickets)
    small_box.clear_requests()
    second = read(small_box, *CONVERSATIONS, state=first.states[-1]).succeeded()
    assert int(asked(small_box, "tickets")[0]["start_time"]) == newest - 3601
    recent = {it["id"] for it in tickets if it["generated_timestamp"] >= newest - 3601}
    assert set(second.by_key("tickets")) == recent
    assert tickets_asked(small_box) <= recent


@pytest.mark.parametrize("status", [400, 404, 410, 422])
def test_a_cursor_that_expired_between_two_runs_is_replaced_by_time(
    small_box: Sandbox, status: int
) -> None:
    settings = {"support_lookback_minutes": 0, "page_size": 7}
    before = up_to_each_state(read(small_box, "tickets", **settings).succeeded())[2]
    if status == 400:
        support(small_box).expire_cursors()
    else:
        small_box.fault(kind="status", status=status, stream="tickets", at=1)
    small_box.clear_requests()
    later = read(small_box, "tickets", state=before.states[-1], **settings).succeeded()
    cursor, time, *_ = asked(small_box, "tickets")
    until = before.bookmarks["tickets"]["cursor"]["until"]
    assert ("cursor" in cursor, int(time["start_time"])) == (True, until - 1)
    assert any("may have expired" in line for line in later.log("WARNING"))
    assert after(before, later, stream="tickets") == expected(small_box, "tickets")


def test_a_cursor_that_expires_within_a_run_is_replaced_by_time(small_box: Sandbox) -> None:
    small_box.fault(kind="status", status=400, stream="users", at=2)
    done = read(small_box, "users", page_size=4).succeeded()
    assert done.by_key("users") == expected(small_box, "users")
    assert "start_time" in asked(small_box, "users")[2]


def test_a_refused_first_request_is_no_expired_cursor(small_box: Sandbox) -> None:
    small_box.fault(kind="status", status=400, stream="tickets", at=1)
    assert "400" in read(small_box, "tickets").complaint()
    assert len(asked(small_box, "tickets")) == 1


def test_who_moves_the_bookmark_back_by_hand_reads_from_there(small_box: Sandbox) -> None:
    settings = {"support_lookback_minutes": 0}
    state = read(small_box, "tickets", **settings).succeeded().states[-1]
    state["bookmarks"]["tickets"]["replication_key_value"] = "2025-02-01T00:00:00.000Z"
    small_box.clear_requests()
    done = read(small_box, "tickets", state=state, **settings).succeeded()
    assert asked(small_box, "tickets")[0]["start_time"] == "1738367999"
    assert any("is not where its cursor is" in line for line in done.log("INFO"))


@pytest.mark.parametrize("cursor", ["text", {"after_cursor": 1, "until": 2}, {}])
def test_a_cursor_that_is_none_is_an_error(small_box: Sandbox, cursor: Json) -> None:
    bookmark = {
        "replication_key": "generated_timestamp",
        "replication_key_value": "2025-02-01T00:00:00.000Z",
        "cursor": cursor,
    }
    done = read(
        small_box,
        "tickets",
        state={"bookmarks": {"tickets": bookmark}},
        support_lookback_minutes=0,
    )
    assert "as its cursor, which is none" in done.complaint()


def test_an_end_date_in_the_past_ends_the_export_there(small_box: Sandbox) -> None:
    end = dt.datetime(2025, 2, 1, tzinfo=dt.timezone.utc)
    done = read(small_box, "tickets", end_date="2025-02-01", page_size=5).succeeded()
    before = {
        it["id"]
        for it in small_box.zendesk_chat.truth("tickets")
        if it["generated_timestamp"] < end.timestamp()
    }
    assert before <= done.by_key("tickets").keys()
    assert len(done.by_key("tickets")) < len(before) + 5
    assert done.bookmarks["tickets"]["replication_key_value"] == "2025-02-01T00:00:00.000Z"
    assert "cursor" not in done.bookmarks["tickets"]


def test_engagements_that_ended_late_are_found_by_the_lookback(small_box: Sandbox) -> None:
    first = read(small_box, "engagements", end_date="2025-03-20").succeeded()
    began = dt.datetime(2025, 3, 8, tzinfo=dt.timezone.utc)
    (late,) = small_box.zendesk_chat.make("engagements", 1, began)
    small_box.zendesk_chat.put("engagements", late)
    second = read(small_box, "engagements", state=first.states[-1]).succeeded()
    assert late["engagement_id"] in second.by_key("engagements")
