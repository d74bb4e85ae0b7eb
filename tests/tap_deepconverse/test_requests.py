"""Requests: what is asked of the vendor, and how often."""

from __future__ import annotations

import itertools
import typing as t

import pytest

from tests.common import gaps, seconds_waited
from tests.conftest import Run, run_tap
from tests.tap_deepconverse.conftest import BOTS, DAY, END, START, STREAMS, config_for, expected

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox

    Runner = Callable[..., Run]
    Boxes = Callable[..., Sandbox]


@pytest.mark.parametrize("stream", STREAMS)
def test_every_page_of_a_window_is_asked_for_with_all_filters(
    box: Sandbox, run: Runner, stream: str
) -> None:
    """The samples show the first page only; a cursor without its filters may be refused."""
    run(page_size=20, window_days=30).succeeded()
    asked = [request for request in box.requests if request.stream == stream]
    assert {request.path for request in asked} == {f"/conversations/export/v1/{stream}"}
    filters = ("start_time", "end_time", "bot_name", "per_page")
    windows = [
        (tuple(request.params[name] for name in filters), [*pages])
        for request, pages in (
            (pages[0], pages)
            for pages in (
                list(group)
                for _, group in itertools.groupby(
                    asked, key=lambda request: [request.params[name] for name in filters]
                )
            )
        )
    ]
    borders = [START, START + 30 * DAY, START + 60 * DAY, END]
    assert [window for window, _ in windows] == [
        (str(start - 1), str(end), bot, "20")
        for bot in BOTS
        for start, end in itertools.pairwise(borders)
    ]
    assert len(asked) > len(windows)
    for _, pages in windows:
        assert "cursor" not in pages[0].params
        assert len({request.params["cursor"] for request in pages[1:]}) == len(pages) - 1
        assert all(request.params.keys() == {*filters, "cursor"} for request in pages[1:])


def test_windows_are_a_week_and_pages_are_the_largest_unless_told_otherwise(
    box: Sandbox, run: Runner
) -> None:
    run().succeeded()
    assert {request.params["per_page"] for request in box.requests} == {"1000"}
    lengths = {int(r.params["end_time"]) - int(r.params["start_time"]) for r in box.requests}
    assert max(lengths) == 7 * DAY + 1
    assert len(box.requests) == 4 * 13


def test_messages_are_never_asked_for_one_conversation_at_a_time(box: Sandbox, run: Runner) -> None:
    run().succeeded()
    assert not any("conversation_id" in request.params for request in box.requests)


def test_the_client_says_who_it_is_and_what_it_takes(box: Sandbox, run: Runner) -> None:
    run(window_days=90).succeeded()
    for request in box.requests:
        assert request.auth_ok
        assert request.method == "GET"
        assert request.headers["accept"] == "application/json"
        assert request.headers["user-agent"].startswith("tap-deepconverse/")


def test_the_allowance_is_kept_for_each_endpoint(boxes: Boxes) -> None:
    """3 a second for each endpoint, here 180."""
    box = boxes(rate_limits=True, rate_limit_factor=60)
    config = config_for(box, page_size=10, rate_limit_share=60)
    done = run_tap("tap_deepconverse", config).succeeded()
    assert box.violations == 0
    for stream in STREAMS:
        assert done.by_key(stream) == expected(box, stream)
        arrivals = [request.monotonic for request in box.requests if request.stream == stream]
        assert len(arrivals) > 20


def test_the_share_of_the_allowance_is_kept_at_the_vendors_own_pace(boxes: Boxes) -> None:
    """Three at once, and half of three a second from then on; each endpoint for itself."""
    box = boxes(rate_limits=True)
    config = config_for(box, window_days=23, bot_names=[BOTS[0]], rate_limit_share=0.5)
    waited = seconds_waited(run_tap("tap_deepconverse", config).succeeded())
    arrivals = [request.monotonic for request in box.requests]
    assert [request.stream for request in box.requests] == ["conversations"] * 4 + ["messages"] * 4
    for first, stream in ((0, "conversations"), (4, "messages")):
        assert arrivals[first + 3] - arrivals[first] >= 2
        assert waited[stream] <= 2, "none but the fourth waited, and not for the other endpoint"
    assert box.violations == 0


@pytest.mark.parametrize(
    ("fields", "share"),
    [
        ({"retry_after": 3}, 1_000_000),
        ({"retry_after": 4, "retry_after_as": "date"}, 1_000_000),
        ({}, 1 / 3),
    ],
    ids=["seconds", "date", "unsaid"],
)
def test_a_429_is_waited_out(
    box: Sandbox, run: Runner, fields: dict[str, t.Any], share: float
) -> None:
    """As long as the vendor says, or until the rate limit must be whole again."""
    box.fault(kind="status", status=429, stream="conversations", at=2, **fields)
    done = run(window_days=60, rate_limit_share=share, bot_names=[BOTS[0]]).succeeded()
    assert done.by_key("conversations") == expected(box, "conversations", [BOTS[0]])
    assert box.requests[1].status == 429
    assert gaps(box)[1] >= 2.99, "longer than any first wait of the client's own"
    assert box.requests[1].params == box.requests[2].params


def test_broken_pages_are_read_again_from_their_start(box: Sandbox, run: Runner) -> None:
    box.fault(kind="html", stream="conversations", at=1)
    box.fault(kind="cut", place="record", stream="messages", at=3)
    done = run(page_size=50, window_days=30).succeeded()
    for stream in STREAMS:
        assert done.by_key(stream) == expected(box, stream)
    for stream, number in (("conversations", 0), ("messages", 2)):
        asked = [request.params for request in box.requests if request.stream == stream]
        assert asked[number] == asked[number + 1]
    assert len(done.log("WARNING")) == 2
