"""One bookmark for each bot: when it moves, what it promises, what a next run makes of it."""

from __future__ import annotations

import calendar
import time
import typing as t

import pytest

from tests.common import begun, up_to_each_state
from tests.conftest import PATIENCE, Run, Stop, open_box, run_tap
from tests.tap_deepconverse.conftest import (
    BOTS,
    DAY,
    END,
    REPLICATION_KEYS,
    START,
    STREAMS,
    config_for,
    expected,
    iso,
)

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from tests.conftest import Record

    Runner = Callable[..., Run]

FEBRUARY = START + 31 * DAY
WINDOW_ON: tuple[t.Literal["startTime", "lastActionAt"], ...] = ("startTime", "lastActionAt")


def state_at(moments: dict[str, int]) -> Record:
    """A state with a bookmark for each bot named."""
    return {
        "bookmarks": {
            stream: {
                "partitions": [
                    {
                        "context": {"bot_name": bot},
                        "replication_key": REPLICATION_KEYS[stream],
                        "replication_key_value": iso(moment).replace("Z", ".000Z"),
                    }
                    for bot, moment in moments.items()
                ]
            }
            for stream in STREAMS
        }
    }


def until(state: Record, stream: str, bot: str) -> str | None:
    """The moment that a state promises for a bot, or None."""
    for partition in state.get("bookmarks", {}).get(stream, {}).get("partitions", []):
        if partition["context"] == {"bot_name": bot}:
            return t.cast("str | None", partition.get("replication_key_value"))
    return None


def starts(box: Sandbox, stream: str = "conversations") -> dict[str, int]:
    """Where the first request for each bot started."""
    return {
        request.params["bot_name"]: int(request.params["start_time"])
        for request in reversed(box.requests)
        if request.stream == stream
    }


def test_each_bot_has_a_bookmark_that_ends_at_the_end_date(run: Runner) -> None:
    assert run().succeeded().states[-1] == begun(state_at(dict.fromkeys(BOTS, END)))


def test_a_state_follows_each_window_and_none_a_page_inside_it(run: Runner) -> None:
    done = run(window_days=30, page_size=10).succeeded()
    told = {
        (stream, bot): list(dict.fromkeys(until(state, stream, bot) for state in done.states))
        for stream in STREAMS
        for bot in BOTS
    }
    for moments in told.values():
        assert [moment for moment in moments if moment] == [
            iso(START + days * DAY).replace("Z", ".000Z") for days in (30, 60, 90)
        ]


def test_at_every_state_all_that_it_promises_has_been_emitted(box: Sandbox, run: Runner) -> None:
    done = run(window_days=20, page_size=25).succeeded()
    emitted: set[str] = set()
    checked = 0
    truth = {stream: expected(box, stream) for stream in STREAMS}
    for message in done.messages:
        if message["type"] == "RECORD":
            emitted.add(message["record"]["_id"])
        elif message["type"] == "STATE":
            for stream in STREAMS:
                for bot in BOTS:
                    promised = {
                        key
                        for key, record in truth[stream].items()
                        if record["bot_name"] == bot
                        and record[REPLICATION_KEYS[stream]]
                        < (until(message["value"], stream, bot) or "")[:19]
                    }
                    assert promised <= emitted
                    checked += len(promised)
    assert checked > 1000


def test_a_run_from_any_state_reads_the_rest_and_at_most_a_window_again(
    small_box: Sandbox,
) -> None:
    config = config_for(small_box, window_days=45, page_size=4, lookback_minutes=0)
    whole = run_tap("tap_deepconverse", config).succeeded()
    cuts = up_to_each_state(whole)
    assert len(cuts) >= 8
    for before in cuts:
        small_box.clear_requests()
        after = run_tap("tap_deepconverse", config, state=before.states[-1]).succeeded()
        assert after.states[-1] == whole.states[-1]
        for stream in STREAMS:
            earlier = before.by_key(stream) if stream in before.schemas else {}
            assert earlier | after.by_key(stream) == expected(small_box, stream)
            assert not earlier.keys() & after.by_key(stream).keys()
            for bot in BOTS:
                moment = until(before.states[-1], stream, bot) or iso(START)
                seconds = calendar.timegm(time.strptime(moment[:19], "%Y-%m-%dT%H:%M:%S"))
                assert starts(small_box, stream).get(bot) == (
                    None if seconds == END else seconds - 1
                )


def test_windows_without_records_move_the_bookmark(box: Sandbox, run: Runner) -> None:
    for stream in STREAMS:
        box.deepconverse.load(stream, [], group=BOTS[0])
        box.deepconverse.load(stream, [], group=BOTS[1])
    assert run(window_days=45).succeeded().states[-1] == begun(state_at(dict.fromkeys(BOTS, END)))
    assert len(box.requests) == 8


def test_each_bot_goes_on_from_its_own_bookmark(box: Sandbox, run: Runner) -> None:
    """And a bot that was added since starts at ``start_date``."""
    state = state_at({"support-bot": FEBRUARY})
    done = run(state=state, lookback_minutes=0).succeeded()
    for stream in STREAMS:
        assert starts(box, stream) == {"r3-218210": START - 1, "support-bot": FEBRUARY - 1}
    old, new = done.states[-1]["bookmarks"]["messages"]["partitions"]
    assert [old] == state_at({"support-bot": END})["bookmarks"]["messages"]["partitions"]
    assert [new] == begun(state_at({"r3-218210": END}))["bookmarks"]["messages"]["partitions"]


def test_a_run_looks_back_a_day_unless_told_otherwise(box: Sandbox, run: Runner) -> None:
    run(state=state_at(dict.fromkeys(BOTS, FEBRUARY))).succeeded()
    assert starts(box) == dict.fromkeys(BOTS, FEBRUARY - DAY - 1)
    box.clear_requests()
    run(state=state_at(dict.fromkeys(BOTS, START + 60))).succeeded()
    assert starts(box) == dict.fromkeys(BOTS, START - 1), "never before the start date"


def test_a_start_date_in_the_future_is_a_warning_and_the_state_stays(
    box: Sandbox, run: Runner
) -> None:
    state = state_at({"r3-218210": FEBRUARY})
    done = run(state=state, start_date="2099-01-01", end_date=None).succeeded()
    assert not box.requests
    assert sum("nothing to read" in line for line in done.log("WARNING")) == 4
    for told in done.states:
        assert until(told, "messages", "r3-218210") == "2025-02-01T00:00:00.000Z"
        assert until(told, "messages", "support-bot") is None


@pytest.mark.parametrize("window_on", WINDOW_ON)
def test_nothing_new_is_lost_whichever_time_the_window_is_about(
    box: Sandbox, run: Runner, window_on: t.Literal["startTime", "lastActionAt"]
) -> None:
    """A conversation resumed weeks later comes again if the vendor looks at its last action."""
    box.deepconverse.window_on = window_on
    first = run(end_date="2025-03-01").succeeded()
    (old,) = (
        record
        for record in box.deepconverse.truth("conversations", BOTS[0])
        if record["_id"] == first.records("conversations")[0]["_id"]
    )
    resumed = {**old, "lastActionAt": END - 10 * DAY, "tags": ["resumed"]}
    fresh = {**old, "_id": "new", "startTime": END - 9 * DAY, "lastActionAt": END - 8 * DAY}
    box.deepconverse.put("conversations", resumed, fresh, group=BOTS[0])
    second = run(state=first.states[-1], end_date="2025-04-01").succeeded()
    together = first.by_key("conversations") | second.by_key("conversations")
    truth = expected(box, "conversations")
    if window_on == "lastActionAt":
        # Without a last action the vendor itself never finds them.
        truth = {key: record for key, record in truth.items() if "lastActionAt" in record}
        assert together == truth
    else:
        assert together.keys() == truth.keys()
        assert together[old["_id"]]["tags"] == old["tags"]
        del together[old["_id"]], truth[old["_id"]]
        assert together == truth
    assert "new" in second.by_key("conversations")


def test_late_records_within_the_lookback_are_read(box: Sandbox, run: Runner) -> None:
    first = run(end_date="2025-03-01").succeeded()
    march = START + 59 * DAY
    late = {"_id": "late", "time": march - DAY + 1}
    box.deepconverse.put("messages", late, group=BOTS[1])
    second = run(state=first.states[-1], end_date="2025-03-02").succeeded()
    assert "late" in second.by_key("messages")


def test_a_bot_that_fails_keeps_its_bookmark_and_does_not_stop_the_other(
    box: Sandbox, run: Runner
) -> None:
    box.fault(
        kind="status",
        status=400,
        stream="messages",
        where=lambda call: (
            call.params.get("bot_name") == BOTS[0]
            and int(call.params["start_time"]) > START + 40 * DAY
        ),
    )
    failed = run(window_days=30)
    complaint = failed.complaint()
    assert f"messages of {BOTS[0]}" in complaint
    assert until(failed.states[-1], "messages", BOTS[0]) == "2025-03-02T00:00:00.000Z"
    assert until(failed.states[-1], "messages", BOTS[1]) == "2025-04-01T00:00:00.000Z"
    box.clear_faults()
    again = run(state=failed.states[-1], lookback_minutes=0).succeeded()
    assert failed.by_key("messages") | again.by_key("messages") == expected(box, "messages")


@pytest.mark.parametrize("stalls_after", [1, 4_000])
def test_a_run_killed_inside_a_page_is_taken_up_without_loss(stalls_after: int) -> None:
    with open_box() as box:
        config = config_for(box, window_days=45, page_size=40, request_timeout=PATIENCE)
        # The second page of the second window: the first two requests are for the first window.
        stall = box.fault(
            kind="stall", stream="conversations", at=4, after=stalls_after, seconds=PATIENCE
        )
        first = sum(
            record["startTime"] <= START + 45 * DAY
            for record in box.deepconverse.truth("conversations", BOTS[0])
        )
        assert 40 < first <= 80
        inside = 0 if stalls_after == 1 else 1
        lines = 1 + first + 1 + 40 + inside  # SCHEMA, RECORDs, STATE, a page, a part of a page
        stop = Stop(lines=lines, stalls=stall)
        killed = run_tap("tap_deepconverse", config, stop=stop, as_program=True)
        assert killed.exit_code == -9
        read_in_vain = len(killed.records("conversations")) - first - 40
        assert (read_in_vain > 0) == (inside > 0)
        assert read_in_vain < 40
        assert until(killed.states[-1], "conversations", BOTS[0]) == "2025-02-15T00:00:00.000Z"
        box.clear_faults()
        resumed = run_tap("tap_deepconverse", config, state=killed.states[-1]).succeeded()
        for stream in STREAMS:
            earlier = killed.by_key(stream) if stream in killed.schemas else {}
            assert earlier | resumed.by_key(stream) == expected(box, stream)
