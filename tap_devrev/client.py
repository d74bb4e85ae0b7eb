"""DevRev's API: exports in windows, lists with a cursor, and lists of one object.

Rules, from developer.devrev.ai (its OpenAPI document, versioning, rate limits):

- Everything is asked for with POST and a JSON body. An unknown field in it is a 400 (seen), also
  one that another endpoint has: each stream sends what its endpoint documents and no more.
- ``X-Devrev-Scope: beta`` is needed for what is beta. It is sent always, since records lack the
  beta fields without it. What the account has not switched on is a 403 or a 404.
- One rate limit for each user over all endpoints. Every response tells it as
  ``X-Ratelimit-Limit``, ``-Remaining`` and ``-Reset``; a 429 has ``Retry-After``, or
  ``retry_after`` in its body.
- Bounds of a filter by time are both inclusive. There are two forms of it, and each endpoint takes
  one: ``{after, before}``, and the same with ``type: "range"``.
- A list has ``limit`` and ``cursor``. 100 rows a page are documented for two lists; newer ones
  refuse more than 99 (seen by the makers of another connector). Some have no ``limit``, and some
  no pages. A page may be empty before the end of its list.
- The cursor of the next page is ``next_cursor``, or ``cursor`` for stages and states; absent or
  empty it is the end. What looks like a cursor in another place is an error.

Rules of the exports (``conversations.export``, ``works.export``, ``accounts.export``):

- ``first`` rows at the most (5000; 500 for accounts). There is no cursor, no total and no
  documented order: a response with as many records as were asked for may have been cut.
- Nor is it documented that the vendor sends as many as it has, up to ``first``. That a response
  came whole is proved; ``support_taps/halving.py`` says how, and what is assumed.
- A window too short to be cut further is read from the list of the same records, which has a
  cursor but smaller pages.
- A 413 is listed for the export without a word on what was too large: less time and fewer rows are
  asked for.
"""

from __future__ import annotations

import abc
import datetime as dt
import typing as t

from singer_sdk import SchemaDirectory, StreamSchema
from singer_sdk.authenticators import BearerTokenAuthenticator
from singer_sdk.streams.rest import HTTPRequest
from typing_extensions import override

from support_taps.halving import HalvingPages, Slice
from support_taps.http.retries import parse_seconds
from support_taps.pagination import Cursors, Inside, NoWitness, PagesInside, WindowPages
from support_taps.streams.base import SupportStream, Token, token_of
from support_taps.streams.child import ChildStream
from support_taps.streams.full_table import FullTableStream
from support_taps.streams.incremental import IncrementalStream
from support_taps.timestamps import MILLISECOND
from support_taps.windows import Window
from tap_devrev import schemas

if t.TYPE_CHECKING:
    from collections.abc import Mapping

    from requests import Response
    from singer_sdk.streams.rest import PageContext

    from support_taps.bookmarks import Checkpoint
    from support_taps.http.rate_limits import HeaderRateLimiter

LARGEST_PAGE = 5000
LARGEST_LIST_PAGE = 99


class DevRevStream(SupportStream[Token], abc.ABC):
    """Any endpoint: one token, one rate limit, POST."""

    http_method = "POST"
    schema = StreamSchema(SchemaDirectory(schemas))

    asks_for: t.ClassVar[Mapping[str, t.Any]] = {}
    """Fields of every request, beside those of time and page."""

    cursor_key: t.ClassVar[str] = "next_cursor"
    """Under which key a list tells the cursor of its next page."""

    takes_limit: t.ClassVar[bool] = True
    """Whether the list takes the number of rows of a page."""

    @property
    @override
    def rate_limiter(self) -> HeaderRateLimiter:
        return self.tap.told_rate_limiter

    @property
    @override
    def authenticator(self) -> BearerTokenAuthenticator:
        return BearerTokenAuthenticator(token=self.config["access_token"])

    @property
    @override
    def http_headers(self) -> dict[str, str]:
        return {**super().http_headers, "X-Devrev-Scope": "beta"}

    @override
    def get_http_request(self, *, page: PageContext[Token]) -> HTTPRequest:
        return HTTPRequest(
            url=self.url_base + self.path_of(token_of(page)),
            method=self.http_method,
            headers=self.http_headers,
            data={**self.asks_for, **(page.stream_context or {}), **self.body(token_of(page))},
        )

    def path_of(self, token: Token) -> str:  # noqa: ARG002 - for exports, which have two
        """The endpoint of a page."""
        return self.path

    @abc.abstractmethod
    def body(self, token: Token) -> dict[str, t.Any]:
        """The fields of a request that ask for a page."""

    def list_page(self, cursor: str | None) -> dict[str, t.Any]:
        """The fields that ask a list for a page.

        Args:
            cursor: None or empty for the first page.
        """
        limit = {"limit": min(self.config["page_size"], LARGEST_LIST_PAGE)}
        return {**(limit if self.takes_limit else {}), **({"cursor": cursor} if cursor else {})}

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
            f"the owner of the token must be allowed to read {self.name.replace('_', ' ')}, and "
            "some of DevRev's APIs are beta or belong to a feature that can be off"
        )


class DevRevIncremental(DevRevStream[Token], IncrementalStream[Token], abc.ABC):
    """Records that can be asked for by the time of their last change."""

    primary_keys = ("id",)
    replication_key = "modified_date"
    time_unit = MILLISECOND

    filter_name: t.ClassVar[str] = "modified_date"
    """Field of the request that holds the window."""

    filter_is_typed: t.ClassVar[bool] = False
    """Whether the filter is one of the two forms that has a ``type``."""

    @property
    def longest_window(self) -> dt.timedelta:
        """The longest time that a request asks for."""
        return dt.timedelta(days=self.config["window_days"])

    def within(self, window: Window) -> dict[str, t.Any]:
        """The field that asks for a window."""
        after, before = window.iso_bounds(self.time_unit)
        form = {"type": "range"} if self.filter_is_typed else {}
        return {self.filter_name: {**form, "after": after, "before": before}}


class DevRevExport(DevRevIncremental[Slice], abc.ABC):
    """An export that is read in windows that are proved to come whole."""

    list_path: t.ClassVar[str]
    """Path of the same records with a cursor."""

    largest_export: t.ClassVar[int] = LARGEST_PAGE

    @override
    def pages(self, span: Window, reached: Checkpoint | None) -> HalvingPages:
        return HalvingPages(
            span,
            self.longest_window,
            min(self.config["page_size"], self.largest_export),
            field="modified_date",
            unit=self.time_unit,
            cursor_key=self.cursor_key,
        )

    @override
    def path_of(self, token: Slice) -> str:
        return self.list_path if token.is_listed else self.path

    @override
    def body(self, token: Slice) -> dict[str, t.Any]:
        page = self.list_page(token.cursor) if token.is_listed else {"first": token.first}
        return {**self.within(token.window), **page}


class DevRevWorks(DevRevExport, abc.ABC):
    """One type of work: all types share their endpoints, and ``asks_for`` names one."""

    path = "/works.export"
    list_path = "/works.list"
    records_key = "works"
    filter_is_typed = True


class DevRevWindows(DevRevIncremental[Inside[Window, str]], abc.ABC):
    """A list that can be filtered by time: windows, and pages of each by its cursor."""

    @override
    def pages(
        self, span: Window, reached: Checkpoint | None
    ) -> PagesInside[Window, str, NoWitness]:
        cursors = Cursors(self.cursor_key, is_optional=True)
        return PagesInside(WindowPages(span, self.longest_window), cursors)

    @override
    def body(self, token: Inside[Window, str]) -> dict[str, t.Any]:
        window, cursor = token
        return {**self.within(window), **self.list_page(cursor)}


class DevRevList(DevRevStream[str], abc.ABC):
    """A list without such a filter."""

    @override
    def all_pages(self) -> Cursors:
        return Cursors(self.cursor_key, is_optional=True)

    @override
    def body(self, token: str) -> dict[str, t.Any]:
        return self.list_page(token)


class DevRevTable(DevRevList, FullTableStream[str], abc.ABC):
    """A list that is read whole."""


class DevRevChild(DevRevList, ChildStream[str], abc.ABC):
    """A list that is asked for once for each record of a parent, which the request names."""


class DevRevTimeline(DevRevChild, abc.ABC):
    """All comments on one object, and all events of it.

    The filter by ``created_date`` is not used: a comment that was edited since would be missed.
    """

    path = "/timeline-entries.list"
    records_key = "timeline_entries"
    primary_keys = ("id",)
    parent_fields: t.ClassVar = {"object": "id"}


class DevRevLinks(DevRevChild, abc.ABC):
    """Links of one object to others, whichever end of them it is."""

    path = "/links.list"
    records_key = "links"
    parent_fields: t.ClassVar = {"object": "id"}
    primary_keys = ("object", "id")
