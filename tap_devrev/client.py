"""DevRev's conversation export.

Rules, from developer.devrev.ai (beta API reference, conversations.export and .list, rate limits):

- ``POST /conversations.export`` takes ``first`` (5000 at the most) and a window on
  ``modified_date`` with ``after`` and ``before``, both inclusive. There is no cursor, no total and
  no documented order: a response with as many records as were asked for may have been cut.
- Such a window is halved, down to one millisecond; what cannot be halved is read from
  ``POST /conversations.list``, which has a cursor but smaller pages.
- An unknown field in the body is a 400: this filter has no ``type``, and there is no
  ``created_date``.
- The export is a beta API: ``X-Devrev-Scope: beta``. It is sent to ``.list`` too, whose
  records lack the beta fields without it.
- Every response tells the rate limit as ``X-Ratelimit-Limit``, ``-Remaining`` and ``-Reset``; a 429
  has ``Retry-After``, or ``retry_after`` in its body.
- The end of a list is a ``next_cursor`` that is absent or empty; a page may be empty before that.
"""

from __future__ import annotations

import abc
import datetime as dt
import functools
import typing as t

from singer_sdk.authenticators import BearerTokenAuthenticator
from singer_sdk.streams.rest import HTTPRequest
from typing_extensions import override

from support_taps.bookmarks import Checkpoint
from support_taps.errors import CursorLoopError
from support_taps.http.rate_limits import HeaderRateLimiter
from support_taps.http.retries import LONGEST_RETRY_AFTER
from support_taps.pagination import ExportPaginator
from support_taps.streams.base import ExportStream
from support_taps.timestamps import MILLISECOND, from_epoch, isoformat
from support_taps.windows import Window

if t.TYPE_CHECKING:
    from requests import Response
    from singer_sdk.streams.rest import PageContext

LARGEST_PAGE = 5000
LARGEST_LIST_PAGE = 99
"""Newer list endpoints of DevRev refuse 100 (seen by the makers of another connector)."""


class Slice(t.NamedTuple):
    """A window to be exported, or a page of the list of one."""

    window: Window
    is_listed: bool = False
    cursor: str | None = None


class HalvingPaginator(ExportPaginator[Slice]):
    """Windows in order of time, each short enough to come whole.

    One that was cut is read again as its first half. What came of a window decides how long
    the next one is, so that few are cut: the records of one that was are read twice.

    Args:
        span: What is to be read; not empty.
        length: The longest window.
        page_size: Records asked for with one export.
    """

    def __init__(self, span: Window, length: dt.timedelta, page_size: int) -> None:
        """Start with a window of full length."""
        self._end = span.end
        self._longest = length
        self._length = length
        self._page_size = page_size
        self._seen: set[str] = set()
        super().__init__(self._slice_from(span.start))

    def _slice_from(self, start: dt.datetime) -> Slice:
        return Slice(next(Window(start, self._end).split(self._length)))

    def _length_for_next(self, length: dt.timedelta) -> dt.timedelta:
        """The length at which, going by the window that came, two thirds of a page will come."""
        wanted, rows = self._page_size * 2 // 3, self.page.rows
        grown = min(length * 2, length * wanted // rows if rows else self._longest)
        return min(max(grown // MILLISECOND, 1) * MILLISECOND, self._longest)

    @property
    def _was_cut(self) -> bool:
        return not self.current_value.is_listed and self.page.rows >= self._page_size

    @property
    def _next_cursor(self) -> str | None:
        if not self.current_value.is_listed:
            return None
        return self.page.envelope.get("next_cursor") or None

    @override
    def get_next(self, response: Response) -> Slice | None:
        """The next page of the list, the first half of a window that was cut, or what follows."""
        window = self.current_value.window
        if (cursor := self._next_cursor) is not None:
            if cursor in self._seen:
                msg = f"the vendor handed out a cursor twice in the window {window}"
                raise CursorLoopError(msg)
            self._seen.add(cursor)
            return Slice(window, is_listed=True, cursor=cursor)
        self._seen.clear()
        if self._was_cut:
            if (halves := window.halve(MILLISECOND)) is None:
                return Slice(window, is_listed=True)
            first, _ = halves
            self._length = first.end - first.start
            return Slice(first)
        self._length = self._length_for_next(window.end - window.start)
        return self._slice_from(window.end) if window.end < self._end else None

    @property
    @override
    def checkpoint(self) -> Checkpoint | None:
        """A window that came whole keeps its end: whatever is older has come before it."""
        if self._was_cut or self._next_cursor is not None:
            return None
        return Checkpoint(self.current_value.window.end)

    @property
    @override
    def description(self) -> str:
        """The window's dates."""
        start, end = (f"{moment:%Y-%m-%d %H:%M:%S}" for moment in self.current_value.window)
        return f"window {start} to {end} UTC"


class DevRevStream(ExportStream[Slice], abc.ABC):
    """An export that is read in windows small enough to come whole."""

    http_method = "POST"
    time_unit = MILLISECOND

    list_path: t.ClassVar[str]
    """Path of the same records with a cursor."""

    @functools.cached_property
    @override
    def rate_limiter(self) -> HeaderRateLimiter:
        share = self.tap.settings.rate_limit_share
        return HeaderRateLimiter(share, longest=LONGEST_RETRY_AFTER)

    @property
    @override
    def authenticator(self) -> BearerTokenAuthenticator:
        return BearerTokenAuthenticator(token=self.config["access_token"])

    @property
    @override
    def http_headers(self) -> dict[str, str]:
        return {**super().http_headers, "X-Devrev-Scope": "beta"}

    @override
    def get_new_paginator(self) -> HalvingPaginator:
        length = dt.timedelta(days=self.config["window_days"])
        return HalvingPaginator(self.span, length, self.config["page_size"])

    @override
    def get_http_request(self, *, page: PageContext[Slice]) -> HTTPRequest:
        window, is_listed, cursor = t.cast("Slice", page.next_page_token)
        after, before = (
            isoformat(from_epoch(bound, MILLISECOND)) for bound in window.bounds(self.time_unit)
        )
        body: dict[str, t.Any] = {"modified_date": {"after": after, "before": before}}
        if is_listed:
            body["limit"] = min(self.config["page_size"], LARGEST_LIST_PAGE)
            if cursor is not None:
                body["cursor"] = cursor
        else:
            body["first"] = self.config["page_size"]
        return HTTPRequest(
            url=self.url_base + (self.list_path if is_listed else self.path),
            method=self.http_method,
            headers=self.http_headers,
            data=body,
        )

    @override
    def retry_after(self, response: Response, body: t.Any) -> float | None:
        told = super().retry_after(response, body)
        if told is None and isinstance(body, dict) and isinstance(body.get("retry_after"), int):
            return float(body["retry_after"])
        return told

    @override
    def unauthorized_hint(self) -> str:
        return "check the setting 'access_token': it may have expired or been revoked"

    @override
    def forbidden_hint(self) -> str:
        return (
            "the conversation export is a beta API; the owner of the token must be allowed to "
            "read conversations"
        )
