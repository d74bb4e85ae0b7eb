"""The vendor's rate limit is used to the full and never exceeded, by a clock made for the test."""

from __future__ import annotations

import email.utils
import itertools
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support_taps.http import rate_limits
from support_taps.http.rate_limits import HeaderRateLimiter, WindowRateLimiter

if t.TYPE_CHECKING:
    from collections.abc import Iterator


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds

    def time(self) -> float:
        return 1_736_000_000.0 + self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(rate_limits, "time", clock)
    return clock


@pytest.fixture(scope="module")
def shared_clock() -> Iterator[Clock]:
    """For properties, which a function's fixture would not be fresh for."""
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock()
        patch.setattr(rate_limits, "time", clock)
        yield clock


def send(limiter: rate_limits.RateLimiter, clock: Clock, takes: float = 0.0) -> tuple[float, float]:
    """One request: when it left, and when its response came."""
    limiter.wait()
    left = clock.now
    clock.now += takes
    limiter.responded({})
    return left, clock.now


def test_the_first_requests_go_at_once_and_then_the_pace_holds(clock: Clock) -> None:
    limiter = WindowRateLimiter(3, 60)
    left = [send(limiter, clock)[0] - 1000 for _ in range(8)]
    assert left == [0, 0, 0, 60, 60, 60, 120, 120]
    assert limiter.waited == 120


@pytest.mark.parametrize(("share", "period"), [(0.5, 120), (1, 60), (2, 30), (60, 1)])
def test_a_share_stretches_the_period(clock: Clock, share: float, period: float) -> None:
    limiter = WindowRateLimiter(10, 60, share)
    assert limiter.recovery == period
    left = [send(limiter, clock)[0] - 1000 for _ in range(21)]
    assert left[9:12] == [0, period, period]
    assert left[20] == 2 * period


@given(
    st.integers(1, 5),
    st.floats(0.1, 100),
    st.lists(st.tuples(st.floats(0, 50), st.floats(0, 1), st.floats(0, 50)), max_size=30),
)
def test_no_period_sees_more_arrivals_than_allowed(
    shared_clock: Clock, requests: int, seconds: float, trips: list[tuple[float, float, float]]
) -> None:
    """A request arrives at any time between its leaving and its response."""
    limiter = WindowRateLimiter(requests, seconds)
    arrivals = []
    for takes, part, pause in trips:
        left, answered = send(limiter, shared_clock, takes)
        arrivals.append(left + part * (answered - left))
        shared_clock.now += pause
    for first, last in zip(arrivals, arrivals[requests:], strict=False):
        assert last - first >= seconds * (1 - 1e-9)


def test_time_between_requests_counts_towards_the_period(clock: Clock) -> None:
    limiter = WindowRateLimiter(1, 10)
    send(limiter, clock)
    clock.now += 7
    assert send(limiter, clock)[0] == 1010
    assert limiter.waited == 3


def test_requests_that_failed_count_too(clock: Clock) -> None:
    limiter = WindowRateLimiter(2, 10)
    times = [send(limiter, clock, takes=4)[0] for _ in range(3)]
    assert list(itertools.pairwise(times)) == [(1000, 1004), (1004, 1014)]


def headers(limit: object, remaining: object, reset: object, **more: str) -> dict[str, str]:
    told = {"Limit": limit, "Remaining": remaining, "Reset": reset}
    return {**{f"X-Ratelimit-{name}": str(value) for name, value in told.items()}, **more}


def test_a_told_allowance_waits_for_its_reset_when_it_is_used_up(clock: Clock) -> None:
    limiter = HeaderRateLimiter(1, longest=300)
    limiter.wait()
    assert clock.now == 1000
    limiter.responded(headers(50, 1, clock.time() + 40))
    limiter.wait()
    assert clock.now == 1000
    limiter.responded(headers(50, 0, clock.time() + 40))
    assert limiter.recovery == 40
    limiter.wait()
    assert clock.now == 1040
    assert limiter.waited == 40
    limiter.wait()
    assert clock.now == 1040


def test_a_told_allowance_leaves_the_others_their_share(clock: Clock) -> None:
    limiter = HeaderRateLimiter(0.5, longest=300)
    limiter.responded(headers(50, 26, clock.time() + 40))
    limiter.wait()
    assert clock.now == 1000
    limiter.responded(headers(50, 25, clock.time() + 40))
    limiter.wait()
    assert clock.now == 1040


def test_the_reset_is_read_by_the_vendors_clock(clock: Clock) -> None:
    vendor = clock.time() + 9000
    limiter = HeaderRateLimiter(1, longest=300)
    date = email.utils.formatdate(vendor, usegmt=True)
    limiter.responded(headers(5, 0, round(vendor) + 20, Date=date))
    limiter.wait()
    assert 1019 <= clock.now <= 1021


def test_no_header_makes_a_wait_longer_than_the_longest(clock: Clock) -> None:
    limiter = HeaderRateLimiter(1, longest=300)
    limiter.responded(headers(5, 0, 9_999_999_999))
    limiter.wait()
    assert clock.now == 1300


@pytest.mark.parametrize(
    "told",
    [
        {},
        headers("many", 0, 5),
        headers(5, "", 5),
        {"X-Ratelimit-Limit": "5"},
        headers(5, 0, "soon"),
    ],
)
def test_headers_that_say_nothing_change_nothing(clock: Clock, told: dict[str, str]) -> None:
    limiter = HeaderRateLimiter(1, longest=300)
    limiter.responded(told)
    limiter.wait()
    assert clock.now == 1000


def test_headers_that_say_nonsense_do_not_stop_the_run(clock: Clock) -> None:
    limiter = HeaderRateLimiter(1, longest=300)
    for nonsense in ("nan", "inf", "-inf", "-5", "1e400"):
        limiter.responded(headers(nonsense, nonsense, nonsense))
        limiter.responded(headers(5, 0, nonsense))
        limiter.wait()
        assert clock.now <= 1000 + 300 * 5
