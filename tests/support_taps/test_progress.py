"""Lines of the log for the person who watches it."""

from __future__ import annotations

import datetime as dt
import logging

import pytest

from support_taps import progress
from support_taps.errors import TransientError
from support_taps.progress import Progress
from support_taps.records.conformance import Drift
from support_taps.windows import Window
from support_taps.wording import duration

UTC = dt.timezone.utc
SPAN = Window(dt.datetime(2025, 1, 1, tzinfo=UTC), dt.datetime(2025, 1, 11, tzinfo=UTC))
DAY = dt.timedelta(days=1)


class Clock:
    """Time that a test moves."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(progress, "time", clock)
    return clock


@pytest.fixture
def watched(clock: Clock, caplog: pytest.LogCaptureFixture) -> Progress:
    caplog.set_level(logging.INFO)
    watched = Progress(logging.getLogger("tests.progress"), "chats")
    watched.span(SPAN)
    assert clock.now
    return watched


def test_a_finished_window_tells_how_far_and_how_fast(
    watched: Progress, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    clock.now += 10
    watched.records = 12_345
    watched.finished("window 2 of 10", SPAN.start + 2 * DAY)
    (line,) = caplog.messages
    assert line == (
        "chats: window 2 of 10 done; 12,345 records so far, 1,234 records/s, about 40 s left"
    )
    (record,) = caplog.records
    assert record.__dict__["records"] == 12_345
    assert record.__dict__["until"] == "2025-01-03T00:00:00+00:00"


def test_lines_about_windows_are_few_and_the_last_is_always_told(
    watched: Progress, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    for window in range(1, 101):
        clock.now += 0.1
        watched.finished(f"window {window}", SPAN.start + window * (10 * DAY / 100))
    assert len(caplog.messages) <= 4
    assert "window 100 done" in caplog.messages[-1]
    assert "left" not in caplog.messages[-1]


def test_a_partition_is_named(watched: Progress, caplog: pytest.LogCaptureFixture) -> None:
    watched.partition = "Bot A"
    watched.finished("page 1", SPAN.end)
    assert caplog.messages[0].startswith("chats of Bot A: page 1 done")


def test_a_retry_says_why_how_long_and_which_try(
    watched: Progress, caplog: pytest.LogCaptureFixture
) -> None:
    watched.retrying(TransientError("the vendor answered 503"), 4.21, 2, 20)
    (record,) = caplog.records
    assert record.levelname == "WARNING"
    assert record.getMessage() == (
        "chats: the vendor answered 503; trying again in 4.2 s (try 3 of 20)"
    )
    assert watched.retries == 1


def test_the_summary_counts_what_was_done(
    watched: Progress, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    watched.records, watched.requests, watched.retries, watched.waited = 1, 1, 2, 90.0
    clock.now += 300
    watched.stop()
    clock.now += 300
    watched.summary({}, [])
    assert caplog.messages == [
        (
            "chats: 1 record in 5 min, 1 request, 2 retries, "
            "90 s spent waiting for the vendor's rate limit"
        )
    ]


def test_the_summary_lists_what_no_schema_lists_in_a_warning(
    watched: Progress, caplog: pytest.LogCaptureFixture
) -> None:
    watched.summary({f"new{n:02d}": 1000 + n for n in range(25)}, ["b", "a"])
    told, warned = caplog.records
    assert "of another type than the schema says: b, a" in told.getMessage()
    assert warned.levelname == "WARNING"
    assert "new00 (1,000), new01 (1,001)" in warned.getMessage()
    assert warned.getMessage().endswith("new19 (1,019) and 5 more")
    assert told.__dict__["unknown_fields"]["new24"] == 1024


def test_a_drift_names_field_types_and_record(
    watched: Progress, caplog: pytest.LogCaptureFixture
) -> None:
    watched.drifting("visitor.email", Drift("string or null", "object", "id=7"))
    (line,) = caplog.messages
    for words in ("'visitor.email'", "of type object", "id=7", "string or null"):
        assert words in line


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0, "0.0 s"), (9.94, "9.9 s"), (11, "11 s"), (119, "119 s"), (120, "2 min"),
        (5400, "90 min"), (7200, "2.0 h"), (90_000, "25.0 h"),
    ],
)  # fmt: skip
def test_durations_read_as_a_person_says_them(seconds: float, words: str) -> None:
    assert duration(seconds) == words
