"""Dixa's two APIs: the Exports API, and the main API for what the ids point to.

Rules of the Exports API, from docs.dixa.io/docs/exports-api-guide and its reference:

- A request asks for a time window of 31 days at the most, with one ``*_after`` and one
  ``*_before``, each in Unix milliseconds. Whether they include their ends is not documented.
- The response is one JSON array of the whole window, streamed, in no documented order. There
  are no pages.
- 10 requests a minute for conversations and 3 a minute for messages, for each token. Beyond that
  the response is 429, with no documented ``Retry-After``.
- ``Authorization: Bearer <API token>``. Errors have no body.

Rules of the main API (https://dev.dixa.io), from docs.dixa.io/openapi/dixa-api and its guides:

- A list stands under ``data``. Where it has pages, ``meta.next`` is the URL of the next one, a path
  or absolute; ``meta`` is absent or null where there are none. The ``pageKey`` in it holds the
  query and the size of a page. A list that has no pages in the document may get them.
- 10 requests a second in bursts of 4, for each token; 864,000 a day, which is the same.
- No list but the activity log has a filter by time. Whether its bounds are included, and in which
  order it comes, is not documented.
- Fields that are null are left out. Times come in four forms: with ``Z``, with an offset, with the
  name of a zone (``…Z[GMT]``) and without a zone.
"""

from __future__ import annotations

import abc
import datetime as dt
import functools
import typing as t
import urllib.parse

from singer_sdk import SchemaDirectory, StreamSchema
from singer_sdk.authenticators import BearerTokenAuthenticator
from singer_sdk.streams.rest import HTTPRequest
from typing_extensions import override

from support_taps.errors import FatalResponseError
from support_taps.json_codec import decode, encode
from support_taps.pagination import EachOf, Inside, NextUrls, PagesInside, WindowPages
from support_taps.streams.base import SupportStream, Token, token_of
from support_taps.streams.child import ChildStream
from support_taps.streams.full_table import FullTableStream
from support_taps.streams.incremental import IncrementalStream
from support_taps.timestamps import MILLISECOND
from support_taps.windows import Window
from tap_dixa import schemas

if t.TYPE_CHECKING:
    from singer_sdk.helpers.types import Context
    from singer_sdk.streams.rest import PageContext

    from support_taps.bookmarks import Checkpoint
    from support_taps.http.rate_limits import WindowRateLimiter
    from support_taps.pagination import BasePaginator, NoWitness

LONGEST_WINDOW_DAYS = 31
LONGEST_WINDOW = dt.timedelta(days=LONGEST_WINDOW_DAYS) - MILLISECOND
"""A request asks for one millisecond more than its window, and may span 31 days."""


def window_length(config: t.Mapping[str, t.Any]) -> dt.timedelta:
    """The longest window, by the setting."""
    return min(dt.timedelta(days=config["window_days"]), LONGEST_WINDOW)


class DixaStream(SupportStream[Token], abc.ABC):
    """Either API: one token, and what to look at when it is refused."""

    schema = StreamSchema(SchemaDirectory(schemas))

    @property
    @override
    def authenticator(self) -> BearerTokenAuthenticator:
        return BearerTokenAuthenticator(token=self.config["api_token"])

    @override
    def unauthorized_hint(self) -> str:
        return (
            "check the setting 'api_token': a token of Dixa's Settings > Integrations > API "
            "Tokens, made for the Dixa API"
        )


class DixaExport(DixaStream[Window], IncrementalStream[Window], abc.ABC):
    """An export, one request for each time window."""

    primary_keys = ("id",)
    time_unit = MILLISECOND
    sends_epochs = True
    epoch_unit = MILLISECOND

    filter_name: t.ClassVar[str]
    """The subject of the window: the part of the parameters before ``_after`` and ``_before``."""

    requests_per_minute: t.ClassVar[int]

    @property
    @override
    def rate_limiter(self) -> WindowRateLimiter:
        return self.tap.rate_limiter(self.name, self.requests_per_minute, 60)

    @override
    def pages(self, span: Window, reached: Checkpoint | None) -> WindowPages:
        return WindowPages(span, window_length(self.config))

    @override
    def get_http_request(self, *, page: PageContext[Window]) -> HTTPRequest:
        after, before = token_of(page).bounds(self.time_unit)
        return HTTPRequest(
            url=self.get_url(page.stream_context),
            headers=self.http_headers,
            params={f"{self.filter_name}_after": after, f"{self.filter_name}_before": before},
        )


class DixaPlatform(DixaStream[Token], abc.ABC):
    """The main API: pages of ``data``, each with the URL of the next in ``meta.next``."""

    url_setting = "platform_api_url"
    records_key: t.ClassVar[str | None] = "data"
    names_zones = True

    params: t.ClassVar[t.Mapping[str, str]] = {}
    """The query of the first page."""

    @property
    @override
    def rate_limiter(self) -> WindowRateLimiter:
        return self.tap.rate_limiter("platform", 4, 0.4)

    def next_urls(self) -> NextUrls:
        """The pages of any list."""
        return NextUrls(self.url_base, "meta", "next", is_optional=True)

    @override
    def all_pages(self) -> BasePaginator[t.Any, NoWitness]:
        return self.next_urls()

    def request(self, context: Context | None, url: str, **params: str) -> HTTPRequest:
        """The request of a page.

        Args:
            context: The partition, or the parent.
            url: Of the page, as the paginator has it.
            params: The query of the first page, besides :attr:`params`.
        """
        # The path of the next URL is documented with a placeholder for the version, so that only
        # its query counts.
        following = urllib.parse.urlsplit(url).query
        return HTTPRequest(
            url=self.get_url(context),
            headers=self.http_headers,
            params=dict(urllib.parse.parse_qsl(following)) or {**self.params, **params},
        )


class DixaList(DixaPlatform[str], abc.ABC):
    """A list without a filter."""

    @override
    def get_http_request(self, *, page: PageContext[str]) -> HTTPRequest:
        return self.request(page.stream_context, token_of(page))


class DixaTable(DixaList, FullTableStream[str], abc.ABC):
    """A table of the main API."""


class DixaChild(DixaList, ChildStream[str], abc.ABC):
    """A list that the main API has for each record of a table, or of an export."""


class DixaFlows(DixaPlatform[Inside[str, str]], FullTableStream[Inside[str, str]], abc.ABC):
    """A table that is listed for one channel at a time, and by default for one only."""

    channels: t.ClassVar[t.Sequence[str]]

    @override
    def all_pages(self) -> PagesInside[str, str, NoWitness]:
        return PagesInside(EachOf(self.channels), self.next_urls())

    @override
    def get_http_request(self, *, page: PageContext[Inside[str, str]]) -> HTTPRequest:
        channel, url = token_of(page)
        return self.request(page.stream_context, url, channel=channel)


class DixaLog(DixaPlatform[Inside[Window, str]], IncrementalStream[Inside[Window, str]], abc.ABC):
    """A list of the main API that is read window by window, each in pages."""

    primary_keys = ("id",)
    time_unit = MILLISECOND

    @override
    def pages(
        self, span: Window, reached: Checkpoint | None
    ) -> PagesInside[Window, str, NoWitness]:
        return PagesInside(WindowPages(span, window_length(self.config)), self.next_urls())

    @override
    def get_http_request(self, *, page: PageContext[Inside[Window, str]]) -> HTTPRequest:
        window, url = token_of(page)
        since, until = window.iso_bounds(self.time_unit)
        return self.request(page.stream_context, url, fromDatetime=since, toDatetime=until)


class EndUserDetail(DixaChild):
    """An end user with what the list of them leaves out. No stream of its own."""

    name = "endusers"
    path = "/v1/endusers/{id}"
    holds_one = True


class DixaEndUsers(DixaTable, abc.ABC):
    """The end users; with the setting ``enduser_custom_attributes`` each is asked for again."""

    @functools.cached_property
    def _detail(self) -> EndUserDetail | None:
        return EndUserDetail(self.tap) if self.config["enduser_custom_attributes"] else None

    @override
    def all_pages(self) -> NextUrls:
        pages = self.next_urls()
        # Otherwise the vendor would wait for the page to be taken.
        pages.keeps_body = self._detail is not None
        return pages

    @override
    def completed(self, raws: list[bytes]) -> list[bytes]:
        detail = self._detail
        return raws if detail is None else [_in_full(raw, detail) for raw in raws]


def _in_full(raw: bytes, detail: EndUserDetail) -> bytes:
    """A record in full; as it is, if it was removed meanwhile or may not be seen."""
    try:
        (record,) = detail.request_records({"id": decode(raw)["id"]})
    except FatalResponseError as refused:
        if not refused.is_missing:
            raise
        return raw
    return encode(record)
