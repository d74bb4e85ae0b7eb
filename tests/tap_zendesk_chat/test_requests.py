"""Requests: what is asked of the vendor, where it is asked, and how often."""

from __future__ import annotations

import typing as t

import pytest

from tests.common import gaps
from tests.conftest import Run, run_tap
from tests.tap_zendesk_chat.conftest import KEYS, WITHOUT_IDS, config_for, expected

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox

    Runner = Callable[..., Run]
    Boxes = Callable[..., Sandbox]

START = 1735689600  # 2025-01-01T00:00:00Z
FIELDS = {"chats": "chats(*)", "conversions": "conversions(*)"}


@pytest.mark.parametrize("stream", KEYS)
def test_each_page_is_asked_for_with_exactly_these_parameters(
    box: Sandbox, run: Runner, stream: str
) -> None:
    run(page_size=30).succeeded()
    first, *others = (request for request in box.requests if request.stream == stream)
    unit = 1_000_000 if stream == "agent_timeline" else 1
    always = {"limit": "30", **({"fields": FIELDS[stream]} if stream in FIELDS else {})}
    # One unit before the start: whether the moment itself counts in is not documented.
    assert first.params == {"start_time": str(START * unit - 1), **always}
    assert first.path == f"/incremental/{stream}"
    assert others
    for request in others:
        assert request.params.keys() - {"start_id"} == first.params.keys()
        assert request.params.items() >= always.items()
        assert ("start_id" in request.params) == (stream not in WITHOUT_IDS)
        assert len(request.params["start_time"]) == (16 if stream == "agent_timeline" else 10)


def test_the_largest_page_is_asked_for_unless_told_otherwise(box: Sandbox, run: Runner) -> None:
    run().succeeded()
    assert {request.params["limit"] for request in box.requests} == {"1000"}


def test_the_client_says_who_it_is_and_what_it_takes(box: Sandbox, run: Runner) -> None:
    run().succeeded()
    for request in box.requests:
        assert request.auth_ok
        assert request.method == "GET"
        assert request.headers["accept"] == "application/json"
        assert request.headers["user-agent"].startswith("tap-zendesk-chat/")
        assert set(request.headers["accept-encoding"].split(", ")) >= {"gzip"}


def test_the_user_agent_can_be_set(box: Sandbox, run: Runner) -> None:
    run(user_agent="acme-elt/1.0").succeeded()
    assert {request.headers["user-agent"] for request in box.requests} == {"acme-elt/1.0"}


def test_a_token_pasted_with_its_scheme_is_sent_once_with_it(box: Sandbox, run: Runner) -> None:
    run(access_token=f" Bearer {box.zendesk_chat.token}\n").succeeded()
    assert all(request.auth_ok for request in box.requests)


def test_another_host_in_next_page_gets_no_request(boxes: Boxes) -> None:
    box, foreign = boxes(), boxes()
    box.zendesk_chat.next_page_host = f"{foreign.url}/zendesk_chat"
    done = run_tap("tap_zendesk_chat", config_for(box, page_size=40)).succeeded()
    assert not foreign.requests
    assert done.by_key("chats") == expected(box, "chats")
    assert len(box.requests) > 20


def test_a_redirect_is_not_followed(boxes: Boxes) -> None:
    box, foreign = boxes(), boxes()
    location = f"{foreign.zendesk_chat.url}/incremental/chats"
    box.fault(kind="redirect", stream="chats", location=location)
    complaint = run_tap("tap_zendesk_chat", config_for(box)).complaint()
    assert not foreign.requests
    assert "redirect" in complaint


def test_the_allowance_is_kept_over_all_streams(boxes: Boxes) -> None:
    """200 a minute, here 200 a second; a crowd of small pages needs more than three times that."""
    box = boxes(rate_limits=True, rate_limit_factor=60)
    config = config_for(box, page_size=3, rate_limit_share=60)
    done = run_tap("tap_zendesk_chat", config).succeeded()
    assert len(box.requests) > 500
    assert box.violations == 0
    assert done.by_key("chats") == expected(box, "chats")


def test_the_first_requests_of_an_allowance_go_at_once(boxes: Boxes) -> None:
    box = boxes(rate_limits=True)
    done = run_tap("tap_zendesk_chat", config_for(box, page_size=10, rate_limit_share=1))
    assert 100 < len(box.requests) < 200
    told = [line for line in done.succeeded().log("INFO") if "spent waiting" in line]
    assert len(told) == len(KEYS)
    assert all(" 0.0 s spent waiting" in line for line in told)


def test_half_the_share_is_half_the_pace(boxes: Boxes) -> None:
    box = boxes(rate_limits=True, rate_limit_factor=60)
    run_tap("tap_zendesk_chat", config_for(box, page_size=6, rate_limit_share=30)).succeeded()
    arrivals = [request.monotonic for request in box.requests]
    assert len(arrivals) > 200
    assert min(b - a for a, b in zip(arrivals, arrivals[200:], strict=False)) >= 2


@pytest.mark.parametrize(
    ("fields", "share"),
    [
        ({"retry_after": 3}, 1_000_000),
        ({"retry_after": 4, "retry_after_as": "date"}, 1_000_000),
        ({}, 20),
    ],
    ids=["seconds", "date", "unsaid"],
)
def test_a_429_is_waited_out(
    box: Sandbox, run: Runner, fields: dict[str, t.Any], share: float
) -> None:
    """As long as the vendor says, or until the rate limit must be whole again."""
    box.fault(kind="status", status=429, stream="chats", at=2, **fields)
    done = run(page_size=100, rate_limit_share=share).succeeded()
    assert done.by_key("chats") == expected(box, "chats")
    refused = next(n for n, request in enumerate(box.requests) if request.status == 429)
    assert gaps(box)[refused] >= 2.99, "longer than any first wait of the client's own"
    assert box.requests[refused].params == box.requests[refused + 1].params


def test_broken_pages_are_read_again_from_their_start(box: Sandbox, run: Runner) -> None:
    box.fault(kind="status", status=503, stream="chats", at=1)
    box.fault(kind="cut", place="string", stream="chats", at=3)
    done = run(page_size=100).succeeded()
    for stream in KEYS:
        assert done.by_key(stream) == expected(box, stream)
    asked = [request.params for request in box.requests if request.stream == "chats"]
    assert asked[0] == asked[1]
    assert asked[2] == asked[3]
    assert len(done.log("WARNING")) == 2
