"""The Dixa Exports API.

Rules, from docs.dixa.io/docs/exports-api-guide and its reference:

- A request asks for a time window of 31 days at the most, with one ``*_after`` and one
  ``*_before``, each in Unix milliseconds. Whether they include their ends is not documented.
- The response is one JSON array of the whole window, streamed, in no documented order. There
  are no pages.
- 10 requests a minute for conversations and 3 a minute for messages, for each token. Beyond that
  the response is 429, with no documented ``Retry-After``.
- ``Authorization: Bearer <API token>``. Errors have no body.
"""

from __future__ import annotations

import abc
import datetime as dt
import typing as t

from singer_sdk.authenticators import BearerTokenAuthenticator
from singer_sdk.streams.rest import HTTPRequest
from typing_extensions import override

from support_taps.pagination import WindowPages
from support_taps.streams.base import token_of
from support_taps.streams.incremental import IncrementalStream
from support_taps.timestamps import MILLISECOND
from support_taps.windows import Window

if t.TYPE_CHECKING:
    from singer_sdk.streams.rest import PageContext

    from support_taps.bookmarks import Checkpoint
    from support_taps.http.rate_limits import WindowRateLimiter

LONGEST_WINDOW_DAYS = 31
LONGEST_WINDOW = dt.timedelta(days=LONGEST_WINDOW_DAYS) - MILLISECOND
"""A request asks for one millisecond more than its window, and may span 31 days."""


class DixaStream(IncrementalStream[Window], abc.ABC):
    """An export, one request for each time window."""

    time_unit = MILLISECOND
    sends_epochs = True
    epoch_unit = MILLISECOND

    filter_name: t.ClassVar[str]
    """What the window is about: the part of the parameters before ``_after`` and ``_before``."""

    requests_per_minute: t.ClassVar[int]

    @property
    @override
    def rate_limiter(self) -> WindowRateLimiter:
        return self.tap.rate_limiter(self.name, self.requests_per_minute, 60)

    @property
    @override
    def authenticator(self) -> BearerTokenAuthenticator:
        return BearerTokenAuthenticator(token=self.config["api_token"])

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

    @override
    def unauthorized_hint(self) -> str:
        return (
            "check the setting 'api_token': a token of Dixa's Settings > Integrations > API "
            "Tokens, made for the Dixa API"
        )
