"""Retries: of what, after how long, and when they end."""

from __future__ import annotations

import datetime as dt
import email.utils

import pytest

from support_taps.errors import GaveUpError, TransientError
from support_taps.http.retries import (
    LONGEST_RETRY_AFTER,
    Retries,
    is_retriable,
    parse_retry_after,
    parse_seconds,
)


def test_what_may_pass_is_tried_again_and_nothing_else() -> None:
    passing = {status for status in range(100, 600) if is_retriable(status)}
    assert passing == {408, 425, 429, *range(500, 600)}


@pytest.mark.parametrize(
    ("header", "seconds"),
    [("0", 0), ("1", 1), ("120", 120), (" 7 ", 7), ("007", 7)],
)
def test_retry_after_in_seconds(header: str, seconds: float) -> None:
    assert parse_retry_after(header) == seconds


@pytest.mark.parametrize("form", ["%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT"])
def test_retry_after_as_a_date(form: str) -> None:
    moment = dt.datetime.now(dt.timezone.utc) + dt.timedelta(seconds=90)
    seconds = parse_retry_after(moment.strftime(form))
    assert seconds is not None
    assert 85 < seconds <= 90


def test_a_date_in_the_past_is_no_wait() -> None:
    assert parse_retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0


@pytest.mark.parametrize(
    "header", [None, "", "soon", "-5", "1.5", "1e9", "2025-01-01", "Wed, 99 Oct 2015 07:28:00"]
)
def test_a_retry_after_that_says_nothing_is_none_at_all(header: str | None) -> None:
    assert parse_retry_after(header) is None


def test_a_date_is_measured_against_the_clock_that_wrote_it() -> None:
    date = dt.datetime(2025, 6, 1, 12, tzinfo=dt.timezone.utc)
    assert parse_retry_after("Sun, 01 Jun 2025 12:01:30 GMT", date) == 90
    assert parse_retry_after("Sun, 01 Jun 2025 11:59:00 GMT", date) == 0


@pytest.mark.parametrize(
    ("told", "seconds"),
    [
        (5, 5),
        (0, 0),
        (2.5, 2.5),
        (-1, None),
        (True, None),
        ("5", None),
        (None, None),
        ([], None),
        (10**400, None),
        (float("nan"), None),
    ],
)
def test_seconds_in_a_body_are_a_number_that_is_not_negative(
    told: object, seconds: float | None
) -> None:
    assert parse_seconds(told) == seconds


def test_waits_grow_from_a_second_to_a_minute() -> None:
    retries = Retries(12)
    waits = [retries.wait_after(TransientError("late")) for _ in range(11)]
    for number, wait in enumerate(waits):
        shortest = min(2**number, 60)
        assert shortest <= wait <= shortest + 1


def test_what_the_vendor_asks_for_is_honoured_to_the_second() -> None:
    retries = Retries(9)
    waits = [
        retries.wait_after(TransientError("late", retry_after=asked)) for asked in (7, 8.5, 600)
    ]
    assert waits == [7, 8.5, 600]


@pytest.mark.parametrize("asked", [0, 0.5, -5])
def test_a_vendor_that_asks_for_no_wait_gets_a_growing_one(asked: float) -> None:
    """DevRev's own example of a 429 has ``Retry-After: 0``."""
    retries = Retries(6)
    waits = [retries.wait_after(TransientError("late", retry_after=asked)) for _ in range(5)]
    for number, wait in enumerate(waits):
        assert 2**number <= wait <= 2**number + 1


def test_the_last_try_is_the_last() -> None:
    retries = Retries(3)
    for _ in range(2):
        retries.wait_after(TransientError("late", retry_after=0))
    with pytest.raises(GaveUpError, match=r"late; gave up after 3 tries \(setting max_tries\)"):
        retries.wait_after(TransientError("late", retry_after=0))


def test_one_try_is_no_retry() -> None:
    with pytest.raises(GaveUpError, match="gave up after 1 tr"):
        Retries(1).wait_after(TransientError("late"))


def test_a_wait_that_is_too_long_ends_the_run_rather_than_sit_it_out() -> None:
    assert Retries(5).wait_after(TransientError("l", retry_after=LONGEST_RETRY_AFTER)) == 900
    with pytest.raises(GaveUpError, match="asks to wait 901 s, and this run waits 900 s"):
        Retries(5).wait_after(TransientError("late", retry_after=901))


def test_twenty_tries_outlast_thirteen_minutes() -> None:
    """As the docstring, docs/errors.md and the setting's description have it."""
    retries = Retries(20)
    waited = sum(retries.wait_after(TransientError("late")) for _ in range(19))
    assert 13 * 60 <= waited < 14.5 * 60


def test_a_date_without_a_zone_is_read_as_utc() -> None:
    moment = dt.datetime.now(dt.timezone.utc) + dt.timedelta(seconds=60)
    header = email.utils.format_datetime(moment.replace(tzinfo=None))
    seconds = parse_retry_after(header)
    assert seconds is not None
    assert 55 < seconds <= 60
