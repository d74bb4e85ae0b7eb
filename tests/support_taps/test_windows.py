"""Windows cover a span without a gap, whatever the span, the length and the unit."""

from __future__ import annotations

import datetime as dt
import itertools

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support_taps.timestamps import EPOCH, MICROSECOND, MILLISECOND, SECOND
from support_taps.windows import Window

UTC = dt.timezone.utc
DAY = dt.timedelta(days=1)

instants = st.datetimes(
    min_value=dt.datetime(1900, 1, 1),  # noqa: DTZ001 - hypothesis wants them without a zone
    max_value=dt.datetime(2200, 1, 1),  # noqa: DTZ001
    timezones=st.just(UTC),
)
units = st.sampled_from([MICROSECOND, MILLISECOND, SECOND])


@st.composite
def spans(draw: st.DrawFn) -> tuple[Window, dt.timedelta]:
    """A span, and a length of which it holds a few hundred at the most."""
    start, end = sorted([draw(instants), draw(instants)])
    shortest = max((end - start) / 300, MICROSECOND)
    length = draw(st.timedeltas(min_value=shortest, max_value=max(2 * (end - start), shortest)))
    return Window(start, end), length


LEAP_DAY = Window(dt.datetime(2024, 2, 28, tzinfo=UTC), dt.datetime(2024, 3, 1, tzinfo=UTC))
LEAP_YEAR = Window(dt.datetime(2024, 1, 1, tzinfo=UTC), dt.datetime(2025, 1, 1, tzinfo=UTC))


@given(spans())
@example((LEAP_DAY, DAY))
@example((LEAP_YEAR, 31 * DAY))
@example((Window(EPOCH, EPOCH), DAY))
@example((Window(EPOCH, EPOCH + MICROSECOND), DAY))
def test_a_split_covers_the_span_without_gap_or_overlap(case: tuple[Window, dt.timedelta]) -> None:
    span, length = case
    tiles = list(span.split(length))
    assert span.count(length) == len(tiles)
    if span.start == span.end:
        assert not tiles
        return
    assert tiles[0].start == span.start
    assert tiles[-1].end == span.end
    for tile, following in itertools.pairwise(tiles):
        assert tile.end == following.start
    for tile in tiles:
        assert tile.start < tile.end
        assert tile.end - tile.start <= length
    # As few requests as can be: only the last one may be shorter.
    assert all(tile.end - tile.start == length for tile in tiles[:-1])


def test_a_leap_year_has_366_days_of_windows() -> None:
    assert LEAP_YEAR.count(DAY) == 366
    assert [tile.start.day for tile in LEAP_DAY.split(DAY)] == [28, 29]


@given(spans(), units)
def test_what_is_asked_for_overlaps_by_exactly_one_unit(
    case: tuple[Window, dt.timedelta], unit: dt.timedelta
) -> None:
    span, length = case
    bounds = [tile.bounds(unit) for tile in span.split(length)]
    for (_, before), (after, _) in itertools.pairwise(bounds):
        assert after == max(before - 1, 0)
    if bounds:
        assert bounds[0][0] == max((span.start - EPOCH) // unit - 1, 0)
        assert bounds[-1][1] == (span.end - EPOCH) // unit


@pytest.mark.parametrize("length", [dt.timedelta(0), -DAY])
def test_a_length_of_nothing_is_refused_rather_than_endless(length: dt.timedelta) -> None:
    with pytest.raises(ValueError, match="no length"):
        list(LEAP_YEAR.split(length))


@given(instants, st.integers(0, 10**12), units)
def test_halves_cover_the_window_and_meet_on_a_whole_unit(
    start: dt.datetime, size: int, unit: dt.timedelta
) -> None:
    start = EPOCH + (start - EPOCH) // unit * unit
    size = min(size, (dt.datetime(2300, 1, 1, tzinfo=UTC) - start) // unit)
    window = Window(start, start + size * unit)
    halves = window.halve(unit)
    if size <= 1:
        assert halves is None
        return
    assert halves is not None
    first, second = halves
    assert (first.start, first.end, second.end) == (window.start, second.start, window.end)
    assert first.start < first.end < second.end
    assert (first.end - EPOCH) % unit == dt.timedelta(0)
    assert abs((first.end - first.start) - (second.end - second.start)) <= unit


@given(st.integers(1, 10**11))
def test_halving_ends(size: int) -> None:
    """A window of any size is down to one unit after as many halvings as it has bits."""
    window, steps = Window(EPOCH, EPOCH + size * MILLISECOND), 0
    while (halves := window.halve(MILLISECOND)) is not None:
        window, steps = halves[1], steps + 1
    assert window.end - window.start == MILLISECOND
    assert steps <= size.bit_length()


def test_a_window_reads_as_an_interval() -> None:
    assert str(LEAP_DAY) == "2024-02-28T00:00:00.000Z/2024-03-01T00:00:00.000Z"
