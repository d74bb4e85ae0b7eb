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

from support_taps.pagination import PageRead, Paginator, Step, WindowPages
from support_taps.streams.base import token_of
from support_taps.streams.incremental import IncrementalStream
from support_taps.timestamps import SECOND

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from singer_sdk.helpers.types import Context
    from singer_sdk.streams.rest import PageContext

    from support_taps.bookmarks import Checkpoint
    from support_taps.http.rate_limits import WindowRateLimiter
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


class CursorPages(Paginator[WindowPage]):
    """For each window, pages until the cursor is null, absent or empty.

    Args:
        span: The time to read; not empty.
        length: The longest window.
    """

    def __init__(self, span: Window, length: dt.timedelta) -> None:
        """Start at the first page of the first window."""
        self._windows = WindowPages(span, length)
        super().__init__(WindowPage(self._windows.first))

    @override
    def after(self, page: PageRead[WindowPage, t.Any]) -> Step[WindowPage]:
        """The next page of the window, or the first one of the next window."""
        window = page.token.window
        if (cursor := find_cursor(page.envelope)) is not None:
            return Step(WindowPage(window, cursor))
        following = self._windows.follow(window)
        if following.next is None:
            return Step(None, following.checkpoint)
        return Step(WindowPage(following.next), following.checkpoint)

    @override
    def describe(self, token: WindowPage) -> str:
        """Which window of how many, and its dates."""
        return self._windows.describe(token.window)


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


class DeepConverseStream(IncrementalStream[WindowPage], abc.ABC):
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
    def pages(self, span: Window, reached: Checkpoint | None) -> CursorPages:
        return CursorPages(span, dt.timedelta(days=self.config["window_days"]))

    @override
    def get_http_request(self, *, page: PageContext[WindowPage]) -> HTTPRequest:
        window, cursor = token_of(page)
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
    def found_nothing(self) -> None:
        """Warn: an unknown bot is answered like one without records."""
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
