"""The incremental exports of the Zendesk Chat API.

Rules, from developer.zendesk.com/api-reference/live-chat/chat-api/incremental_export/:

- A page starts at ``start_time`` (seconds since 1970; microseconds for the agent timeline, whatever
  the tables of parameters say) and, within that moment, after ``start_id``. The response names
  where the next page starts as ``end_time`` and ``end_id``; the agent timeline has no ``end_id``.
- ``next_page`` is never null, also on the last page. The URL is rebuilt here rather than followed,
  so that a host in it never receives the token.
- "If count is less than limit, more items are available": read literally this is the reverse of
  what every client does. A stream here ends when a page is empty, when the cursor stands still or
  when it has passed the newest time that can be asked for, which is right under both readings.
- ``start_time`` must be more than five minutes in the past.
- ``limit`` is 1000 at the most. 200 requests a minute over all exports, then 429 with
  ``Retry-After``.
- Without ``fields=chats(*)`` chats, and likewise conversions, are little more than their ids.
"""

from __future__ import annotations

import abc
import datetime as dt
import typing as t

from singer_sdk.authenticators import BearerTokenAuthenticator
from singer_sdk.streams.rest import HTTPRequest
from typing_extensions import override

from support_taps.bookmarks import Checkpoint
from support_taps.errors import CursorLoopError, ShapeError, StateError
from support_taps.pagination import PageRead, Paginator, Step
from support_taps.streams.base import token_of
from support_taps.streams.incremental import IncrementalStream
from support_taps.timestamps import SECOND, from_epoch, to_epoch

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from singer_sdk.streams.rest import PageContext

    from support_taps.http.rate_limits import WindowRateLimiter
    from support_taps.windows import Window

LARGEST_PAGE = 1000


class ServerCursor(t.NamedTuple):
    """Where the server goes on.

    Args:
        end_time: Units since 1970 (seconds, or microseconds for the agent timeline).
        end_id: The last record at that time that has been sent; None where the export has none.
    """

    end_time: int
    end_id: str | None = None


class CursorPage(t.NamedTuple):
    """A page to ask for.

    Args:
        cursor: Where it starts.
        limit: How many records it may hold.
    """

    cursor: ServerCursor
    limit: int


class ServerCursorPages(Paginator[CursorPage]):
    """Follows the server's cursor.

    Args:
        start: The first cursor.
        unit: What its time counts.
        until: The first moment that cannot be asked for.
        page_size: The ``limit`` that is sent.
    """

    def __init__(
        self, start: ServerCursor, unit: dt.timedelta, until: dt.datetime, page_size: int
    ) -> None:
        """Start at a cursor."""
        self._unit = unit
        self._until = to_epoch(until, unit)
        self._page_size = page_size
        super().__init__(CursorPage(start, page_size))

    @override
    def after(self, page: PageRead[CursorPage, t.Any]) -> Step[CursorPage]:
        """From the server's cursor on; an empty page keeps nothing."""
        if page.rows == 0:
            return Step(None)
        cursor = server_cursor(page.envelope)
        return Step(self._next(page, cursor), self._checkpoint(cursor))

    def _next(self, page: PageRead[CursorPage, t.Any], cursor: ServerCursor) -> CursorPage | None:
        """The next page, if there is another one that can be asked for.

        A full page of one moment is asked for again, larger. That can happen where the export has
        no ``end_id``: what was read last comes first again.
        """
        if cursor != page.token.cursor:
            return CursorPage(cursor, self._page_size) if cursor.end_time < self._until else None
        if page.rows < page.token.limit:
            return None
        if page.token.limit < LARGEST_PAGE:
            return CursorPage(cursor, LARGEST_PAGE)
        msg = f"more than {LARGEST_PAGE} records at one moment; the vendor's cursor stands still"
        raise CursorLoopError(msg)

    def _checkpoint(self, cursor: ServerCursor) -> Checkpoint:
        """A page that held records keeps the server's cursor.

        Not beyond the newest time that can be asked for: there, more can still come in before it.
        """
        if cursor.end_time >= self._until:
            cursor = ServerCursor(self._until)
        return Checkpoint(from_epoch(cursor.end_time, self._unit), cursor._asdict())

    @override
    def describe(self, token: CursorPage) -> str:
        """Where the page starts."""
        start = from_epoch(token.cursor.end_time, self._unit)
        return f"page from {start:%Y-%m-%d %H:%M:%S} UTC"


def server_cursor(envelope: Mapping[str, t.Any]) -> ServerCursor:
    """The cursor that the server gave with a page.

    Args:
        envelope: The response without its records.

    Raises:
        ShapeError: It has none that can be used.
    """
    try:
        end_time = int(envelope["end_time"])
    except (KeyError, TypeError, ValueError):
        keys = ", ".join(envelope) or "none"
        msg = f"the response has records but no usable 'end_time'; its other keys are: {keys}"
        raise ShapeError(msg) from None
    end_id = envelope.get("end_id")
    return ServerCursor(end_time, None if end_id in {None, ""} else str(end_id))


class ZendeskChatStream(IncrementalStream[CursorPage], abc.ABC):
    """An incremental export, read along the server's cursor."""

    time_unit = SECOND
    settles_after = dt.timedelta(minutes=5)

    expand: t.ClassVar[str | None] = None
    """The value of ``fields`` without which records come without their fields."""

    @property
    @override
    def rate_limiter(self) -> WindowRateLimiter:
        return self.tap.rate_limiter("all exports", 200, 60)

    @property
    @override
    def authenticator(self) -> BearerTokenAuthenticator:
        return BearerTokenAuthenticator(token=self.config["access_token"])

    @override
    def pages(self, span: Window, reached: Checkpoint | None) -> ServerCursorPages:
        start = ServerCursor(to_epoch(span.start, self.time_unit))
        if reached is not None and reached.cursor is not None and reached.until == span.start:
            start = self._cursor_in_state(reached.cursor)
        return ServerCursorPages(start, self.time_unit, span.end, self.config["page_size"])

    @override
    def get_http_request(self, *, page: PageContext[CursorPage]) -> HTTPRequest:
        cursor, limit = token_of(page)
        # Whether start_time counts its moment in is not documented. Without an id to go on after,
        # one unit earlier is right under both readings.
        start_time = cursor.end_time if cursor.end_id else max(cursor.end_time - 1, 0)
        return HTTPRequest(
            url=self.get_url(page.stream_context),
            headers=self.http_headers,
            params={
                "start_time": start_time,
                "start_id": cursor.end_id,
                "limit": limit,
                "fields": self.expand,
            },
        )

    @override
    def unauthorized_hint(self) -> str:
        return (
            "check the setting 'access_token': Chat needs a token of a Chat API client; tokens of "
            "Zendesk Support are not accepted"
        )

    @override
    def forbidden_hint(self) -> str:
        return (
            "the export needs an owner or administrator, and a plan that has the Chat API; "
            "check also the setting 'subdomain'"
        )

    def _cursor_in_state(self, cursor: t.Any) -> ServerCursor:
        told = cursor if isinstance(cursor, dict) else {}
        end_time, end_id = told.get("end_time"), told.get("end_id")
        if not isinstance(end_time, int) or not isinstance(end_id, str | None):
            msg = f"the state of stream '{self.name}' has {cursor!r} as its cursor, which is none"
            raise StateError(msg)
        return ServerCursor(end_time, end_id)
