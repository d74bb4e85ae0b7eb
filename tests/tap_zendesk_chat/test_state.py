"""The server's cursor as the bookmark: when it moves, what it promises, what is made of it."""

from __future__ import annotations

import calendar
import datetime as dt
import json
import time
import typing as t

import pytest

from tests.common import begun, instant, up_to_each_state
from tests.conftest import PATIENCE, Run, Stop, open_box, run_tap
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
    from tests.conftest import Record

    Runner = Callable[..., Run]


def bookmark(stream: str, value: str, cursor: Record | None = None) -> Record:
    """A bookmark, with or without the server's cursor."""
    told = {"replication_key": REPLICATION_KEYS[stream], "replication_key_value": value}
    return told if cursor is None else {**told, "cursor": cursor}


def epoch(text: str) -> int:
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


def first_requests(box: Sandbox) -> dict[str, dict[str, str]]:
    """The parameters of each stream's first request."""
    return {request.stream: request.params for request in reversed(box.requests)}


def test_the_final_state_keeps_the_cursor_of_the_last_record(box: Sandbox, run: Runner) -> None:
    done = run(page_size=60).succeeded()
    told = {}
    for stream, key in REPLICATION_KEYS.items():
        if stream == "agent_timeline":
            end = max(
                instant(span["start_time"]) + dt.timedelta(seconds=span["duration"])
                for span in box.zendesk_chat.truth(stream)
            )
            text = end.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            micros = calendar.timegm(end.utctimetuple()) * 1_000_000 + end.microsecond
            told[stream] = bookmark(stream, text, {"end_time": micros, "end_id": None})
        else:
            last = max(box.zendesk_chat.truth(stream), key=lambda r: (r[key], r["id"]))
            second = last[key][: len("2025-01-01T00:00:00")]  # those of agent events have micros
            end_id = None if stream in WITHOUT_IDS else last["id"]
            cursor = {"end_time": epoch(f"{second}Z"), "end_id": end_id}
            told[stream] = bookmark(stream, f"{second}.000Z", cursor)
    assert done.states[-1] == begun({"bookmarks": told})


def test_a_state_follows_each_page_at_once(run: Runner) -> None:
    done = run(page_size=60).succeeded()
    kinds = [
        message["type"]
        for message in done.messages
        if message.get("stream", "chats") == "chats" and message["type"] != "SCHEMA"
    ]
    at = kinds.index("RECORD")
    page = ["RECORD"] * 60 + ["STATE"]
    assert kinds[at : at + 203] == page + page + page + ["RECORD"] * 20


@pytest.mark.parametrize("switches", [{}, {"short_pages": 5, "department_events_end_id": False}])
def test_a_run_from_any_state_reads_the_rest_and_nothing_twice(
    small_box: Sandbox, switches: Record
) -> None:
    box = small_box
    for name, setting in switches.items():
        setattr(box.zendesk_chat, name, setting)
    config = config_for(box, page_size=25)
    whole = run_tap("tap_zendesk_chat", config).succeeded()
    cuts = up_to_each_state(whole)
    assert len(cuts) >= 9
    for before in cuts[:: 1 if not switches else 9]:
        after = run_tap("tap_zendesk_chat", config, state=before.states[-1]).succeeded()
        assert after.states[-1] == whole.states[-1]
        for stream in KEYS:
            earlier = before.by_key(stream) if stream in before.schemas else {}
            later = after.by_key(stream)
            assert {**earlier, **later} == expected(box, stream)
            # Without `end_id` the last moment is asked for again.
            has_id = stream not in WITHOUT_IDS and not (switches and stream == "department_events")
            assert len(earlier.keys() & later.keys()) <= (0 if has_id else 1)


def test_a_run_from_any_state_loses_nothing_if_end_time_is_the_start_of_a_chat(
    small_box: Sandbox,
) -> None:
    """The cursor is opaque then: it may move backwards in time, and the chats with it."""
    small_box.zendesk_chat.chats_end_time = "start"
    config = config_for(small_box, page_size=4)
    whole = run_tap("tap_zendesk_chat", config).succeeded()
    states = {
        json.dumps(cut.states[-1]["bookmarks"].get("chats")): cut for cut in up_to_each_state(whole)
    }
    assert len(states) >= 5
    for before in list(states.values())[1::2]:
        after = run_tap("tap_zendesk_chat", config, state=before.states[-1]).succeeded()
        earlier = before.by_key("chats") if "chats" in before.schemas else {}
        assert {**earlier, **after.by_key("chats")} == expected(small_box, "chats")


def test_bookmarks_never_move_backwards(small_box: Sandbox) -> None:
    small_box.zendesk_chat.chats_end_time = "start"
    done = run_tap("tap_zendesk_chat", config_for(small_box, page_size=2)).succeeded()
    told = [
        state["bookmarks"]["chats"]["replication_key_value"]
        for state in done.states
        if "replication_key_value" in state["bookmarks"].get("chats", {})
    ]
    assert len(set(told)) > 10
    assert told == sorted(told)


def test_a_chat_that_changes_after_it_was_read_comes_again(box: Sandbox, run: Runner) -> None:
    first = run().succeeded()
    changed = {
        **box.zendesk_chat.truth("chats")[3],
        "rating": "good",
        "update_timestamp": "2025-04-05T00:00:00Z",
    }
    box.zendesk_chat.put("chats", changed)
    second = run(state=first.states[-1]).succeeded()
    assert second.records("chats") == [changed]


def test_streams_without_records_end_well_and_leave_the_state_alone(
    box: Sandbox, run: Runner
) -> None:
    for stream in KEYS:
        box.zendesk_chat.load(stream, [])
    done = run().succeeded()
    assert len(box.requests) == len(KEYS)
    state = {"bookmarks": {"chats": bookmark("chats", "2025-02-01T12:00:00.000Z")}}
    again = run(state=state).succeeded()
    assert again.states[-1]["bookmarks"]["chats"] == state["bookmarks"]["chats"]
    assert not any(message["type"] == "RECORD" for message in done.messages + again.messages)


def test_a_bookmark_without_a_cursor_is_a_time_to_start_from(box: Sandbox, run: Runner) -> None:
    """Such as another tap, or a person, would write it."""
    state = {"bookmarks": {stream: bookmark(stream, "2025-02-01T12:00:00.25Z") for stream in KEYS}}
    done = run(state=state).succeeded()
    for stream, params in first_requests(box).items():
        unit = 1_000_000 if stream == "agent_timeline" else 1
        assert params["start_time"] == str(int((epoch("2025-02-01T12:00:00Z") + 0.25) * unit) - 1)
        assert "start_id" not in params
    assert {r["id"] for r in done.records("chats")} == {
        r["id"] for r in box.zendesk_chat.truth("chats") if r["update_timestamp"] >= "2025-02-01T12"
    }


def test_a_run_goes_on_behind_the_record_in_the_cursor(box: Sandbox, run: Runner) -> None:
    chats = box.zendesk_chat.make("chats", 5, MOMENT)
    box.zendesk_chat.load("chats", chats)
    ids = sorted(chat["id"] for chat in chats)
    cursor = {"end_time": epoch("2025-02-01T12:00:00Z"), "end_id": ids[2]}
    state = {"bookmarks": {"chats": bookmark("chats", "2025-02-01T12:00:00.000Z", cursor)}}
    done = run(state=state).succeeded()
    assert [record["id"] for record in done.records("chats")] == ids[3:]
    assert first_requests(box)["chats"]["start_id"] == ids[2]


def test_looking_back_starts_at_a_time_and_not_behind_a_record(box: Sandbox, run: Runner) -> None:
    state = run().succeeded().states[-1]
    box.clear_requests()
    done = run(state=state, lookback_minutes=1440).succeeded()
    last = state["bookmarks"]["chats"]["cursor"]["end_time"]
    assert first_requests(box)["chats"]["start_time"] == str(last - 86_400 - 1)
    assert "start_id" not in first_requests(box)["chats"]
    assert done.records("chats")
    micros = state["bookmarks"]["agent_timeline"]["cursor"]["end_time"] - 86_400_000_000
    assert first_requests(box)["agent_timeline"]["start_time"] == str(micros - 1)
    assert done.states[-1] == state


def test_looking_back_never_goes_before_the_start_date(box: Sandbox, run: Runner) -> None:
    state = {"bookmarks": {"chats": bookmark("chats", "2025-01-01T00:30:00.000Z")}}
    run(state=state, lookback_minutes=1440).succeeded()
    assert first_requests(box)["chats"]["start_time"] == str(epoch("2025-01-01T00:00:00Z") - 1)


def test_a_start_date_too_young_to_be_asked_for_is_a_quiet_and_empty_run(
    box: Sandbox, run: Runner
) -> None:
    """``start_time must be more than five minutes in the past``."""
    start = dt.datetime.now(dt.timezone.utc) - dt.timedelta(minutes=1)
    done = run(start_date=start.isoformat(), end_date=None).succeeded()
    assert not box.requests
    assert not done.log("WARNING")
    assert not any(state.get("bookmarks", {}).get("chats") for state in done.states)


def test_a_start_date_in_the_future_is_a_warning_and_the_state_stays(
    box: Sandbox, run: Runner
) -> None:
    state = {"bookmarks": {"chats": bookmark("chats", "2025-02-01T12:00:00.000Z")}}
    done = run(start_date="2099-01-01", end_date=None, state=state).succeeded()
    assert not box.requests
    assert len(done.log("WARNING")) == len(KEYS)
    assert done.states[-1]["bookmarks"]["chats"] == state["bookmarks"]["chats"]


def young_chats(box: Sandbox, *ages: int) -> list[Record]:
    """Chats updated so many seconds ago, as the vendor's only ones."""
    now = dt.datetime.now(dt.timezone.utc)
    chats = box.zendesk_chat.make("chats", len(ages), now)
    for chat, age in zip(chats, ages, strict=True):
        moment = now - dt.timedelta(seconds=age)
        chat["update_timestamp"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
    box.zendesk_chat.load("chats", chats)
    return chats


def test_a_run_right_after_another_has_nothing_to_ask_and_says_so_quietly(
    box: Sandbox, run: Runner
) -> None:
    """The second run's bookmark may be too young to be asked for."""
    young_chats(box, 600, 250, 20)
    first = run(end_date=None).succeeded()
    second = run(end_date=None, state=first.states[-1]).succeeded()
    assert not second.log("WARNING")
    assert {request.status for request in box.requests} == {200}


def test_the_bookmark_stays_behind_what_has_had_five_minutes_to_settle(
    box: Sandbox, run: Runner
) -> None:
    """A page may hold younger records, but not yet all of them.

    One that is updated in the second that was being read, after it was read, and whose id sorts
    before the ``end_id`` that was kept, would never be asked for again.
    """
    young_chats(box, 600, 20, 5)
    done = run(end_date=None).succeeded()
    settled = dt.datetime.now(dt.timezone.utc) - dt.timedelta(minutes=5)
    assert len(done.records("chats")) == 3
    assert instant(done.bookmarks["chats"]["replication_key_value"]) <= settled


def test_a_page_that_fails_for_good_leaves_the_bookmark_before_it(
    box: Sandbox, run: Runner
) -> None:
    box.fault(kind="status", stream="chats", status=400, at=range(3, 99))
    failed = run(page_size=60)
    assert failed.exit_code == 1
    assert len(failed.records("chats")) == 120
    assert failed.bookmarks["chats"]["cursor"]["end_id"] == failed.records("chats")[-1]["id"]
    box.clear_faults()
    again = run(page_size=60, state=failed.states[-1]).succeeded()
    assert failed.by_key("chats") | again.by_key("chats") == expected(box, "chats")
    assert not again.by_key("chats").keys() & failed.by_key("chats").keys()


@pytest.mark.parametrize("stalls_after", [1, 60_000])
def test_a_run_killed_inside_a_page_is_taken_up_without_loss(stalls_after: int) -> None:
    with open_box() as box:
        config = config_for(box, page_size=80, request_timeout=PATIENCE)
        earlier = {stream: box.zendesk_chat.truth(stream) for stream in WITHOUT_IDS}
        for stream in earlier:  # they would be read before the chats
            box.zendesk_chat.load(stream, [])
        stall = box.fault(kind="stall", stream="chats", at=2, after=stalls_after, seconds=PATIENCE)
        inside = 0 if stalls_after == 1 else 5
        lines = 3 + 80 + 2 + 1 + inside  # SCHEMA thrice, RECORDs, STATE at the end of each
        stop = Stop(lines=lines, stalls=stall)
        killed = run_tap("tap_zendesk_chat", config, stop=stop, as_program=True)
        assert killed.exit_code == -9
        assert 80 + inside <= len(killed.records("chats")) < 160
        assert killed.bookmarks["chats"]["cursor"]["end_id"] == killed.records("chats")[79]["id"]
        box.clear_faults()
        for stream, records in earlier.items():
            box.zendesk_chat.load(stream, records)
        resumed = run_tap("tap_zendesk_chat", config, state=killed.states[-1]).succeeded()
        assert killed.by_key("chats") | resumed.by_key("chats") == expected(box, "chats")
        again = killed.by_key("chats").keys() & resumed.by_key("chats").keys()
        assert len(again) == len(killed.records("chats")) - 80
        for stream in KEYS.keys() - {"chats"}:
            assert resumed.by_key(stream) == expected(box, stream)
