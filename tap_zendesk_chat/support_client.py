"""The Support API of Zendesk: tickets, and the conversations of Messaging, the successor of Chat.

Rules, from developer.zendesk.com/api-reference/ (ticketing, agent-availability, introduction):

- The incremental exports (tickets, users) go on along ``after_cursor`` until ``end_of_stream``.
  ``start_time`` is compared with ``generated_timestamp``, must be a minute old, and is for the
  first page only; the last minute is withheld. A ticket that changes meanwhile comes twice.
- ``support_type_scope=all`` on every page: without it tickets that only an AI agent handled are
  missing. Deleted tickets come whole, with the status ``deleted``.
- 10 requests a minute for tickets and metric events, 20 for users.
- The conversation log is a list for each ticket: 100 a page, no filter. Its events do not name
  their ticket. It has no limit of its own on paid plans: it shares the account's, see
  ``support_limits.py``.
- Engagements and queue events are kept for 90 days. They have no documented page size or order; an
  engagement appears when it ends, at the latest 14 days after it began.
- Survey responses have no time of their own, but a filter by it, in milliseconds.
- Most need an administrator. A plan without queues, engagements or surveys answers 403 or 404.

Which of the open questions are settled in which way is said where it is done; the table is in
``docs/from-chat-to-messaging.md``.
"""

from __future__ import annotations

import abc
import datetime as dt
import functools
import http
import typing as t
import urllib.parse

from singer_sdk import SchemaDirectory, StreamSchema
from singer_sdk.authenticators import BearerTokenAuthenticator
from singer_sdk.streams.rest import HTTPRequest
from typing_extensions import override

from support_taps.errors import StateError, TransientError
from support_taps.streams.base import SupportStream, Token, token_of
from support_taps.streams.child import ChildStream
from support_taps.streams.full_table import FullTableStream
from support_taps.streams.incremental import IncrementalStream
from support_taps.timestamps import SECOND, floor, isoformat, to_epoch
from support_taps.windows import Window
from tap_zendesk_chat import schemas
from tap_zendesk_chat.client import LARGEST_PAGE, CursorPage, ServerCursor
from tap_zendesk_chat.support_pages import (
    LARGEST_LIST_PAGE,
    Asked,
    ExportPage,
    ExportPages,
    ListPages,
    TimedPages,
    WindowedPages,
)

if t.TYPE_CHECKING:
    from requests import Response
    from singer_sdk.authenticators import APIAuthenticatorBase
    from singer_sdk.streams.rest import PageContext

    from support_taps.bookmarks import Checkpoint
    from support_taps.pagination import BasePaginator
    from tap_zendesk_chat.support_access import SupportAccess
    from tap_zendesk_chat.support_limits import SupportRateLimiter

KEPT_DAYS = 90
LOG_PART = 0.5
"""The part of the account's limit that the logs, by far the most requests, may take."""

PARENTS_OF_A_PAGE = 200
"""Tickets of a page whose logs are read as well: about a minute's work between two checkpoints."""


class SupportApiStream(SupportStream[Token], abc.ABC):
    """Anything of the Support API: its credentials and its rate limits."""

    schema = StreamSchema(SchemaDirectory(schemas))
    url_setting = "support_api_url"
    tap: SupportAccess

    requests_per_minute: t.ClassVar[int | None] = None
    """The endpoint's own limit; None: it has none but the account's."""

    part_of_account: t.ClassVar[float] = 1.0
    """How much of the account's limit it may take, where it has none of its own."""

    @functools.cached_property
    @override
    def rate_limiter(self) -> SupportRateLimiter:
        return self.tap.support_rate_limiter(self.requests_per_minute, self.part_of_account)

    @property
    @override
    def authenticator(self) -> APIAuthenticatorBase:
        if (renewed := self.tap.support_token) is not None:
            return renewed
        return BearerTokenAuthenticator(token=self.config["support_access_token"])

    @override
    def validate_response(self, response: Response) -> None:
        """Pass 200 only; a token that has expired is another try, with a new one."""
        token = self.tap.support_token
        if token is not None and response.status_code != http.HTTPStatus.UNAUTHORIZED:
            token.was_accepted = True
        elif token is not None and token.forget():
            msg = "the vendor no longer takes the access token (401); a new one is asked for"
            raise TransientError(msg, response)
        super().validate_response(response)

    @override
    def unauthorized_hint(self) -> str:
        if self.tap.support_token is not None:
            return (
                "the access token was new: check that the OAuth client of 'support_client_id' "
                "may use the scope 'read', and the setting 'support_api_url'"
            )
        return (
            "check the setting 'support_access_token': it may have expired (better give "
            "'support_client_id' and 'support_client_secret'); tokens of Chat are not accepted"
        )

    @override
    def forbidden_hint(self) -> str:
        return (
            "it needs a plan that has it, the scope 'read', and an administrator (custom roles may "
            "not do) as the owner of the token or OAuth client; check also 'subdomain'"
        )


class SupportExport(SupportApiStream[ExportPage], IncrementalStream[ExportPage], abc.ABC):
    """An incremental export, read along the server's cursor.

    Whether every late message brings its ticket into the export again is not documented, so that a
    run looks back (setting ``support_lookback_minutes``): then it begins by time. Without a
    lookback it begins at the cursor in the state.
    """

    primary_keys = ("id",)
    time_unit = SECOND
    settles_after = dt.timedelta(minutes=1)

    options: t.ClassVar[dict[str, str]] = {}
    """Sent with every page: whether the cursor remembers them is not documented."""

    @property
    @override
    def lookback(self) -> dt.timedelta:
        return dt.timedelta(minutes=self.config["support_lookback_minutes"])

    @override
    def pages(self, span: Window, reached: Checkpoint | None) -> ExportPages:
        first = ExportPage(to_epoch(span.start, SECOND))
        if reached is not None and reached.cursor is not None and reached.until == span.start:
            cursor, until = self._cursor_in_state(reached.cursor)
            if until == first.reached:
                first = first._replace(cursor=cursor)
            else:
                self.ignore_cursor(span.start)
        newest = to_epoch(self.tap.clock.now + dt.timedelta(days=1), SECOND)
        end = to_epoch(span.end, SECOND)
        return ExportPages(first, end, t.cast("str", self.replication_key), newest, self._tell)

    @property
    def page_size(self) -> int:
        """Records to ask for with one request."""
        size: int = self.config["page_size"]
        return min(size, PARENTS_OF_A_PAGE) if self.children else size

    @override
    def get_http_request(self, *, page: PageContext[ExportPage]) -> HTTPRequest:
        asked = token_of(page)
        # Whether start_time counts its second in is not documented.
        place: dict[str, t.Any] = {"start_time": max(asked.reached - 1, 0)}
        if asked.cursor is not None:
            place = {"cursor": asked.cursor}
        return HTTPRequest(
            url=self.get_url(page.stream_context),
            headers=self.http_headers,
            params={**place, "per_page": self.page_size, **self.options},
        )

    def _tell(self, what: str) -> None:
        self.logger.warning("%s: %s", self.progress.where, what)

    def _cursor_in_state(self, cursor: t.Any) -> tuple[str, int]:
        told = cursor if isinstance(cursor, dict) else {}
        after, until = told.get("after_cursor"), told.get("until")
        if not isinstance(after, str) or not isinstance(until, int):
            msg = f"the state of stream '{self.name}' has {cursor!r} as its cursor, which is none"
            raise StateError(msg)
        return after, until


class SupportTimedExport(SupportApiStream[CursorPage], IncrementalStream[CursorPage], abc.ABC):
    """An incremental export by time: a page starts where the last one's ``end_time`` was."""

    primary_keys = ("id",)
    time_unit = SECOND
    settles_after = dt.timedelta(minutes=1)

    @override
    def pages(self, span: Window, reached: Checkpoint | None) -> TimedPages:
        start = ServerCursor(to_epoch(span.start, SECOND))
        newest = self.tap.clock.now + dt.timedelta(days=1)
        return TimedPages(start, SECOND, span.end, newest, LARGEST_PAGE)

    @override
    def get_http_request(self, *, page: PageContext[CursorPage]) -> HTTPRequest:
        return HTTPRequest(
            url=self.get_url(page.stream_context),
            headers=self.http_headers,
            params={"start_time": token_of(page).cursor.end_time},  # "on or after"
        )


class SupportList(SupportApiStream[Asked], abc.ABC):
    """A list in pages of ``page[size]``."""

    extras: t.ClassVar[dict[str, str]] = {}
    """Parameters that no document promises: left out from the first refusal (400) on."""

    _is_plain = False

    @override
    def all_pages(self) -> BasePaginator[Asked, t.Any]:
        return ListPages(Asked(is_plain=self._is_plain), has_extras=bool(self.extras))

    def filters(self) -> dict[str, t.Any]:
        """Parameters of every page. For streams to override."""
        return {}

    @override
    def get_http_request(self, *, page: PageContext[Asked]) -> HTTPRequest:
        asked = token_of(page)
        self._is_plain = asked.is_plain
        return HTTPRequest(
            url=self.get_url(page.stream_context),
            headers=self.http_headers,
            params={
                "page[size]": LARGEST_LIST_PAGE,
                "page[after]": asked.place or None,
                **self.filters(),
                **({} if asked.is_plain else self.extras),
            },
        )


class SupportTable(SupportList, FullTableStream[Asked], abc.ABC):
    """A list without a time that could be told or asked for."""


class SupportChild(SupportList, ChildStream[Asked], abc.ABC):
    """A list that there is for each record of a stream; on by default where that one is."""

    selected_by_default = True
    part_of_account = LOG_PART


class OmnichannelExport(SupportApiStream[Asked], IncrementalStream[Asked], abc.ABC):
    """Events of omnichannel routing, asked for in windows of time; the last 90 days are kept.

    The order, the largest page and whether rows come late are not documented: windows are read
    anew from a lookback on, and the page size is left out if it is refused.
    """

    time_unit = SECOND
    requests_per_minute = 30  # of the queues beside them; their own is told nowhere
    window_length: t.ClassVar[dt.timedelta] = dt.timedelta(days=1)
    appears_after: t.ClassVar[dt.timedelta] = dt.timedelta(days=1)
    """How long after its time a row can appear."""

    @property
    @override
    def lookback(self) -> dt.timedelta:
        return max(self.appears_after, super().lookback)

    @override
    def span_to_read(self, reached: Checkpoint | None) -> Window:
        """Not before what the vendor keeps, counted from the span's end.

        With an ``end_date`` in the past too much is asked for, never too little.
        """
        span = super().span_to_read(reached)
        kept = floor(span.end - dt.timedelta(days=KEPT_DAYS), SECOND)
        if span.start >= kept:
            return span
        if not self._has_warned:
            self._has_warned = True
            self.logger.warning(
                "%s: the vendor keeps %d days, so that nothing from before %s is read (asked for: "
                "from %s)",
                self.progress.where,
                KEPT_DAYS,
                isoformat(kept),
                isoformat(span.start),
            )
        return Window(kept, span.end)

    _has_warned = False

    @override
    def pages(self, span: Window, reached: Checkpoint | None) -> WindowedPages:
        return WindowedPages(span, self.window_length)

    @override
    def get_http_request(self, *, page: PageContext[Asked]) -> HTTPRequest:
        asked = token_of(page)
        params: dict[str, t.Any] = {} if asked.is_plain else {"page_size": LARGEST_LIST_PAGE}
        if asked.window is not None:
            params["start_time"], params["end_time"] = asked.window.bounds(SECOND)
        # Of the next page's URL only the query counts: the token goes to no other host.
        params.update(urllib.parse.parse_qsl(asked.place))
        return HTTPRequest(
            url=self.get_url(page.stream_context), headers=self.http_headers, params=params
        )
