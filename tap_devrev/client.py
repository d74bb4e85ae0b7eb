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
from support_taps.http.rate_limits import HeaderRateLimiter
from support_taps.http.retries import LONGEST_RETRY_AFTER, parse_seconds
from support_taps.pagination import PageRead, Paginator, Step
from support_taps.streams.base import token_of
from support_taps.streams.incremental import IncrementalStream
from support_taps.timestamps import MILLISECOND, from_epoch, isoformat
from support_taps.windows import Window

if t.TYPE_CHECKING:
    from requests import Response
    from singer_sdk.streams.rest import PageContext

LARGEST_PAGE = 5000
LARGEST_LIST_PAGE = 99
"""Newer list endpoints of DevRev refuse 100 (seen by the makers of another connector)."""


class Slice(t.NamedTuple):
    """A window to be exported, or a page of the list of one.

    Args:
        window: The time that is asked for.
        length: How long the window was meant to be; the span's end may have shortened it.
        is_listed: Whether it is read from the list.
        cursor: The page of the list.
    """

    window: Window
    length: dt.timedelta
    is_listed: bool = False
    cursor: str | None = None


class HalvingPages(Paginator[Slice]):
    """Windows in order of time, each short enough to come whole.

    One that was cut is read again as its first half. What came of a window decides how long
    the next one is, so that few are cut: the records of one that was are read twice.

    Args:
        span: The time to read; not empty.
        length: The longest window.
        page_size: Records asked for with one export.
    """

    def __init__(self, span: Window, length: dt.timedelta, page_size: int) -> None:
        """Start with a window of full length."""
        self._end = span.end
        self._longest = length
        self._page_size = page_size
        super().__init__(self._slice(span.start, length))

    def _slice(self, start: dt.datetime, length: dt.timedelta) -> Slice:
        return Slice(next(Window(start, self._end).split(length)), length)

    @override
    def after(self, page: PageRead[Slice, t.Any]) -> Step[Slice]:
        """The next page of the list, the first half of a window that was cut, or what follows."""
        window = page.token.window
        if page.token.is_listed:
            if cursor := page.envelope.get("next_cursor"):
                return Step(page.token._replace(cursor=cursor))
        elif page.rows >= self._page_size:
            if (halves := window.halve(MILLISECOND)) is None:
                return Step(page.token._replace(is_listed=True))
            return Step(Slice(halves[0], halves[0].end - halves[0].start))
        checkpoint = Checkpoint(window.end)
        if window.end >= self._end:
            return Step(None, checkpoint)
        length = self._length_after(page.rows, window.end - window.start)
        return Step(self._slice(window.end, length), checkpoint)

    def _length_after(self, rows: int, length: dt.timedelta) -> dt.timedelta:
        """The length at which, going by the window that came, two thirds of a page will come."""
        wanted = self._page_size * 2 // 3
        grown = min(length * 2, length * wanted // rows if rows else self._longest)
        return min(max(grown // MILLISECOND, 1) * MILLISECOND, self._longest)

    @override
    def describe(self, token: Slice) -> str:
        """The window's dates."""
        start, end = (f"{moment:%Y-%m-%d %H:%M:%S}" for moment in token.window)
        return f"window {start} to {end} UTC"


class DevRevStream(IncrementalStream[Slice], abc.ABC):
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
    def pages(self, span: Window, reached: Checkpoint | None) -> HalvingPages:
        length = dt.timedelta(days=self.config["window_days"])
        return HalvingPages(span, length, self.config["page_size"])

    @override
    def get_http_request(self, *, page: PageContext[Slice]) -> HTTPRequest:
        window, _, is_listed, cursor = token_of(page)
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
        inside = parse_seconds(body.get("retry_after")) if isinstance(body, dict) else None
        return max((wait for wait in (told, inside) if wait is not None), default=None)

    @override
    def unauthorized_hint(self) -> str:
        return "check the setting 'access_token': it may have expired or been revoked"

    @override
    def forbidden_hint(self) -> str:
        return (
            "the conversation export is a beta API; the owner of the token must be allowed to "
            "read conversations"
        )
