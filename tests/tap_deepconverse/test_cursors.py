"""The cursor in odd places and forms: read on, or refused in one line, never a quiet end."""

from __future__ import annotations

import dataclasses
import datetime as dt
import typing as t

import pytest
import requests

from support_taps.errors import CursorLoopError
from support_taps.pagination import PageRead
from support_taps.windows import Window
from tap_deepconverse.client import MOST_EMPTY_PAGES, CursorPages, Glimpse
from tests.conftest import SPAN, Run
from tests.tap_deepconverse.conftest import BOTS, START, expected

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from tests.conftest import Json, Record

    Runner = Callable[..., Run]

QUARTER: dict[str, Json] = {"window_days": 90, "bot_names": [BOTS[0]]}
DAY: dict[str, Json] = {"bot_names": [BOTS[0]], "end_date": "2025-01-02"}
STREAM = "conversations"


def records(count: int, first: int = 0) -> list[Record]:
    return [{"_id": str(first + number), "startTime": START} for number in range(count)]


def answer(box: Sandbox, at: int, rows: list[Record], **envelope: Json) -> None:
    """Let the vendor answer the n-th request for conversations like this."""
    box.fault(kind="json", stream=STREAM, at=at, value={"data": rows, **envelope})


def asked(box: Sandbox) -> list[tuple[str, str | None]]:
    """Page size and cursor of each request for conversations."""
    return [
        (r.params["per_page"], r.params.get("cursor")) for r in box.requests if r.stream == STREAM
    ]


def assert_nothing_promised(done: Run) -> None:
    for partition in done.bookmarks.get(STREAM, {}).get("partitions", []):
        assert "replication_key_value" not in partition


UNKNOWN = ("pagination.next_cursor", "next", "Cursor", "nextPageCursor", "meta.page.after", None)


@pytest.mark.parametrize("cap", [None, 7], ids=["full pages", "a cap below per_page"])
@pytest.mark.parametrize("place", UNKNOWN, ids=str)
def test_a_cursor_in_an_unknown_place_is_an_error_that_lists_the_keys(
    box: Sandbox, run: Runner, place: str | None, cap: int | None
) -> None:
    box.deepconverse.cursor_place = place
    box.deepconverse.paging.short_pages = cap
    done = run(page_size=20, **QUARTER)
    assert done.exit_code == 1
    assert "Traceback" not in done.stderr
    assert len(done.log("ERROR")) == 2
    for line in done.log("ERROR"):
        assert "no cursor in a place that is known" in line
        assert f"its other keys are: {place or 'none'}" in line
    assert_nothing_promised(done)
    assert len(box.requests) <= 4


@pytest.mark.parametrize("place", ["meta.cursor", "next_cursor"])
@pytest.mark.parametrize("end", ["null", "absent", "empty"])
def test_a_cursor_in_a_known_place_is_followed_whatever_its_end_looks_like(
    box: Sandbox, run: Runner, place: str, end: t.Literal["null", "absent", "empty"]
) -> None:
    box.deepconverse.cursor_place, box.deepconverse.end_cursor = place, end
    done = run(page_size=20, window_days=30).succeeded()
    for stream in ("conversations", "messages"):
        assert done.by_key(stream) == expected(box, stream)


def test_a_page_without_a_cursor_is_proved_to_be_the_last_one(box: Sandbox, run: Runner) -> None:
    """A vendor that leaves out what is null shows a cursor when it is asked for less."""
    box.deepconverse.end_cursor = "absent"
    box.deepconverse.load(STREAM, records(30), group=BOTS[0])
    done = run(page_size=10, **DAY).succeeded()
    assert len(done.by_key(STREAM)) == 30
    sizes, cursors = zip(*asked(box), strict=True)
    assert sizes == ("10", "10", "10", "1"), "the last page is full"
    assert cursors[3] == cursors[2]
    box.clear_requests()
    done = run(page_size=40, **DAY).succeeded()
    assert len(done.by_key(STREAM)) == 30
    assert asked(box) == [("40", None), ("1", None)], "a short page, and no cursor seen before"
    box.clear_requests()
    run(page_size=16, **DAY).succeeded()
    assert [size for size, _ in asked(box)] == ["16", "16"], "a short page after a cursor"


@pytest.mark.parametrize("rows", [0, 1])
def test_a_page_of_no_record_or_one_needs_no_proof(box: Sandbox, run: Runner, rows: int) -> None:
    box.deepconverse.end_cursor = "absent"
    box.deepconverse.load(STREAM, records(rows), group=BOTS[0])
    assert len(run(**DAY).succeeded().records(STREAM)) == rows
    assert len(asked(box)) == 1


def test_a_full_page_of_one_record_without_a_cursor_cannot_be_told(
    box: Sandbox, run: Runner
) -> None:
    answer(box, 1, records(1))
    assert "cannot be asked for in parts" in run(page_size=1, **DAY).complaint()


@pytest.mark.parametrize(
    "envelope",
    [
        {"next": "c1"},
        {"cursor": None, "pagination": {"next_cursor": "c1"}},
        {"cursor": "", "has_more": True},
        {"meta": {"cursor": None}, "links": {"next": "https://x/y"}},
        {"cursor": None, "paging": {"more": {"yes": {"token": "x"}}}},
    ],
    ids=str,
)
@pytest.mark.parametrize("rows", [0, 3])
def test_what_looks_like_a_cursor_is_not_passed_over(
    box: Sandbox, run: Runner, rows: int, envelope: Record
) -> None:
    """Beside a short page too: the null may be that of the request, repeated."""
    answer(box, 1, records(rows), **envelope)
    done = run(**DAY)
    assert "looks like one" in done.complaint()
    assert_nothing_promised(done)


@pytest.mark.parametrize(
    "envelope",
    [
        {"has_more": False, "next": None, "links": {"next": ""}, "next_url": []},
        {"request": {"cursor": "c1"}, "total": 3, "took": 0.5},
    ],
    ids=str,
)
def test_keys_that_lead_nowhere_do_not_disturb(box: Sandbox, run: Runner, envelope: Record) -> None:
    answer(box, 1, records(2), cursor="c1")
    answer(box, 2, records(2, first=2), cursor=None, **envelope)
    assert len(run(**DAY).succeeded().records(STREAM)) == 4


def test_a_cursor_that_stays_the_same_is_read_on_to_its_null(box: Sandbox, run: Runner) -> None:
    box.deepconverse.paging.scroll = True
    done = run(page_size=20, **QUARTER).succeeded()
    assert done.by_key(STREAM) == expected(box, STREAM, [BOTS[0]])
    cursors = {cursor for _, cursor in asked(box)}
    assert len(cursors) == 2, "none, and the one"
    assert len(asked(box)) > 4


def test_gaps_in_a_cursor_that_stays_the_same_are_passed(box: Sandbox, run: Runner) -> None:
    pages = [records(2), [], records(2, 2), [], records(2, 4)]
    for at, rows in enumerate(pages, 1):
        answer(box, at, rows, cursor="c" if at < len(pages) else None)
    assert len(run(**DAY).succeeded().records(STREAM)) == 6


@pytest.mark.parametrize(
    ("pages", "requests_made"),
    [
        ([(2, "c"), (0, "c"), (0, "c")], 3),
        ([(2, "c"), (0, "d"), (0, "c"), (0, "d")], 4),
    ],
)
def test_empty_pages_in_a_circle_are_an_error(
    box: Sandbox, run: Runner, pages: list[tuple[int, str]], requests_made: int
) -> None:
    for at, (rows, cursor) in enumerate(pages, 1):
        answer(box, at, records(rows), cursor=cursor)
    done = run(**DAY)
    assert "same cursor twice" in done.complaint()
    assert len(asked(box)) == requests_made
    assert_nothing_promised(done)


@pytest.mark.parametrize("cursor", ["c2", None])
def test_the_same_records_under_another_cursor_are_an_error(
    box: Sandbox, run: Runner, cursor: str | None
) -> None:
    """The vendor does not look at the cursor that it is sent: the rest would never come."""
    answer(box, 1, records(3), cursor="c1")
    answer(box, 2, records(3), cursor=cursor)
    done = run(**DAY)
    assert "same records twice" in done.complaint()
    assert_nothing_promised(done)


def test_a_window_may_begin_with_the_records_that_ended_the_one_before(
    box: Sandbox, run: Runner
) -> None:
    """They lie on the border."""
    border = {"_id": "border", "startTime": START + 86_400}
    box.deepconverse.load(STREAM, [border], group=BOTS[0])
    done = run(**{**DAY, "end_date": "2025-01-03", "window_days": 1}).succeeded()
    assert [record["_id"] for record in done.records(STREAM)] == ["border", "border"]


@pytest.mark.parametrize(
    ("cursor", "sent"), [(17, "17"), (0, "0"), (2**70, str(2**70)), (1.5, "1.5"), (" ", " ")]
)
def test_numbers_are_cursors_too(box: Sandbox, run: Runner, cursor: Json, sent: str) -> None:
    answer(box, 1, records(1), cursor=cursor)
    answer(box, 2, records(1, 1), cursor=None)
    assert len(run(**DAY).succeeded().records(STREAM)) == 2
    assert asked(box)[1][1] == sent


@pytest.mark.parametrize("cursor", [True, False, ["c"], {"after": "c"}, [], {}], ids=str)
def test_a_cursor_of_a_type_that_cannot_be_sent_back_is_refused(
    box: Sandbox, run: Runner, cursor: Json
) -> None:
    answer(box, 1, records(2), cursor=cursor)
    done = run(**DAY)
    assert "which is no cursor" in done.complaint()
    assert_nothing_promised(done)


def test_two_cursors_that_differ_are_refused(box: Sandbox, run: Runner) -> None:
    answer(box, 1, records(2), cursor="a", next_cursor="b")
    assert "several cursors, in cursor, next_cursor" in run(**DAY).complaint()


def test_an_error_told_with_200_is_no_empty_page(box: Sandbox, run: Runner) -> None:
    answer(box, 1, [], cursor=None, error={"message": "archive unavailable"})
    done = run(**DAY)
    assert "tells of an error" in done.complaint()
    assert "error.message" in done.complaint()
    assert_nothing_promised(done)


def test_ever_new_cursors_through_nothing_are_an_error() -> None:
    pages = CursorPages(Window(*SPAN), dt.timedelta(days=7), 100)
    token = dataclasses.replace(pages.first, cursor="c", gaps=MOST_EMPTY_PAGES - 1)
    step = pages.after(PageRead(token, 0, {"cursor": "d"}, Glimpse(), requests.Response()))
    assert step.next is not None
    assert step.next.cursor == "d"
    with pytest.raises(CursorLoopError, match="empty pages in a row"):
        pages.after(PageRead(step.next, 0, {"cursor": "e"}, Glimpse(), requests.Response()))
