"""Dixa's Exports API, and the tables and the activity log of its main API.

Sources: docs.dixa.io/docs/exports-api-guide, docs.dixa.io/openapi/exports-api, and the OpenAPI
document of the main API (August 2026), whose examples the reference tables are.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import parse_qsl, urlencode

from sandbox.data.common import DAY
from sandbox.data.dixa import DixaSource
from sandbox.data.dixa_tables import FLOW_CHANNELS, REFERENCES
from sandbox.instants import nanoseconds
from sandbox.paging import BadCursorError
from sandbox.rate_limits import RateLimit
from sandbox.reference import Endpoint
from sandbox.responses import Response, empty_response, json_response, refuse, rows_of
from sandbox.table import Bounds, encode, mixed
from sandbox.vendor import Vendor, integer, milliseconds

if TYPE_CHECKING:
    from sandbox.call import Call
    from sandbox.reference import Reference
    from sandbox.table import Record, Row

LONGEST_SPAN = 31 * DAY
DEFAULT_PAGE = 50
"""Of the main API: undocumented."""
_FILTERS = ("created", "updated", "closed", "last_message_created")


def _times(*names: str) -> dict[str, Any]:
    return {name: lambda record, key=f"{name}_at": record.get(key) for name in names}


def _activity_time(record: Record) -> int:
    """`2021-12-01T12:46:36.581Z[GMT]` in milliseconds."""
    found = nanoseconds(record["activityTimestamp"].removesuffix("[GMT]")) or 0
    return found // 1_000_000


class Dixa(Vendor):
    """One JSON array per window, streamed; no paging, no order, errors without a body."""

    name = "dixa"
    url_settings = ("api_url", "platform_api_url")
    source = DixaSource
    exports = (
        Endpoint("conversations", "/v1/conversation_export", times=_times(*_FILTERS)),
        # Messages can be filtered by `created_` alone.
        Endpoint("messages", "/v1/message_export", times=_times("created")),
        Endpoint(
            "activity_logs", "/v1/conversations/activitylog", times={"activity": _activity_time}
        ),
    )
    references = REFERENCES
    # "Messages: 3 requests per minute. Conversations: 10 request per minute", per token.
    documented_rate_limits: ClassVar[dict[str, RateLimit]] = {
        "messages": RateLimit(3, 60),
        "conversations": RateLimit(10, 60),
        # "10 requests per second with a burst of 4", of the main API.
        "platform": RateLimit(4, 0.4),
    }
    common_scope = "platform"
    token_setting = "api_token"  # noqa: S105
    token = "dixa-token-for-the-sandbox"  # noqa: S105

    bounds: Bounds = "inclusive"
    """Whether `_after` and `_before` include their moment: undocumented. Half-open: `_after`."""

    last_meta: Literal["absent", "null", "empty"] = "absent"
    """How `meta` is where there is no further page: the examples have none."""

    pages_everywhere: bool = False
    """Whether lists come in pages too that have none by the document."""

    next_url: Literal["path", "absolute"] = "path"
    """Whether `meta.next` of the main API has a host: the document shows a path."""

    def authorised(self, call: Call) -> bool:
        """`bearer <token>`, or Basic with the user `bearer` and the token as its password."""
        if call.bearer is not None:
            return call.bearer == self.token
        scheme, _, credentials = call.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            try:
                decoded = base64.b64decode(credentials, validate=True)
            except binascii.Error:
                return False
            return decoded == f"bearer:{self.token}".encode()
        return False

    def error(self, status: int, message: str = "", **_: Any) -> Response:
        """400, 401, 429, 5XX of the exports: "No body"; those of the main API have a message.

        No header that says how long to wait is documented.
        """
        return json_response({"message": message}, status) if message else empty_response(status)

    def response(self, call: Call) -> Response:
        """The rows of the window that match every filter given; or a page of a table."""
        if call.stream in ("conversations", "messages"):
            return rows_of(mixed(self._select(call)), b"[", b"]")
        params = dict(call.params)
        if (reference := self.reference(call)) is not None:
            return self._list(call, params, reference)
        return self._log(call, params)

    def _list(self, call: Call, params: dict[str, str], reference: Reference) -> Response:
        """A list whole or in pages; or one object."""
        if call.parent in self.refused_parents:
            return self.error(self.refused_parents[call.parent], "Not found")
        # An object, or a bare array, has no place for the way to a next page.
        has_pages = reference.is_paged or (self.pages_everywhere and not reference.holds_one)
        page = None
        if has_pages and reference.place:
            page = _asked_page(params)
            page |= params
            params = {name: page[name] for name in page.keys() - {"pageLimit", "cursor"}}
        rows = _filtered(call.stream, self.table(call.stream).rows(call.parent), params)
        if rows is None or params:
            return self.error(400, "Invalid value in request")
        before, after = reference.around()
        if page is not None:
            return self._page(call, rows, page, before, after)
        if reference.holds_one and not rows:
            return self.error(404, "Not found")
        if self.last_meta == "null" and after:
            after = after[:-1] + b',"meta":null}'
        return rows_of(mixed(rows), before, after)

    def _log(self, call: Call, params: dict[str, str]) -> Response:
        """The activities within a time, in pages."""
        page = _asked_page(params)
        names = ("fromDatetime", "toDatetime")
        page |= {name: params.pop(name) for name in names if name in params}
        bounds = {name: nanoseconds(page[name]) for name in names if name in page}
        if params or None in bounds.values():
            return self.error(400, "Invalid value for: query parameter")
        low, high = (
            None if (bound := bounds.get(name)) is None else bound // 1_000_000 for name in names
        )
        rows = self.table(call.stream).between("activity", low, high, bounds=self.bounds)
        return self._page(call, rows, page, b'{"data":[', b"]}")

    def _page(
        self, call: Call, rows: list[Row], page: dict[str, str], before: bytes, after: bytes
    ) -> Response:
        """A page, and `meta` with the URL of the next one."""
        size = integer(page["pageLimit"])
        wrong = "Invalid value for: query parameter pageKey"
        if not size:
            return self.error(400, wrong)
        try:
            found, following = self.paging.page(rows, size, page.get("cursor"), None)
        except BadCursorError:
            return self.error(400, wrong)
        if following is None:
            meta = {"absent": b"", "null": b',"meta":null', "empty": b',"meta":{}'}[self.last_meta]
        else:
            host = f"{self.host_url}/{self.name}" if self.next_url == "absolute" else ""
            key = base64.urlsafe_b64encode(urlencode({**page, "cursor": following}).encode())
            url = f"{host}{call.path}/?{urlencode({'pageKey': key.decode()})}"
            meta = b',"meta":' + encode({"next": url})
        return rows_of(found, before, after[:-1] + meta + b"}")

    def _select(self, call: Call) -> list[Row]:
        """The rows asked for."""
        table, params = self.table(call.stream), dict(call.params)
        csids = params.pop("csids", None) if call.stream == "conversations" else None
        spans: dict[str, tuple[int | None, int | None]] = {}
        for name in table.times:
            after, before = params.pop(f"{name}_after", None), params.pop(f"{name}_before", None)
            if after is not None or before is not None:
                spans[name] = _moment(after), _moment(before)
        if params or not self._spans_allowed(spans, csids):
            refuse()
        chosen: list[Row] | None = None
        for name, (low, high) in spans.items():
            found = table.between(name, low, high, bounds=self.bounds)
            if chosen is not None:
                keys = {row.key for row in found}
                found = [row for row in chosen if row.key in keys]
            chosen = found
        rows = table.rows() if chosen is None else chosen
        if csids is not None:
            wanted = {integer(text) for text in csids.split(",")}
            if None in wanted:
                refuse()
            rows = [row for row in rows if row.key in wanted]
        return rows

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


def _asked_page(params: dict[str, str]) -> dict[str, str]:
    """Take what is about pages out of a query: the `pageKey` holds the query and the size."""
    page = {"pageLimit": str(DEFAULT_PAGE)}
    if key := params.pop("pageKey", None):
        try:
            page |= parse_qsl(base64.urlsafe_b64decode(key).decode())
        except ValueError:
            page["pageLimit"] = "0"
    if limit := params.pop("pageLimit", None):
        page["pageLimit"] = limit
    return page


def _filtered(stream: str, rows: list[Row], params: dict[str, str]) -> list[Row] | None:
    """The rows that a table's own filters let through, taken out of the query; None: a wrong one.

    Tags that are deactivated are left out by default; of flows one channel is listed.
    """
    if stream == "tags":
        included = params.pop("includeDeactivated", "false")
        if included not in ("true", "false"):
            return None
        return [row for row in rows if included == "true" or row.record["state"] == "Active"]
    if stream == "flows":
        channel = params.pop("channel", FLOW_CHANNELS[0])
        if channel not in FLOW_CHANNELS:
            return None
        return [row for row in rows if row.record["channel"] == channel]
    field, name = {"contact_endpoints": ("_type", "_type"), "templates": ("_type", "type")}.get(
        stream, ("", "")
    )
    if (kind := params.pop(name, None)) is None:
        return rows
    return [row for row in rows if row.record[field] == kind]


def _moment(text: str | None) -> int | None:
    """Unix milliseconds, or yyyy-mm-dd (midnight UTC); None where nothing is asked for."""
    if text is None or (number := integer(text)) is not None:
        return None if text is None else number
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=timezone.utc)
    except ValueError:
        refuse()
    if len(text) != len("yyyy-mm-dd"):
        refuse()
    return milliseconds(day)
