"""DeepConverse's Export API.

Sources: docs.deepconverse.com/product-docs/analytics/export-api and its pages on conversations and
messages; docs.workato.com/en/agentic/agentx-support/analytics/export-api (the same service, newer).
Much is undocumented there; what the sandbox does then is a switch, or said where it is done.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Literal

from sandbox.data.common import iso_seconds
from sandbox.data.deepconverse import BOTS, DeepConverseSource
from sandbox.instants import nanoseconds
from sandbox.rate_limits import RateLimit
from sandbox.reference import Endpoint
from sandbox.responses import Response, json_response, page_of
from sandbox.table import Bounds, encode
from sandbox.vendor import Vendor, bounded, integer

if TYPE_CHECKING:
    from sandbox.call import Call
    from sandbox.table import Record, Row

DEFAULT_PAGE = 100
LARGEST_PAGE = 1000
_MILLISECONDS_FROM = 10**11


def seconds(value: object) -> int | None:
    """A time in any of the forms of the switch `times`, as seconds."""
    if isinstance(value, str):
        if (number := integer(value)) is None:
            moment = nanoseconds(value)
            return None if moment is None else moment // 1_000_000_000
        value = number
    if isinstance(value, (int, float)):
        return int(value / 1000 if value >= _MILLISECONDS_FROM else value)
    return None


def _in_form(moment: int, form: str) -> int | str:
    if form == "milliseconds":
        return moment * 1000
    return str(moment) if form == "text" else iso_seconds(moment * 1000)


def _export(stream: str, *times: str) -> Endpoint:
    readers = {name: lambda record, name=name: seconds(record.get(name)) for name in times}
    return Endpoint(stream, f"/conversations/export/v1/{stream}", key="_id", times=readers)


class DeepConverse(Vendor):
    """Windows in seconds for one bot, pages with a cursor, `{"data": [...], "cursor": ...}`."""

    name = "deepconverse"
    source = DeepConverseSource
    exports = (
        # Rows are grouped by bot: a record does not name its bot.
        _export("conversations", "startTime", "lastActionAt"),
        _export("messages", "time"),
    )
    # "The API is limited to 3 requests / per second per endpoint."
    documented_rate_limits: ClassVar[dict[str, RateLimit]] = {
        "conversations": RateLimit(3, 1),
        "messages": RateLimit(3, 1),
    }
    token_setting = "api_key"  # noqa: S105
    token = "deepconverse-key-for-the-sandbox"  # noqa: S105
    bots = BOTS

    end_cursor: Literal["null", "absent", "empty"] = "null"
    """The cursor of the last page; documented: `null`."""
    cursor_place: str | None = "cursor"
    """The keys that lead to the cursor, joined by dots; its place is not documented. None: it is
    not in the body at all."""
    times: Literal["seconds", "milliseconds", "text", "iso"] = "seconds"
    """How records tell time; documented: `startTime` in seconds."""
    window_on: Literal["startTime", "lastActionAt"] = "startTime"
    """Which time of a conversation the window is about: undocumented."""
    bounds: Bounds = "inclusive"
    """Whether the window includes its ends: undocumented. Half-open: only `start_time`."""

    @property
    def config(self) -> dict[str, Any]:
        """An account whose bots are read by their names."""
        return {**super().config, "bot_names": list(self.bots)}

    def group(self, group: str | None) -> str:
        """The first bot, when none is named."""
        return BOTS[0] if group is None else group

    def authorised(self, call: Call) -> bool:
        """The header `x-api-key`."""
        return call.headers.get("x-api-key") == self.token

    def unauthorised(self, call: Call) -> Response:  # noqa: ARG002
        """Undocumented; this is what a gateway that takes `x-api-key` usually responses."""
        return self.error(403)

    def error(self, status: int, message: str = "", **_: Any) -> Response:
        """No error is documented, nor a header that says how long to wait."""
        usual = {400: "Bad Request", 403: "Forbidden", 404: "Not Found", 429: "Too Many Requests"}
        return json_response({"message": message or usual.get(status, "Error")}, status)

    def render(self, stream: str, row: Row) -> bytes:
        """The record with its times in the form of the switch `times`."""
        if self.times == "seconds":
            return row.raw
        record = row.record
        for name in self._tables[stream].times:
            if record.get(name) is not None:
                record[name] = _in_form(seconds(record[name]) or 0, self.times)
        return encode(record)

    def response(self, call: Call) -> Response:
        """One page of a bot's records in a window; an unknown bot has none."""
        params = dict(call.params)
        cursor = params.pop("cursor", None)
        params.pop("per_page", None)
        start, end = (integer(params.get(name, "")) for name in ("start_time", "end_time"))
        known = {"start_time", "end_time", "bot_name"}
        if call.stream == "messages":
            known.add("conversation_id")
        if unknown := params.keys() - known:
            return self.error(400, f"unknown parameter {min(unknown)}")
        if start is None or end is None or not params.get("bot_name"):
            return self.error(400, "start_time, end_time (Unix seconds) and bot_name are required")
        per_page = bounded(call.params, "per_page", LARGEST_PAGE, DEFAULT_PAGE)
        time = self.window_on if call.stream == "conversations" else "time"
        rows = self.table(call.stream).between(
            time, start, end, bounds=self.bounds, group=params["bot_name"]
        )
        if conversation := params.get("conversation_id"):
            rows = [row for row in rows if row.record.get("conversationId") == conversation]
        page, following = self.paging.page(rows, per_page, cursor, params)
        envelope: Record = {"cursor": following}
        if following is None:
            envelope = {"null": envelope, "absent": {}, "empty": {"cursor": ""}}[self.end_cursor]
        response = page_of(page, "data", self._placed(envelope))
        response.render = lambda row: self.render(call.stream, row)
        return response

    def _placed(self, envelope: Record) -> Record:
        """The envelope with its cursor where the switch `cursor_place` wants it."""
        if self.cursor_place is None:
            return {}
        if "cursor" not in envelope:
            return envelope
        placed = envelope["cursor"]
        for key in reversed(self.cursor_place.split(".")):
            placed = {key: placed}
        return dict(placed)
