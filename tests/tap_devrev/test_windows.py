"""Nothing is lost under a cap that stays, whatever it is, the order and the reading of bounds.

In process, against a model of the vendor: the sandbox is asked for the same over HTTP, less often.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import random
import typing as t

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from support_taps.errors import FatalResponseError
from support_taps.halving import HalvingPages, SampledTimes, Slice
from support_taps.pagination import LoopGuard, PageRead
from support_taps.timestamps import EPOCH, MICROSECOND, MILLISECOND, isoformat, to_epoch
from support_taps.windows import Window
from tap_devrev.client import LARGEST_LIST_PAGE

DAY = dt.timedelta(days=1)
START = dt.datetime(2025, 1, 1, tzinfo=dt.timezone.utc)
Pages = functools.partial(
    HalvingPages, field="modified_date", unit=MILLISECOND, cursor_key="next_cursor"
)
Order = t.Literal["oldest", "newest", "random"]
MOST_REQUESTS = 5000


@dataclasses.dataclass
class Model:
    """A vendor: the rows it has, and how it answers.

    Args:
        times: Of the rows, in microseconds after the start.
        days: Length of the span.
        cap: Rows of a response at the most, for the whole run.
        order: Which rows come if not all do.
        inclusive: Whether the bounds belong to what is asked for.
        truncates: Whether rows are compared to the millisecond.
    """

    times: list[int]
    days: float = 30
    page_size: int = 1000
    cap: int | None = None
    order: Order = "random"
    inclusive: tuple[bool, bool] = (True, True)
    truncates: bool = False

    def __post_init__(self) -> None:
        """Sort the rows."""
        self.span = Window(START, START + self.days * DAY)
        self.rows = sorted((START + at * MICROSECOND, key) for key, at in enumerate(self.times))
        self.received = self.requests = self.listed = 0
        self.keys: set[int] = set()
        self._dice = random.Random(1)  # noqa: S311

    def read(self) -> None:
        """Go through all pages as a stream does, and see that no checkpoint promises too much."""
        pages = Pages(self.span, 7 * DAY, self.page_size)
        guard = LoopGuard()
        following: Slice | None = pages.first
        while (token := following) is not None:
            guard.check(token, "")
            self.requests += 1
            assert self.requests < MOST_REQUESTS
            found = self._within(token.window)
            envelope = {}
            if token.is_listed:
                self.listed += 1
                begin = int(token.cursor or 0)
                end = begin + min(token.first, LARGEST_LIST_PAGE)
                envelope = {"next_cursor": str(end) if end < len(found) else ""}
                found = found[begin:end]
            else:
                if self.order == "random":
                    self._dice.shuffle(found)
                found = found[:: -1 if self.order == "newest" else 1][
                    : min(token.first, self.cap or token.first)
                ]
            self.received += len(found)
            self.keys |= {key for _, key in found}
            witness = pages.witness()
            witness.note([b'{"modified_date":"%s"}' % isoformat(at).encode() for at, _ in found])
            step = pages.after(PageRead(token, len(found), envelope, witness, requests.Response()))
            if step.checkpoint is not None:
                assert self.before(step.checkpoint.until) <= self.keys
            following = step.next

    def before(self, until: dt.datetime) -> set[int]:
        """The keys of the rows in the span before a moment."""
        return {key for at, key in self.rows if at < until}

    def _within(self, window: Window) -> list[tuple[dt.datetime, int]]:
        after, before = (EPOCH + bound * MILLISECOND for bound in window.bounds(MILLISECOND))
        found = []
        for row in self.rows:
            at = EPOCH + to_epoch(row[0], MILLISECOND) * MILLISECOND if self.truncates else row[0]
            if (
                after < at < before
                or (at == after and self.inclusive[0])
                or (at == before and self.inclusive[1])
            ):
                found.append(row)
        return found


SPAN = 30 * 86_400_000_000
COUNTS = st.integers(0, 400)


@st.composite
def data_sets(draw: st.DrawFn) -> list[int]:
    """Times evenly spread, at random, in bursts, in crowds, on whole seconds: and all of it."""
    dice = random.Random(draw(st.integers(0, 2**32)))  # noqa: S311
    kinds = draw(st.sets(st.sampled_from(["even", "random", "burst", "crowd"]), min_size=1))
    times: list[int] = []
    for kind in sorted(kinds):
        count, at = draw(COUNTS), dice.randrange(SPAN)
        width = draw(st.sampled_from([0, 3_000, 10**7, 10**10]))
        times += {
            "even": [SPAN * number // (count or 1) for number in range(count)],
            "random": [dice.randrange(SPAN) for _ in range(count)],
            "burst": [at + round(dice.gauss(0, width)) for _ in range(count)],
            "crowd": [at] * count,
        }[kind]
    step = draw(st.sampled_from([1, 1000, 10**6]))
    return [min(max(at, 0), SPAN - 1) // step * step for at in times]


@settings(max_examples=150, deadline=None)
@given(
    times=data_sets(),
    page_size=st.sampled_from([2, 12, 40, 200, 1000]),
    cap=st.none() | st.sampled_from([50, 99, 100, 500]) | st.integers(10, 300),
    order=st.sampled_from(["oldest", "newest", "random"]),
    inclusive=st.tuples(st.booleans(), st.booleans()),
    truncates=st.booleans(),
)
def test_nothing_is_lost(  # noqa: PLR0913 - what may differ
    *,
    times: list[int],
    page_size: int,
    cap: int | None,
    order: Order,
    inclusive: tuple[bool, bool],
    truncates: bool,
) -> None:
    model = Model(
        times, page_size=page_size, cap=cap, order=order, inclusive=inclusive, truncates=truncates
    )
    model.read()
    assert model.keys >= model.before(model.span.end)


@settings(max_examples=60, deadline=None)
@given(
    count=st.integers(300, 3000),
    seed=st.integers(0, 2**32),
    cap=st.none() | st.sampled_from([50, 99, 500]) | st.integers(40, 300),
    order=st.sampled_from(["oldest", "newest", "random"]),
    crowd=st.sampled_from([0, 0.1, 0.25]),
)
def test_spread_rows_and_a_crowd_are_read_hardly_more_than_once(
    count: int, seed: int, cap: int | None, order: Order, crowd: float
) -> None:
    """1.3 times; a few pages more for so few rows, whose counts vary by chance."""
    dice = random.Random(seed)  # noqa: S311
    times = [dice.randrange(SPAN) for _ in range(count)]
    times += [dice.randrange(SPAN)] * int(count * crowd)
    model = Model(times, cap=cap, order=order)
    model.read()
    assert model.received <= 1.3 * len(times) + 150 + 2 * count * crowd


@pytest.mark.parametrize("page_size", [100, 200, 400])
@pytest.mark.parametrize("order", ["oldest", "newest", "random"])
def test_a_crowd_in_a_cut_window_is_read_from_the_list_once(page_size: int, order: Order) -> None:
    """900 on one millisecond and 1,700 others once cost 17,000.

    The larger the page that shows the crowd, the more is read again: it is cut itself.
    """
    dice = random.Random(1)  # noqa: S311
    model = Model(
        [dice.randrange(SPAN) for _ in range(1700)] + [SPAN // 3 + 345_000] * 900,
        page_size=page_size,
        order=order,
    )
    model.read()
    assert len(model.keys) == 2600
    assert model.received <= 1.3 * 2600
    assert model.listed == -(-900 // LARGEST_LIST_PAGE)


@pytest.mark.parametrize("page_size", [1, 2])
def test_a_page_of_one_record_leads_to_a_few_requests_for_each(page_size: int) -> None:
    model = Model([SPAN * number // 50 for number in range(50)], page_size=page_size)
    model.read()
    assert len(model.keys) == 50
    assert model.requests < 20 * 50


@pytest.mark.parametrize("count", [0, 1, 9])
def test_hardly_any_rows_cost_hardly_any_requests(count: int) -> None:
    hour = Model([number * 60_000_000 for number in range(count)], days=1 / 24)
    hour.read()
    assert hour.received <= count + 1, "one may lie where two windows overlap"
    assert hour.requests <= 5


def test_a_time_of_any_kind_is_survived_and_its_record_not_missed() -> None:
    seen = SampledTimes("modified_date", MILLISECOND)
    moments = [
        b'"2025-01-01T00:00:00Z"', b'"2025-01-01T00:00:00.5Z"',
        b'"2025-01-01T00:00:00.5000000001Z"',
        b'"2025-01-01T01:00:00.06+01:00"', b'"2025-01-01T00:00:00.25"', b'"soon"', b'""', b"null",
        b"7", b"1e999", b"{}", b'"0001-01-01T00:00:00+14:00"', b'"\\ud800"', b'"\x01"', b'"\xff"',
    ]  # fmt: skip
    seen.note([b'{"id":"x","modified_date":%s}' % moment for moment in moments])
    seen.note([b'{"id":"x"}', b"[]", b"[" * 100_000])
    milliseconds = [time - to_epoch(START, MILLISECOND) for time in seen.times]
    assert [time for time in milliseconds if time >= 0] == [0, 500, 500, 60, 250]


def test_a_part_of_the_times_is_looked_at_evenly() -> None:
    seen = SampledTimes("at", MILLISECOND)
    for batch in range(40):
        seen.note(
            [
                b'{"at":"%s"}' % isoformat(START + (batch * 25 + number) * MILLISECOND).encode()
                for number in range(25)
            ]
        )
    places = [time - to_epoch(START, MILLISECOND) for time in seen.times]
    assert places == list(range(0, 1000, places[1] - places[0]))
    assert 32 <= len(places) <= 65


def test_only_a_413_asks_for_less() -> None:
    pages = Pages(Window(START, START + DAY), DAY, 100)
    assert pages.refused(pages.first, FatalResponseError("no", 400)) is None
    smaller = pages.refused(pages.first, FatalResponseError("no", 413))
    assert smaller is not None
    assert smaller.first == 50
    assert smaller.window.end - smaller.window.start == DAY / 40
