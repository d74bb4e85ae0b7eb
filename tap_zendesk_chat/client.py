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
from support_taps.pagination import ExportPaginator
from support_taps.streams.base import ExportStream
from support_taps.timestamps import SECOND, from_epoch, to_epoch

if t.TYPE_CHECKING:
    from requests import Response
    from singer_sdk.streams.rest import PageContext

    from support_taps.http.rate_limits import WindowRateLimiter

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


class ServerCursorPaginator(ExportPaginator[CursorPage]):
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
        self._seen = {start}
        super().__init__(CursorPage(start, page_size))

    @property
    def _server_cursor(self) -> ServerCursor:
        """The cursor that the server gave with the current page."""
        envelope = self.page.envelope
        try:
            end_time = int(envelope["end_time"])
        except (KeyError, TypeError, ValueError):
            keys = ", ".join(envelope) or "none"
            msg = f"the response has records but no usable 'end_time'; its other keys are: {keys}"
            raise ShapeError(msg) from None
        end_id = envelope.get("end_id")
        return ServerCursor(end_time, None if end_id in {None, ""} else str(end_id))

    @property
    def _stands_still(self) -> bool:
        return self._server_cursor == self.current_value.cursor

    @override
    def has_more(self, response: Response) -> bool:
        """Whether there is another page that can be asked for."""
        if self.page.rows == 0:
            return False
        if not self._stands_still:
            return self._server_cursor.end_time < self._until
        if self.page.rows < self.current_value.limit:
            return False
        if self.current_value.limit < LARGEST_PAGE:
            return True
        msg = f"more than {LARGEST_PAGE} records at one moment; the vendor's cursor stands still"
        raise CursorLoopError(msg)

    @override
    def get_next(self, response: Response) -> CursorPage:
        """From the server's cursor on; a full page of one moment is asked for again, larger.

        That can happen where the export has no ``end_id``: what was read last comes first again.
        """
        cursor = self._server_cursor
        if self._stands_still:
            return CursorPage(cursor, LARGEST_PAGE)
        if cursor in self._seen:
            msg = f"the vendor handed out the cursor {cursor.end_time}, {cursor.end_id} twice"
            raise CursorLoopError(msg)
        self._seen.add(cursor)
        return CursorPage(cursor, self._page_size)

    @property
    @override
    def checkpoint(self) -> Checkpoint | None:
        """A page that held records keeps the server's cursor.

        Not beyond the newest time that can be asked for: there, more can still come in before it.
        """
        if self.page.rows == 0:
            return None
        cursor = self._server_cursor
        if cursor.end_time >= self._until:
            cursor = ServerCursor(self._until)
        return Checkpoint(from_epoch(cursor.end_time, self._unit), cursor._asdict())

    @property
    @override
    def description(self) -> str:
        """Which page, and where it started."""
        start = from_epoch(self.current_value.cursor.end_time, self._unit)
        return f"page {self.count + 1} (from {start:%Y-%m-%d %H:%M:%S} UTC)"


class ZendeskChatStream(ExportStream[CursorPage], abc.ABC):
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
    def get_new_paginator(self) -> ServerCursorPaginator:
        start = ServerCursor(to_epoch(self.span.start, self.time_unit))
        checkpoint = self.bookmark.checkpoint
        if (
            checkpoint is not None
            and checkpoint.cursor is not None
            and checkpoint.until == self.span.start
        ):
            start = self._cursor_in_state(checkpoint.cursor)
        return ServerCursorPaginator(start, self.time_unit, self.span.end, self.config["page_size"])

    @override
    def get_http_request(self, *, page: PageContext[CursorPage]) -> HTTPRequest:
        cursor, limit = t.cast("CursorPage", page.next_page_token)
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
