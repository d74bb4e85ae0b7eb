"""The streams that are played, and what differs between them for whoever watches from outside.

All streams that follow a vendor's time, and of the other access patterns one for each tap. Written
from the vendors' documents: nothing here is taken from the taps but their settings' names.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from typing import TYPE_CHECKING, Any

from resilience.truth import NO_PARENT, Origin
from sandbox import RateLimit
from sandbox.deepconverse import DeepConverse
from sandbox.reference import varied
from scripts.taps import vendor_of

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Mapping

    from sandbox import LoggedRequest, Sandbox
    from sandbox.vendor import Vendor

START = dt.datetime(2025, 1, 6, tzinfo=dt.timezone.utc)
NEWEST = START + dt.timedelta(days=6)
"""No record of the seed is younger."""
END = NEWEST + dt.timedelta(hours=12)
"""The simulated moment of the first run and of those that resume it."""
LATER = END + dt.timedelta(days=1)
"""The simulated moment of the run on the next day, after data has moved."""

LOOKBACK = dt.timedelta(minutes=60)
SECOND = 1_000_000_000
_MILLISECOND = 1_000_000
_UNITS = {"dixa": _MILLISECOND, "deepconverse": SECOND, "zendesk_chat": SECOND, "devrev": 1}
DEVREV_PAGE = 12
_FRACTION = re.compile(rb":\d+\.\d{12,}(?=[,}])")


@dataclasses.dataclass(frozen=True)
class Subject:
    """One stream of one tap.

    Args:
        tap: Name of the tap.
        stream: Name of the stream.
        keys: Its key properties.
        time: The name of the sandbox's time filter that the bookmark is about; empty: there is no
            bookmark, and each run reads all.
        size: Conversations in the sandbox, so that the stream has some dozens of records.
        settings: Those that make several windows or pages of so little data.
        update: The field that moves when a record is updated, and its form; None where the vendor
            cannot be asked for updates.
        origin: Its parent, whose requests, time and bookmark are also the stream's.
    """

    tap: str
    stream: str
    keys: tuple[str, ...]
    time: str
    size: int
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    update: tuple[str, str] | None = None
    origin: Origin = NO_PARENT

    @property
    def name(self) -> str:
        """As `--only` takes it."""
        return f"{self.tap}/{self.stream}"

    @property
    def vendor(self) -> str:
        """Its name in the sandbox."""
        return vendor_of(self.tap)

    @property
    def source(self) -> str:
        """The stream whose time counts: the parent, where there is one."""
        return self.origin.parent or self.stream

    @property
    def streams(self) -> set[str]:
        """Itself and its parent."""
        return {self.stream, self.source}

    @property
    def is_table(self) -> bool:
        """Whether each run reads all of it."""
        return not self.time

    @property
    def asks_for_each_parent(self) -> bool:
        """Whether one that is refused is skipped."""
        return bool(self.origin.parent) and not self.origin.parts

    @property
    def unit(self) -> int:
        """Nanoseconds in the smallest step of the vendor's time."""
        return 1000 if self.stream == "agent_timeline" else _UNITS.get(self.vendor, 1)

    @property
    def asks_in(self) -> int:
        """Nanoseconds in the smallest step in which the tap can ask."""
        return _MILLISECOND if self.vendor == "devrev" else self.unit

    @property
    def is_windowed(self) -> bool:
        """Whether the tap asks for windows; otherwise it follows the server's cursor."""
        return self.vendor != "zendesk_chat"

    @property
    def lookback(self) -> dt.timedelta:
        """The tap's setting; none where it follows a cursor, as is its default."""
        return LOOKBACK if self.is_windowed else dt.timedelta(0)

    def config(self, vendor: Vendor) -> dict[str, Any]:
        """The tap's settings for a run against this sandbox."""
        return {
            **vendor.config,
            "start_date": START.isoformat(),
            "end_date": END.isoformat(),
            "lookback_minutes": int(self.lookback.total_seconds() // 60),
            "rate_limit_share": 1e6,
            "request_timeout": 60,
            "max_tries": 8,
            "emit_activate_version_messages": self.is_table,
            **self.settings,
        }

    def asked(self, request: LoggedRequest) -> Asked:
        """Read from a request what it asked for."""
        params, body = request.params, request.json
        whole = f"{request.path} {sorted((params or body or {}).items())}"
        if self.is_table or request.stream != self.source:
            return Asked("", 0, whole)
        if self.vendor == "devrev":
            return Asked("", _nanoseconds(body["modified_date"]["after"]), whole)
        group, start = "", "start_time"
        if self.vendor == "dixa":
            start = f"{self.time}_after"
        elif self.vendor == "deepconverse":
            group = params["bot_name"]
        return Asked(group, int(params[start]) * self.unit, whole)

    def timed(self, requests: list[LoggedRequest]) -> list[LoggedRequest]:
        """Those that asked for a time: not those for each parent."""
        return [request for request in requests if request.stream == self.source]

    def cursor(self, request: LoggedRequest) -> dict[str, Any]:
        """The server's cursor in a request of a stream that follows one."""
        end_id = request.params.get("start_id")
        return {"end_time": int(request.params["start_time"]), "end_id": end_id}

    # Data at awkward places

    def prepare(self, box: Sandbox) -> None:
        """Add to the seed's data what windows, pages and decoders stumble over."""
        vendor = box.vendors[self.vendor]
        if self.vendor == "devrev":  # its headers tell when to come again after a 429: soon
            vendor.rate_limits["all"] = RateLimit(10**6, 0.001)
        if not self.is_table:
            self._add_awkward_times(vendor)
        for row in vendor.table(self.source).rows():
            # More digits than a double holds, which the sandbox's own data cannot have.
            row._raw = _FRACTION.sub(rb"\g<0>0123456789", row.raw, count=1)  # noqa: SLF001

    def _add_awkward_times(self, vendor: Vendor) -> None:
        if not self.is_windowed:
            # More at one moment than a page holds, where the cursor can tell them apart.
            crowd = 4 if self.stream == "agent_timeline" else self.settings["page_size"] + 3
            records = self.make(vendor, crowd, START + dt.timedelta(days=2, hours=7))
            for record in records if self.source == "chats" else ():
                record["timestamp"] = "2025-01-08T06:30:00Z"  # before its update, as in life
            vendor.put(self.source, *records)
            return
        groups = groups_of(vendor)
        unit = dt.timedelta(microseconds=max(self.unit // 1000, 1000))
        places = [
            START + dt.timedelta(days=days) + offset
            for days in range(0, 7, self.settings["window_days"])
            for offset in (-unit, dt.timedelta(0), unit)
            if START <= START + dt.timedelta(days=days) + offset < END
        ]
        for position, group in enumerate(groups):
            for place, at in enumerate(places):
                number = position * len(places) + place
                vendor.put(self.source, self.make(vendor, number + 1, at)[number], group=group)
        if self.name == "tap-devrev/conversations":  # a window that cannot be halved
            first = len(places)
            crowd = self.make(
                vendor, first + DEVREV_PAGE + 3, START + dt.timedelta(days=3, hours=5)
            )
            small = ("id", "members", "created_date", "modified_date", "display_id")
            vendor.put(self.source, *({name: one[name] for name in small} for one in crowd[first:]))

    def make(self, vendor: Vendor, count: int, at: dt.datetime) -> list[dict[str, Any]]:
        """That many more records at one moment; the same ones, by their keys, each time."""
        return vendor.make(self.source, count, at)

    def another(self, vendor: Vendor, number: int, group: str) -> dict[str, Any]:
        """A record of a table that is not there yet."""
        (reference,) = [each for each in vendor.references if each.stream == self.stream]
        first = next(reference.records(group))
        made: dict[str, Any] = varied(first, self.stream, 1000 + number)
        return made

    def updated(self, record: dict[str, Any], number: int) -> dict[str, Any]:
        """A record as it is after an update: some of them still within the run, some after it."""
        assert self.update is not None  # noqa: S101 - no such case is made otherwise
        field, form = self.update
        if self.is_table:
            return {**record, field: f"updated {number}"}
        minutes = dt.timedelta(minutes=3 + number)
        at = END - minutes if self.is_windowed and number % 2 == 0 else END + minutes
        digits, text = round(at.timestamp() * 1000), f"{at:%Y-%m-%dT%H:%M:%SZ}"
        record[field] = digits if form == "milliseconds" else text
        record["title" if self.vendor == "devrev" else "rating_message"] = "updated"
        if parts := self.origin.parts:
            record[parts] = [*record.get(parts, ()), {"type": "chat.msg", "msg": f"{number}"}]
        return record

    def key_of(self, record: Mapping[str, Any]) -> Hashable:
        """Its key."""
        return tuple(record[key] for key in self.keys)


def groups_of(vendor: Vendor) -> tuple[str | None, ...]:
    """The bots of DeepConverse; a single group elsewhere."""
    return vendor.bots if isinstance(vendor, DeepConverse) else (None,)


@dataclasses.dataclass(frozen=True)
class Asked:
    """The place that a request asked for.

    Args:
        group: The partition.
        start: Where it starts, in nanoseconds since 1970.
        whole: Everything it asked for, as text: two equal requests ask for the same page.
    """

    group: str
    start: int
    whole: str


def _nanoseconds(text: str) -> int:
    return nanoseconds(dt.datetime.fromisoformat(text.replace("Z", "+00:00")))


def nanoseconds(moment: dt.datetime) -> int:
    """Since 1970, without a float on the way."""
    since = moment - dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
    return (since // dt.timedelta(microseconds=1)) * 1000


def _all() -> Iterator[Subject]:
    days, two_days = {"window_days": 1}, {"window_days": 2}
    milliseconds = ("updated_at", "milliseconds")
    yield Subject("tap-dixa", "conversations", ("id",), "updated", 50, days, milliseconds)
    yield Subject("tap-dixa", "messages", ("id",), "created", 20, days)
    of_conversation = Origin("conversations", {"conversation_id": "id"})
    keys = ("conversation_id", "id")
    yield Subject(
        "tap-dixa", "conversation_notes", keys, "updated", 5, days, milliseconds, of_conversation
    )
    paged = {**two_days, "page_size": 8}
    yield Subject("tap-deepconverse", "conversations", ("_id",), "startTime", 50, paged)
    yield Subject("tap-deepconverse", "messages", ("_id",), "time", 14, paged)
    paged, text = {"page_size": 10}, ("update_timestamp", "text")
    yield Subject("tap-zendesk-chat", "chats", ("id",), "cursor", 50, paged, text)
    timeline = ("agent_id", "start_time")
    yield Subject("tap-zendesk-chat", "agent_timeline", timeline, "cursor", 22, paged)
    yield Subject("tap-zendesk-chat", "conversions", ("id",), "cursor", 150, paged)
    yield Subject("tap-zendesk-chat", "department_events", ("id",), "cursor", 30, paged)
    history = Origin("chats", {"chat_id": "id"}, "history", "position")
    yield Subject(
        "tap-zendesk-chat", "chat_history", ("chat_id", "position"), "cursor", 30, paged, text,
        history,
    )  # fmt: skip
    paged = {**two_days, "page_size": DEVREV_PAGE}
    text = ("modified_date", "text")
    yield Subject("tap-devrev", "conversations", ("id",), "modified_date", 36, paged, text)
    entries = Origin("conversations", {"object": "id"})
    yield Subject(
        "tap-devrev", "conversation_timeline_entries", ("id",), "modified_date", 6, paged, text,
        entries,
    )  # fmt: skip
    # Tables: nothing is kept between runs.
    yield Subject("tap-dixa", "agents", ("id",), "", 0, update=("displayName", "text"))
    yield Subject(
        "tap-dixa", "team_members", ("team_id", "id"), "", 0, update=("name", "text"),
        origin=Origin("teams", {"team_id": "id"}),
    )  # fmt: skip
    yield Subject("tap-zendesk-chat", "agents", ("id",), "", 0, update=("display_name", "text"))
    yield Subject("tap-devrev", "tags", ("id",), "", 0, update=("name", "text"))


SUBJECTS: dict[str, Subject] = {subject.name: subject for subject in _all()}
