"""One page for each window, each of which promises its end."""

from __future__ import annotations

import datetime as dt
import typing as t

from support_taps.bookmarks import Checkpoint
from support_taps.pagination import PageRead, WindowPaginator
from support_taps.windows import Window

UTC = dt.timezone.utc
DAY = dt.timedelta(days=1)
SPAN = Window(dt.datetime(2025, 1, 1, tzinfo=UTC), dt.datetime(2025, 1, 8, 12, tzinfo=UTC))


def walk(paginator: WindowPaginator) -> list[tuple[Window, Checkpoint, str]]:
    """Go through all pages as a stream does; each of them is empty."""
    pages = []
    while not paginator.finished:
        paginator.page = PageRead(0, {})
        pages.append((paginator.current_value, paginator.checkpoint, paginator.description))
        paginator.advance(t.cast("t.Any", None))
    return pages


def test_every_window_is_a_page_even_when_all_are_empty() -> None:
    pages = walk(WindowPaginator(SPAN, 3 * DAY))
    assert [window for window, _, _ in pages] == list(SPAN.split(3 * DAY))
    assert [checkpoint for _, checkpoint, _ in pages] == [
        Checkpoint(window.end) for window in SPAN.split(3 * DAY)
    ]


def test_a_page_is_described_by_its_number_and_dates() -> None:
    assert [words for _, _, words in walk(WindowPaginator(SPAN, 4 * DAY))] == [
        "window 1 of 2 (2025-01-01 00:00 to 2025-01-05 00:00 UTC)",
        "window 2 of 2 (2025-01-05 00:00 to 2025-01-08 12:00 UTC)",
    ]


def test_a_span_shorter_than_a_window_is_one_page() -> None:
    assert len(walk(WindowPaginator(SPAN, 31 * DAY))) == 1
