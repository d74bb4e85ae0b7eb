"""DevRev's conversation export.

Rules, from developer.devrev.ai (beta API reference, conversations.export and .list, rate limits):

- ``POST /conversations.export`` takes ``first`` (5000 at the most) and a window on
  ``modified_date`` with ``after`` and ``before``, both inclusive. There is no cursor, no total and
  no documented order: a response with as many records as were asked for may have been cut.
- Nor is it documented that the vendor sends as many as it has, up to ``first``. That a response
  came whole is proved; ``support_taps/halving.py`` says how, and what is assumed.
- A window too short to be cut further is read from ``POST /conversations.list``, which has a
  cursor but smaller pages.
- A 413 is listed for the export without a word on what was too large: less time and fewer rows are
  asked for.
- An unknown field in the body is a 400: this filter has no ``type``, and there is no
  ``created_date``.
- The export is a beta API: ``X-Devrev-Scope: beta``. It is sent to ``.list`` too, whose
  records lack the beta fields without it.
- Every response tells the rate limit as ``X-Ratelimit-Limit``, ``-Remaining`` and ``-Reset``; a 429
  has ``Retry-After``, or ``retry_after`` in its body.
- The end of a list is a ``next_cursor`` that is absent or empty; a page may be empty before that.
  A cursor in any other place is an error rather than the end.
"""

from __future__ import annotations

import abc
import datetime as dt
import functools
import re
import typing as t

from singer_sdk.authenticators import BearerTokenAuthenticator
from singer_sdk.streams.rest import HTTPRequest
from typing_extensions import override

from support_taps.errors import ShapeError
from support_taps.halving import HalvingPages, SampledTimes, Slice
from support_taps.http.rate_limits import HeaderRateLimiter
from support_taps.http.retries import LONGEST_RETRY_AFTER, parse_seconds
from support_taps.streams.base import token_of
from support_taps.streams.incremental import IncrementalStream
from support_taps.timestamps import MILLISECOND, from_epoch, isoformat

if t.TYPE_CHECKING:
    from requests import Response
    from singer_sdk.streams.rest import PageContext

    from support_taps.bookmarks import Checkpoint
    from support_taps.pagination import PageRead
    from support_taps.windows import Window

LARGEST_PAGE = 5000
LARGEST_LIST_PAGE = 99
"""Newer list endpoints of DevRev refuse 100 (seen by the makers of another connector)."""

_CURSOR, _OTHER_CURSOR = "next_cursor", "prev_cursor"
_LIKE_A_CURSOR = re.compile("cursor|next|more|page", re.IGNORECASE)


class ExportPages(HalvingPages):
    """Windows of an export, and DevRev's list where they are too short to be cut further."""

    @override
    def next_cursor(self, page: PageRead[Slice, SampledTimes]) -> str | None:
        """The cursor in ``next_cursor``; absent, null or empty it is the end.

        Raises:
            ShapeError: There is none, but something in another place that may be one; or it is of
                another type.
        """
        cursor = page.envelope.get(_CURSOR)
        if cursor is not None and not isinstance(cursor, str):
            msg = (
                f"the vendor sent a '{_CURSOR}' that is {_kind_of(cursor)} and not text; whether "
                "the list goes on cannot be known"
            )
            raise ShapeError(msg)
        if cursor or _CURSOR in page.envelope:
            return cursor or None
        is_full = page.rows >= min(page.token.first, LARGEST_LIST_PAGE)
        odd = [
            key
            for key, value in page.envelope.items()
            if value and key != _OTHER_CURSOR and (is_full or _LIKE_A_CURSOR.search(key))
        ]
        if odd:
            msg = (
                f"a page of the list has no '{_CURSOR}', but keys that may say that it goes on; "
                f"keys seen: {', '.join(page.envelope)}"
            )
            raise ShapeError(msg)
        return None


def _kind_of(value: t.Any) -> str:
    kinds = {bool: "a boolean", dict: "an object", list: "an array"}
    return kinds.get(type(value), "a number")


class DevRevStream(IncrementalStream[Slice], abc.ABC):
    """An export that is read in windows that are proved to come whole."""

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
    def pages(self, span: Window, reached: Checkpoint | None) -> ExportPages:
        return ExportPages(
            span,
            dt.timedelta(days=self.config["window_days"]),
            self.config["page_size"],
            field="modified_date",
            unit=self.time_unit,
        )

    @override
    def get_http_request(self, *, page: PageContext[Slice]) -> HTTPRequest:
        token = token_of(page)
        after, before = (
            isoformat(from_epoch(bound, self.time_unit))
            for bound in token.window.bounds(self.time_unit)
        )
        body: dict[str, t.Any] = {"modified_date": {"after": after, "before": before}}
        if token.is_listed:
            body["limit"] = min(token.first, LARGEST_LIST_PAGE)
            if token.cursor is not None:
                body["cursor"] = token.cursor
        else:
            body["first"] = token.first
        return HTTPRequest(
            url=self.url_base + (self.list_path if token.is_listed else self.path),
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
