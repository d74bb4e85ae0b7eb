"""The bookmark: when it moves, what it promises, and what a next run makes of it."""

from __future__ import annotations

import datetime as dt
import typing as t

import pytest

from tests.common import begun, instant, up_to_each_state
from tests.conftest import PATIENCE, Run, Stop, open_box, run_tap
from tests.tap_devrev.conftest import config_for, crowd, expected, named

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from tests.conftest import Record

    Runner = Callable[..., Run]


MILLISECOND = dt.timedelta(milliseconds=1)


def state_at(moment: str) -> Record:
    """A state with this bookmark."""
    bookmark = {"replication_key": "modified_date", "replication_key_value": moment}
    return {"bookmarks": {"conversations": bookmark}}


def until(state: Record) -> str | None:
    """The moment that a state promises, or None."""
    bookmark: Record = state.get("bookmarks", {}).get("conversations", {})
    return bookmark.get("replication_key_value")


def after(box: Sandbox) -> str:
    """Where the first request started."""
    start: str = box.requests[0].json["modified_date"]["after"]
    return start


def test_a_first_run_ends_at_the_end_date(run: Runner) -> None:
    assert run().succeeded().states[-1] == begun(state_at("2025-04-10T00:00:00.000Z"))


def test_a_state_promises_only_what_has_been_emitted(box: Sandbox, run: Runner) -> None:
    """A window that was cut, or a page of a list with more to come, promises nothing."""
    # Within a millisecond, so that no window before theirs holds them as well.
    box.devrev.put("conversations", *crowd(30, "3455"))
    truth = expected(box)
    done = run(page_size=12).succeeded()
    emitted: set[str] = set()
    bookmarks = []
    for message in done.messages:
        if message["type"] == "RECORD":
            emitted.add(message["record"]["id"])
        elif message["type"] == "STATE" and (bookmark := until(message["value"])):
            bookmarks.append(bookmark)
            promised = {
                key
                for key, record in truth.items()
                if instant(record["modified_date"]) < instant(bookmark)
            }
            assert promised <= emitted
    assert bookmarks == sorted(bookmarks)
    assert len(set(bookmarks)) > 15


def test_a_run_from_any_state_reads_the_rest_and_at_most_a_window_again(
    small_box: Sandbox,
) -> None:
    small_box.devrev.put("conversations", *crowd(12))
    config = config_for(small_box, page_size=8, window_days=30, lookback_minutes=0)
    whole = run_tap("tap_devrev", config).succeeded()
    cuts = up_to_each_state(whole)
    assert len(cuts) >= 12
    for before in cuts[:: len(cuts) // 6]:
        small_box.clear_requests()
        rest = run_tap("tap_devrev", config, state=before.states[-1]).succeeded()
        assert rest.states[-1] == whole.states[-1]
        assert before.by_key("conversations") | rest.by_key("conversations") == expected(small_box)
        bookmark = until(before.states[-1]) or "2025-01-01T00:00:00.000Z"
        again = before.by_key("conversations").keys() & rest.by_key("conversations").keys()
        # Records of a window that was cut were ahead of the bookmark.
        assert len(again) <= 2 * 8
        if small_box.requests:
            assert instant(after(small_box)) == instant(bookmark) - dt.timedelta(milliseconds=1)


def test_windows_without_records_move_the_bookmark(box: Sandbox, run: Runner) -> None:
    box.devrev.load("conversations", [])
    done = run(window_days=33).succeeded()
    assert list(dict.fromkeys(filter(None, map(until, done.states)))) == [
        "2025-01-05T22:48:00.000Z",
        "2025-01-25T18:00:00.000Z",
        "2025-02-27T18:00:00.000Z",
        "2025-04-01T18:00:00.000Z",
        "2025-04-10T00:00:00.000Z",
    ]


@pytest.mark.parametrize(
    ("bookmark", "settings", "start"),
    [
        ("2025-02-01T00:00:00.000Z", {}, "2025-01-31T23:49:59.999Z"),
        ("2025-02-01T00:00:00.000Z", {"lookback_minutes": 0}, "2025-01-31T23:59:59.999Z"),
        ("2025-01-01T00:05:00.000Z", {}, "2024-12-31T23:59:59.999Z"),
        ("2025-02-01T00:00:00.1234567Z", {"lookback_minutes": 0}, "2025-02-01T00:00:00.122Z"),
        ("2025-02-01T01:00:00+01:00", {"lookback_minutes": 0}, "2025-01-31T23:59:59.999Z"),
    ],
)
def test_a_run_starts_at_its_bookmark_less_the_lookback(
    box: Sandbox, run: Runner, bookmark: str, settings: Record, start: str
) -> None:
    """Ten minutes unless told otherwise, never before the start date; a millisecond more."""
    run(state=state_at(bookmark), **settings).succeeded()
    assert after(box) == start


def test_what_is_modified_between_two_runs_is_read_by_the_second(box: Sandbox, run: Runner) -> None:
    first = run(end_date="2025-03-01").succeeded()
    old = first.records("conversations")[0]
    changed = {**old, "modified_date": "2025-03-02T00:00:00Z", "title": "changed"}
    late = named(box, "2025-02-28T23:55:00.123456Z")
    box.devrev.put("conversations", changed, *late)
    second = run(state=first.states[-1]).succeeded()
    assert first.by_key("conversations") | second.by_key("conversations") == expected(box)


def test_a_start_date_in_the_future_is_a_warning_and_the_state_stays(
    box: Sandbox, run: Runner
) -> None:
    state = state_at("2025-02-01T00:00:00.000Z")
    done = run(state=state, start_date="2099-01-01", end_date=None).succeeded()
    assert not box.requests
    assert len(done.log("WARNING")) == 1
    assert done.states[-1] == state


def test_now_is_frozen_when_the_run_starts(box: Sandbox, run: Runner) -> None:
    box.fault(kind="stall", times=1, seconds=1.2)
    began = dt.datetime.now(dt.timezone.utc)
    start = began - dt.timedelta(days=20)
    done = run(start_date=start.isoformat(), end_date=None).succeeded()
    end = max(request.json["modified_date"]["before"] for request in box.requests)
    first, *_, last = (request.wall for request in box.requests)
    assert began.timestamp() - 0.001 <= instant(end).timestamp() <= first < last - 1
    # ``Date`` has whole seconds, and the bookmark does not go beyond it.
    assert instant(end) - dt.timedelta(seconds=1) < instant(until(done.states[-1]) or "")
    assert instant(until(done.states[-1]) or "") <= instant(end)


def test_a_window_that_fails_for_good_leaves_the_bookmark_before_it(
    box: Sandbox, run: Runner
) -> None:
    box.fault(kind="status", status=400, at=range(6, 99))
    failed = run(window_days=30)
    assert failed.exit_code == 1
    bookmark = until(failed.states[-1])
    assert bookmark is not None
    refused = box.requests[5].json["modified_date"]["after"]
    assert instant("2025-01-01T00:00:00Z") < instant(bookmark) <= instant(refused) + MILLISECOND
    box.clear_faults()
    again = run(state=failed.states[-1], lookback_minutes=0).succeeded()
    assert failed.by_key("conversations") | again.by_key("conversations") == expected(box)


def test_a_bookmark_is_compared_as_a_time_and_not_as_text(run: Runner) -> None:
    """As text, `…00Z` is later than `…00.500Z`."""
    state = state_at("2025-04-10T00:00:00Z")
    done = run(state=state, lookback_minutes=0, end_date="2025-04-10T00:00:00.500Z").succeeded()
    assert until(done.states[-1]) == "2025-04-10T00:00:00.500Z"


def lines_before(undisturbed: Run, rows: int) -> int:
    """How many lines have been written when so many records and what follows them have been."""
    records = 0
    for number, message in enumerate(undisturbed.messages):
        records += message["type"] == "RECORD"
        if records > rows:
            return number
    return len(undisturbed.messages)


@pytest.mark.parametrize("stalls_after", [1, 60_000])
def test_a_run_killed_inside_a_window_is_taken_up_without_loss(stalls_after: int) -> None:
    with open_box() as box:
        config = config_for(box, window_days=30, request_timeout=PATIENCE, lookback_minutes=0)
        undisturbed = run_tap("tap_devrev", config).succeeded()
        before = lines_before(undisturbed, sum(request.rows or 0 for request in box.requests[:5]))
        stall = box.fault(kind="stall", at=6, after=stalls_after, seconds=PATIENCE)
        inside = 0 if stalls_after == 1 else 3
        stop = Stop(lines=before + inside, stalls=stall)
        killed = run_tap("tap_devrev", config, stop=stop, as_program=True)
        assert killed.exit_code == -9
        assert until(killed.states[-1]) is not None
        box.clear_faults()
        resumed = run_tap("tap_devrev", config, state=killed.states[-1]).succeeded()
        assert killed.by_key("conversations") | resumed.by_key("conversations") == expected(box)


def test_windows_touch_and_overlap_by_a_millisecond(box: Sandbox, run: Runner) -> None:
    run(window_days=10).succeeded()
    bounds = [request.json["modified_date"] for request in box.requests]
    borders = {instant(window["before"]) for window in bounds}
    end = max(borders)
    starts = {instant(window["after"]) + MILLISECOND for window in bounds}
    assert borders - {end} <= starts, "each window has one that touches it"
    assert min(starts) == instant("2025-01-01T00:00:00Z")
    assert end == instant("2025-04-10T00:00:00Z")
