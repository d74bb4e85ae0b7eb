"""The server's cursor when it is odd: read rightly, or refused in one line, never a quiet end."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import typing as t

import pytest
import requests

from support_taps.errors import CursorLoopError
from support_taps.pagination import NoWitness, PageRead
from support_taps.timestamps import SECOND
from tap_zendesk_chat.client import (
    MOST_EMPTY_PAGES,
    CursorPage,
    ServerCursor,
    ServerCursorPages,
)
from tests.common import runner
from tests.tap_zendesk_chat.conftest import (
    KEYS,
    MOMENT,
    REPLICATION_KEYS,
    WITHOUT_IDS,
    config_for,
    expected,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from tests.conftest import Json, Record, Run

    Runner = Callable[..., Run]

NOON = 1738411200  # 2025-02-01T12:00:00Z
CHAT = {"id": "a", "update_timestamp": "2025-02-01T12:00:00Z"}


@pytest.fixture
def small_run(small_box: Sandbox) -> Runner:
    """Run the tap against ``small_box``."""
    return runner("tap_zendesk_chat", functools.partial(config_for, small_box))


def state_of(stream: str, value: str, **cursor: Json) -> Record:
    told = {"replication_key": REPLICATION_KEYS[stream], "replication_key_value": value}
    return {"bookmarks": {stream: {**told, "cursor": cursor}}}


def answer(box: Sandbox, at: int, rows: list[Record], **envelope: Json) -> None:
    """Let the vendor answer the n-th request for chats like this."""
    value = {"chats": rows, "count": len(rows), **envelope}
    box.fault(kind="json", stream="chats", at=at, value=value)


@pytest.mark.parametrize("unit", ["milliseconds", "microseconds", "nanoseconds", "seconds"])
def test_a_time_in_another_unit_is_refused_and_nothing_is_promised(
    small_box: Sandbox, small_run: Runner, unit: str
) -> None:
    """The tables of parameters say microseconds for all; the text and the samples do not."""
    small_box.zendesk_chat.end_time_unit = unit
    done = small_run(page_size=7)
    assert done.exit_code == 1
    assert "Traceback" not in done.stderr
    wrong = {"agent_timeline"} if unit == "seconds" else KEYS.keys()
    if unit == "microseconds":
        wrong = wrong - {"agent_timeline"}
    assert len(done.log("ERROR")) == len(wrong)
    for stream in KEYS:
        if stream in wrong:
            (line,) = (line for line in done.log("ERROR") if f"'{stream}'" in line)
            own = "microseconds" if stream == "agent_timeline" else "seconds"
            assert "'end_time' is 17" in line
            assert f"whole {own} since 1970" in line
            assert "replication_key_value" not in done.bookmarks.get(stream, {})
        else:
            assert done.by_key(stream) == expected(small_box, stream)
    small_box.zendesk_chat.end_time_unit = "documented"
    again = small_run(page_size=7, state=done.states[-1]).succeeded()
    for stream in wrong:
        assert again.by_key(stream) == expected(small_box, stream)


@pytest.mark.parametrize(
    ("end_time", "said"),
    [
        (NOON * 1000, str(NOON * 1000)),
        (1e300, "1e+300"),
        (-1e30, "-1e+30"),
        (-1, "-1"),
        (0, "is 0;"),
        (1525010407.5, "1525010407.5"),
        (4102444800, "4102444800"),  # the year 2100
        (True, "true"),
        ("soon", '"soon"'),
        (str(NOON), f'"{NOON}"'),
        ([NOON], f"[{NOON}]"),
        ({"at": NOON}, "{"),
        (10**400, "1000000"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_time_that_is_none_is_refused_and_the_bookmark_stays(
    box: Sandbox, run: Runner, end_time: Json, said: str
) -> None:
    answer(box, 1, [CHAT], end_time=end_time, end_id="a")
    state = state_of("chats", "2025-02-01T11:00:00.000Z", end_time=NOON - 3600, end_id="0")
    done = run(state=state)
    complaint = done.complaint().lower()
    assert "'end_time'" in complaint
    assert said.lower() in complaint
    assert "seconds since 1970" in complaint
    assert len(complaint) < 400
    assert done.bookmarks["chats"] == state["bookmarks"]["chats"]


@pytest.mark.parametrize("page_size", [7, 1000])
def test_a_fraction_is_dropped_where_no_id_goes_with_the_time(
    small_box: Sandbox, small_run: Runner, page_size: int
) -> None:
    """A public client takes the ``end_time`` of agent events for a number with a fraction."""
    small_box.zendesk_chat.agent_events_fraction = True
    done = small_run(page_size=page_size).succeeded()
    assert done.by_key("agent_events") == expected(small_box, "agent_events")
    bookmark = done.bookmarks["agent_events"]
    assert isinstance(bookmark["cursor"]["end_time"], int)
    again = small_run(page_size=page_size, state=done.states[-1]).succeeded()
    assert len(again.records("agent_events")) <= 2


@pytest.mark.parametrize("end_time", [True, "soon", -1, NOON * 1000, [NOON]], ids=str)
def test_a_time_that_is_none_makes_no_end_of_an_empty_page(
    box: Sandbox, run: Runner, end_time: Json
) -> None:
    answer(box, 1, [], end_time=end_time, end_id="")
    assert "'end_time'" in run().complaint()


@pytest.mark.parametrize("end_id", [["a"], {"id": "a"}, True, 1.5], ids=str)
def test_an_id_that_is_none_is_refused_and_the_bookmark_stays(
    box: Sandbox, run: Runner, end_id: Json
) -> None:
    answer(box, 1, [CHAT], end_time=NOON, end_id=end_id)
    done = run()
    assert "'end_id'" in done.complaint()
    assert "replication_key_value" not in done.bookmarks.get("chats", {})


def test_whole_numbers_are_read_in_any_form(box: Sandbox, run: Runner) -> None:
    """The vendor's type of ``end_time`` is number; ids have been seen as numbers elsewhere."""
    answer(box, 1, [CHAT], end_time=float(NOON), end_id=7)
    answer(box, 2, [], end_time=NOON, end_id=7)
    done = run().succeeded()
    assert [r.params.get("start_id") for r in box.requests if r.stream == "chats"] == [None, "7"]
    assert done.bookmarks["chats"]["cursor"] == {"end_time": NOON, "end_id": "7"}


def test_empty_pages_whose_cursor_moves_on_are_passed(
    small_box: Sandbox, small_run: Runner
) -> None:
    """``If count is less than limit, more items are available``: also if it is nought."""
    small_box.zendesk_chat.empty_pages = True
    done = small_run(page_size=7).succeeded()
    for stream in KEYS:
        assert done.by_key(stream) == expected(small_box, stream)
        counts = [request.rows for request in small_box.requests if request.stream == stream]
        # Without ids the last record is asked for again: no time lies before that.
        assert counts.count(0) > (0 if stream in WITHOUT_IDS else 2)
    again = small_run(page_size=7, state=done.states[-1]).succeeded()
    assert again.states[-1] == done.states[-1]
    assert not again.records("chats")


def test_an_empty_page_promises_nothing(box: Sandbox, run: Runner) -> None:
    """Its cursor may be wrong, and no record stands for it: the next run looks again."""
    answer(box, 1, [], end_time=NOON, end_id="")
    answer(box, 2, [])
    done = run().succeeded()
    asked = [int(r.params["start_time"]) for r in box.requests if r.stream == "chats"]
    assert asked[1:] == [NOON - 1]
    assert "replication_key_value" not in done.bookmarks.get("chats", {})
    box.clear_faults()
    assert run(state=done.states[-1]).succeeded().by_key("chats") == expected(box, "chats")


@pytest.mark.parametrize(
    "envelope",
    [
        {},
        {"end_time": None, "end_id": None, "next_page": None},
        {"end_time": NOON, "end_id": "a"},
        {"end_time": NOON, "end_id": ""},
        {"end_time": 0, "end_id": ""},
        {"end_time": NOON - 86_400, "end_id": "z"},
        {"next_page": f"https://x/y?start_time={NOON}&start_id=a"},
        {"next_page": "http://[is no URL"},
        {"next_page": 7},
    ],
    ids=str,
)
def test_an_empty_page_whose_cursor_does_not_move_on_is_the_end(
    box: Sandbox, run: Runner, envelope: Record
) -> None:
    answer(box, 1, [CHAT], end_time=NOON, end_id="a")
    answer(box, 2, [], **envelope)
    done = run().succeeded()
    assert len([request for request in box.requests if request.stream == "chats"]) == 2
    assert done.bookmarks["chats"]["cursor"] == {"end_time": NOON, "end_id": "a"}


def test_the_next_page_tells_the_cursor_of_an_empty_page_that_has_no_time(
    box: Sandbox, run: Runner
) -> None:
    """``start_time and start_id parameters that match the end_time and end_id``."""
    answer(box, 1, [], next_page=f"https://x/y?start_time={NOON}&start_id=a%2Fb", end_time=None)
    run().succeeded()
    asked = [r.params for r in box.requests if r.stream == "chats"]
    assert (asked[1]["start_time"], asked[1]["start_id"]) == (str(NOON), "a/b")


def test_a_cursor_that_moves_through_nothing_for_ever_is_an_error() -> None:
    later = MOMENT + dt.timedelta(days=1)
    pages = ServerCursorPages(ServerCursor(NOON), SECOND, later, later, 100)
    token = dataclasses.replace(pages.first, gaps=MOST_EMPTY_PAGES - 1)
    step = pages.after(empty(token, NOON + 1))
    assert step.next is not None
    assert step.next.cursor == ServerCursor(NOON + 1)
    with pytest.raises(CursorLoopError, match="empty pages in a row"):
        pages.after(empty(step.next, NOON + 2))


def empty(token: CursorPage, end_time: int) -> PageRead[CursorPage, NoWitness]:
    return PageRead(token, 0, {"end_time": end_time}, NoWitness(), requests.Response())


def test_a_crowd_larger_than_the_vendors_cap_is_an_error_where_no_id_leads_through_it(
    box: Sandbox, run: Runner
) -> None:
    """Such a page is shorter than its limit and leads to itself, as the last one does."""
    stream = "department_events"
    crowd = box.zendesk_chat.make(stream, 5, MOMENT)
    box.zendesk_chat.put(stream, *crowd)
    box.zendesk_chat.short_pages = 3
    assert run().succeeded().by_key(stream) == expected(box, stream)
    box.zendesk_chat.department_events_end_id = False
    done = run()
    complaint = done.complaint()
    assert stream in complaint
    assert "stands still" in complaint
    assert done.bookmarks[stream]["replication_key_value"] == "2025-02-01T12:00:00.000Z"


def test_what_is_read_last_is_not_asked_for_a_third_time(box: Sandbox, run: Runner) -> None:
    """A timeline ends with its last span again: shorter than the pages before, so that is all."""
    run(page_size=60).succeeded()
    asked = [request for request in box.requests if request.stream == "agent_timeline"]
    assert [request.rows for request in asked][-1] == 1
    truth = len(box.zendesk_chat.truth("agent_timeline"))
    assert len(asked) == -(-(truth - 60) // 59) + 1 + ((truth - 60) % 59 != 0)


@pytest.mark.parametrize(
    ("response", "said"),
    [
        ({"chats": [], "count": 1, "end_time": NOON}, "holds 1 records, and it holds 0"),
        ({"chats": [CHAT], "count": 2, "end_time": NOON, "end_id": "a"}, "holds 2 records"),
        ({"chats": [], "count": 0, "error": "export timed out"}, "tells of an error"),
        ({"chats": [], "count": 0, "errors": [{"code": 7}]}, "tells of an error"),
        ({"chats": [CHAT], "end_time": None, "next": {"page": 2}}, "next.page"),
    ],
    ids=["none of one", "one of two", "error", "errors", "no time"],
)
def test_a_response_that_contradicts_itself_is_an_error_and_no_end(
    box: Sandbox, run: Runner, response: Json, said: str
) -> None:
    box.fault(kind="json", stream="chats", value=response)
    done = run()
    assert said in done.complaint()
    assert "replication_key_value" not in done.bookmarks.get("chats", {})
    assert done.by_key("conversions") == expected(box, "conversions")


@pytest.mark.parametrize("moved", ["2025-02-01T12:00:00.000Z", "2025-03-01T00:00:00.000Z"])
@pytest.mark.parametrize("stream", ["chats", "agent_timeline"])
def test_a_bookmark_moved_by_hand_counts_and_the_cursor_beside_it_does_not(
    box: Sandbox, run: Runner, stream: str, moved: str
) -> None:
    """Back to read again, or forward to skip."""
    state = run().succeeded().states[-1]
    state["bookmarks"][stream]["replication_key_value"] = moved
    if moved.startswith("2025-03"):
        unit = 1_000_000 if stream == "agent_timeline" else 1
        state["bookmarks"][stream]["cursor"]["end_time"] = NOON * unit
    box.clear_requests()
    done = run(state=state).succeeded()
    first = next(request for request in box.requests if request.stream == stream)
    assert "start_id" not in first.params
    truth = expected(box, stream)
    if stream == "chats":
        truth = {k: r for k, r in truth.items() if r["update_timestamp"] >= moved[:19]}
        assert done.by_key(stream) == truth
    else:
        later = {k: r for k, r in truth.items() if r["start_time"] >= moved[:19]}
        assert later.items() <= done.by_key(stream).items() < truth.items()
    assert any("by hand" in line for line in done.log("INFO"))
    assert not done.log("WARNING")


def test_a_cursor_that_runs_backwards_is_a_circle_and_takes_no_bookmark_back(
    box: Sandbox, run: Runner
) -> None:
    for at, end_time in enumerate((NOON, NOON - 9, NOON, NOON - 9), 1):
        answer(box, at, [CHAT], end_time=end_time, end_id="a")
    done = run()
    assert "same cursor twice" in done.complaint()
    assert done.bookmarks["chats"]["cursor"] == {"end_time": NOON, "end_id": "a"}
    assert len([request for request in box.requests if request.stream == "chats"]) == 3
