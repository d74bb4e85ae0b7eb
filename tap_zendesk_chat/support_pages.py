"""How the pages of the Support API follow each other.

In all of them a flag says whether more follows, and a cursor where; the flag counts, since the
example of the conversation log has a ``links.next`` on its last page. A page without records is
not the end.
"""

from __future__ import annotations

import datetime as dt
import http
import typing as t
import urllib.parse

from typing_extensions import override

from support_taps.bookmarks import Checkpoint
from support_taps.envelopes import listed, refuse_errors, shown
from support_taps.errors import ShapeError
from support_taps.json_codec import REFUSALS, decode, taking
from support_taps.pagination import (
    BasePaginator,
    NoWitness,
    PageRead,
    Paginator,
    Step,
    WindowPages,
    text_at,
)
from support_taps.timestamps import SECOND, from_epoch, to_epoch
from tap_zendesk_chat.client import ServerCursorPages

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from support_taps.errors import FatalResponseError
    from support_taps.windows import Window
    from tap_zendesk_chat.client import CursorPage

LARGEST_LIST_PAGE = 100
"""Of the lists with ``page[size]``; the makers of readers send it to ``page_size`` as well."""


class Asked(t.NamedTuple):
    """A page of a list to ask for.

    Args:
        place: Where it begins: a cursor, or the query of a URL; empty for the first page.
        is_plain: Whether to leave out the parameters that no document promises.
        window: The time to ask for, where there is one.
    """

    place: str = ""
    is_plain: bool = False
    window: Window | None = None


def following(page: PageRead[Asked, t.Any], has_more: object, place: str | None) -> str | None:
    """Where the next page begins; None after the last.

    The flag decides. Where it is absent (the schema of the log calls it optional) the cursor does,
    unless the page is empty.

    Args:
        page: The page that came.
        has_more: The flag, whatever it is.
        place: The cursor or URL that came with it.

    Raises:
        ShapeError: Whether and where it goes on cannot be known.
    """
    if not isinstance(has_more, bool | None):
        msg = f"the response's 'has_more' is {shown(has_more)}, which is neither true nor false"
        raise ShapeError(msg)
    if has_more is False or (has_more is None and not page.rows):
        return None
    if not place and (has_more or page.rows >= LARGEST_LIST_PAGE):
        msg = f"more may follow, and the response does not say where; {listed(page.envelope)}"
        raise ShapeError(msg)
    return place or None


class ListPages(Paginator[Asked]):
    """Pages of a list, by ``meta.has_more`` and ``meta.after_cursor``.

    Args:
        first: The first page.
        has_extras: Whether there are parameters to leave out if they are refused (400).
    """

    def __init__(self, first: Asked | None = None, *, has_extras: bool = False) -> None:
        """Start at the first page."""
        super().__init__(first or Asked())
        self._has_extras = has_extras

    @override
    def after(self, page: PageRead[Asked, t.Any]) -> Step[Asked]:
        refuse_errors(page.envelope)
        meta = page.envelope.get("meta")
        has_more = meta.get("has_more") if isinstance(meta, dict) else None
        cursor = text_at(page.envelope, ("meta", "after_cursor"), is_optional=True)
        place = following(page, has_more, cursor)
        return Step(page.token._replace(place=place) if place else None)

    @override
    def refused(self, token: Asked, error: FatalResponseError) -> Asked | None:
        if error.status == http.HTTPStatus.BAD_REQUEST and self._has_extras and not token.is_plain:
            return token._replace(is_plain=True)
        return None


class WindowedPages(ListPages):
    """Windows of time, each in pages by ``has_more`` and the query of ``next_page_url``.

    Args:
        span: The time to read; not empty.
        length: The longest window.
    """

    def __init__(self, span: Window, length: dt.timedelta) -> None:
        """Start at the first window."""
        self._windows = WindowPages(span, length)
        super().__init__(Asked(window=self._windows.first), has_extras=True)

    @override
    def after(self, page: PageRead[Asked, t.Any]) -> Step[Asked]:
        refuse_errors(page.envelope)
        url = text_at(page.envelope, ("next_page_url",), is_optional=True)
        query = urllib.parse.urlsplit(url or "").query
        if place := following(page, page.envelope.get("has_more"), query):
            return Step(page.token._replace(place=place))
        step = self._windows.follow(self._window(page.token))
        if step.next is None:
            return Step(None, step.checkpoint)
        return Step(Asked("", page.token.is_plain, step.next), step.checkpoint)

    @override
    def describe(self, token: Asked) -> str:
        return self._windows.describe(self._window(token))

    def _window(self, token: Asked) -> Window:
        return token.window or self._windows.first


class ExportPage(t.NamedTuple):
    """A page of an export to ask for.

    Args:
        reached: Seconds since 1970: the latest time that has been seen, or the first to ask for.
        cursor: The server's cursor; None: ask by time.
    """

    reached: int
    cursor: str | None = None


class LatestTime:
    """Sees the latest time in one field of a page's records.

    Args:
        field: Its name: seconds since 1970, or ISO 8601 text.
        newest: Later ones (seconds since 1970) count in another unit, or are wrong.
    """

    def __init__(self, field: str, newest: int) -> None:
        """Nothing has been seen yet."""
        self.seconds = 0
        self._field = field
        self._newest = newest
        self._taken = taking({field: t.Any})

    def note(self, raws: list[bytes]) -> None:
        """Take the times of some records; one without any is an error of its stream later on."""
        for raw in raws:
            seconds = _seconds(self._time_of(raw))
            if self.seconds < seconds <= self._newest:
                self.seconds = seconds

    def _time_of(self, raw: bytes) -> object:
        try:
            return self._taken(raw)[0]
        except REFUSALS:  # what msgspec cannot read, ``decode`` may
            record = decode(raw)
            return record.get(self._field) if isinstance(record, dict) else None


def _seconds(value: object) -> int:
    if isinstance(value, str):
        try:
            moment = dt.datetime.fromisoformat(value.replace("Z", "+00:00"))
            return to_epoch(moment, SECOND)
        except (OverflowError, TypeError, ValueError):
            return 0
    return value if isinstance(value, int) and not isinstance(value, bool) else 0


class ExportPages(BasePaginator[ExportPage, LatestTime]):
    """Pages of an export along the server's cursor, until ``end_of_stream``.

    A cursor may be refused: how long one lives is not documented. Then the export is asked by
    time, from the latest that has been seen.

    Args:
        first: The first page.
        end: Seconds since 1970; a page that reaches it is the last.
        field: The field that the export is in order of.
        newest: The latest time that a record can have (seconds since 1970).
        tell: Told of a refused cursor, in words.
    """

    def __init__(
        self, first: ExportPage, end: int, field: str, newest: int, tell: Callable[[str], None]
    ) -> None:
        """Start at a cursor or a time."""
        super().__init__(first)
        self._end = end
        self._field = field
        self._newest = newest
        self._tell = tell

    @override
    def witness(self) -> LatestTime:
        return LatestTime(self._field, self._newest)

    @override
    def after(self, page: PageRead[ExportPage, LatestTime]) -> Step[ExportPage]:
        """From the server's cursor on, which stays in the state at the end of the stream too.

        Raises:
            ShapeError: Whether and where it goes on cannot be known.
        """
        envelope = page.envelope
        refuse_errors(envelope)
        has_ended = envelope.get("end_of_stream")
        if not isinstance(has_ended, bool):
            msg = f"the response's 'end_of_stream' is {shown(has_ended)}; {listed(envelope)}"
            raise ShapeError(msg)
        cursor = text_at(envelope, ("after_cursor",), is_optional=True) or None
        if not has_ended and cursor is None:
            msg = f"more follows, and the response has no 'after_cursor'; {listed(envelope)}"
            raise ShapeError(msg)
        reached = max(page.token.reached, page.seen.seconds)
        if not has_ended and reached >= self._end:
            return Step(None, Checkpoint(from_epoch(self._end, SECOND)))
        kept = {"after_cursor": cursor, "until": reached} if cursor else None
        checkpoint = Checkpoint(from_epoch(reached, SECOND), kept)
        return Step(None if has_ended else ExportPage(reached, cursor), checkpoint)

    @override
    def refused(self, token: ExportPage, error: FatalResponseError) -> ExportPage | None:
        if token.cursor is None or error.status not in _REFUSED_CURSOR:
            return None
        self._tell(f"{error}; the cursor may have expired, so that it goes on by time")
        return ExportPage(token.reached)

    @override
    def describe(self, token: ExportPage) -> str:
        """Where the page starts."""
        return f"page from {from_epoch(token.reached, SECOND):%Y-%m-%d %H:%M:%S} UTC"


_REFUSED_CURSOR = {
    http.HTTPStatus.BAD_REQUEST,
    http.HTTPStatus.NOT_FOUND,
    http.HTTPStatus.GONE,
    http.HTTPStatus.UNPROCESSABLE_ENTITY,
}


class TimedPages(ServerCursorPages):
    """Pages of an export by time, as those of Chat, until ``end_of_stream`` where it is said.

    The example of the metric events has no such flag.
    """

    @override
    def after(self, page: PageRead[CursorPage, NoWitness]) -> Step[CursorPage]:
        step = super().after(page)
        if page.envelope.get("end_of_stream") is True:
            return Step(None, step.checkpoint)
        return step
