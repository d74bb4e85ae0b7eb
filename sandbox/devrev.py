"""DevRev's conversations.export (beta) and conversations.list.

Sources: DevRev's OpenAPI document (beta, January 2026), developer.devrev.ai on versioning and rate
limits. What live users report and the documents leave out is marked "seen".
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from sandbox.data.devrev import DevRevSource
from sandbox.instants import nanoseconds
from sandbox.paging import BadCursorError, CursorPaging
from sandbox.rate_limits import RateLimit, Verdict
from sandbox.responses import Response, json_response
from sandbox.table import Row, Table, encode, mixed
from sandbox.vendor import Vendor, rows_of

if TYPE_CHECKING:
    from sandbox.call import Call

Order = Literal["mixed", "oldest", "newest", "random"]
DEFAULT_ROWS = 50
LARGEST_EXPORT = 5000
LARGEST_PAGE = 100
"""Seen: some list endpoints take 100, some only 99, more is refused."""
_FILTERS = frozenset(
    (
        *("account", "actual_close_date", "applies_to_parts", "brand", "channels", "custom_fields"),
        *("group", "is_creator_verified", "is_frozen", "is_spam", "members", "modified_date"),
        *("owned_by", "owned_by_agent", "rev_org", "rev_orgs", "sla_summary", "source_channel"),
        *("source_channel_v2", "source_channels", "stage", "state", "subtype", "tags", "tags_v2"),
    )
)
_BETA_FIELDS = (
    "actual_close_date",
    "custom_fields",
    "custom_schema_fragments",
    "last_external_message_date",
    "stock_schema_fragment",
    "subtype",
)
_ERRORS = {
    400: ("bad_request", "Bad Request"),
    401: ("unauthenticated", "Unauthenticated"),
    403: ("forbidden", "Forbidden"),
    404: ("not_found", "Not Found"),
    413: ("request_entity_too_large", "Request Entity Too Large"),
    429: ("too_many_requests", "Too Many Requests"),
    500: ("internal_error", "Internal Server Error"),
    503: ("service_unavailable", "Service Unavailable"),
}


class DevRev(Vendor):
    """POST with a JSON body; an export that is silently cut at `first`, a list with a cursor."""

    name = "devrev"
    routes: ClassVar[dict[tuple[str, str], str]] = {
        ("POST", "/conversations.export"): "conversations",
        ("POST", "/conversations.list"): "conversations",
    }
    # Per user over all APIs, reset every 5 minutes; 1000 is the documents' example.
    documented_rate_limits: ClassVar[dict[str, RateLimit]] = {
        "all": RateLimit(1000, 300, fixed=True)
    }
    token = "devrev-pat-for-the-sandbox"  # noqa: S105

    without_beta: Literal[400, 404] = 404
    """Status of .export without `X-Devrev-Scope: beta`: both are reported."""
    export_caps: tuple[int | None, ...] = (None,)
    """A defect: .export sends at most so many rows, whatever was asked for; the next in the list
    after every fifth export, and the last for good."""
    export_order: Order = "mixed"
    """The order of .export, which decides which rows are cut off; undocumented."""
    end_cursor: Literal["absent", "empty"] = "absent"
    """`next_cursor` on the last page of .list: documented absent, seen as ""."""

    def __init__(self, *args: Any) -> None:
        """Set the switches of the paging beside the others."""
        super().__init__(*args)
        self.paging = CursorPaging()
        self._exports = 0
        self._dice = random.Random(self.scene.seed)  # noqa: S311

    def make_source(self) -> DevRevSource:
        """Conversations."""
        return DevRevSource(self.scene.seed)

    def make_tables(self) -> dict[str, Table]:
        """Filtered by `modified_date` to the nanosecond."""
        return {
            "conversations": Table(
                lambda record: record["id"],
                {"modified_date": lambda record: nanoseconds(record.get("modified_date"))},
            )
        }

    def authorised(self, call: Call) -> bool:
        """`Bearer <token>`, as documented; a bare token is not."""
        return call.headers.get("authorization") == f"Bearer {self.token}"

    def scope(self, call: Call) -> str:  # noqa: ARG002
        """One rate limit for the whole API."""
        return "all"

    def error(self, status: int, detail: str = "", **extras: Any) -> Response:
        """The documented body: detail, message, type and the extras of the type."""
        kind, message = _ERRORS.get(status, ("internal_error", "Error"))
        wait = extras.pop("retry_after", None)
        body = {"detail": detail or message, "message": message, "type": kind, **extras}
        headers = {}
        if wait is not None:
            body["retry_after"] = math.ceil(wait)
            headers["Retry-After"] = str(math.ceil(wait))
        if kind == "internal_error":
            body["reference_id"] = "sandbox-0001"
        return json_response(body, status, headers)

    def decorate(self, response: Response, verdict: Verdict | None) -> None:
        """The headers that every response has."""
        limit = self.rate_limits.get("all", self.documented_rate_limits["all"])
        remaining, reset = limit.requests, self.scene.clock() + limit.seconds
        if verdict is not None:
            remaining, reset = verdict.remaining, verdict.reset
        response.headers["X-Ratelimit-Limit"] = str(limit.requests)
        response.headers["X-Ratelimit-Remaining"] = str(remaining)
        response.headers["X-Ratelimit-Reset"] = str(math.ceil(reset))

    def response(self, call: Call) -> Response:
        """Check what both endpoints share, then export or list."""
        beta = call.headers.get("x-devrev-scope", "").lower() == "beta"
        export = call.path == "/conversations.export"
        if export and not beta:
            return {
                400: self.error(400, "this API is in beta"),
                404: json_response({"message": "route not found"}, 404),
            }[self.without_beta]
        if call.headers.get("x-devrev-version", "2022-10-20") != "2022-10-20":
            return self.error(400, "unknown version", type="invalid_api_version")
        if call.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            return self.error(400, "send application/json", type="invalid_content_type")
        body = call.json
        if not isinstance(body, dict):
            return self.error(400, "the body must be a JSON object", type="parse_error")
        rows = self._rows(body, {"first"} if export else {"cursor", "limit", "mode"})
        if isinstance(rows, Response):
            return rows
        return self._export(body, rows) if export else self._list(body, rows, beta=beta)

    def _rows(self, body: dict[str, Any], own: set[str]) -> list[Row] | Response:  # noqa: PLR0911
        """The conversations that the filters let through."""
        for name in body:
            if name not in _FILTERS | own:  # seen: unknown fields are refused
                return self._invalid_field(name)
            if name not in own | {"modified_date"}:
                return self.error(
                    400, "a filter that this sandbox does not keep", type="value_not_permitted",
                    field_name=name,
                )  # fmt: skip
        modified = body.get("modified_date", {})
        if not isinstance(modified, dict):
            return self.error(
                400, "not an object", type="unexpected_json_type", field_name="modified_date"
            )
        bounds: dict[str, int | None] = {"after": None, "before": None}
        for name, text in modified.items():
            field = f"modified_date.{name}"
            if name not in bounds:  # no `type`: that belongs to the other, typed date filter
                return self._invalid_field(field)
            bounds[name] = nanoseconds(text)
            if bounds[name] is None:
                return self.error(400, "not a date-time", type="parse_error", field_name=field)
        table = self.table("conversations")
        if not modified:
            return table.rows()
        # Both bounds are documented as inclusive.
        return table.between("modified_date", bounds["after"], bounds["before"])

    def _export(self, body: dict[str, Any], rows: list[Row]) -> Response:
        """The first `first` rows of an order that is not told, without a word about the rest."""
        first = body.get("first", DEFAULT_ROWS)
        if not _whole(first) or not 1 <= first <= LARGEST_EXPORT:
            return self._not_permitted("first", first)
        with self._lock:
            cap = self.export_caps[min(self._exports // 5, len(self.export_caps) - 1)]
            self._exports += 1
        if self.export_order == "mixed":
            rows = mixed(rows)
        elif self.export_order == "newest":
            rows = rows[::-1]
        elif self.export_order == "random":
            rows = self._dice.sample(rows, len(rows))
        return rows_of(rows[: min(first, cap or first)], b'{"conversations":[', b"]}")

    def _list(self, body: dict[str, Any], rows: list[Row], *, beta: bool) -> Response:
        """One page; without the beta header, without the fields that only the beta spec has."""
        limit, cursor = body.get("limit", DEFAULT_ROWS), body.get("cursor", "")
        if not _whole(limit) or not 1 <= limit <= LARGEST_PAGE:
            return self._not_permitted("limit", limit)
        if body.get("mode", "after") != "after":
            return self._not_permitted("mode", body["mode"])
        if not isinstance(cursor, str):
            return self.error(400, "not a string", type="unexpected_json_type", field_name="cursor")
        filters = body.get("modified_date", {})
        try:
            page, following = self.paging.page(rows, limit, cursor, filters)
        except BadCursorError as error:
            return self.error(400, str(error), type="value_not_permitted", field_name="cursor")
        if following is None and self.end_cursor == "empty":
            following = ""
        tail = {} if following is None else {"next_cursor": following}
        suffix = b"]" + (b"," if tail else b"") + encode(tail)[1:]
        response = rows_of(page, b'{"conversations":[', suffix)
        if not beta:
            response.render = _public
        return response

    def _invalid_field(self, name: str) -> Response:
        return self.error(
            400, f"field {name!r} is not supported", type="invalid_field", field_name=name
        )

    def _not_permitted(self, name: str, value: object) -> Response:
        return self.error(
            400, f"{name} is out of range", type="value_not_permitted", field_name=name,
            value=str(value),
        )  # fmt: skip


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _public(row: Row) -> bytes:
    return encode({name: value for name, value in row.record.items() if name not in _BETA_FIELDS})
