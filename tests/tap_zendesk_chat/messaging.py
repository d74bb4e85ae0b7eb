"""For the tests of the streams of Messaging: a configuration, a run, and what should come."""

from __future__ import annotations

import datetime as dt
import typing as t

from tests.common import quick_config
from tests.conftest import by_key, run_tap, selecting

if t.TYPE_CHECKING:
    from sandbox import Sandbox
    from sandbox.zendesk_support import ZendeskSupport
    from tests.conftest import Json, Record, Run

TAP = "tap_zendesk_chat"
MESSAGING_KEYS = {
    "agent_availabilities": ("id",),
    "conversation_log": ("ticket_id", "id"),
    "engagements": ("engagement_id",),
    "groups": ("id",),
    "queue_events": ("queue_event_id",),
    "survey_responses": ("id",),
    "ticket_metric_events": ("id",),
    "tickets": ("id",),
    "users": ("id",),
}
MESSAGING_REPLICATION_KEYS = {
    "engagements": "engagement_start_time",
    "queue_events": "event_occurred_at",
    "ticket_metric_events": "time",
    "tickets": "generated_timestamp",
    "users": "updated_at",
}
STREAMS = sorted(MESSAGING_KEYS)
CONVERSATIONS = ("tickets", "conversation_log")
MESSAGING_CHANNELS = {"native_messaging", "whatsapp", "sunshine_conversations_api", "line"}


def support(box: Sandbox) -> ZendeskSupport:
    """The vendor's host that these streams come from."""
    return box.zendesk_chat.support


def config(box: Sandbox, **settings: Json) -> Record:
    """Settings that read all of the sandbox's data at full speed, with an OAuth client."""
    own = {
        "access_token": None,
        "support_access_token": None,
        "support_client_id": support(box).client_id,
        "support_client_secret": support(box).client_secret,
        "end_date": "2025-04-10",
    }
    return quick_config(box.zendesk_chat, {**own, **settings})


def read(box: Sandbox, *streams: str, state: Json = None, **settings: Json) -> Run:
    """Run the tap for some streams only; no token that it fetched may be in what it writes."""
    catalog = selecting(TAP, lambda entry: entry["stream"] in streams)
    run = run_tap(TAP, config(box, **settings), state=state, catalog=catalog)
    for token in support(box).issued:
        assert token not in run.stderr, "a token is in the log"
        assert token.encode() not in run.stdout, "a token is in the output"
    return run


def expected(box: Sandbox, stream: str) -> dict[Json, Record]:
    """Records that a target should hold at the end: as they were sent, but for times in numbers."""
    table = box.zendesk_chat.table(stream)
    records = [row.record for row in table.rows()]
    if stream == "conversation_log":
        records = [{"ticket_id": int(row.group), **row.record} for row in table.rows()]
    if stream == "tickets":
        for record in records:
            record["generated_timestamp"] = iso(record["generated_timestamp"])
    return by_key(records, MESSAGING_KEYS[stream])


def iso(seconds: int) -> str:
    """Seconds since 1970 as text."""
    return f"{dt.datetime.fromtimestamp(seconds, dt.timezone.utc):%Y-%m-%dT%H:%M:%SZ}"


def asked(box: Sandbox, stream: str) -> list[dict[str, str]]:
    """The parameters of each request for a stream."""
    return [request.params for request in box.requests if request.stream == stream]


def tickets_asked(box: Sandbox) -> set[int]:
    """The tickets whose log was asked for."""
    return {
        int(request.path.split("/")[4])
        for request in box.requests
        if request.stream == "conversation_log"
    }
