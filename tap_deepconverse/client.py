"""The DeepConverse Export API.

Rules, from docs.deepconverse.com/product-docs/analytics/export-api:

- A request asks for one bot and a time window, in seconds since 1970. No longest window is
  documented, nor whether a window includes its ends, nor any order of the records.
- A page holds up to 1000 records and a cursor; the cursor is null after the last page. The samples
  show the first page only; all filters are sent again with a cursor here, the safe reading.
- Where the cursor stands in the response is not documented; the places other APIs of this kind use
  are looked at. A page may be empty and still have a cursor.
- 3 requests a second for each endpoint.
- ``x-api-key: <key>``. No status or body of an error is documented.
- Which time of a conversation the window is about, its start or its last action, is not documented.
  The bookmark is the end of a window, which is safe under both.
"""

from __future__ import annotations

import abc
import datetime as dt
import typing as t

from singer_sdk.authenticators import APIKeyAuthenticator
from singer_sdk.streams.rest import HTTPRequest
from typing_extensions import override

from support_taps.errors import CursorLoopError
from support_taps.pagination import ExportPaginator, WindowPaginator
from support_taps.streams.base import ExportStream
from support_taps.timestamps import SECOND

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from requests import Response
    from singer_sdk.helpers.types import Context
    from singer_sdk.streams.rest import PageContext

    from support_taps.bookmarks import Checkpoint
    from support_taps.http.rate_limits import WindowRateLimiter
    from support_taps.streams.base import Batch
    from support_taps.windows import Window

LARGEST_PAGE = 1000

_CURSOR_PLACES = (
    ("cursor",),
    ("next_cursor",),
    ("nextCursor",),
    ("pagination", "cursor"),
    ("meta", "cursor"),
)


class WindowPage(t.NamedTuple):
    """One page of a window: the first one without a cursor."""

    window: Window
    cursor: str | None = None


class CursorPaginator(ExportPaginator[WindowPage]):
    """For each window, pages until the cursor is null, absent or empty.

    Args:
        windows: The windows.
    """

    def __init__(self, windows: WindowPaginator) -> None:
        """Start at the first page of the first window."""
        self._windows = windows
        self._seen: set[str] = set()
        super().__init__(WindowPage(windows.current_value))

    @override
    def has_more(self, response: Response) -> bool:
        """Whether the window has another page, or there is another window."""
        if self._next_cursor is not None:
            return True
        self._windows.advance(response)
        return not self._windows.finished

    @override
    def get_next(self, response: Response) -> WindowPage:
        """The next page of the window, or the first one of the next window."""
        cursor = self._next_cursor
        if cursor is None:
            self._seen.clear()
            return WindowPage(self._windows.current_value)
        if cursor in self._seen:
            msg = f"the vendor handed out a cursor twice in {self._windows.description}"
            raise CursorLoopError(msg)
        self._seen.add(cursor)
        return WindowPage(self._windows.current_value, cursor)

    @property
    @override
    def checkpoint(self) -> Checkpoint | None:
        """A window keeps its end after its last page."""
        return self._windows.checkpoint if self._next_cursor is None else None

    @property
    @override
    def description(self) -> str:
        """Which window of how many, and its dates."""
        return self._windows.description

    @property
    def _next_cursor(self) -> str | None:
        return find_cursor(self.page.envelope)


def find_cursor(envelope: Mapping[str, t.Any]) -> str | None:
    """The cursor of a response; None if it is null, absent or empty.

    Args:
        envelope: The response without its records.
    """
    for place in _CURSOR_PLACES:
        value: t.Any = envelope
        for key in place:
            value = value.get(key) if isinstance(value, dict) else None
        if value is not None and value != "":
            return str(value)
    return None


class DeepConverseStream(ExportStream[WindowPage], abc.ABC):
    """An export of one bot after the other, each with its own bookmark."""

    records_key = "data"
    time_unit = SECOND
    sends_epochs = True

    @property
    @override
    def partitions(self) -> list[dict[str, str]]:
        return [{"bot_name": bot_name} for bot_name in self.config["bot_names"]]

    @property
    @override
    def rate_limiter(self) -> WindowRateLimiter:
        return self.tap.rate_limiter(self.name, 3, 1)

    @property
    @override
    def authenticator(self) -> APIKeyAuthenticator:
        return APIKeyAuthenticator(key="x-api-key", value=self.config["api_key"], location="header")

    @override
    def get_new_paginator(self) -> CursorPaginator:
        length = dt.timedelta(days=self.config["window_days"])
        return CursorPaginator(WindowPaginator(self.span, length))

    @override
    def get_http_request(self, *, page: PageContext[WindowPage]) -> HTTPRequest:
        window, cursor = t.cast("WindowPage", page.next_page_token)
        start_time, end_time = window.bounds(self.time_unit)
        return HTTPRequest(
            url=self.get_url(None),
            headers=self.http_headers,
            params={
                "start_time": start_time,
                "end_time": end_time,
                "bot_name": t.cast("Context", page.stream_context)["bot_name"],
                "per_page": self.config["page_size"],
                "cursor": cursor,
            },
        )

    @override
    def read_pages(
        self, context: Context | None, convert: Callable[[list[bytes]], Batch]
    ) -> Iterator[Batch]:
        """Warn of a bot without any record: an unknown one is answered like an empty one."""
        before = self.progress.records
        yield from super().read_pages(context, convert)
        has_read = self.bookmark.checkpoint is not None
        if has_read and self.bookmark.is_new and self.progress.records == before:
            self.logger.warning(
                "%s: no records at all; check the setting 'bot_names'", self.progress.where
            )

    @override
    def unauthorized_hint(self) -> str:
        return "check the setting 'api_key': the key of the dashboard's Account > API"

    @override
    def forbidden_hint(self) -> str:
        return (
            "check the settings 'api_key' (the key of the dashboard's Account > API) and "
            "'bot_names'; the Export API is part of the Enterprise plan only"
        )
