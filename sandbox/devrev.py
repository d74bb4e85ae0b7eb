"""DevRev's exports and lists: of conversations, of work, and of what belongs to them.

Sources: DevRev's OpenAPI document (beta, January 2026), developer.devrev.ai on versioning and rate
limits. What live users report and the documents leave out is marked "seen".
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NoReturn

from sandbox.data.common import DAY
from sandbox.data.devrev import DevRevSource, date_text
from sandbox.data.devrev_tables import ENDPOINTS, LISTED, MODIFIED, Listed
from sandbox.instants import nanoseconds
from sandbox.paging import BadCursorError
from sandbox.rate_limits import RateLimit
from sandbox.reference import Endpoint
from sandbox.responses import Response, json_response, page_of, refuse, rows_of, waiting
from sandbox.table import encode, mixed
from sandbox.vendor import LIVE_DAYS, Vendor, milliseconds

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sandbox.call import Call
    from sandbox.data.devrev_tables import Rules
    from sandbox.rate_limits import Verdict
    from sandbox.reference import Reference
    from sandbox.table import Row

Order = Literal["mixed", "oldest", "newest", "random"]
DEFAULT_ROWS = 50
LARGEST_PAGE = 99
"""Seen: some list endpoints take 100, newer ones only 99, more is refused."""
_WORKS = {"ticket": "tickets", "issue": "issues", "task": "tasks", "opportunity": "opportunities"}
_STREAMS = {
    path: each.stream for each in LISTED for path in (each.export, each.path) if path
} | dict.fromkeys(("/conversations.export", "/conversations.list"), "conversations")
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
    method = "POST"
    source = DevRevSource
    exports = (Endpoint("conversations", "/conversations.export", times=MODIFIED),)
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
        """Begin to count exports."""
        super().__init__(*args)
        self._exports = 0
        self._dice = random.Random(self.scene.seed)  # noqa: S311

    def authorised(self, call: Call) -> bool:
        """`Bearer <token>`, as documented; a bare token is not."""
        return call.headers.get("authorization") == f"Bearer {self.token}"

    def error(self, status: int, message: str = "", **extras: Any) -> Response:
        """The documented body: detail, message, type and the extras of the type."""
        kind, title = _ERRORS.get(status, ("internal_error", "Error"))
        wait = extras.pop("retry_after", None)
        body = {"detail": message or title, "message": title, "type": kind, **extras}
        if wait is not None:
            body["retry_after"] = math.ceil(wait)
        if kind == "internal_error":
            body["reference_id"] = "sandbox-0001"
        return json_response(body, status, waiting(wait))

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
        return _STREAMS.get(path, "") if method == self.method else "", ""

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

    def response(self, call: Call) -> Response:
        """Check what all endpoints share, then export or list."""
        beta = call.headers.get("x-devrev-scope", "").lower() == "beta"
        endpoint = ENDPOINTS[call.path]
        if (endpoint.beta and not beta) or call.stream in self.features_off:
            return {
                400: self.error(400, "this API is in beta"),
                404: json_response({"message": "route not found"}, 404),
            }[self.without_beta]
        if call.headers.get("x-devrev-version", "2022-10-20") != "2022-10-20":
            _refuse("invalid_api_version", "unknown version")
        if call.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
            _refuse("invalid_content_type", "send application/json")
        body = call.json
        if not isinstance(body, dict):
            _refuse("parse_error", "the body must be a JSON object")
        self._check(endpoint, call, body)
        rows = self._rows(endpoint, call, body)
        if endpoint.holds_one:
            if not rows:
                return self.error(404)
            return rows_of(rows, b'{"%b":' % endpoint.rows.encode(), b"}")
        if endpoint.most:
            return self._export(endpoint, body, rows)
        return self._list(endpoint, body, rows, beta=beta)

    def _rows(self, endpoint: Rules, call: Call, body: dict[str, Any]) -> list[Row]:
        """The records that the filters let through."""
        table = self.table(call.stream)
        if endpoint.required:
            return table.rows(call.parent)
        modified = body.get(endpoint.time_filter)
        if modified is None:
            return table.rows()
        # Both bounds are documented as inclusive.
        return table.between("modified_date", *_bounds(endpoint, modified))

    def _check(self, endpoint: Rules, call: Call, body: dict[str, Any]) -> None:
        """Refuse fields that are unknown, not kept here or missing."""
        kept = {*_PAGING, *endpoint.required, endpoint.time_filter}
        if call.path.startswith("/works."):
            kept.add("type")
            if body.get("type") not in [[kind] for kind in _WORKS]:
                _refuse("value_not_permitted", "this sandbox wants one type")
        for name in body:
            if name not in endpoint.fields:  # seen: unknown fields are refused
                _invalid_field(name)
            if name not in kept:
                told = "a filter that this sandbox does not keep"
                _refuse("value_not_permitted", told, name)
        for name in endpoint.required:
            if name not in body:
                _refuse("missing_required_field", "a field is missing", name)
            if call.parent in self.refused_parents or not call.parent:
                refuse(status=self.refused_parents.get(call.parent, 404))

    def _export(self, endpoint: Rules, body: dict[str, Any], rows: list[Row]) -> Response:
        """The first `first` rows of an order that is not told, without a word about the rest."""
        first = body.get("first", DEFAULT_ROWS)
        if not _whole(first) or not 1 <= first <= endpoint.most:
            _not_permitted("first", first)
        with self._lock:
            cap = self.export_caps[min(self._exports // 5, len(self.export_caps) - 1)]
            self._exports += 1
        if self.export_order == "mixed":
            rows = mixed(rows)
        elif self.export_order == "newest":
            rows = rows[::-1]
        elif self.export_order == "random":
            rows = self._dice.sample(rows, len(rows))
        return page_of(rows[: min(first, cap or first)], endpoint.rows)

    def _list(
        self, endpoint: Rules, body: dict[str, Any], rows: list[Row], *, beta: bool
    ) -> Response:
        """One page; without the beta header, without the fields that only the beta spec has."""
        limit, cursor = body.get("limit", DEFAULT_ROWS), body.get("cursor", "")
        if not _whole(limit) or not 1 <= limit <= LARGEST_PAGE:
            _not_permitted("limit", limit)
        if body.get("mode", "after") != "after":
            _not_permitted("mode", body["mode"])
        if not isinstance(cursor, str):
            _refuse("unexpected_json_type", "not a string", "cursor")
        tail: dict[str, Any] = {name: len(rows) for name in endpoint.others}
        if endpoint.cursor:
            filters = {name: value for name, value in body.items() if name not in _PAGING}
            try:
                rows, following = self.paging.page(rows, limit, cursor, filters)
            except BadCursorError as error:
                _refuse("value_not_permitted", error.message, "cursor")
            if following is None and self.end_cursor == "empty":
                following = ""
            if following is not None:
                tail[endpoint.cursor] = following
            if cursor and endpoint.cursor == "next_cursor":
                tail["prev_cursor"] = cursor
        response = page_of(rows, endpoint.rows, tail)
        if not beta and endpoint.rows == "conversations":
            response.render = _public
        return response


def _bounds(endpoint: Rules, modified: Any) -> tuple[int | None, int | None]:
    """The two ends that a filter asks for; each endpoint takes one form of it."""
    name = endpoint.time_filter
    if not isinstance(modified, dict):
        _refuse("unexpected_json_type", "not an object", name)
    typed = endpoint.fields[name] == "typed"
    if typed and "type" not in modified:
        _refuse("missing_required_field", "a type is missing", f"{name}.type")
    bounds: dict[str, int | None] = {"after": None, "before": None}
    for key, text in modified.items():
        field = f"{name}.{key}"
        if typed and key == "type":
            if text != "range":  # the other one, a number of days, is not kept here
                _not_permitted(field, text)
            continue
        if key not in bounds:
            _invalid_field(field)
        bounds[key] = nanoseconds(text)
        if bounds[key] is None:
            _refuse("parse_error", "not a date-time", field)
    return bounds["after"], bounds["before"]


def _refuse(kind: str, told: str, field: str = "", **more: Any) -> NoReturn:
    """Name one of the documented types of what is wrong, and the field that it is about."""
    about: dict[str, Any] = {"field_name": field} if field else {}
    refuse(told, type=kind, **about, **more)


def _invalid_field(name: str) -> NoReturn:
    _refuse("invalid_field", f"field {name!r} is not supported", name)


def _not_permitted(name: str, value: object) -> NoReturn:
    _refuse("value_not_permitted", f"{name} is out of range", name, value=str(value))


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _public(row: Row) -> bytes:
    return encode({name: value for name, value in row.record.items() if name not in _BETA_FIELDS})
