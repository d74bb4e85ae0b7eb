"""A bookmark only moves forward, and each move is told at once."""

from __future__ import annotations

import datetime as dt
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support_taps.bookmarks import Bookmark, Checkpoint
from support_taps.errors import StateError

UTC = dt.timezone.utc
NEW_YEAR = dt.datetime(2025, 1, 1, tzinfo=UTC)


class Stream:
    """The parts of a stream, and of the tap's writer of states, that a bookmark asks for."""

    name = "conversations"
    replication_method = "INCREMENTAL"
    replication_key = "updated_at"

    def __init__(self, **state: t.Any) -> None:
        self.state = state
        self.config: dict[str, t.Any] = {}
        self.tap_state = {"bookmarks": {self.name: self.state}}
        self.written: list[str] = []

    def get_context_state(self, _context: object) -> dict[str, t.Any]:
        return self.state

    def write_state(self, state: dict[str, t.Any]) -> None:
        self.written.append(state["bookmarks"][self.name].get("replication_key_value"))

    def bookmark(self) -> Bookmark:
        return Bookmark(t.cast("t.Any", self), None, t.cast("t.Any", self))


def stream_at(value: t.Any, **more: t.Any) -> Stream:
    return Stream(replication_key="updated_at", replication_key_value=value, **more)


def test_no_state_is_no_promise() -> None:
    bookmark = Stream().bookmark()
    assert bookmark.checkpoint is None
    assert bookmark.is_new


@pytest.mark.parametrize(
    "value",
    [
        "2025-01-01T00:00:00.000Z",
        "2025-01-01T00:00:00Z",
        "2025-01-01T01:00:00.000000+01:00",
        "2025-01-01T00:00:00",
        "2025-01-01",
    ],
)
def test_a_state_is_a_promise(value: str) -> None:
    bookmark = stream_at(value, cursor={"end_id": 5}).bookmark()
    assert bookmark.checkpoint == Checkpoint(NEW_YEAR, {"end_id": 5})
    assert not bookmark.is_new


@pytest.mark.parametrize(
    "value",
    [
        "last week",
        "",
        "2025-13-01",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
        1735689600000,
        {},
        ["2025-01-01"],
        True,
    ],
)
def test_a_state_that_is_no_date_time_is_an_error_and_no_fresh_start(value: t.Any) -> None:
    with pytest.raises(StateError, match=r"'conversations'.*not an ISO 8601") as caught:
        stream_at(value).bookmark()
    assert repr(value) in str(caught.value)


def test_a_bookmark_of_another_replication_key_promises_nothing() -> None:
    stream = Stream(replication_key="created_at", replication_key_value="2025-01-01T00:00:00Z")
    assert stream.bookmark().checkpoint is None


@given(st.lists(st.integers(-1000, 1000), max_size=20))
def test_a_bookmark_never_moves_backwards(hours: list[int]) -> None:
    stream = stream_at("2025-01-01T00:00:00.000Z")
    bookmark = stream.bookmark()
    furthest = 0
    for hour in hours:
        bookmark.move(Checkpoint(NEW_YEAR + dt.timedelta(hours=hour)))
        furthest = max(furthest, hour)
        told = dt.datetime.fromisoformat(stream.written[-1].replace("Z", "+00:00"))
        assert told == NEW_YEAR + dt.timedelta(hours=furthest)
    assert stream.written == sorted(stream.written)
    assert len(stream.written) == len(hours)


def test_a_cursor_moves_with_its_time_and_stays_otherwise() -> None:
    stream = Stream()
    bookmark = stream.bookmark()
    bookmark.move(Checkpoint(NEW_YEAR, {"end_id": 1}))
    bookmark.move(Checkpoint(NEW_YEAR, {"end_id": 2}))
    bookmark.move(Checkpoint(NEW_YEAR - dt.timedelta(days=1), {"end_id": 3}))
    assert stream.state == {
        "replication_key": "updated_at",
        "replication_key_value": "2025-01-01T00:00:00.000Z",
        "cursor": {"end_id": 2},
    }


def test_a_checkpoint_without_a_cursor_takes_the_old_one_away() -> None:
    """It would lead back, or belong to another time than the bookmark beside it."""
    stream = stream_at("2025-01-01T00:00:00Z", cursor={"end_id": 1})
    later = Checkpoint(NEW_YEAR + dt.timedelta(days=1), {"end_id": 2})
    stream.bookmark().move(later.not_after(NEW_YEAR + dt.timedelta(hours=1)))
    assert stream.state["replication_key_value"] == "2025-01-01T01:00:00.000Z"
    assert "cursor" not in stream.state
    assert later.not_after(later.until) is later


def test_a_bookmark_knows_where_it_was_begun() -> None:
    """And begins anew where reading does not go on from it."""
    stream = Stream()
    bookmark = stream.bookmark()
    bookmark.begin(NEW_YEAR)
    bookmark.move(Checkpoint(NEW_YEAR + dt.timedelta(days=1)))
    assert stream.state["start_date"] == "2025-01-01T00:00:00.000Z"
    resumed = stream.bookmark()
    assert resumed.begun == NEW_YEAR
    resumed.begin(NEW_YEAR + dt.timedelta(hours=23))
    assert resumed.begun == NEW_YEAR
    resumed.begin(NEW_YEAR + dt.timedelta(days=40))
    assert resumed.begun == NEW_YEAR + dt.timedelta(days=40)
    assert stream.state["start_date"] == "2025-01-01T00:00:00.000Z", "nothing is read yet"


@pytest.mark.parametrize("value", [None, "long ago", 5, {}])
def test_a_state_that_does_not_say_where_it_was_begun_is_no_error(value: t.Any) -> None:
    assert stream_at("2025-01-01T00:00:00Z", start_date=value).bookmark().begun is None


def test_a_full_table_has_no_bookmark() -> None:
    stream = stream_at("2025-01-01T00:00:00Z")
    stream.replication_method = "FULL_TABLE"
    bookmark = stream.bookmark()
    assert bookmark.checkpoint is None
    bookmark.move(Checkpoint(NEW_YEAR + dt.timedelta(days=9)))
    assert stream.state["replication_key_value"] == "2025-01-01T00:00:00Z"
    assert not stream.written


def test_with_batches_the_state_is_left_to_the_sdk() -> None:
    stream = Stream()
    stream.config["batch_config"] = {"encoding": {}}
    stream.bookmark().move(Checkpoint(NEW_YEAR))
    assert stream.state["replication_key_value"] == "2025-01-01T00:00:00.000Z"
    assert not stream.written
