"""A machine whose clock is wrong loses nothing: the vendor's clock, in ``Date``, rules.

The sandbox plays a vendor whose clock differs from this machine's. A record is made at the vendor's
"now" after the first run, as in life, and has to come with one of the next runs.
"""

from __future__ import annotations

import datetime as dt
import time
import typing as t

import pytest

from tests.common import instant, quick_config
from tests.conftest import open_box, run_tap, selecting

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from sandbox import Sandbox
    from tests.conftest import Json, Record, Run

UTC = dt.timezone.utc
MINUTE = 60.0
HOUR = 3600.0
STREAMS = {
    "dixa": "messages",
    "devrev": "conversations",
    "zendesk_chat": "chats",
    "deepconverse": "messages",
}
SETTLES = {"zendesk_chat": dt.timedelta(minutes=5)}


class Elsewhere:
    """A vendor whose clock differs from ours.

    Args:
        box: With no records.
        name: The vendor's.
        ahead: Seconds by which our clock is ahead of the vendor's.
    """

    def __init__(self, box: Sandbox, name: str, ahead: list[float]) -> None:
        """Forget the data of the seed."""
        self.box, self.name, self._ahead = box, name, ahead
        self.vendor = box.vendors[name]
        self.stream = STREAMS[name]
        self._group = box.deepconverse.bots[0] if name == "deepconverse" else None
        self._happened = 0
        for stream in self.vendor.streams:
            self.vendor.load(stream, [])

    @property
    def now(self) -> dt.datetime:
        """The vendor's."""
        return dt.datetime.fromtimestamp(time.time() - self._ahead[0], UTC)

    def happen(self, ago: dt.timedelta = dt.timedelta(0)) -> None:
        """Let something happen at the vendor's, a while before its now."""
        self._happened += 1
        made = self.vendor.make(self.stream, self._happened, self.now - ago)[-1]
        self.vendor.put(self.stream, made, group=self._group)

    def pass_time(self, seconds: float) -> None:
        """Let the vendor's clock go on, and ours with it as far as a bookmark can tell."""
        self._ahead[0] -= seconds

    def run(self, state: Json = None, catalog: Json = None, **settings: Json) -> Run:
        """Run the tap with no lookback, which could hide a loss."""
        start = self.now - dt.timedelta(days=2)
        config: Record = {
            "start_date": start.isoformat(),
            "lookback_minutes": 0,
            **settings,
        }
        if self.name == "deepconverse":
            config["bot_names"] = [self._group]
        config = quick_config(self.vendor, config)
        return run_tap(f"tap_{self.name}", config, state=state, catalog=catalog)

    def until(self, run: Run) -> dt.datetime:
        """The bookmark that a run left."""
        mark = run.bookmarks[self.stream]
        mark = mark.get("partitions", [mark])[0]
        return instant(mark["replication_key_value"])


@pytest.fixture
def elsewhere() -> Iterator[t.Callable[[str, float], Elsewhere]]:
    """Makes a vendor: ``elsewhere("dixa", 2 * HOUR)`` is two hours behind us."""
    ahead = [0.0]
    with open_box(size=0, clock=lambda: time.time() - ahead[0]) as box:

        def make(name: str, seconds: float) -> Elsewhere:
            ahead[0] = seconds
            return Elsewhere(box, name, ahead)

        yield make


def warned(run: Run) -> list[str]:
    return [line for line in run.log("WARNING") if "clock of this machine" in line]


@pytest.mark.parametrize("name", STREAMS)
@pytest.mark.parametrize("seconds", [2 * MINUTE, 12 * MINUTE, 2 * HOUR])
def test_a_clock_that_is_ahead_promises_nothing_that_has_not_been(
    elsewhere: t.Callable[[str, float], Elsewhere], name: str, seconds: float
) -> None:
    vendor = elsewhere(name, seconds)
    # Zendesk refuses to be asked what comes after a record that is younger than five minutes.
    vendor.happen(ago=dt.timedelta(hours=1))
    vendor.happen(ago=dt.timedelta(minutes=4))
    first = vendor.run().succeeded()
    assert vendor.until(first) <= vendor.now - SETTLES.get(name, dt.timedelta(0))
    (warning,) = warned(first)
    assert "ahead of the vendor's" in warning
    assert (
        str(round(seconds / 60)) + " min" in warning
        or f"{seconds:.0f} s" in warning
        or ("2.0 h" in warning)
    )
    # Within the time that our clock was ahead; a minute later, so that it has settled.
    vendor.happen()
    vendor.pass_time(10 * MINUTE)
    second = vendor.run(state=first.states[-1]).succeeded()
    read = first.by_key(vendor.stream).keys() | second.by_key(vendor.stream).keys()
    assert read == {
        record["_id" if name == "deepconverse" else "id"]
        for record in vendor.vendor.truth(vendor.stream)
    }


def test_a_start_that_zendesk_refuses_as_too_young_is_told_by_its_clock(
    elsewhere: t.Callable[[str, float], Elsewhere],
) -> None:
    """The 400 has a ``Date`` as well: two minutes ahead, the first request asks for too much."""
    vendor = elsewhere("zendesk_chat", 2 * MINUTE)
    state = {
        "bookmarks": {
            "chats": {
                "replication_key": "update_timestamp",
                "replication_key_value": (vendor.now - dt.timedelta(minutes=4)).isoformat(),
            }
        }
    }
    catalog = selecting("tap_zendesk_chat", lambda entry: entry["stream"] == "chats")
    done = vendor.run(state=state, catalog=catalog).succeeded()
    assert [request.status for request in vendor.box.requests] == [400]
    assert done.bookmarks["chats"] == state["bookmarks"]["chats"]


@pytest.mark.parametrize("name", ["dixa", "zendesk_chat"])
def test_a_clock_that_is_behind_leaves_the_newest_records_to_a_later_run(
    elsewhere: t.Callable[[str, float], Elsewhere], name: str
) -> None:
    """A bookmark at the vendor's now would lie in the next run's future: it would stand still."""
    vendor = elsewhere(name, -3 * HOUR)
    vendor.happen(ago=dt.timedelta(hours=5))
    first = vendor.run().succeeded()
    assert len(first.records(vendor.stream)) == 1
    (warning,) = warned(first)
    assert "3.0 h behind the vendor's" in warning
    assert vendor.until(first) <= dt.datetime.now(UTC)


@pytest.mark.parametrize(
    "date", [None, "", "yesterday", "Thu, 01 Jan 1970 00:00:00 GMT", "Fri, 99 Jan 2026 00:00:00"]
)
def test_a_date_that_is_missing_or_nonsense_changes_nothing(
    elsewhere: t.Callable[[str, float], Elsewhere], date: str | None
) -> None:
    vendor = elsewhere("dixa", 0)
    vendor.box.fault(kind="head", headers={"Date": date})
    done = vendor.run().succeeded()
    assert not warned(done)
    end = max(int(request.params["created_before"]) for request in vendor.box.requests
              if request.stream == "messages")  # fmt: skip
    assert vendor.until(done).timestamp() * 1000 == pytest.approx(end, abs=0.5)


def test_clocks_that_nearly_agree_are_not_spoken_of(
    elsewhere: t.Callable[[str, float], Elsewhere],
) -> None:
    vendor = elsewhere("dixa", 3)
    done = vendor.run().succeeded()
    assert not warned(done)
    assert vendor.until(done) <= vendor.now


@pytest.mark.parametrize("ahead", [0, 40 * HOUR])
def test_a_bookmark_in_the_future_is_an_error_and_no_success_for_ever(
    elsewhere: t.Callable[[str, float], Elsewhere], ahead: float
) -> None:
    """By the vendor's clock, where ours is as wrong as it was when it made the bookmark."""
    vendor = elsewhere("devrev", ahead)
    moment = (vendor.now + dt.timedelta(hours=30)).strftime("%Y-%m-%dT%H:%M:%S.000Z")
    state = {
        "bookmarks": {
            "conversations": {
                "replication_key": "modified_date", "replication_key_value": moment,
            }
        }
    }  # fmt: skip
    complaint = vendor.run(state=state).complaint()
    assert "'conversations'" in complaint
    assert moment in complaint
    assert "lies in the future" in complaint
    assert "replication_key_value back" in complaint


def test_an_earlier_start_date_than_the_states_is_spoken_of(
    elsewhere: t.Callable[[str, float], Elsewhere],
) -> None:
    vendor = elsewhere("devrev", 0)
    first = vendor.run(start_date="2026-01-05", end_date="2026-02-01").succeeded()

    def lines_of(run: Run) -> list[str]:
        lines = run.succeeded().log("INFO")
        return [it for it in lines if it.startswith("conv") and "earlier than where" in it]

    for start, is_told in (("2025-12-01", True), ("2026-01-05", False), ("2026-01-10", False)):
        run = vendor.run(state=first.states[-1], start_date=start, end_date="2026-03-01")
        lines = lines_of(run)
        assert len(lines) == is_told
        if is_told:
            assert "2025-12-01T00:00:00.000Z" in lines[0]
            assert "2026-01-05T00:00:00.000Z" in lines[0]
            assert "another state id" in lines[0]
    del first.states[-1]["bookmarks"]["conversations"]["start_date"]  # as older versions wrote it
    old = vendor.run(state=first.states[-1], start_date="2025-12-01", end_date="2026-03-01")
    assert not lines_of(old)
