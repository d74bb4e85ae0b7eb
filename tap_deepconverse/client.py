"""The DeepConverse Export API.

Rules, from docs.deepconverse.com/product-docs/analytics/export-api:

- A request asks for one bot and a time window, in seconds since 1970. No longest window is
  documented, nor whether a window includes its ends, nor any order of the records.
- A page holds up to 1000 records and a cursor; the cursor is null after the last page. The samples
  show the first page only; all filters are sent again with a cursor here, the safe reading.
- Where the cursor stands in the response is not documented; the places other APIs of this kind use
  are looked at. A page may be empty and still have a cursor, and a cursor may stay the same while
  the records differ.
- The end of a window is null (or empty text) in one of those places. A response without any of them
  is not documented: it is the end where that can be proved (:meth:`CursorPages._unsaid`), and an
  error that lists its keys where it cannot.
- 3 requests a second for each endpoint.
- ``x-api-key: <key>``. No status or body of an error is documented.
- Which time of a conversation the window is about, its start or its last action, is not documented.
  The bookmark is the end of a window, which is safe under both.
"""

from __future__ import annotations

import abc
import dataclasses
import datetime as dt
import decimal
import hashlib
import typing as t

from singer_sdk.authenticators import APIKeyAuthenticator
from singer_sdk.streams.rest import HTTPRequest
from typing_extensions import override

from support_taps.envelopes import leads_on, listed, refuse_errors, shown
from support_taps.errors import CursorLoopError, ShapeError
from support_taps.json_codec import encode
from support_taps.pagination import BasePaginator, PageRead, Step, WindowPages
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
MOST_EMPTY_PAGES = 10_000
"""In a row; an hour of them. Cursors that lead through nothing for ever would never end a run."""

_CURSOR_PLACES = (
    ("cursor",),
    ("next_cursor",),
    ("nextCursor",),
    ("pagination", "cursor"),
    ("meta", "cursor"),
)
_KNOWN = frozenset(".".join(place) for place in _CURSOR_PLACES)


class Glimpse:
    """A page's records, as far as they are kept to know the page again.

    Its first and last record and its size: ids are unique, so that two pages alike in these are
    the same page, and hashing every byte would cost a tenth of the run.
    """

    def __init__(self) -> None:
        """Nothing has been seen yet."""
        self._first = self._last = b""
        self._size = 0

    def note(self, raws: list[bytes]) -> None:
        """Take a look at some records."""
        if raws:
            self._first = self._first or raws[0]
            self._last = raws[-1]
            self._size += sum(map(len, raws))

    @property
    def fingerprint(self) -> str:
        """The same for the same records only."""
        ends = hashlib.blake2b(self._first + b"\n" + self._last, digest_size=16)
        return f"{ends.hexdigest()}/{self._size}"


@dataclasses.dataclass(frozen=True)
class WindowPage:
    """One page of a window.

    The fields that are not in its ``repr`` are experience and no part of what is asked for: the
    loop guard leaves them out.

    Args:
        window: Which window.
        cursor: The vendor's; None for the first page.
        before: The fingerprint of the last page of this window that held records.
        after_gap: Whether the page before was empty.
        is_proof: Whether one record alone is asked for, to see whether a cursor comes with it.
        gaps: How many empty pages came in a row.
        has_cursors: Whether this run has found a cursor in a known place.
        largest: The most records of a page that another page followed: the vendor's cap, where
            it is lower than what is asked for.
    """

    window: Window
    cursor: str | None = None
    before: str = ""
    after_gap: bool = False
    is_proof: bool = False
    gaps: int = dataclasses.field(default=0, repr=False)
    has_cursors: bool = dataclasses.field(default=False, repr=False)
    largest: int = dataclasses.field(default=0, repr=False)


class CursorPages(BasePaginator[WindowPage, Glimpse]):
    """For each window, pages until the vendor says that there is no further one.

    Args:
        span: The time to read; not empty.
        length: The longest window.
        page_size: The ``per_page`` that is sent.
    """

    def __init__(self, span: Window, length: dt.timedelta, page_size: int) -> None:
        """Start at the first page of the first window."""
        self._windows = WindowPages(span, length)
        self._page_size = page_size
        super().__init__(WindowPage(self._windows.first))

    @override
    def witness(self) -> Glimpse:
        return Glimpse()

    @override
    def after(self, page: PageRead[WindowPage, Glimpse]) -> Step[WindowPage]:
        """The next page of the window, or the first one of the next window.

        Raises:
            ShapeError: Whether there is a next page cannot be told.
            CursorLoopError: The cursor leads to the same records again, or through nothing.
        """
        refuse_errors(page.envelope)
        token = page.token
        cursor = find_cursor(page.envelope)
        if token.is_proof:
            return self._proved(page, cursor)
        fingerprint = page.seen.fingerprint if page.rows else token.before
        if page.rows and fingerprint == token.before and cursor != token.cursor:
            msg = "the vendor sent the same records twice, as if it did not look at the cursor"
            raise CursorLoopError(msg)
        if cursor:
            gaps = 0 if page.rows else token.gaps + 1
            if gaps > MOST_EMPTY_PAGES:
                msg = (
                    f"{MOST_EMPTY_PAGES:,} empty pages in a row, each with a cursor to another one"
                )
                raise CursorLoopError(msg)
            following = dataclasses.replace(
                token,
                cursor=cursor,
                before=fingerprint,
                after_gap=not page.rows,
                gaps=gaps,
                has_cursors=True,
                largest=max(token.largest, page.rows),
            )
            return Step(following)
        if leading := leads_on(page.envelope, _KNOWN, token.cursor):
            raise _untold(page, f"'{leading}' looks like one")
        return self._end(token) if cursor == "" else self._unsaid(page)

    def _unsaid(self, page: PageRead[WindowPage, Glimpse]) -> Step[WindowPage]:
        """After a page with no cursor in any known place, not even null.

        A vendor may leave out what is null; or its cursor stands where nobody looks, and then a
        cap below ``per_page`` would make every page look like a last one. A page shorter than
        both is the end once the run has seen where the cursor stands. Otherwise its first record
        is asked for alone: that answer cannot be the whole, so that it must show a cursor.
        """
        token, rows = page.token, page.rows
        is_full = rows >= self._page_size or 0 < token.largest <= rows
        if is_full and rows == 1:
            raise _untold(page, "a page of one record cannot be asked for in parts")
        if is_full or (rows > 1 and not token.has_cursors):
            return Step(dataclasses.replace(token, is_proof=True))
        return self._end(token)

    def _proved(self, page: PageRead[WindowPage, Glimpse], cursor: str | None) -> Step[WindowPage]:
        """After the answer to a request for one record of several."""
        if not cursor or page.rows > 1:
            raise _untold(page, "not even where more records do follow")
        return self._end(dataclasses.replace(page.token, has_cursors=True))

    def _end(self, token: WindowPage) -> Step[WindowPage]:
        """After the last page of a window."""
        following = self._windows.follow(token.window)
        if following.next is None:
            return Step(None, following.checkpoint)
        first = WindowPage(following.next, has_cursors=token.has_cursors, largest=token.largest)
        return Step(first, following.checkpoint)

    @override
    def describe(self, token: WindowPage) -> str:
        """Which window of how many, and its dates."""
        return self._windows.describe(token.window)


def find_cursor(envelope: Mapping[str, t.Any]) -> str | None:
    """The cursor of a response; empty if it is null or empty; None if no known place has any.

    Args:
        envelope: The response without its records.

    Raises:
        ShapeError: It is of a type that cannot be sent back, or there are two.
    """
    found: dict[str, str] = {}
    for place in _CURSOR_PLACES:
        value: t.Any = envelope
        for key in place[:-1]:
            value = value.get(key)
            value = value if isinstance(value, dict) else {}
        if place[-1] in value:
            name = ".".join(place)
            found[name] = _cursor_text(name, value[place[-1]])
    cursors = set(found.values()) - {""}
    if len(cursors) > 1:
        msg = f"the response has several cursors, in {', '.join(found)}"
        raise ShapeError(msg)
    if not found:
        return None
    return next(iter(cursors), "")


def _cursor_text(name: str, value: t.Any) -> str:
    """A cursor as it is sent back: text, or a number as text."""
    if value is None or isinstance(value, str):
        return value or ""
    if isinstance(value, (int, decimal.Decimal)) and not isinstance(value, bool):
        return encode(value).decode()
    msg = f"the response's '{name}' is {shown(value)}, which is no cursor: text, a number or null"
    raise ShapeError(msg)


def _untold(page: PageRead[WindowPage, Glimpse], why: str) -> ShapeError:
    """The error of a page of which nobody can tell whether it was the last one."""
    places = ", ".join(sorted(_KNOWN))
    return ShapeError(
        f"the response holds {page.rows:,} records and no cursor in a place that is known "
        f"({places}; null there is the end): {why}; {listed(page.envelope)}"
    )


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
        length = dt.timedelta(days=self.config["window_days"])
        return CursorPages(span, length, self.config["page_size"])

    @override
    def get_http_request(self, *, page: PageContext[WindowPage]) -> HTTPRequest:
        asked = token_of(page)
        start_time, end_time = asked.window.bounds(self.time_unit)
        return HTTPRequest(
            url=self.get_url(None),
            headers=self.http_headers,
            params={
                "start_time": start_time,
                "end_time": end_time,
                "bot_name": t.cast("Context", page.stream_context)["bot_name"],
                "per_page": 1 if asked.is_proof else self.config["page_size"],
                "cursor": asked.cursor,
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
