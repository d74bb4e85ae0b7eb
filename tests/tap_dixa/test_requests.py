"""Requests: what the tap asks, how fast, and what it makes of responses that go wrong."""

from __future__ import annotations

import concurrent.futures
import datetime as dt
import itertools
import typing as t

import pytest

from tests.common import seconds_waited, waits_told
from tests.conftest import PATIENCE, Run, open_box, run_tap
from tests.tap_dixa.conftest import FILTERS, STREAMS, config_for, expected_by_key
from tests.tap_dixa.test_state import assert_promises_are_kept

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sandbox import LoggedRequest, Sandbox

    Runner = Callable[..., Run]
    Faults = list[dict[str, t.Any]]

DAY = 86_400_000
JANUARY = round(dt.datetime(2025, 1, 1, tzinfo=dt.timezone.utc).timestamp() * 1000)
APRIL = JANUARY + 90 * DAY


def windows(requests: Iterable[LoggedRequest], stream: str) -> list[tuple[int, int]]:
    """Bounds that a stream was asked for, in order."""
    name = FILTERS[stream]
    return [
        (int(request.params[f"{name}_after"]), int(request.params[f"{name}_before"]))
        for request in requests
        if request.stream == stream
    ]


def test_only_documented_parameters_are_sent(box: Sandbox, run: Runner) -> None:
    run().succeeded()
    assert [(request.method, request.path) for request in box.requests] == [
        ("GET", "/v1/conversation_export")
    ] * 3 + [("GET", "/v1/message_export")] * 3
    for request in box.requests:
        name = FILTERS[request.stream]
        assert set(request.params) == {f"{name}_after", f"{name}_before"}
        assert request.json is None


@pytest.mark.parametrize("days", [1, 7, 30, 31])
def test_windows_cover_the_span_and_overlap_by_a_millisecond(
    box: Sandbox, run: Runner, days: int
) -> None:
    """The guide: "no query can span more than 31 days", the overlap included."""
    run(window_days=days).succeeded()
    for stream in STREAMS:
        asked = windows(box.requests, stream)
        assert asked[0][0] == JANUARY - 1
        assert asked[-1][1] == APRIL
        for (_, before), (after, _) in itertools.pairwise(asked):
            assert after == before - 1
        assert all(0 < before - after <= min(days * DAY + 1, 31 * DAY) for after, before in asked)


def test_times_are_asked_in_utc_and_to_the_millisecond(box: Sandbox, run: Runner) -> None:
    run(start_date="2025-01-10T01:02:03.456789+02:00", end_date="2025-01-11")
    start = JANUARY + 9 * DAY - 2 * 3_600_000 + 3_723_456
    assert windows(box.requests, "conversations") == [(start - 1, JANUARY + 10 * DAY)]


def test_the_token_goes_as_a_bearer_token(box: Sandbox, run: Runner) -> None:
    seen: set[str] = set()
    box.fault(kind="status", where=lambda call: seen.add(call.headers["authorization"]))
    run(api_token=f" Bearer {box.dixa.token}\n").succeeded()
    assert seen == {f"Bearer {box.dixa.token}"}


def test_the_user_agent_tells_the_tap_and_can_be_set(box: Sandbox, run: Runner) -> None:
    run(end_date="2025-01-02").succeeded()
    assert all(request.headers["user-agent"].startswith("tap-dixa/") for request in box.requests)
    box.clear_requests()
    run(end_date="2025-01-02", user_agent="acme").succeeded()
    assert {request.headers["user-agent"] for request in box.requests} == {"acme"}


def test_compressed_responses_are_read(box: Sandbox, run: Runner) -> None:
    box.dixa.gzip = True
    done = run().succeeded()
    for stream in STREAMS:
        assert done.by_key(stream) == expected_by_key(box, stream)


def test_redirects_are_not_followed(box: Sandbox, run: Runner) -> None:
    """By default the sandbox redirects to itself under another name, where it would answer."""
    box.fault(kind="redirect", stream="conversations", at=1)
    done = run()
    assert done.exit_code == 1
    assert not done.records("conversations")
    assert len([request for request in box.requests if request.stream == "conversations"]) == 1
    assert "redirect to localhost is not followed" in done.complaint()


def test_the_vendors_allowance_is_kept_and_used(boxes: Callable[..., Sandbox]) -> None:
    """10 a minute for conversations, 3 for messages; here a minute is a second on both sides."""
    box = boxes(size=50, rate_limits=True, rate_limit_factor=60)
    config = config_for(box, window_days=8, rate_limit_share=60)
    waited = seconds_waited(run_tap("tap_dixa", config).succeeded())
    assert box.violations == 0
    for stream, allowed in (("conversations", 10), ("messages", 3)):
        arrivals = [request.monotonic for request in box.requests if request.stream == stream]
        assert len(arrivals) == 12
        # The first ones go at once, and each later one as soon as it may.
        for number, arrival in enumerate(arrivals):
            late = arrival - arrivals[0] - number // allowed
            assert late > -0.05, f"request {number} of {stream} came {-late:.2f} s too early"
        assert waited[stream] <= 11 // allowed


def test_retries_count_towards_the_allowance(boxes: Callable[..., Sandbox]) -> None:
    box = boxes(size=50, rate_limits=True, rate_limit_factor=60)
    box.fault(kind="status", stream="messages", status=503, retry_after=0, at=range(1, 6))
    config = config_for(box, rate_limit_share=60, max_tries=9)
    run_tap("tap_dixa", config).succeeded()
    assert box.violations == 0


def read_through(stream: str, faults: Faults, **settings: t.Any) -> None:
    """Run into faults, each of which costs one more request, and still arrive with everything."""
    with open_box(size=100) as box:
        installed = [box.fault(stream=stream, **fault) for fault in faults]
        done = run_tap("tap_dixa", config_for(box, window_days=12, **settings)).succeeded()
        assert [fault.struck for fault in installed] == [1] * len(faults)
        assert_promises_are_kept(box, done)
        for name in STREAMS:
            assert done.by_key(name) == expected_by_key(box, name)
            asked = windows(box.requests, name)
            repeated = [one for one, other in itertools.pairwise(asked) if one == other]
            assert len(repeated) == (len(faults) if name == stream else 0)
            assert len(asked) == 8 + len(repeated)


def all_at_once(cases: dict[str, Faults], subtests: pytest.Subtests, **settings: t.Any) -> None:
    """Read through many cases side by side: what takes time is the waits between tries."""
    with concurrent.futures.ThreadPoolExecutor(len(cases)) as pool:
        runs = {
            name: pool.submit(read_through, stream, faults, **settings)
            for (name, faults), stream in zip(cases.items(), itertools.cycle(STREAMS), strict=False)
        }
    for name, run in runs.items():
        with subtests.test(name):
            run.result()


def test_responses_that_pass_are_asked_for_again(subtests: pytest.Subtests) -> None:
    cases: dict[str, Faults] = {
        "408 and 425": [
            {"kind": "status", "status": 408, "at": 2},
            {"kind": "status", "status": 425, "at": 4},
        ],
        "429 with seconds": [{"kind": "status", "status": 429, "retry_after": 1, "at": 3}],
        "429 with a date": [
            {"kind": "status", "status": 429, "retry_after": 1, "retry_after_as": "date", "at": 3}
        ],
        "429 without a word": [{"kind": "status", "status": 429, "at": n} for n in (1, 3, 10)],
        "500 and 502": [
            {"kind": "status", "status": 500, "at": 1},
            {"kind": "status", "status": 502, "at": 4},
        ],
        "503 and 504": [
            {"kind": "status", "status": 503, "at": 1},
            {"kind": "status", "status": 504, "value": {"message": "late"}, "at": 9},
        ],
        "520": [{"kind": "status", "status": 520, "at": 2}],
        "a page of HTML": [
            {"kind": "html", "at": 2},
            {"kind": "html", "status": 502, "at": 4},
        ],
        "nothing with 200": [{"kind": "empty", "at": 2}],
        "resets around the headers": [
            {"kind": "reset", "point": "before", "at": 2},
            {"kind": "reset", "point": "headers", "at": 4},
        ],
        "resets inside the body": [
            {"kind": "reset", "point": "body", "after": 1, "at": 2},
            {"kind": "reset", "point": "body", "after": 9000, "at": 4},
        ],
    }
    all_at_once(cases, subtests)


def test_bodies_cut_short_anywhere_are_read_again(subtests: pytest.Subtests) -> None:
    cases: dict[str, Faults] = {
        f"{place}, {ending}": [
            {"kind": "cut", "place": place, "ending": ending, "framing": framing, "at": at}
            for framing, at in (("chunked", 2), ("length", 5), ("close", 8))
        ]
        for place in ("string", "number", "record", "comma", "bracket", "half")
        for ending in ("clean", "missing", "reset")
    }
    all_at_once(cases, subtests)


def test_responses_that_stall_are_given_up_and_asked_for_again(subtests: pytest.Subtests) -> None:
    cases: dict[str, Faults] = {
        "before the headers": [{"kind": "stall", "seconds": PATIENCE, "at": 2}],
        "inside the body": [{"kind": "stall", "seconds": PATIENCE, "after": 3000, "at": 2}],
    }
    all_at_once(cases, subtests, request_timeout=2)


def test_slow_responses_are_no_failures(boxes: Callable[..., Sandbox]) -> None:
    """``request_timeout`` is about a gap between two bytes, not about a whole response."""
    box = boxes(size=12)
    box.fault(kind="trickle", stream="conversations", at=1, after=200, seconds=0.1)
    run_tap("tap_dixa", config_for(box, request_timeout=2, max_tries=1)).succeeded()
    assert box.requests[0].seconds > 2


@pytest.mark.parametrize(
    ("asks", "at_least"),
    [({"retry_after": 3}, 3.0), ({"retry_after": 4, "retry_after_as": "date"}, 3.0), ({}, 3.0)],
)
def test_the_wait_after_a_429_is_the_vendors(
    boxes: Callable[..., Sandbox], asks: dict[str, t.Any], at_least: float
) -> None:
    """An HTTP date has whole seconds.

    Where nothing is said, the rate limit is whole again after its period, which this
    ``rate_limit_share`` makes three seconds.
    """
    box = boxes(size=10)
    box.fault(kind="status", stream="conversations", status=429, at=1, **asks)
    share = 20 if not asks else 1e6
    config = config_for(box, rate_limit_share=share, end_date="2025-01-20")
    (told,) = waits_told(run_tap("tap_dixa", config).succeeded())
    first, second = (entry for entry in box.requests if entry.stream == "conversations")
    assert second.monotonic - first.monotonic >= at_least
    assert told <= asks.get("retry_after", at_least)
