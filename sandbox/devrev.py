"""DevRev's exports and lists: of conversations, of work, and of what belongs to them.

Sources: DevRev's OpenAPI document (beta, January 2026), developer.devrev.ai on versioning and rate
limits. What live users report and the documents leave out is marked "seen".
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from sandbox.data.devrev import DevRevSource, date_text
from sandbox.data.devrev_tables import ENDPOINTS, LISTED, Listed
from sandbox.instants import nanoseconds
from sandbox.paging import BadCursorError, CursorPaging
from sandbox.rate_limits import RateLimit, Verdict
from sandbox.responses import Response, json_response
from sandbox.table import Row, Table, encode, mixed
from sandbox.vendor import DAY, LIVE_DAYS, Vendor, milliseconds, rows_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.call import Call
    from sandbox.data.devrev_tables import Endpoint
    from sandbox.reference import Reference

Order = Literal["mixed", "oldest", "newest", "random"]
DEFAULT_ROWS = 50
LARGEST_PAGE = 99
"""Seen: some list endpoints take 100, newer ones only 99, more is refused."""
_WORKS = {"ticket": "tickets", "issue": "issues", "task": "tasks", "opportunity": "opportunities"}
_STREAMS = {path: each.stream for each in LISTED for path in (each.export, each.path) if path}
_PAGING = frozenset({"cursor", "first", "limit", "mode"})
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
    """POST with a JSON body; exports that are silently cut at `first`, lists with a cursor."""

    name = "devrev"
    routes: ClassVar[dict[tuple[str, str], str]] = {
        ("POST", "/conversations.export"): "conversations",
        ("POST", "/conversations.list"): "conversations",
    }
    references = LISTED
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
    features_off: frozenset[str] = frozenset()
    """Streams whose feature the account does not have."""
    end_cursor: Literal["absent", "empty"] = "absent"
    """`next_cursor` on the last page of .list: documented absent, seen as ""."""

    def __init__(self, *args: Any) -> None:
        """Set the switches of the paging beside the others."""
        super().__init__(*args)
        self.paging = CursorPaging()
        self.refused_parents: dict[str, int] = {}
        """Parent to 403 or 404, as for one that was removed meanwhile."""
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

    def decorate(self, response: Response, verdicts: Mapping[str, Verdict]) -> None:
        """The headers that every response has."""
        limit = self.rate_limits.get("all", self.documented_rate_limits["all"])
        remaining, reset = limit.requests, self.scene.clock() + limit.seconds
        if (verdict := verdicts.get("all")) is not None:
            remaining, reset = verdict.remaining, verdict.reset
        response.headers["X-Ratelimit-Limit"] = str(limit.requests)
        response.headers["X-Ratelimit-Remaining"] = str(remaining)
        response.headers["X-Ratelimit-Reset"] = str(math.ceil(reset))

    def route(self, method: str, path: str) -> tuple[str, str]:
        """The stream that a path is about, or one of them."""
        listed = _STREAMS.get(path, "") if method == "POST" else ""
        return self.routes.get((method, path), listed), ""

    def narrowed(self, call: Call) -> tuple[str, str]:
        """The type of work, or the parent that a body names, and so the stream."""
        body = call.json if isinstance(call.json, dict) else {}
        if call.path.startswith("/works."):
            match body.get("type"):
                case [str(kind)] if kind in _WORKS:
                    return _WORKS[kind], ""
        for each in LISTED:
            if each.of and each.path == call.path:
                (name,) = ENDPOINTS[each.path].required
                if (parent := self._parents(each).get(body.get(name))) is not None:
                    return each.stream, parent
        return call.stream, ""

    def _parents(self, each: Listed) -> dict[Any, str]:
        """The keys of a child's parents, by the values by which it is asked for."""
        rows = self.table(each.of).rows()
        if each.asked_by == "id":
            return {str(row.key): str(row.key) for row in rows}
        records = [row.record for row in rows]
        custom = [record for record in records if record.get("is_custom_leaf_type")]
        return {record[each.asked_by]: record["id"] for record in reversed(custom)}

    def make_reference(self, reference: Reference) -> None:
        """Make a table; one with a time all over the time that there is data for."""
        if not isinstance(reference, Listed):
            raise TypeError(reference)
        table = self._tables[reference.stream]
        if reference.of:
            for value, parent in self._parents(reference).items():
                table.put(reference.records(value), parent)
            return
        until = self.scene.data_now()
        span = self.scene.span
        since = until - LIVE_DAYS * DAY if span is None else milliseconds(span[0])
        for number, record in enumerate(reference.records(), 1):
            if ENDPOINTS[reference.path].time_filter:
                at = since + (until - since) * number // (reference.count + 1)
                record["created_date"] = date_text(since, 3)
                record["modified_date"] = date_text(at, number % 4)
            table.put([record])

    def response(self, call: Call) -> Response:  # noqa: PLR0911 - what can be wrong
        """Check what all endpoints share, then export or list."""
        beta = call.headers.get("x-devrev-scope", "").lower() == "beta"
        endpoint = ENDPOINTS[call.path]
        if (endpoint.beta and not beta) or call.stream in self.features_off:
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
        rows = self._rows(endpoint, call, body)
        if isinstance(rows, Response):
            return rows
        if endpoint.holds_one:
            if not rows:
                return self.error(404)
            return rows_of(rows, b'{"%b":' % endpoint.rows.encode(), b"}")
        if endpoint.most:
            return self._export(endpoint, body, rows)
        return self._list(endpoint, body, rows, beta=beta)

    def _rows(self, endpoint: Endpoint, call: Call, body: dict[str, Any]) -> list[Row] | Response:
        """The records that the filters let through."""
        if (refused := self._refused(endpoint, call, body)) is not None:
            return refused
        table = self.table(call.stream)
        if endpoint.required:
            return table.rows(call.parent)
        modified = body.get(endpoint.time_filter)
        if modified is None:
            return table.rows()
        bounds = self._bounds(endpoint, modified)
        # Both bounds are documented as inclusive.
        return bounds if isinstance(bounds, Response) else table.between("modified_date", *bounds)

    def _refused(self, endpoint: Endpoint, call: Call, body: dict[str, Any]) -> Response | None:
        """The answer to fields that are unknown, not kept here or missing."""
        kept = {*_PAGING, *endpoint.required, endpoint.time_filter}
        if call.path.startswith("/works."):
            kept.add("type")
            if body.get("type") not in [[kind] for kind in _WORKS]:
                return self.error(400, "this sandbox wants one type", type="value_not_permitted")
        for name in body:
            if name not in endpoint.fields:  # seen: unknown fields are refused
                return self._invalid_field(name)
            if name not in kept:
                return self.error(
                    400, "a filter that this sandbox does not keep", type="value_not_permitted",
                    field_name=name,
                )  # fmt: skip
        for name in endpoint.required:
            if name not in body:
                return self.error(
                    400, "a field is missing", type="missing_required_field", field_name=name
                )
            if call.parent in self.refused_parents or not call.parent:
                return self.error(self.refused_parents.get(call.parent, 404))
        return None

    def _bounds(
        self, endpoint: Endpoint, modified: Any
    ) -> tuple[int | None, int | None] | Response:
        """The two ends that a filter asks for; each endpoint takes one form of it."""
        name = endpoint.time_filter
        if not isinstance(modified, dict):
            return self.error(400, "not an object", type="unexpected_json_type", field_name=name)
        typed = endpoint.fields[name] == "typed"
        if typed and "type" not in modified:
            return self.error(
                400, "a type is missing", type="missing_required_field", field_name=f"{name}.type"
            )
        bounds: dict[str, int | None] = {"after": None, "before": None}
        for key, text in modified.items():
            field = f"{name}.{key}"
            if typed and key == "type":
                if text != "range":  # the other one, a number of days, is not kept here
                    return self._not_permitted(field, text)
                continue
            if key not in bounds:
                return self._invalid_field(field)
            bounds[key] = nanoseconds(text)
            if bounds[key] is None:
                return self.error(400, "not a date-time", type="parse_error", field_name=field)
        return bounds["after"], bounds["before"]

    def _export(self, endpoint: Endpoint, body: dict[str, Any], rows: list[Row]) -> Response:
        """The first `first` rows of an order that is not told, without a word about the rest."""
        first = body.get("first", DEFAULT_ROWS)
        if not _whole(first) or not 1 <= first <= endpoint.most:
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
        return rows_of(rows[: min(first, cap or first)], b'{"%b":[' % endpoint.rows.encode(), b"]}")

    def _list(
        self, endpoint: Endpoint, body: dict[str, Any], rows: list[Row], *, beta: bool
    ) -> Response:
        """One page; without the beta header, without the fields that only the beta spec has."""
        limit, cursor = body.get("limit", DEFAULT_ROWS), body.get("cursor", "")
        if not _whole(limit) or not 1 <= limit <= LARGEST_PAGE:
            return self._not_permitted("limit", limit)
        if body.get("mode", "after") != "after":
            return self._not_permitted("mode", body["mode"])
        if not isinstance(cursor, str):
            return self.error(400, "not a string", type="unexpected_json_type", field_name="cursor")
        tail: dict[str, Any] = {name: len(rows) for name in endpoint.others}
        if endpoint.cursor:
            filters = {name: value for name, value in body.items() if name not in _PAGING}
            try:
                rows, following = self.paging.page(rows, limit, cursor, filters)
            except BadCursorError as error:
                return self.error(400, str(error), type="value_not_permitted", field_name="cursor")
            if following is None and self.end_cursor == "empty":
                following = ""
            if following is not None:
                tail[endpoint.cursor] = following
            if cursor and endpoint.cursor == "next_cursor":
                tail["prev_cursor"] = cursor
        suffix = b"]" + (b"," if tail else b"") + encode(tail)[1:]
        response = rows_of(rows, b'{"%b":[' % endpoint.rows.encode(), suffix)
        if not beta and endpoint.rows == "conversations":
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
