"""The table of ``docs/fleet.md``: its requests are those that the taps make."""

from __future__ import annotations

import typing as t
from collections import Counter

import pytest

from sandbox.rate_limits import RateLimit, Turnstile
from scripts.sizing import (
    Load,
    Read,
    pages,
    pages_in_windows,
    proved_windows,
    windows,
)
from tests.conftest import run_tap, selecting

if t.TYPE_CHECKING:
    from sandbox import Sandbox

DAYS = 90
START, END = "2025-01-01", "2025-04-01"


def requests_of(box: Sandbox, vendor: str, wanted: str, **settings: t.Any) -> tuple[Load, int]:
    """What a run reads of a stream, and in how many requests."""
    config = {
        **box.vendors[vendor].config,
        "start_date": START,
        "end_date": END,
        "rate_limit_share": 1_000_000,
        **settings,
    }
    catalog = selecting(f"tap_{vendor}", lambda entry: entry["tap_stream_id"] == wanted)
    run = run_tap(f"tap_{vendor}", config, catalog=catalog).succeeded()
    load = Load("all", len(run.by_key(wanted)), DAYS)
    return load, Counter(request.stream for request in box.requests)[wanted]


def test_windows_without_pages_cost_a_request_each(box: Sandbox) -> None:
    load, requests = requests_of(box, "dixa", "conversations", window_days=30)
    assert requests == windows(load, 30)


def test_windows_with_pages_cost_a_request_for_each_page(box: Sandbox) -> None:
    bots = list(box.deepconverse.bots)[:1]
    load, requests = requests_of(
        box, "deepconverse", "messages", bot_names=bots, window_days=30, page_size=1000
    )
    assert requests == pages_in_windows(load, 30, 1000, load.conversations)


def test_a_cursor_costs_a_request_for_each_page_and_its_end(box: Sandbox) -> None:
    load, requests = requests_of(box, "zendesk_chat", "chats", page_size=30)
    assert requests in {pages(load.conversations, 30), pages(load.conversations, 30) + 1}


def test_proved_windows_cost_no_more_than_is_said(box: Sandbox) -> None:
    load, requests = requests_of(box, "devrev", "conversations", window_days=30, page_size=100)
    assert windows(load, 30) <= requests <= proved_windows(load, 30, 100, load.conversations)


@pytest.mark.parametrize("requests", [1, 3, 4, 10])
def test_the_last_request_goes_when_the_rate_limit_lets_it(requests: int) -> None:
    limit = RateLimit(3, 60)
    read = Read(limit, lambda _: requests)
    turnstile = Turnstile()
    now = 0.0
    for _ in range(requests):
        while wait := turnstile.arrive("token", "all", limit, now).wait:
            now += wait
    assert read.seconds(Load("", 0, 0)) == pytest.approx(now)
