"""The Support API of Zendesk, as far as it takes the place of Chat: tickets and conversations.

Sources: developer.zendesk.com/api-reference/ticketing (incremental_exports, conversation_log,
ticket_metric_events, csat_survey_responses, groups, oauth), /agent-availability, and
/introduction/rate-limits; recorded responses. What they leave open is a switch.
"""

from __future__ import annotations

import base64
import itertools
import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import urlencode

from sandbox.data.zendesk_support import ZendeskSupportSource, ulid_time
from sandbox.rate_limits import RateLimit
from sandbox.reference import Endpoint, by_seconds, tables_of
from sandbox.responses import Response, json_response, page_of, refuse, waiting
from sandbox.table import encode
from sandbox.vendor import Vendor, bounded, integer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sandbox.call import Call
    from sandbox.rate_limits import Verdict
    from sandbox.table import Record, Row

LARGEST_EXPORT_PAGE = 1000
LARGEST_LIST_PAGE = 100
WITHHELD = 60
"""Seconds: the newest minute is not exported, and cannot be asked for."""
_ID_KEYS = {"engagements": "engagement_id", "queue_events": "queue_event_id"}
_RECORDS_KEYS = {
    "conversation_log": "events",
    "agent_availabilities": "data",
    "engagements": "agent_engagement_data",
    "queue_events": "queue_data",
}
"""Those that are not the stream's name."""
_TOKENS = "oauth"
_TOKENS_AT = ("POST", "/oauth/tokens")
_table = tables_of("zendesk_support.json", "/api/v2")


def _export(stream: str, path: str, time: str) -> Endpoint:
    key = _ID_KEYS.get(stream, "id")
    return Endpoint(stream, f"/api/v2/{path}", key=key, times=by_seconds(time))


class ZendeskSupport(Vendor):
    """Exports along a cursor, lists in pages, and windows of events."""

    name = "zendesk_support"
    source = ZendeskSupportSource
    # Ordered by what each endpoint asks for: seconds, or milliseconds for the surveys.
    exports = (
        _export("tickets", "incremental/tickets/cursor", "generated_timestamp"),
        _export("users", "incremental/users/cursor", "updated_at"),
        _export("ticket_metric_events", "incremental/ticket_metric_events", "time"),
        _export("engagements", "engagements", "engagement_start_time"),
        _export("queue_events", "queue_events", "event_occurred_at"),
        Endpoint(
            "survey_responses",
            "/api/v2/guide/survey_responses",
            times={"cursor": lambda record: ulid_time(record["id"])},
        ),
        _export("conversation_log", "tickets/{ticket_id}/conversation_log", "created_at"),
    )
    references = (_table("groups", count=130), _table("agent_availabilities"))
    # Suite Growth and Professional; the exports and users as everywhere.
    documented_rate_limits: ClassVar[dict[str, RateLimit]] = {
        "account": RateLimit(400, 60),
        "incremental-exports": RateLimit(10, 60),
        "incremental-exports-cursor": RateLimit(20, 60),
        "agent-availabilities": RateLimit(200, 60),
    }
    token = "zendesk-support-token"  # noqa: S105
    """A ready one, without an end."""
    client_id = "sandbox-client"
    client_secret = "sandbox-secret-of-that-client"  # noqa: S105

    token_lifetime: int | None = 1800
    """Seconds; None: `expires_in` is not told, and a token has no end."""
    token_uses: int | None = None
    """After how many requests a token is refused, whatever `expires_in` said."""
    sort_is_refused: bool = False
    """Whether the conversation log takes no `sort`: the allowed fields are not listed."""
    no_events: Literal["list", "null", "absent"] = "list"
    """An empty log: the schema calls every key optional."""
    has_more_is_told: bool = True
    """Whether lists have `meta.has_more`: the same."""
    archived_logs: Literal["whole", "empty", "404"] = "whole"
    """The log of a closed ticket: not documented."""
    largest_window_page: int | None = None
    """The largest `page_size` of engagements and queue events: not documented; None: any."""
    empty_pages: bool = False
    """Whether an empty page that is not the end follows each page of an export."""
    next_host: str = "https://elsewhere.example.com"
    """The host of every URL in a response: nobody should follow it."""

    def __init__(self, *args: Any) -> None:
        """Begin without a token that was fetched."""
        super().__init__(*args)
        self.issued: dict[str, tuple[float, int]] = {}
        """Tokens that were fetched: when, and how often they were used."""
        self._cursors = 0

    def expire_cursors(self) -> None:
        """Refuse every cursor of the exports that was handed out so far."""
        self._cursors += 1

    def route(self, method: str, path: str) -> tuple[str, str]:
        """Tokens are fetched here too."""
        return (_TOKENS, "") if (method, path) == _TOKENS_AT else super().route(method, path)

    def authorised(self, call: Call) -> bool:
        """A Bearer token of Support, fetched or ready; none to fetch one."""
        if call.stream == _TOKENS:
            return True
        if call.bearer not in self.issued:
            return call.bearer == self.token
        since, uses = self.issued[call.bearer]
        self.issued[call.bearer] = since, uses + 1
        is_old = self.token_lifetime is not None and call.moment - since >= self.token_lifetime
        return not is_old and (self.token_uses is None or uses < self.token_uses)

    def unauthorised(self, call: Call) -> Response:  # noqa: ARG002
        """The same for a token that is wrong and one that has expired."""
        return json_response(
            {
                "error": "invalid_token",
                "error_description": "The access token provided is expired, revoked, malformed or "
                "invalid for other reasons.",
            },
            401,
        )

    def scopes(self, call: Call) -> tuple[str, ...]:
        """The account's limit, and the endpoint's where it has one."""
        own = {
            "tickets": "incremental-exports",
            "ticket_metric_events": "incremental-exports",
            "users": "incremental-exports-cursor",
            "agent_availabilities": "agent-availabilities",
        }
        return ("account", own[call.stream]) if call.stream in own else ("account",)

    def error(
        self, status: int, message: str = "", retry_after: float | None = None, **_: Any
    ) -> Response:
        """One of several forms; 429 has `Retry-After` in seconds."""
        body = {"error": message or f"status {status}", "description": "as others have seen it"}
        return json_response(body, status, waiting(retry_after))

    def decorate(self, response: Response, verdicts: Mapping[str, Verdict]) -> None:
        """The account's headers, and the endpoint's."""
        for scope, verdict in verdicts.items():
            total, resets = self.rate_limits[scope].requests, math.ceil(verdict.reset)
            seconds = max(0, resets - math.floor(self.scene.clock()))
            if scope == "account":
                response.headers |= {
                    "X-Rate-Limit": str(total),
                    "X-Rate-Limit-Remaining": str(verdict.remaining),
                    "ratelimit-limit": str(total),
                    "ratelimit-remaining": str(verdict.remaining),
                    "ratelimit-reset": str(seconds),
                }
            else:
                response.headers[f"Zendesk-RateLimit-{scope}"] = (
                    f"total={total}; remaining={verdict.remaining}; resets={seconds}"
                )

    def response(self, call: Call) -> Response:
        """A token or a page."""
        if call.stream == _TOKENS:
            return self._token(call)
        if call.stream in ("tickets", "users"):
            return self._export(call)
        if call.stream == "ticket_metric_events":
            return self._timed_export(call)
        if call.stream in _ID_KEYS:
            return self._window(call)
        return self._list(call)

    def _token(self, call: Call) -> Response:
        asked = call.json if isinstance(call.json, dict) else {}
        if asked.get("grant_type") != "client_credentials":
            return json_response({"error": "unsupported_grant_type"}, 400)
        if (asked.get("client_id"), asked.get("client_secret")) != (
            self.client_id,
            self.client_secret,
        ):
            told = f"the client {asked.get('client_id')} is unknown"
            return json_response({"error": "invalid_client", "error_description": told}, 401)
        token = f"fetched-token-number-{len(self.issued) + 1}-of-the-sandbox"
        self.issued[token] = (call.moment, 0)
        told_end = {} if self.token_lifetime is None else {"expires_in": self.token_lifetime}
        return json_response(
            {"access_token": token, "token_type": "bearer", "scope": asked.get("scope"), **told_end}
        )

    def _export(self, call: Call) -> Response:
        """A page from a time or a cursor on, in order of time and id."""
        params, stream = call.params, call.stream
        size = bounded(params, "per_page", LARGEST_EXPORT_PAGE)
        table, newest = self.table(stream), self._newest()
        times, rows = table.in_order("cursor")
        has_gap = False
        if "cursor" in params:
            place = self._place(params["cursor"])
            if place is None:
                return self.error(400, "the cursor is invalid")
            after, key, has_gap = place
        else:
            after, key = self._start(call), 0
        first, last = table.behind("cursor", after, key), table.behind("cursor", newest + 1)
        scope = params.get("support_type_scope", "agent")
        wanted = (
            (at, row)
            for at, row in zip(times[first:last], rows[first:last], strict=True)
            if stream != "tickets" or scope in {"all", row.record.get("support_type", "agent")}
        )
        page = [] if has_gap else list(itertools.islice(wanted, size))
        if page:
            after, key = page[-1][0], page[-1][1].key
        is_end = next(wanted, None) is None
        cursor = self._cursor(after, key, has_gap=self.empty_pages and not has_gap and not is_end)
        envelope = {
            "after_url": f"{self.next_host}{call.path}?{urlencode({'cursor': cursor})}",
            "after_cursor": cursor,
            "before_url": None,
            "before_cursor": None,
            "end_of_stream": is_end,
        }
        response = page_of([row for _, row in page], stream, envelope)
        if stream == "tickets" and "metric_sets" not in params.get("include", ""):
            response.render = _without_metric_set
        return response

    def _newest(self) -> int:
        return self.scene.now() // 1000 - WITHHELD

    def _start(self, call: Call) -> int:
        start = integer(call.params.get("start_time", ""))
        if start is None or start > self._newest():
            refuse("start_time must be at least one minute in the past")
        return start

    def _cursor(self, after: int, key: int, *, has_gap: bool) -> str:
        text = f"{after}.0||{key}|{self._cursors}|{int(has_gap)}"
        return base64.urlsafe_b64encode(text.encode()).decode()

    def _place(self, cursor: str) -> tuple[int, int, bool] | None:
        try:
            after, _, key, cursors, gap = base64.urlsafe_b64decode(cursor).decode().split("|")
        except ValueError:
            return None
        if cursors != str(self._cursors):
            return None
        return int(after.removesuffix(".0")), int(key), gap == "1"

    def _timed_export(self, call: Call) -> Response:
        """From a time on; the records of one second are never torn apart."""
        start, table = self._start(call), self.table(call.stream)
        times, rows = table.in_order("cursor")
        first, end = table.behind("cursor", start), table.behind("cursor", self._newest() + 1)
        last = min(first + LARGEST_LIST_PAGE, end)
        if first < last:
            last = table.behind("cursor", times[last - 1] + 1)
        end_time = times[last - 1] if first < last else start
        query = urlencode({"start_time": end_time})
        envelope = {
            "count": last - first,
            "end_time": end_time,
            "next_page": f"{self.next_host}{call.path}?{query}",
        }
        return page_of(rows[first:last], call.stream, envelope)

    def _window(self, call: Call) -> Response:
        """Events of a window, in order of time and id."""
        params = call.params
        defaults = {"start_time": "0", "end_time": "99999999999", "page_size": "10"}
        start, end, size = (integer(params.get(name, text)) for name, text in defaults.items())
        if start is None or end is None or not size or start > end:
            return self.error(400, "start_time, end_time or page_size is no number")
        if self.largest_window_page is not None and size > self.largest_window_page:
            return self.error(400, f"page_size must be at most {self.largest_window_page}")
        table, key = self.table(call.stream), f"{_ID_KEYS[call.stream]}_cursor"
        times, rows = table.in_order("cursor")
        first, last = table.behind("cursor", start), table.behind("cursor", end + 1)
        if key in params:
            first = table.behind("cursor", int(params["start_time_cursor"]), params[key])
        page = rows[first : min(first + size, last)]
        has_more = first + size < last
        query = {
            "start_time": start,
            "end_time": end,
            "page_size": size,
            "start_time_cursor": times[first + len(page) - 1] if page else start,
            key: page[-1].key if page else "",
        }
        url = f"{self.next_host}{call.path}?{urlencode(query)}" if has_more else None
        envelope = {"next_page_url": url, "has_more": has_more, "page_size": size}
        return page_of(page, _RECORDS_KEYS[call.stream], envelope)

    def _list(self, call: Call) -> Response:
        """A page of a list, in an order that means nothing."""
        params, stream = call.params, call.stream
        size = bounded(params, "page[size]", LARGEST_LIST_PAGE)
        if "sort" in params and self.sort_is_refused:
            return self.error(400, f"{params['sort']} is no field to sort by")
        rows = self._rows(call)
        if rows is None:
            return self.error(404, "RecordNotFound")
        asked = {name: value for name, value in params.items() if not name.startswith("page[")}
        filters = urlencode({**asked, "of": call.parent})
        page, cursor = self.paging.page(rows, size, params.get("page[after]"), filters)
        told = cursor or (page and self._last_cursor(page[-1])) or None
        meta: Record = {"has_more": cursor is not None, "after_cursor": told, "before_cursor": None}
        if not self.has_more_is_told:
            meta = {"after_cursor": cursor}
        # The example of the log has a next URL on its last page.
        url = f"{self.next_host}{call.path}?{urlencode({'page[after]': told or ''})}"
        envelope = {"links": {"next": url, "prev": None}, "meta": meta}
        if stream == "conversation_log" and not rows and self.no_events != "list":
            return json_response(envelope | ({"events": None} if self.no_events == "null" else {}))
        return page_of(page, _RECORDS_KEYS.get(stream, stream), envelope)

    def _rows(self, call: Call) -> Sequence[Row] | None:
        """What a list holds; None: there is no such ticket."""
        if call.stream == "conversation_log":
            rows = self.table("tickets").rows()
            ticket = next((row.record for row in rows if str(row.key) == call.parent), None)
            if ticket is None or ticket["status"] == "deleted":
                return None
            if ticket["status"] == "closed" and self.archived_logs != "whole":
                return None if self.archived_logs == "404" else []
            return self.table(call.stream).rows(call.parent)
        if call.stream == "survey_responses":
            low, high = (
                integer(call.params.get(f"filter[created_at_{end}]", ""))
                for end in ("start", "end")
            )
            return self.table(call.stream).between("cursor", low, high)
        return self.table(call.stream).rows()

    @staticmethod
    def _last_cursor(row: Row) -> str:
        """The cursor that a last page has all the same; it leads to nothing."""
        return base64.urlsafe_b64encode(f"after {row.key}".encode()).decode()


def _without_metric_set(row: Row) -> bytes:
    return encode({key: value for key, value in row.record.items() if key != "metric_set"})
