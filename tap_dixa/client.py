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
  query and the size of a page.
- 10 requests a second in bursts of 4, for each token; 864,000 a day, which is the same.
- No list has a filter by time. Fields that are null are left out.
"""

from __future__ import annotations

import abc
import datetime as dt
import typing as t
import urllib.parse

from singer_sdk import SchemaDirectory, StreamSchema
from singer_sdk.authenticators import BearerTokenAuthenticator
from singer_sdk.streams.rest import HTTPRequest
from typing_extensions import override

from support_taps.pagination import NextUrls, WindowPages
from support_taps.streams.base import SupportStream, Token, token_of
from support_taps.streams.child import ChildStream
from support_taps.streams.full_table import FullTableStream
from support_taps.streams.incremental import IncrementalStream
from support_taps.timestamps import MILLISECOND
from support_taps.windows import Window
from tap_dixa import schemas

if t.TYPE_CHECKING:
    from singer_sdk.streams.rest import PageContext

    from support_taps.bookmarks import Checkpoint
    from support_taps.http.rate_limits import WindowRateLimiter

LONGEST_WINDOW_DAYS = 31
LONGEST_WINDOW = dt.timedelta(days=LONGEST_WINDOW_DAYS) - MILLISECOND
"""A request asks for one millisecond more than its window, and may span 31 days."""


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
        return WindowPages(span, min(dt.timedelta(days=self.config["window_days"]), LONGEST_WINDOW))

    @override
    def get_http_request(self, *, page: PageContext[Window]) -> HTTPRequest:
        after, before = token_of(page).bounds(self.time_unit)
        return HTTPRequest(
            url=self.get_url(page.stream_context),
            headers=self.http_headers,
            params={f"{self.filter_name}_after": after, f"{self.filter_name}_before": before},
        )


class DixaPlatform(DixaStream[str], abc.ABC):
    """The main API: pages of ``data``, each with the URL of the next in ``meta.next``."""

    url_setting = "platform_api_url"
    records_key = "data"

    @property
    @override
    def rate_limiter(self) -> WindowRateLimiter:
        return self.tap.rate_limiter("platform", 4, 0.4)

    @override
    def all_pages(self) -> NextUrls:
        return NextUrls(self.url_base, "meta", "next", is_optional=True)

    @override
    def get_http_request(self, *, page: PageContext[str]) -> HTTPRequest:
        # The path of the next URL is documented with a placeholder for the version, so that only
        # its query counts.
        following = urllib.parse.urlsplit(token_of(page)).query
        return HTTPRequest(
            url=self.get_url(page.stream_context),
            headers=self.http_headers,
            params=dict(urllib.parse.parse_qsl(following)),
        )


class DixaTable(DixaPlatform, FullTableStream[str], abc.ABC):
    """A table of the main API."""


class DixaChild(DixaPlatform, ChildStream[str], abc.ABC):
    """A list that the main API has for each record of a table."""
