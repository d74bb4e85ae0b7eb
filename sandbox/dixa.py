"""Dixa's Exports API, and the reference tables of its main API.

Sources: docs.dixa.io/docs/exports-api-guide, docs.dixa.io/openapi/exports-api, and the OpenAPI
document of the main API (August 2026), whose examples the reference tables are.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import urlencode

from sandbox.data.dixa import DixaSource
from sandbox.paging import BadCursorError, CursorPaging
from sandbox.rate_limits import RateLimit
from sandbox.reference import Reference
from sandbox.responses import Response, empty_response, json_response
from sandbox.table import Row, Table, encode, mixed
from sandbox.vendor import DAY, Vendor, integer, milliseconds, rows_of

if TYPE_CHECKING:
    from sandbox.call import Call

LONGEST_SPAN = 31 * DAY
DEFAULT_PAGE = 50
"""Of the main API: undocumented."""
_CONVERSATION_FILTERS = ("created", "updated", "closed", "last_message_created")


class Dixa(Vendor):
    """One JSON array per window, streamed; no paging, no order, errors without a body."""

    name = "dixa"
    url_settings = ("api_url", "platform_api_url")
    routes: ClassVar[dict[tuple[str, str], str]] = {
        ("GET", "/v1/conversation_export"): "conversations",
        ("GET", "/v1/message_export"): "messages",
    }
    references = (
        Reference(
            "agents",
            "/v1/agents",
            {
                "id": "93b885ad-fe0d-3089-8df6-34904fd59f71",
                "createdAt": "2020-12-16T09:41:43Z",
                "displayName": "Agent",
                "email": "agent.0@example.org",
                "avatarUrl": "https://files.dixa.io/public/image_0_id",
                "additionalEmails": [],
                "additionalPhoneNumbers": [],
                "middleNames": [],
                "roles": ["Agent"],
            },
            count=120,
            is_paged=True,
        ),
        Reference(
            "teams",
            "/v1/teams",
            {"id": "005e7108-c85c-41d1-a945-4a8dc58c4399", "name": "Team A"},
        ),
        Reference(
            "team_members",
            "/v1/teams/{teamId}/agents",
            {
                "id": "e8333378-62ed-4062-93b5-fadae6f41175",
                "name": "Agent A",
                "email": "aa@example.org",
            },
            of="teams",
        ),
    )
    # "Messages: 3 requests per minute. Conversations: 10 request per minute", per token.
    documented_rate_limits: ClassVar[dict[str, RateLimit]] = {
        "messages": RateLimit(3, 60),
        "conversations": RateLimit(10, 60),
        # "10 requests per second with a burst of 4", of the main API.
        "platform": RateLimit(4, 0.4),
    }
    token_setting = "api_token"  # noqa: S105
    token = "dixa-token-for-the-sandbox"  # noqa: S105

    bounds: Literal["inclusive", "exclusive", "half-open"] = "inclusive"
    """Whether `_after` and `_before` include their moment: undocumented. Half-open: `_after`."""

    next_url: Literal["path", "absolute"] = "path"
    """Whether `meta.next` of the main API has a host: the document shows a path."""

    def __init__(self, *args: Any) -> None:
        """Start with pages that come as asked."""
        super().__init__(*args)
        self.paging = CursorPaging()
        self.refused_parents: dict[str, int] = {}
        """Parent to 403 or 404, as for one that was removed meanwhile."""

    def scope(self, call: Call) -> str:
        """One rate limit for each export, and one for the main API."""
        return "platform" if self.reference(call) else call.stream

    def make_source(self) -> DixaSource:
        """Conversations and their messages."""
        return DixaSource(self.scene.seed)

    def make_tables(self) -> dict[str, Table]:
        """Messages can be filtered by `created_` alone."""

        def times(names: tuple[str, ...]) -> dict[str, Any]:
            return {name: lambda record, key=f"{name}_at": record.get(key) for name in names}

        return {
            "conversations": Table(lambda record: record["id"], times(_CONVERSATION_FILTERS)),
            "messages": Table(lambda record: record["id"], times(("created",))),
        }

    def authorised(self, call: Call) -> bool:
        """`bearer <token>`, or Basic with the user `bearer` and the token as its password."""
        scheme, _, credentials = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return credentials.strip() == self.token
        if scheme.lower() == "basic":
            try:
                decoded = base64.b64decode(credentials, validate=True)
            except binascii.Error:
                return False
            return decoded == f"bearer:{self.token}".encode()
        return False

    def error(self, status: int, **_details: Any) -> Response:
        """400, 401, 429, 5XX: "No body". No header that says how long to wait is documented."""
        return empty_response(status)

    def response(self, call: Call) -> Response:
        """The rows of the window that match every filter given; or a page of a table."""
        if (reference := self.reference(call)) is not None:
            return self._list(call, reference)
        rows = self._select(call)
        if rows is None:
            return self.error(400)
        return rows_of(mixed(rows), b"[", b"]")

    def _list(self, call: Call, reference: Reference) -> Response:
        """`data`, and where there are pages `meta` with the URL of the next one."""
        if call.parent in self.refused_parents:
            return json_response({"message": "Not found"}, self.refused_parents[call.parent])
        rows = self.table(call.stream).rows(call.parent)
        if not reference.is_paged:
            return rows_of(mixed(rows), b'{"data":[', b"]}")
        params = dict(call.params)
        size, cursor = (
            integer(params.pop("pageLimit", str(DEFAULT_PAGE))),
            params.pop("pageKey", None),
        )
        try:
            page, following = self.paging.page(rows, size or 0, cursor, None)
        except BadCursorError:
            return json_response({"message": "Invalid value for: query parameter pageKey"}, 400)
        if params or not size:
            return json_response({"message": "Invalid value in request"}, 400)
        meta: dict[str, str] = {}
        if following is not None:
            host = f"{self.host_url}/{self.name}" if self.next_url == "absolute" else ""
            meta["next"] = f"{host}{call.path}/?{urlencode({'pageKey': following})}"
        return rows_of(page, b'{"data":[', b'],"meta":' + encode(meta) + b"}")

    def _select(self, call: Call) -> list[Row] | None:
        """The rows asked for, or None when the query is not one."""
        filters = _CONVERSATION_FILTERS if call.stream == "conversations" else ("created",)
        params = dict(call.params)
        csids = params.pop("csids", None) if call.stream == "conversations" else None
        spans: dict[str, tuple[int | None, int | None]] = {}
        for name in filters:
            texts = params.pop(f"{name}_after", None), params.pop(f"{name}_before", None)
            if texts == (None, None):
                continue
            after, before = (None if text is None else moment(text) for text in texts)
            if (after is None) != (texts[0] is None) or (before is None) != (texts[1] is None):
                return None
            spans[name] = after, before
        if params or not self._spans_allowed(spans, csids):
            return None
        table = self.table(call.stream)
        chosen: list[Row] | None = None
        for name, (after, before) in spans.items():
            found = table.between(
                name,
                after,
                before,
                low_open=self.bounds == "exclusive",
                high_open=self.bounds != "inclusive",
            )
            keys = {row.key for row in found}
            chosen = found if chosen is None else [row for row in chosen if row.key in keys]
        if csids is not None:
            wanted = [integer(text) for text in csids.split(",")]
            if None in wanted:
                return None
            rows = table.rows() if chosen is None else chosen
            chosen = [row for row in rows if row.key in set(wanted)]
        return chosen

    @staticmethod
    def _spans_allowed(spans: dict[str, tuple[int | None, int | None]], csids: str | None) -> bool:
        """At least one `_after` and one `_before`, or csids; "no query can span more than 31 days".

        A window that ends before it begins is refused: undocumented, but never meant.
        """
        closed = [
            (after, before)
            for after, before in spans.values()
            if after is not None and before is not None
        ]
        if not closed and csids is None:
            return False
        return all(0 <= before - after <= LONGEST_SPAN for after, before in closed)


def moment(text: str) -> int | None:
    """Unix milliseconds, or yyyy-mm-dd (midnight UTC); None for anything else."""
    if (number := integer(text)) is not None:
        return number
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=timezone.utc)
    except ValueError:
        return None
    return milliseconds(day) if len(text) == len("yyyy-mm-dd") else None
