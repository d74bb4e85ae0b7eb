"""Requests: what is asked of the vendor, where it is asked, and how often."""

from __future__ import annotations

import collections
import datetime as dt
import typing as t

import pytest

from sandbox import RateLimit
from tests.common import gaps, instant, seconds_waited
from tests.conftest import Run, run_tap
from tests.tap_devrev.conftest import config_for, crowd, expected

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from tests.conftest import Record

    Runner = Callable[..., Run]
    Boxes = Callable[..., Sandbox]


def test_an_export_is_asked_for_with_exactly_this_body(box: Sandbox, run: Runner) -> None:
    """A field that the vendor does not know is a 400: no ``type``, no ``created_date``."""
    run(page_size=500, window_days=50, start_date="2025-01-01", end_date="2025-01-01T20:00:00Z")
    assert box.requests[0].json == {
        "first": 500,
        "modified_date": {
            "after": "2024-12-31T23:59:59.999Z",
            "before": "2025-01-01T01:00:00.000Z",
        },
    }
    for request in box.requests:
        assert (request.method, request.path) == ("POST", "/conversations.export")
        assert not request.params


def test_the_list_is_asked_for_with_its_window_again_for_every_cursor(
    box: Sandbox, run: Runner
) -> None:
    box.devrev.load("conversations", crowd(25))
    run(page_size=10).succeeded()
    listed = [request for request in box.requests if request.path == "/conversations.list"]
    window = {"after": "2025-02-01T12:00:00.344Z", "before": "2025-02-01T12:00:00.346Z"}
    first, *others = (request.json for request in listed[:3])
    assert first == {"limit": 10, "modified_date": first["modified_date"]}
    assert window["after"] >= first["modified_date"]["after"] >= "2025-02-01T12:00:00.343Z"
    for body in others:
        assert body == {**first, "cursor": body["cursor"]}
    assert len({body["cursor"] for body in others}) == 2


def test_each_request_asks_for_the_beta_and_says_who_asks(box: Sandbox, run: Runner) -> None:
    box.devrev.put("conversations", *crowd(12))
    run(page_size=10).succeeded()
    assert {request.path for request in box.requests} == {
        "/conversations.export",
        "/conversations.list",
    }
    for request in box.requests:
        assert request.auth_ok
        assert request.status == 200
        assert request.headers["x-devrev-scope"] == "beta"
        assert request.headers["content-type"] == "application/json"
        assert request.headers["accept"] == "application/json"
        assert request.headers["user-agent"].startswith("tap-devrev/")


def test_windows_of_a_week_and_a_thousand_records_are_asked_for_unless_told_otherwise(
    box: Sandbox, run: Runner
) -> None:
    run().succeeded()
    assert {request.json["first"] for request in box.requests} == {1000}
    asked = [request.json["modified_date"] for request in box.requests]
    lengths = [instant(span["before"]) - instant(span["after"]) for span in asked]
    assert max(lengths) <= dt.timedelta(days=7, milliseconds=1)
    assert 15 <= len(asked) < 40


def answered_in(box: Sandbox, seconds: float) -> collections.Counter[int]:
    """How many requests arrived in each of the vendor's windows."""
    return collections.Counter(int(request.wall // seconds) for request in box.requests)


def test_no_429_is_met_since_every_response_tells_what_is_left(boxes: Boxes) -> None:
    box = boxes()
    box.devrev.rate_limits["all"] = RateLimit(20, 2, fixed=True)
    config = config_for(box, window_days=2, rate_limit_share=1)
    done = run_tap("tap_devrev", config).succeeded()
    assert box.violations == 0
    assert done.by_key("conversations") == expected(box)
    assert len(box.requests) == 50
    used_up = sum(count == 20 for count in answered_in(box, 2).values())
    # A reset is told in whole seconds.
    assert seconds_waited(done)["conversations"] <= 3 * used_up, "it waited with requests left"


def test_half_the_share_uses_at_most_half_of_what_is_told(boxes: Boxes) -> None:
    box = boxes()
    box.devrev.rate_limits["all"] = RateLimit(20, 1, fixed=True)
    config = config_for(box, window_days=4, rate_limit_share=0.5)
    done = run_tap("tap_devrev", config).succeeded()
    assert done.by_key("conversations") == expected(box)
    assert max(answered_in(box, 1).values()) <= 10
    assert len(box.requests) >= 25


def test_the_allowance_is_left_alone_when_another_uses_it_up(boxes: Boxes) -> None:
    """A 429 of the vendor's own, with the wait that it asks for."""
    box = boxes()
    box.devrev.rate_limits["all"] = RateLimit(5, 2, fixed=True)
    config = config_for(box, window_days=30)  # unthrottled, as if it knew of no rate limit
    done = run_tap("tap_devrev", config).succeeded()
    assert done.by_key("conversations") == expected(box)


@pytest.mark.parametrize(
    "fields",
    [
        {"retry_after": 3},
        {"retry_after": 4, "retry_after_as": "date"},
        {"value": {"message": "Too Many Requests", "type": "too_many_requests", "retry_after": 3}},
    ],
    ids=["seconds", "date", "body"],
)
def test_a_429_is_waited_out(box: Sandbox, run: Runner, fields: Record) -> None:
    """As long as the header says, or the body where there is no header."""
    box.fault(kind="status", status=429, at=2, **fields)
    done = run(window_days=30).succeeded()
    assert done.by_key("conversations") == expected(box)
    assert box.requests[1].status == 429
    assert gaps(box)[1] >= 2.99, "longer than any first wait of the client's own"
    assert box.requests[1].json == box.requests[2].json


def test_broken_windows_are_read_again_from_their_start(box: Sandbox, run: Runner) -> None:
    box.fault(kind="status", status=503, at=1)
    box.fault(kind="cut", place="number", at=3)
    done = run(window_days=30).succeeded()
    assert done.by_key("conversations") == expected(box)
    asked = [request.json for request in box.requests]
    assert asked[0] == asked[1]
    assert asked[2] == asked[3]
    assert len(done.log("WARNING")) == 2
