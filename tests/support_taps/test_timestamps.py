"""Instants lose no digit on their way from a number to text and back."""

from __future__ import annotations

import calendar
import datetime as dt
import itertools
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support_taps.timestamps import (
    MICROSECOND,
    MILLISECOND,
    OUT_OF_RANGE,
    SECOND,
    epoch_format,
    floor,
    from_epoch,
    in_utc,
    is_date_time,
    isoformat,
    to_epoch,
)

LAST_SECOND = calendar.timegm((9999, 12, 31, 23, 59, 59))
FIRST_SECOND = calendar.timegm((1, 1, 1, 0, 0, 0))
seconds = st.integers(FIRST_SECOND, LAST_SECOND)


def written(second: int) -> str:
    """The C library's idea of a date, up to the second."""
    moment = time.gmtime(second)
    return f"{moment.tm_year:04d}" + time.strftime("-%m-%dT%H:%M:%S", moment)


@given(seconds)
@example(0)
@example(-1)
@example(951782400)
@example(1735689599)
def test_seconds_are_written_without_a_fraction(second: int) -> None:
    assert epoch_format(SECOND)(second) == written(second) + "Z"


@given(seconds, st.integers(0, 999))
@example(-1, 999)
@example(0, 0)
def test_milliseconds_are_written_with_three_digits(second: int, rest: int) -> None:
    text = epoch_format(MILLISECOND)(second * 1000 + rest)
    assert text == f"{written(second)}.{rest:03d}Z"


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1736000000, "2025-01-04T14:13:20Z"),
        (1736000000001, "2025-01-04T14:13:20.001Z"),
        (99_999_999_999, "5138-11-16T09:46:39Z"),
        (100_000_000_000, "1973-03-03T09:46:40.000Z"),
        (-1, "1969-12-31T23:59:59Z"),
        (-1736000000000, "1914-12-28T09:46:40.000Z"),
    ],
)
def test_size_tells_seconds_from_milliseconds_where_the_unit_is_open(value: int, text: str) -> None:
    assert epoch_format(None)(value) == text


@pytest.mark.parametrize("unit", [SECOND, MILLISECOND, None])
@pytest.mark.parametrize("value", [10**18, -(10**18), 2**63, 10**40, (LAST_SECOND + 1) * 1000])
def test_numbers_that_are_no_instant_are_not_made_one(
    value: int, unit: dt.timedelta | None
) -> None:
    with pytest.raises(OUT_OF_RANGE):
        epoch_format(unit)(value)


units = st.sampled_from([SECOND, MILLISECOND, MICROSECOND])


@given(st.datetimes(timezones=st.just(dt.timezone.utc)), units)
def test_a_floor_is_the_last_whole_unit(instant: dt.datetime, unit: dt.timedelta) -> None:
    whole = floor(instant, unit)
    assert dt.timedelta(0) <= instant - whole < unit
    assert from_epoch(to_epoch(whole, unit), unit) == whole


@given(
    st.datetimes(
        min_value=dt.datetime(2, 1, 1),  # noqa: DTZ001 - hypothesis wants them without a zone
        max_value=dt.datetime(9998, 1, 1),  # noqa: DTZ001
        timezones=st.timezones(),
    )
)
def test_text_of_an_instant_keeps_it_whole_in_utc(instant: dt.datetime) -> None:
    text = isoformat(instant)
    assert text.endswith("Z")
    assert dt.datetime.fromisoformat(text[:-1] + "+00:00") == instant.astimezone(dt.timezone.utc)
    assert len(text) == (27 if instant.microsecond % 1000 else 24)


TIMES = ["2025-01-04T14:13:20Z", "2024-02-29T23:59:59.123Z", "2025-01-04T14:13:20.123456789+02:00"]
PARTS = slice(17), slice(17, None)
NO_RESTS = ["", "20", "60Z", "20.Z", "20+25:00", "Z", "20 Z"]
NO_MINUTES = [
    "",
    "2025-02-30T14:13:",
    "2025-01-04T24:13:",
    "2025-01-04T14:60:",
    "2025-01-04T14:13-",
]
NO_TIMES = [
    *("", "soon", "2025", "20250101", "1736000000", "2025-01-04", "2025-01-04T14:13Z"),
    *(
        "2025-01-04T14:13:20",
        "2025-02-30T14:13:20Z",
        "2025-01-04T24:00:00Z",
        "2025-01-04T14:60:20Z",
    ),
    *(
        r"2025-01-04T14:13:20\u005a",
        '2025-01-04T14:13:20Z"',
        "2025-01-04T14:13:20Z ",
        "2025-\ud800",
    ),
]


def test_a_date_and_a_time_with_a_zone_is_one_however_often_it_is_asked() -> None:
    for _ in range(2):
        assert all(map(is_date_time, TIMES))
        assert not any(map(is_date_time, NO_TIMES))
    # Right minutes with wrong rests, and the reverse.
    for minute, rest in itertools.product({text[:17] for text in TIMES}, {*NO_RESTS}):
        assert not is_date_time(minute + rest)
    for minute, rest in itertools.product({*NO_MINUTES}, {text[17:] for text in TIMES}):
        assert not is_date_time(minute + rest)
    for minute, rest in itertools.product(*({text[part] for text in TIMES} for part in PARTS)):
        assert is_date_time(minute + rest)


def test_many_different_times_are_told_from_what_is_none() -> None:
    for number in range(5000):
        text = isoformat(from_epoch(number * 61_003, MILLISECOND))
        assert is_date_time(text)
        assert not is_date_time(text[:-1])


def test_instants_beyond_the_calendar_raise_overflow() -> None:
    with pytest.raises(OverflowError):
        from_epoch(10**18, SECOND)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2021-12-01T12:46:36.581Z[GMT]", "2021-12-01T12:46:36.581Z"),
        ("2023-02-01T09:01:52.2Z[GMT]", "2023-02-01T09:01:52.2Z"),
        ("2021-12-01T12:46:35.935", "2021-12-01T12:46:35.935Z"),
        ("2021-12-01T12:46Z[GMT]", "2021-12-01T12:46:00Z"),
        ("2021-12-01T12:46:35[UTC]", "2021-12-01T12:46:35Z"),
        ("2021-12-01T13:46:35+01:00[Europe/Copenhagen]", "2021-12-01T13:46:35+01:00"),
        ("2021-12-01T13:46:35[Europe/Copenhagen]", None),
        ("2021-13-01T12:46:35", None),
        ("2021-12-01", None),
        ("soon", None),
    ],
)
def test_times_as_java_writes_them_are_times(text: str, expected: str | None) -> None:
    assert in_utc(text) == expected
