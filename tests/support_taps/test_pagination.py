"""One page for each window, each of which promises its end."""

from __future__ import annotations

import datetime as dt

import pytest
import requests
from singer_sdk.pagination import JSONPathPaginator, OffsetPaginator

from support_taps.bookmarks import Checkpoint
from support_taps.errors import CursorLoopError
from support_taps.pagination import LoopGuard, NoWitness, PageRead, SdkPages, Step, WindowPages
from support_taps.windows import Window

UTC = dt.timezone.utc
DAY = dt.timedelta(days=1)
SPAN = Window(dt.datetime(2025, 1, 1, tzinfo=UTC), dt.datetime(2025, 1, 8, 12, tzinfo=UTC))


def walk(paginator: WindowPages) -> list[tuple[Window, Checkpoint | None, str]]:
    """Go through all pages as a stream does; each of them is empty."""
    pages = []
    window: Window | None = paginator.first
    while window is not None:
        step = paginator.after(PageRead(window, 0, {}, NoWitness(), requests.Response()))
        pages.append((window, step.checkpoint, paginator.describe(window)))
        window = step.next
    return pages


def test_every_window_is_a_page_even_when_all_are_empty() -> None:
    pages = walk(WindowPages(SPAN, 3 * DAY))
    assert [window for window, _, _ in pages] == list(SPAN.split(3 * DAY))
    assert [checkpoint for _, checkpoint, _ in pages] == [
        Checkpoint(window.end) for window in SPAN.split(3 * DAY)
    ]


def test_a_page_is_described_by_its_number_and_dates() -> None:
    assert [words for _, _, words in walk(WindowPages(SPAN, 4 * DAY))] == [
        "window 1 of 2 (2025-01-01 00:00 to 2025-01-05 00:00 UTC)",
        "window 2 of 2 (2025-01-05 00:00 to 2025-01-08 12:00 UTC)",
    ]


def test_a_span_shorter_than_a_window_is_one_page() -> None:
    assert len(walk(WindowPages(SPAN, 31 * DAY))) == 1


def test_the_same_token_twice_is_a_loop() -> None:
    guard = LoopGuard()
    for token in ({"page": 1}, {"page": 2}):
        guard.check(token, "page")
    with pytest.raises(CursorLoopError, match=r"same cursor twice \(page 7\)"):
        guard.check({"page": 1}, "page 7")


def read(token: object, rows: int, body: bytes = b"{}") -> PageRead[object, NoWitness]:
    response = requests.Response()
    response._content = body  # noqa: SLF001 - requests has no other way to make one
    return PageRead(token, rows, {}, NoWitness(), response)


def test_a_paginator_of_the_sdk_reads_the_body() -> None:
    pages = SdkPages(JSONPathPaginator("$.next"))
    assert pages.first is None
    assert pages.keeps_body
    assert pages.after(read(None, 3, b'{"next": "a"}')) == Step("a")
    assert pages.after(read("a", 3, b'{"next": null}')) == Step(None)


def test_a_paginator_of_the_sdk_ends_at_an_empty_page() -> None:
    pages = SdkPages(OffsetPaginator(0, 100))
    assert pages.after(read(0, 100)) == Step(100)
    assert pages.after(read(100, 0)) == Step(None)


def test_a_paginator_of_the_sdk_that_stands_still_is_a_loop() -> None:
    pages = SdkPages(JSONPathPaginator("$.next"))
    pages.after(read(None, 3, b'{"next": "a"}'))
    with pytest.raises(CursorLoopError, match="identical"):
        pages.after(read("a", 3, b'{"next": "a"}'))


def test_no_paginator_is_a_single_page() -> None:
    assert SdkPages(None).after(read(None, 3)) == Step(None)
