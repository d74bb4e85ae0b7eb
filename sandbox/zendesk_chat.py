"""Zendesk Chat's incremental exports, and the tables beside them.

Source: developer.zendesk.com/api-reference/live-chat/chat-api/incremental_export. Its text and its
samples contradict each other in places; each reading is a switch.
"""

from __future__ import annotations

import re
from operator import attrgetter
from typing import TYPE_CHECKING, Any, ClassVar, Literal
from urllib.parse import quote

from sandbox.data.zendesk_chat import ZendeskChatSource
from sandbox.data.zendesk_chat_tables import REFERENCES
from sandbox.instants import nanoseconds
from sandbox.rate_limits import RateLimit
from sandbox.reference import Endpoint, by_seconds
from sandbox.responses import Response, json_response, page_of, rows_of, waiting
from sandbox.table import encode
from sandbox.vendor import Vendor, bounded, integer
from sandbox.zendesk_support import ZendeskSupport

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from sandbox.call import Call
    from sandbox.rate_limits import Verdict
    from sandbox.reference import Reader
    from sandbox.table import Record, Row, Table

_LARGEST_TABLE_PAGES = {"agents": 100, "bans": 1000}
_DEFAULT_TABLE_PAGE = "10"
LARGEST_PAGE = 1000
YOUNGEST_START = 300
"""Seconds: "must be more than five minutes in the past otherwise ... rejected"."""
_UNITS = {"seconds": 1, "milliseconds": 10**3, "microseconds": 10**6, "nanoseconds": 10**9}
_PARAMETERS = {"start_time", "start_id", "limit", "fields"}
_FIELDS = re.compile(r"(\w+)\(([\w.,* ]*)\)")
_EXPANDABLE = ("chats", "conversions")
_TIMELINE = "agent_timeline"
_AROUND_ONE = {"account": (b"", b""), "routing_settings": (b'{"data":', b"}")}
"""Tables of one object, and what stands before and behind it."""


def span_end(span: Record) -> int:
    """The cursor of the sample: the last span's `start_time` plus `duration`, in microseconds."""
    return (nanoseconds(span["start_time"]) or 0) // 1000 + round(
        float(span["duration"]) * 1_000_000
    )


def _export(
    stream: str, times: dict[str, Reader], *, key: str = "id", ascii_only: bool = True
) -> Endpoint:
    return Endpoint(stream, f"/incremental/{stream}", key=key, times=times, ascii_only=ascii_only)


class ZendeskChat(Vendor):
    """Server cursors (`end_time`, `end_id`) over items in order of their update."""

    name = "zendesk_chat"
    base_path = "/api/v2/chat"
    source = ZendeskChatSource
    # Ordered by what the endpoint's cursor counts.
    exports = (
        _export("chats", by_seconds("update_timestamp")),
        _export(_TIMELINE, {"cursor": span_end}, key="agent_id start_time", ascii_only=False),
        _export("conversions", by_seconds("timestamp")),
        _export("department_events", by_seconds("timestamp")),
        _export("agent_events", by_seconds("timestamp")),
    )
    references = REFERENCES
    # 200 requests per minute, over all endpoints.
    documented_rate_limits: ClassVar[dict[str, RateLimit]] = {"all": RateLimit(200, 60)}
    token = "zendesk-chat-token-for-the-sandbox"  # noqa: S105
    support_token = ZendeskSupport.token
    """A token of Zendesk Support, which Chat does not take."""

    next_page_host: str | None = None
    """A URL up to the host to put into `next_page`, instead of the one that was called."""
    timeline_start: Literal["inclusive", "exclusive"] = "inclusive"
    """Whether a span that ends at `start_time` is sent again: undocumented."""
    chats_end_time: Literal["update", "start"] = "update"
    """Whether a chat's `end_time` is its update ("the most recent time present") or, as in the
    documented sample, its `timestamp`. Either way it continues the list together with `end_id`."""
    department_events_end_id: bool = True
    """Whether department_events has `end_id`: the documented sample is lost."""
    agent_events_fraction: bool = False
    """Whether the `end_time` of agent_events has the fraction of the last event's time: a client
    that is public takes it for a number with one. It has no `end_id` there."""
    bans_limit: Literal["together", "each"] = "together"
    """Whether `limit` counts visitors and addresses together: undocumented."""
    short_pages: int | None = None
    """A page holds at most this many rows, even when more are there and `limit` is larger: one
    reading of "If count is less than limit, more items are available"."""
    empty_pages: bool = False
    """Whether an empty page, whose cursor moves on to just before the next item, comes first
    wherever time lies between: the same sentence, read to the letter."""
    end_time_unit: str = "documented"
    """The unit of `end_time`: one of `_UNITS`. The tables of parameters say microseconds where the
    text says seconds; the others are defects."""

    def __init__(self, *args: Any) -> None:
        """Make both hosts."""
        self.support = ZendeskSupport(*args)
        """The successor, on a host of its own; its streams are to be had here too."""
        super().__init__(*args)
        self._issued: dict[tuple[int, str], tuple[int, str]] = {}

    @property
    def urls(self) -> dict[str, str]:
        """Two hosts."""
        return {
            "api_url": self.url,
            "support_api_url": f"{self.host_url}/{self.support.name}",
        }

    @property
    def config(self) -> dict[str, Any]:
        """Credentials for both hosts."""
        return {**super().config, "support_access_token": self.support_token}

    def table(self, stream: str) -> Table:
        """A stream's table, of either host."""
        if stream in self.support.streams:
            return self.support.table(stream)
        return super().table(stream)

    def _take_over(self, stream: str, group: str | None) -> Table:
        if stream in self.support.streams:
            return self.support._take_over(stream, group)  # noqa: SLF001
        return super()._take_over(stream, group)

    def make(self, stream: str, count: int, at: datetime) -> list[Record]:
        """More records, of either host."""
        if stream in self.support.streams:
            return self.support.make(stream, count, at)
        return super().make(stream, count, at)

    def reset_data(self) -> None:
        """Go back to the data of the seed, on both hosts."""
        self.support.reset_data()
        super().reset_data()

    def authorised(self, call: Call) -> bool:
        """A Bearer token of the Chat API; Basic and Support tokens get 401."""
        return call.bearer == self.token

    def error(
        self, status: int, message: str = "", retry_after: float | None = None, **_: Any
    ) -> Response:
        """Bodies are undocumented; 429 has `Retry-After` in seconds."""
        body = {"error": message or f"status {status}"}
        return json_response(body, status, waiting(retry_after))

    def decorate(self, response: Response, verdicts: Mapping[str, Verdict]) -> None:
        """`X-Rate-Limit` and `X-Rate-Limit-Remaining`, as in Zendesk's general rules."""
        verdict, limit = verdicts.get("all"), self.rate_limits.get("all")
        if verdict is not None and limit is not None:
            response.headers["X-Rate-Limit"] = str(limit.requests)
            response.headers["X-Rate-Limit-Remaining"] = str(verdict.remaining)

    def response(self, call: Call) -> Response:
        """A page of an export, or of a table."""
        return self._export(call) if self.reference(call) is None else self._list(call)

    def _export(self, call: Call) -> Response:
        """One page from a cursor on."""
        stream, params = call.stream, call.params
        unit = 1_000_000 if stream == _TIMELINE else 1
        start = integer(params.get("start_time", "0"))
        if unknown := params.keys() - _PARAMETERS:
            return self.error(400, f"unknown parameter {min(unknown)}")
        limit = bounded(params, "limit", LARGEST_PAGE)
        if start is None or start >= (self.scene.now() / 1000 - YOUNGEST_START) * unit:
            return self.error(400, "start_time must be more than five minutes in the past")
        fields = _FIELDS.fullmatch(params.get("fields") or f"{stream}()")
        if fields is None:
            return self.error(400, "fields must look like chats(id,comment)")
        start_id = "" if stream == _TIMELINE else params.get("start_id", "")
        page, end_time, end_id = self._page(stream, start, start_id, limit)
        envelope: Record = {"count": len(page)}
        following = {name: params[name] for name in ("fields", "limit") if name in params}
        following["start_time"] = str(end_time)
        if stream in _EXPANDABLE or (
            stream == "department_events" and self.department_events_end_id
        ):
            envelope["end_id"] = following["start_id"] = end_id
        envelope["end_time"] = end_time * _UNITS.get(self.end_time_unit, unit) // unit
        if stream == "agent_events" and self.agent_events_fraction and page:
            envelope["end_time"] = (nanoseconds(page[-1].record["timestamp"]) or 0) / 1e9
        query = "&".join(f"{name}={quote(value, safe='')}" for name, value in following.items())
        host = self.next_page_host or self.host_url + f"/{self.name}"
        envelope["next_page"] = f"{host}{self.base_path}{call.path}?{query}"
        response = page_of(page, stream, envelope)
        if stream in _EXPANDABLE:
            resource, names = fields.groups()
            response.render = _selector(names if resource == stream else "")
        return response

    def _page(
        self, stream: str, start: int, start_id: str, limit: int
    ) -> tuple[Sequence[Row], int, str]:
        """The rows from a cursor on, and the cursor behind them."""
        times, rows = self.table(stream).in_order("cursor")
        first = self._first(stream, start, start_id)
        page = rows[first : first + min(limit, self.short_pages or limit)]
        if not page:
            return page, start, start_id
        if self.empty_pages and times[first] > start + 2:
            return [], times[first] - 1, ""
        end_time, end_id = times[first + len(page) - 1], page[-1].key
        if stream == "chats" and self.chats_end_time == "start":
            end_time = (nanoseconds(page[-1].record["timestamp"]) or 0) // 1_000_000_000
            self._issued[end_time, end_id] = times[first + len(page) - 1], end_id
        return page, end_time, end_id

    def _list(self, call: Call) -> Response:
        """A bare array, or one object; of some a page by ascending id, from `since_id` on.

        That id is included.
        """
        stream, params = call.stream, call.params
        rows = sorted(self.table(stream).rows(), key=attrgetter("key"))
        if around := _AROUND_ONE.get(stream):
            return rows_of(rows, *around) if rows else self.error(404)
        if (largest := _LARGEST_TABLE_PAGES.get(stream)) is None:
            return rows_of(rows, b"[", b"]")
        since = integer(params.get("since_id", "0"))
        limit = integer(params.get("limit", _DEFAULT_TABLE_PAGE))
        if since is None or limit is None or limit > largest:
            return self.error(400, f"limit must be at most {largest}")
        rows = [row for row in rows if row.key >= since]
        if stream == "agents":
            return rows_of(rows[:limit], b"[", b"]")
        page = rows[:limit] if self.bans_limit == "together" else rows
        visitors = [row for row in page if row.record["type"] == "visitor"][:limit]
        addresses = [row for row in page if row.record["type"] != "visitor"][:limit]
        before = b",".join(row.raw for row in visitors)
        return rows_of(addresses, b'{"visitor":[%b],"ip_address":[' % before, b"]}")

    def _first(self, stream: str, start: int, start_id: str) -> int:
        """Where a cursor stands: at a time, or behind an item of that time."""
        table = self.table(stream)
        if stream == _TIMELINE and self.timeline_start == "exclusive":
            return table.behind("cursor", start + 1)
        if start_id and stream == "chats" and self.chats_end_time == "start":
            # One of another process is not known: rather read again.
            start, start_id = self._issued.get((start, start_id), (start, ""))
        return table.behind("cursor", start, start_id or None)


def _selector(names: str) -> Callable[[Row], bytes] | None:
    """The part of a row that `fields` leaves: all for `*`, only the id for none."""
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    if "*" in wanted:
        return None

    def select(row: Row) -> bytes:
        record = row.record
        selected: Record = {}
        for name in wanted or ["id"]:
            outer, _, inner = name.partition(".")
            if outer not in record:
                continue
            if inner and isinstance(record[outer], dict):
                selected.setdefault(outer, {})[inner] = record[outer].get(inner)
            else:
                selected[outer] = record[outer]
        return encode(selected, ascii_only=True)

    return select
