"""The Zendesk Chat API: its incremental exports, and the tables beside them.

Rules of the exports, from developer.zendesk.com/api-reference/live-chat/chat-api/, page
incremental_export:

- A page starts at ``start_time`` and, within that moment, after ``start_id``. The response names
  where the next page starts as ``end_time`` and ``end_id``; the agent timeline has no ``end_id``,
  nor have the agent events (page incremental_agent_events_api) as public clients know them.
- The text and every sample count seconds since 1970, and microseconds for the agent timeline alone;
  the tables of parameters say microseconds for all. The samples are followed, and a time that is
  none in the stream's unit is an error: it would skip all that is to come.
- ``next_page`` is never null, also on the last page. The URL is rebuilt here rather than followed,
  so that a host in it never receives the token.
- "If count is less than limit, more items are available": read literally this is the reverse of
  what every client does, and permits short and even empty pages before the last one. A stream
  here ends when the cursor stands still, or has passed the newest time that can be asked for, which
  is right under both readings.
- ``start_time`` must be more than five minutes in the past.
- ``limit`` is 1000 at the most. 200 requests a minute over all exports, then 429 with
  ``Retry-After``.
- Without ``fields=chats(*)`` chats, and likewise conversions, are little more than their ids.

The tables, each on a page of its own there, have no filter by time. Most are bare arrays. Agents
and bans come in pages by id, without a word on whether there are more; bans as two arrays, by kind.
The account is a bare object, its routing settings are one under ``data``.
"""

from __future__ import annotations

import abc
import contextlib
import dataclasses
import datetime as dt
import decimal
import typing as t
from urllib import parse

from msgspec import UNSET, UnsetType
from singer_sdk import SchemaDirectory, StreamSchema
from singer_sdk.authenticators import BearerTokenAuthenticator
from singer_sdk.streams.rest import HTTPRequest
from typing_extensions import override

from support_taps.bookmarks import Checkpoint
from support_taps.envelopes import listed, refuse_errors, shown
from support_taps.errors import CursorLoopError, ShapeError, StateError
from support_taps.json_codec import REFUSALS, taking
from support_taps.pagination import BasePaginator, PageRead, Paginator, SinglePage, Step
from support_taps.streams.base import SupportStream, Token, token_of
from support_taps.streams.child import PartsStream
from support_taps.streams.full_table import FullTableStream
from support_taps.streams.incremental import IncrementalStream
from support_taps.timestamps import (
    MICROSECOND,
    SECOND,
    from_epoch,
    is_epoch_text,
    to_epoch,
)
from tap_zendesk_chat import schemas

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from singer_sdk.streams.rest import PageContext

    from support_taps.http.rate_limits import WindowRateLimiter
    from support_taps.windows import Window

LARGEST_PAGE = 1000
LARGEST_TABLE_PAGE = 100


OLDEST: t.Final = dt.datetime(2000, 1, 1, tzinfo=dt.timezone.utc)
"""Before the product (Zopim, 2007): an earlier time of a record counts in another unit."""

MOST_EMPTY_PAGES = 10_000
"""In a row; an hour of them. A cursor that moves through nothing would otherwise never end."""

_UNITS = {SECOND: "seconds", MICROSECOND: "microseconds"}


class ServerCursor(t.NamedTuple):
    """Where the server goes on.

    Args:
        end_time: Units since 1970 (seconds, or microseconds for the agent timeline).
        end_id: The last record at that time that has been sent; None where the export has none.
    """

    end_time: int
    end_id: str | None = None

    def is_past(self, other: ServerCursor) -> bool:
        """Whether it lies further on: at a later time, or behind another record of the same."""
        if self.end_time != other.end_time:
            return self.end_time > other.end_time
        return self.end_id not in {None, other.end_id}


@dataclasses.dataclass(frozen=True)
class CursorPage:
    """A page to ask for.

    The fields that are not in its ``repr`` are experience and no part of what is asked for: the
    loop guard leaves them out.

    Args:
        cursor: Where it starts.
        limit: How many records it may hold.
        is_check: Whether it only tells if anything comes after a cursor that stands still.
        gaps: How many empty pages came in a row.
        largest: The most records of a page so far: the vendor's cap, where it is lower than the
            limit.
    """

    cursor: ServerCursor
    limit: int
    is_check: bool = False
    gaps: int = dataclasses.field(default=0, repr=False)
    largest: int = dataclasses.field(default=0, repr=False)


class ServerCursorPages(Paginator[CursorPage]):
    """Follows the server's cursor.

    Args:
        start: The first cursor.
        unit: What its time counts.
        until: The first moment that cannot be asked for.
        newest: The latest moment that a record can have: clocks differ, but not by a day.
        page_size: The ``limit`` that is sent.
    """

    def __init__(
        self,
        start: ServerCursor,
        unit: dt.timedelta,
        until: dt.datetime,
        newest: dt.datetime,
        page_size: int,
    ) -> None:
        """Start at a cursor."""
        self._unit = unit
        self._until = to_epoch(until, unit)
        self._times = to_epoch(OLDEST, unit), to_epoch(newest, unit)
        self._page_size = page_size
        super().__init__(CursorPage(start, page_size))

    @override
    def after(self, page: PageRead[CursorPage, t.Any]) -> Step[CursorPage]:
        """From the server's cursor on.

        Raises:
            ShapeError: The response contradicts itself or the documents.
            CursorLoopError: The cursor does not lead past the records that came.
        """
        refuse_errors(page.envelope)
        self._refuse_missing(page)
        if page.token.is_check:
            return self._checked(page)
        if page.rows == 0:
            return Step(self._past_gap(page))
        cursor = self._cursor(page.envelope, oldest=self._times[0])
        if cursor is None:
            msg = f"the response has records but no 'end_time'; {listed(page.envelope)}"
            raise ShapeError(msg)
        return Step(self._next(page, cursor), self._checkpoint(cursor))

    def _past_gap(self, page: PageRead[CursorPage, t.Any]) -> CursorPage | None:
        """The page after an empty one, if its cursor moved on.

        The checkpoint stays behind such a page. That nothing lies before its cursor is the
        cursor's word alone, with no record to show for it; if it is wrong, the next run looks
        again from the last record that came. It costs that run the same empty pages.

        A cursor that stands still, or points back to what has been read (some servers put a
        zero where there is no "most recent time present in this result set"), is the end.
        """
        token = page.token
        cursor = self._cursor(page.envelope, oldest=0) or _cursor_of_url(page.envelope)
        if cursor is None or not cursor.is_past(token.cursor) or cursor.end_time >= self._until:
            return None
        if token.gaps == MOST_EMPTY_PAGES:
            msg = f"more than {MOST_EMPTY_PAGES:,} empty pages in a row, each with another cursor"
            raise CursorLoopError(msg)
        return CursorPage(cursor, self._page_size, gaps=token.gaps + 1, largest=token.largest)

    def _next(self, page: PageRead[CursorPage, t.Any], cursor: ServerCursor) -> CursorPage | None:
        """The page after one with records, if there is another one that can be asked for.

        A cursor that stands still although records came is usual where the export has no
        ``end_id``: what was read last comes first again. A full page of one moment is asked for
        again, larger. A page that is as large as the vendor's pages get may be cut as well:
        then it is checked whether anything comes later, which the stream would never reach.
        """
        token, rows = page.token, page.rows
        largest = max(rows, token.largest)
        if cursor != token.cursor:
            if cursor.end_time >= self._until:
                return None
            return CursorPage(cursor, self._page_size, largest=largest)
        if rows >= token.limit:
            if token.limit == LARGEST_PAGE:
                msg = f"more than {LARGEST_PAGE} records at one moment; {_STANDS_STILL}"
                raise CursorLoopError(msg)
            return CursorPage(cursor, LARGEST_PAGE, largest=largest)
        may_be_cut = rows >= token.largest if token.largest else rows > 1
        later = ServerCursor(cursor.end_time + 2)  # two, since one unit less is asked for
        if may_be_cut and later.end_time <= self._until:
            return CursorPage(later, self._page_size, is_check=True)
        return None

    def _checked(self, page: PageRead[CursorPage, t.Any]) -> Step[CursorPage]:
        """After a look past a cursor that stands still."""
        if page.rows == 0:
            return Step(None)
        msg = f"the vendor sends fewer records at a time than lie at one moment; {_STANDS_STILL}"
        raise CursorLoopError(msg)

    def _checkpoint(self, cursor: ServerCursor) -> Checkpoint:
        """A page that held records keeps the server's cursor.

        Not beyond the newest time that can be asked for: there, more can still come in before it.
        """
        if cursor.end_time >= self._until:
            cursor = ServerCursor(self._until)
        return Checkpoint(from_epoch(cursor.end_time, self._unit), cursor._asdict())

    def _cursor(self, envelope: Mapping[str, t.Any], oldest: int) -> ServerCursor | None:
        """The cursor that the server gave with a page; None if it gave no time.

        Args:
            envelope: The response without its records.
            oldest: The earliest time that makes sense, in the stream's unit.
        """
        end_time, end_id = envelope.get("end_time"), envelope.get("end_id")
        if end_time is None:
            return None
        newest = self._times[1]
        # The vendor's type is "number": one with a fraction of zero is an integer. The range
        # comes first: a number of a million digits would take for ever to become one. Without an
        # id beside it (agent events) a fraction can be dropped: some records are read again.
        is_number = isinstance(end_time, (int, decimal.Decimal)) and not isinstance(end_time, bool)
        if not (
            is_number
            and oldest <= end_time <= newest
            and (end_time == int(end_time) or end_id is None)
        ):
            unit = _UNITS[self._unit]
            msg = (
                f"the response's 'end_time' is {shown(end_time)}; it should be whole {unit} since "
                f"1970, from {oldest} to {newest} (a day after this run's start)"
            )
            raise ShapeError(msg)
        if isinstance(end_id, int) and not isinstance(end_id, bool):
            end_id = str(end_id)
        if not isinstance(end_id, str | None):
            msg = f"the response's 'end_id' is {shown(end_id)}, which is no id"
            raise ShapeError(msg)
        return ServerCursor(int(end_time), end_id or None)

    def _refuse_missing(self, page: PageRead[CursorPage, t.Any]) -> None:
        """Refuse a page that holds fewer records than its ``count`` says.

        "The number of results returned for the current request": the rest would be lost. A smaller
        count loses nothing, since no decision here rests on it.
        """
        count = page.envelope.get("count")
        if isinstance(count, int) and count > page.rows:
            msg = f"the response says that it holds {count} records, and it holds {page.rows}"
            raise ShapeError(msg)

    @override
    def describe(self, token: CursorPage) -> str:
        """Where the page starts."""
        start = from_epoch(token.cursor.end_time, self._unit)
        return f"page from {start:%Y-%m-%d %H:%M:%S} UTC"


_STANDS_STILL = "the vendor's cursor stands still"


def _cursor_of_url(envelope: Mapping[str, t.Any]) -> ServerCursor | None:
    """The cursor in ``next_page``, for an empty page that has no ``end_time`` to tell.

    It contains "start_time and start_id parameters that match the end_time and end_id".

    Args:
        envelope: The response without its records.
    """
    try:
        query = dict(parse.parse_qsl(parse.urlsplit(str(envelope.get("next_page"))).query))
    except ValueError:
        return None
    start_time = query.get("start_time", "")
    if not is_epoch_text(start_time):
        return None
    return ServerCursor(int(start_time), query.get("start_id"))


class ZendeskChatStream(SupportStream[Token], abc.ABC):
    """Anything of the Chat API: one token and one rate limit."""

    schema = StreamSchema(SchemaDirectory(schemas))

    @property
    @override
    def rate_limiter(self) -> WindowRateLimiter:
        return self.tap.rate_limiter("all", 200, 60)

    @property
    @override
    def authenticator(self) -> BearerTokenAuthenticator:
        return BearerTokenAuthenticator(token=self.config["access_token"])

    @override
    def unauthorized_hint(self) -> str:
        return (
            "check the setting 'access_token': Chat needs a token of a Chat API client; tokens of "
            "Zendesk Support are not accepted"
        )

    @override
    def forbidden_hint(self) -> str:
        return (
            "the Chat API needs an owner or administrator, and a plan that has it; "
            "check also the setting 'subdomain'"
        )


class ZendeskChatExport(ZendeskChatStream[CursorPage], IncrementalStream[CursorPage], abc.ABC):
    """An incremental export, read along the server's cursor."""

    time_unit = SECOND
    settles_after = dt.timedelta(minutes=5)

    expand: t.ClassVar[str | None] = None
    """The value of ``fields`` without which records come without their fields."""

    @override
    def pages(self, span: Window, reached: Checkpoint | None) -> ServerCursorPages:
        start = ServerCursor(to_epoch(span.start, self.time_unit))
        if reached is not None and reached.cursor is not None and reached.until == span.start:
            cursor = self._cursor_in_state(reached.cursor)
            if cursor.end_time == start.end_time:
                start = cursor
            else:
                self.ignore_cursor(span.start)
        newest = self.tap.clock.now + dt.timedelta(days=1)
        return ServerCursorPages(start, self.time_unit, span.end, newest, self.config["page_size"])

    @override
    def get_http_request(self, *, page: PageContext[CursorPage]) -> HTTPRequest:
        asked = token_of(page)
        cursor = asked.cursor
        # Whether start_time counts its moment in is not documented. Without an id to go on after,
        # one unit earlier is right under both readings.
        start_time = cursor.end_time if cursor.end_id else max(cursor.end_time - 1, 0)
        return HTTPRequest(
            url=self.get_url(page.stream_context),
            headers=self.http_headers,
            params={
                "start_time": start_time,
                "start_id": cursor.end_id,
                "limit": asked.limit,
                "fields": self.expand,
            },
        )

    def _cursor_in_state(self, cursor: t.Any) -> ServerCursor:
        told = cursor if isinstance(cursor, dict) else {}
        end_time, end_id = told.get("end_time"), told.get("end_id")
        if not isinstance(end_time, int) or not isinstance(end_id, str | None):
            msg = f"the state of stream '{self.name}' has {cursor!r} as its cursor, which is none"
            raise StateError(msg)
        return ServerCursor(end_time, end_id)


class ZendeskChatTable(ZendeskChatStream[t.Any], FullTableStream[t.Any], abc.ABC):
    """A table that comes as one bare array."""

    @override
    def all_pages(self) -> BasePaginator[t.Any, t.Any]:
        return SinglePage()

    @override
    def get_http_request(self, *, page: PageContext[t.Any]) -> HTTPRequest:
        return HTTPRequest(url=self.get_url(page.stream_context), headers=self.http_headers)


class IdsSeen:
    """The ids of a page's records, after which the next page begins."""

    def __init__(self) -> None:
        """Nothing has been seen yet."""
        self.ids: list[int | UnsetType] = []

    def note(self, raws: list[bytes]) -> None:
        """Take the ids of some records, in digits or as text."""
        for raw in raws:
            with contextlib.suppress(*REFUSALS):
                self.ids += _id_of(raw)


_id_of = taking({"id": int}, strict=False)


class IdPages(BasePaginator[int, IdsSeen]):
    """Pages of records by ascending id, until one is empty.

    ``since_id`` counts its record in, so that one more is asked for than the largest id so far.
    Whether bans are limited together, or each of their two kinds by itself, is not documented: in
    a page of more records than were asked for, one kind may be cut. All ids up to as many as were
    asked for have come under either reading.
    """

    def __init__(self) -> None:
        """Start before any id."""
        super().__init__(0)

    @override
    def witness(self) -> IdsSeen:
        return IdsSeen()

    @override
    def after(self, page: PageRead[int, IdsSeen]) -> Step[int]:
        """The page after the ids that came.

        Raises:
            ShapeError: A record has no id, or none that is a number.
        """
        if page.rows == 0:
            return Step(None)
        ids = sorted(each for each in page.seen.ids if each is not UNSET)
        if len(ids) < page.rows:
            msg = "a record has no 'id' that is a number: the page after it cannot be asked for"
            raise ShapeError(msg)
        return Step(ids[:LARGEST_TABLE_PAGE][-1] + 1)

    @override
    def describe(self, token: int) -> str:
        return f"page from id {token}"


class ZendeskChatTableById(ZendeskChatTable, abc.ABC):
    """A table that comes in pages of records by ascending id."""

    @override
    def all_pages(self) -> IdPages:
        return IdPages()

    @override
    def get_http_request(self, *, page: PageContext[int]) -> HTTPRequest:
        request = super().get_http_request(page=page)
        # More than 100 is a 400 for agents in some accounts (seen by the makers of another
        # connector); without a limit, bans come by tens.
        request.params = {"since_id": token_of(page), "limit": LARGEST_TABLE_PAGE}
        return request


class ZendeskChatParts(ZendeskChatStream[str], PartsStream, abc.ABC):
    """A table made from what lies inside of each chat.

    A chat comes whole whenever it is updated, and its parts with it.
    """

    parent_fields: t.ClassVar = {"chat_id": "id"}
