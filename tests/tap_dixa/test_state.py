"""Bookmarks: when they move, what they promise, and what a next run makes of them.

A bookmark says that everything before it has been emitted. The SDK's own standard test of
the final state is vacuous, so the state is compared here as a whole.
"""

from __future__ import annotations

import datetime as dt
import signal
import time
import typing as t

import pytest

from tests.common import begun
from tests.conftest import (
    PATIENCE,
    SPAN,
    Run,
    Stop,
    deselect,
    discovered,
    open_box,
    run_tap,
)
from tests.tap_dixa.conftest import CURSORS, FILTERS, STREAMS, config_for, expected_by_key, iso

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from tests.conftest import Record

    Runner = Callable[..., Run]

HOUR = 3_600_000
DAY = 24 * HOUR
FEBRUARY = round(dt.datetime(2025, 2, 1, tzinfo=dt.timezone.utc).timestamp() * 1000)


def state_at(**moments: int | str) -> Record:
    """A state with a bookmark for each stream named, in epoch milliseconds or as text."""
    return {
        "bookmarks": {
            stream: {
                "replication_key": CURSORS[stream],
                "replication_key_value": iso(moment) if isinstance(moment, int) else moment,
            }
            for stream, moment in moments.items()
        }
    }


def until(state: Record, stream: str) -> str | None:
    """The moment that a state promises for a stream, or None."""
    value: str | None = state.get("bookmarks", {}).get(stream, {}).get("replication_key_value")
    return value


def assert_promises_are_kept(box: Sandbox, run: Run) -> None:
    """At every STATE, all the records that it promises had been emitted already."""
    for stream in STREAMS:
        truth = expected_by_key(box, stream)
        emitted: dict[t.Any, Record] = {}
        for message in run.messages:
            if message["type"] == "RECORD" and message["stream"] == stream:
                emitted[message["record"]["id"]] = message["record"]
            elif message["type"] == "STATE" and (bookmark := until(message["value"], stream)):
                promised = {
                    key for key, record in truth.items() if record[CURSORS[stream]] < bookmark
                }
                assert promised <= emitted.keys(), f"{bookmark} of {stream}"


def test_a_first_run_ends_at_the_end_date(run: Runner) -> None:
    done = run().succeeded()
    assert done.states[-1] == begun(
        state_at(conversations="2025-04-01T00:00:00.000Z", messages="2025-04-01T00:00:00.000Z")
    )


def test_a_state_follows_each_window_at_once(box: Sandbox, run: Runner) -> None:
    done = run(window_days=10).succeeded()
    assert_promises_are_kept(box, done)
    for stream in STREAMS:
        moments = [iso(FEBRUARY - 31 * DAY + window * 10 * DAY) for window in range(1, 10)]
        told = [until(state, stream) for state in done.states]
        assert sorted(set(filter(None, told))) == moments
        # Between two STATEs lies one window: the first record after a STATE is not older than it.
        bookmark = None
        for message in done.messages:
            if message["type"] == "STATE":
                bookmark = until(message["value"], stream)
            elif bookmark and message["type"] == "RECORD" and message["stream"] == stream:
                cursor = message["record"][CURSORS[stream]]
                assert bookmark <= cursor <= iso(milliseconds(bookmark) + 10 * DAY)


def test_states_are_no_different_when_the_sdk_works_on_each_record(
    box: Sandbox, run: Runner
) -> None:
    """The SDK's own bookmarks, by the newest record seen, would come in between."""
    plain = run(window_days=20).succeeded()
    mapped = run(window_days=20, stream_maps={"conversations": {"subject": None}}).succeeded()
    assert mapped.states == plain.states
    assert_promises_are_kept(box, mapped)


def milliseconds(text: str) -> int:
    return round(dt.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)


def test_a_run_from_any_state_reads_the_rest_and_at_most_a_window_again(
    box: Sandbox, run: Runner
) -> None:
    whole = run(window_days=15).succeeded()
    states = [n for n, message in enumerate(whole.messages) if message["type"] == "STATE"]
    distinct = {
        tuple(until(whole.messages[n]["value"], stream) for stream in STREAMS): n for n in states
    }
    assert len(distinct) >= 12
    for n in list(distinct.values())[::3]:
        before = Run(0, b"\n".join(whole.lines[: n + 1]) + b"\n", "")
        box.clear_requests()
        after = run(window_days=15, lookback_minutes=0, state=before.states[-1]).succeeded()
        for stream in STREAMS:
            earlier = before.by_key(stream) if stream in before.schemas else {}
            assert {**earlier, **after.by_key(stream)} == expected_by_key(box, stream)
            bookmark = until(before.states[-1], stream) or "2025-01-01T00:00:00.000Z"
            asked = [request for request in box.requests if request.stream == stream]
            first = [str(milliseconds(bookmark) - 1)] if bookmark < "2025-04-01" else []
            afters = [request.params[f"{FILTERS[stream]}_after"] for request in asked]
            assert afters[:1] == first


def test_empty_windows_move_the_bookmark(box: Sandbox, run: Runner) -> None:
    for stream in STREAMS:
        box.dixa.load(stream, [])
    done = run().succeeded()
    assert not done.records("conversations")
    assert [until(state, "conversations") for state in done.states[:3]] == [
        iso(FEBRUARY - 31 * DAY + windows * (31 * DAY - 1)) for windows in (1, 2)
    ] + ["2025-04-01T00:00:00.000Z"]
    assert until(done.states[-1], "messages") == "2025-04-01T00:00:00.000Z"


def test_a_run_looks_back_an_hour_for_records_that_came_late(box: Sandbox, run: Runner) -> None:
    late = box.dixa.make("messages", 1, SPAN[0])[0]
    late["created_at"] = FEBRUARY - HOUR // 2
    box.dixa.put("messages", late)
    done = run(state=state_at(conversations=FEBRUARY, messages=FEBRUARY)).succeeded()
    assert late["id"] in done.by_key("messages")
    first = next(request for request in box.requests if request.stream == "messages")
    assert first.params["created_after"] == str(FEBRUARY - HOUR - 1)
    assert min(record["created_at"] for record in done.records("messages")) >= iso(FEBRUARY - HOUR)


def test_looking_back_never_goes_before_the_start_date(box: Sandbox, run: Runner) -> None:
    start = FEBRUARY - 31 * DAY
    run(state=state_at(conversations=start + 60_000), lookback_minutes=1440).succeeded()
    assert {request.params.get("updated_after") for request in box.requests[:1]} == {str(start - 1)}


def test_an_earlier_start_date_does_not_make_a_run_begin_anew(box: Sandbox, run: Runner) -> None:
    run(state=state_at(conversations=FEBRUARY, messages=FEBRUARY), start_date="2024-12-01")
    assert box.requests[0].params["updated_after"] == str(FEBRUARY - HOUR - 1)


def test_a_later_start_date_wins_over_an_older_bookmark(box: Sandbox, run: Runner) -> None:
    run(state=state_at(conversations=FEBRUARY), start_date="2025-03-01T00:00:00+01:00").succeeded()
    assert box.requests[0].params["updated_after"] == str(FEBRUARY + 28 * DAY - HOUR - 1)


@pytest.mark.parametrize("state", [None, state_at(messages=FEBRUARY)])
def test_a_start_date_in_the_future_is_a_warning_and_no_change(
    box: Sandbox, run: Runner, state: Record | None
) -> None:
    done = run(start_date="2099-01-01", end_date=None, state=state).succeeded()
    assert not box.requests
    assert len(done.log("WARNING")) == 2
    assert all("nothing to read" in line for line in done.log("WARNING"))
    for told in done.states:
        assert until(told, "conversations") is None
        assert until(told, "messages") == (iso(FEBRUARY) if state else None)


def test_a_span_of_no_length_is_a_warning_and_no_change(box: Sandbox, run: Runner) -> None:
    state = state_at(conversations=FEBRUARY + 28 * DAY, messages=FEBRUARY + 28 * DAY)
    done = run(start_date="2025-01-01", end_date="2025-02-01", state=state).succeeded()
    assert not box.requests
    assert len(done.log("WARNING")) == 2
    assert done.states[-1] == state


def test_a_bookmark_never_moves_backwards(box: Sandbox, run: Runner) -> None:
    """The lookback reaches before ``end_date`` here, although the bookmark lies beyond it."""
    ahead = FEBRUARY + HOUR // 3
    state = state_at(conversations=ahead, messages=ahead)
    done = run(state=state, end_date="2025-02-01").succeeded()
    assert [request.params[f"{FILTERS[request.stream]}_before"] for request in box.requests] == [
        str(FEBRUARY)
    ] * 2
    for told in done.states:
        assert until(told, "conversations") == iso(ahead)
        assert until(told, "messages") == iso(ahead)


def test_now_is_frozen_when_the_run_starts(box: Sandbox, run: Runner) -> None:
    box.fault(kind="stall", stream="conversations", times=1, seconds=1.5)
    box.dixa.load("messages", [])
    before = int(time.time() * 1000)
    recently = dt.datetime.now(dt.timezone.utc) - dt.timedelta(days=3)
    done = run(start_date=recently.isoformat(), end_date=None).succeeded()
    ends = {int(request.params[f"{FILTERS[request.stream]}_before"]) for request in box.requests}
    (end,) = ends
    first, *_, last = (request.wall for request in box.requests)
    assert before <= end <= first * 1000 < (last - 1.4) * 1000
    # ``Date`` has whole seconds, and the bookmark does not go beyond it.
    for stream in STREAMS:
        assert iso(end - 1000) < (until(done.states[-1], stream) or "") <= iso(end)


def test_a_stream_that_is_not_selected_keeps_its_bookmark(run: Runner) -> None:
    catalog = discovered("tap_dixa")
    deselect(catalog, "messages")
    done = run(catalog=catalog, state=state_at(messages=FEBRUARY)).succeeded()
    assert until(done.states[-1], "messages") == iso(FEBRUARY)


@pytest.mark.parametrize(
    "written",
    [
        "2025-02-01T00:00:00Z",
        "2025-02-01T00:00:00+00:00",
        "2025-02-01T01:00:00+01:00",
        "2025-02-01T00:00:00",
        "2025-02-01",
        "2025-02-01T00:00:00.000000Z",
    ],
)
def test_bookmarks_of_other_hands_are_understood(box: Sandbox, run: Runner, written: str) -> None:
    run(state=state_at(conversations=written), lookback_minutes=0).succeeded()
    assert box.requests[0].params["updated_after"] == str(FEBRUARY - 1)


def test_a_window_that_fails_for_good_leaves_the_bookmark_before_it(
    box: Sandbox, run: Runner
) -> None:
    box.fault(kind="status", stream="messages", status=400, at=range(3, 99))
    done = run(window_days=20)
    assert done.exit_code == 1
    assert until(done.states[-1], "messages") == iso(FEBRUARY - 31 * DAY + 40 * DAY)
    assert until(done.states[-1], "conversations") == "2025-04-01T00:00:00.000Z"
    box.clear_faults()
    again = run(window_days=20, state=done.states[-1]).succeeded()
    for stream in STREAMS:
        together = done.by_key(stream) | again.by_key(stream)
        assert together == expected_by_key(box, stream)


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("stalls_after", [1, 40_000])
def test_a_run_stopped_inside_a_window_is_taken_up_without_loss(
    by: signal.Signals, stalls_after: int
) -> None:
    """The second window stalls; the run is hit there, and the next one starts at its last STATE."""
    with open_box() as box:
        config = config_for(box, lookback_minutes=0, request_timeout=PATIENCE)
        stall = box.fault(
            kind="stall", stream="conversations", at=2, after=stalls_after, seconds=PATIENCE
        )
        border = FEBRUARY - 1
        in_first = sum(record["updated_at"] <= border for record in box.dixa.truth("conversations"))
        lines = 1 + in_first + 1 + (5 if stalls_after > 1 else 0)  # SCHEMA, RECORDs, STATE
        stop = Stop(lines=lines, stalls=stall, by=by)
        stopped = run_tap("tap_dixa", config, stop=stop, as_program=True)
        assert stopped.exit_code == (-9 if by == signal.SIGKILL else 128 + by)
        assert_promises_are_kept(box, stopped)
        assert len(stopped.states) == 1
        read_in_vain = len(stopped.records("conversations")) - in_first
        assert (read_in_vain > 4) == (stalls_after > 1)
        box.clear_faults()
        box.clear_requests()
        resumed = run_tap("tap_dixa", config, state=stopped.states[-1]).succeeded()
        assert len(box.requests) == 2 + 3
        assert resumed.states[-1] == begun(
            state_at(conversations="2025-04-01T00:00:00.000Z", messages="2025-04-01T00:00:00.000Z")
        )
        for stream in STREAMS:
            earlier = stopped.by_key(stream) if stream in stopped.schemas else {}
            assert {**earlier, **resumed.by_key(stream)} == expected_by_key(box, stream)
