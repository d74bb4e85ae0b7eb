"""The streams of the Support API: conversations of Messaging, and what goes with them."""

from __future__ import annotations

import collections
import datetime as dt
import typing as t
from typing import ClassVar

from typing_extensions import override

from support_taps.timestamps import MILLISECOND, SECOND, to_epoch
from tap_zendesk_chat.support_client import (
    OmnichannelExport,
    SupportChild,
    SupportExport,
    SupportTable,
    SupportTimedExport,
)

if t.TYPE_CHECKING:
    from singer_sdk.helpers.types import Context

MESSAGING_CHANNELS = frozenset(
    {
        "answer_bot_for_web_widget",
        "any_channel",
        "business_messaging_slack_connect",
        "instagram_dm",
        "line",
        "native_messaging",
        "sms",
        "whatsapp",
    }
)
"""Channels of tickets that do not say whether they came through one, as seen by other readers; the
``sunshine_conversations_*`` are more of them."""


class Tickets(SupportExport):
    """Tickets, again whenever anything of them changes; deleted ones have the status ``deleted``.

    Those that came through a messaging channel are the headers of conversations.
    """

    name = "tickets"
    path = "/api/v2/incremental/tickets/cursor"
    records_key = "tickets"
    replication_key = "generated_timestamp"
    sends_epochs = True
    epoch_unit = SECOND
    requests_per_minute = 10
    options: ClassVar = {"support_type_scope": "all", "include": "metric_sets"}

    def __init__(self, *args: t.Any, **options: t.Any) -> None:
        """No ticket has been seen yet."""
        super().__init__(*args, **options)
        self._channels: collections.Counter[tuple[bool, str]] = collections.Counter()

    @override
    def get_child_context(
        self, record: dict[str, t.Any], context: Context | None
    ) -> Context | None:
        """The ticket, if its conversation is to be read."""
        via = record.get("via")
        channel = str(via.get("channel")) if isinstance(via, dict) else "none"
        is_wanted = record.get("status") != "deleted" and (
            not self.config["messaging_only"] or is_messaging(record, channel)
        )
        self._channels[is_wanted, channel] += 1
        if not is_wanted:
            return None
        return super().get_child_context(record, context)

    @override
    def log_sync_costs(self) -> None:
        super().log_sync_costs()
        for is_wanted, words in ((True, "read"), (False, "not read")):
            counted = [
                f"{channel} ({count:,})"
                for (wanted, channel), count in sorted(self._channels.items())
                if wanted is is_wanted
            ]
            if counted:
                self.logger.info(
                    "conversation_log: %s for tickets of the channels: %s",
                    words,
                    ", ".join(counted),
                )


def is_messaging(ticket: dict[str, t.Any], channel: str) -> bool:
    """Whether a ticket is a conversation of Messaging.

    It says so itself in ``from_messaging_channel``; where it does not (that field is newer than the
    product) its channel tells. An AI agent handles nothing but such conversations.

    Args:
        ticket: The ticket.
        channel: Its ``via.channel``.
    """
    told = ticket.get("from_messaging_channel")
    if isinstance(told, bool) and ticket.get("support_type") != "ai_agent":
        return told
    return (
        ticket.get("support_type") == "ai_agent"
        or channel in MESSAGING_CHANNELS
        or channel.startswith("sunshine_conversations_")
    )


class ConversationLog(SupportChild):
    """Messages, comments and notes of each ticket that the run read.

    The whole log of a ticket comes again whenever the ticket changes. What was redacted comes with
    its new text; what vanished leaves no trace.
    """

    name = "conversation_log"
    path = "/api/v2/tickets/{ticket_id}/conversation_log"
    records_key = "events"
    records_are_optional = True
    parent_stream_type = Tickets
    parent_fields: ClassVar = {"ticket_id": "id"}
    primary_keys = ("ticket_id", "id")
    extras: ClassVar = {"sort": "created_at"}

    @override
    def log_sync_costs(self) -> None:
        super().log_sync_costs()
        if self._is_allowed and not self.progress.records:
            self.logger.warning(
                "%s: the log of every ticket was empty. Check that the owner of the token or "
                "OAuth client is an administrator",
                self.name,
            )


class TicketMetricEvents(SupportTimedExport):
    """Moments from which reply, wait and work times of tickets are measured."""

    name = "ticket_metric_events"
    path = "/api/v2/incremental/ticket_metric_events"
    records_key = "ticket_metric_events"
    replication_key = "time"
    requests_per_minute = 10


class Users(SupportExport):
    """End users, agents and administrators, again whenever one is updated."""

    name = "users"
    path = "/api/v2/incremental/users/cursor"
    records_key = "users"
    replication_key = "updated_at"
    requests_per_minute = 20


class Groups(SupportTable):
    """Groups of agents, which the departments of Chat became."""

    name = "groups"
    path = "/api/v2/groups"
    records_key = "groups"


class AgentAvailabilities(SupportTable):
    """Status of each agent at the moment of the run; the vendor keeps no history of it."""

    name = "agent_availabilities"
    path = "/api/v2/agent_availabilities"
    records_key = "data"
    requests_per_minute = 200


class SurveyResponses(SupportTable):
    """Customers' ratings and answers from ``start_date`` on, all of them in each run.

    A response can be asked for by its creation and does not tell it, and answers can come later.
    """

    name = "survey_responses"
    path = "/api/v2/guide/survey_responses"
    records_key = "survey_responses"

    @override
    def filters(self) -> dict[str, t.Any]:
        settings = self.tap.settings
        end = settings.end
        return {
            "filter[created_at_start]": to_epoch(settings.start, MILLISECOND),
            "filter[created_at_end]": None if end is None else to_epoch(end, MILLISECOND),
        }


class Engagements(OmnichannelExport):
    """Spans in which one agent had one ticket, sent when they end."""

    name = "engagements"
    path = "/api/v2/engagements"
    records_key = "agent_engagement_data"
    primary_keys = ("engagement_id",)
    replication_key = "engagement_start_time"
    window_length = dt.timedelta(days=7)
    appears_after = dt.timedelta(days=14)


class QueueEvents(OmnichannelExport):
    """Work items that enter or leave a queue."""

    name = "queue_events"
    path = "/api/v2/queue_events"
    records_key = "queue_data"
    primary_keys = ("queue_event_id",)
    replication_key = "event_occurred_at"
