"""The streams of the Zendesk Chat API."""

from __future__ import annotations

from typing import ClassVar

from support_taps.timestamps import MICROSECOND
from tap_zendesk_chat.client import (
    ZendeskChatExport,
    ZendeskChatParts,
    ZendeskChatTable,
    ZendeskChatTableById,
)


class Chats(ZendeskChatExport):
    """Chats and offline messages, again whenever one is updated."""

    name = "chats"
    path = "/incremental/chats"
    records_key = "chats"
    primary_keys = ("id",)
    replication_key = "update_timestamp"
    expand = "chats(*)"


class AgentTimeline(ZendeskChatExport):
    """Spans of time in which an agent had one status, sent when they end.

    The only export that counts microseconds. They stay in ``start_time``: two spans of one agent
    can start in the same second.
    """

    name = "agent_timeline"
    path = "/incremental/agent_timeline"
    records_key = "agent_timeline"
    primary_keys = ("agent_id", "start_time")
    replication_key = "start_time"
    time_unit = MICROSECOND


class Conversions(ZendeskChatExport):
    """Goals that a visitor reached, with what they are attributed to."""

    name = "conversions"
    path = "/incremental/conversions"
    records_key = "conversions"
    primary_keys = ("id",)
    replication_key = "timestamp"
    expand = "conversions(*)"


class DepartmentEvents(ZendeskChatExport):
    """Changes of a department, such as the length of its queue."""

    name = "department_events"
    path = "/incremental/department_events"
    records_key = "department_events"
    primary_keys = ("id",)
    replication_key = "timestamp"


class AgentEvents(ZendeskChatExport):
    """Changes of an agent's status and number of chats, each with the value before it.

    The vendor has it in limited availability: other accounts are refused it, and it is skipped.
    """

    name = "agent_events"
    path = "/incremental/agent_events"
    records_key = "agent_events"
    primary_keys = ("id",)
    replication_key = "timestamp"


class ChatEngagements(ZendeskChatParts):
    """Spans of a chat that one agent or department answered for.

    The vendor's id is sound as the key: it is the chat's with a number.
    """

    name = "chat_engagements"
    parent_stream_type = Chats
    parts_key = "engagements"
    primary_keys = ("id",)


class ChatHistory(ZendeskChatParts):
    """Events of each chat: its messages, and who joined, left, rated or tagged it.

    Not called messages, because it holds every event of ``history``. The position in the list is
    part of the key: older data has no ``index``.
    """

    name = "chat_history"
    parent_stream_type = Chats
    parts_key = "history"
    position_field = "position"
    primary_keys = ("chat_id", "position")


class ChatVisitors(ZendeskChatParts):
    """The visitor of each chat, as known at its time.

    One for each chat, so that the chat is the key. The visitor's id would not be sound: in the
    vendor's sample two chats of one visitor have two names.
    """

    name = "chat_visitors"
    parent_stream_type = Chats
    parts_key = "visitor"
    holds_one = True
    primary_keys = ("chat_id",)


class ChatWebpath(ZendeskChatParts):
    """Pages that the visitor went through, in their order.

    They have no id; the path only grows at its end, so that the position is sound as the key.
    """

    name = "chat_webpath"
    parent_stream_type = Chats
    parts_key = "webpath"
    position_field = "position"
    primary_keys = ("chat_id", "position")


class Account(ZendeskChatTable):
    """The account, with its plan and, for its owner alone, its billing."""

    name = "account"
    path = "/account"
    holds_one = True
    primary_keys = ("account_key",)


class Agents(ZendeskChatTableById):
    """Agents of the account."""

    name = "agents"
    path = "/agents"


class Bans(ZendeskChatTableById):
    """Visitors and IP addresses that are banned.

    The two kinds come in two lists. They share one space of ids, but not all of their fields.
    """

    name = "bans"
    path = "/bans"
    records_key = ("visitor", "ip_address")


class Departments(ZendeskChatTable):
    """Departments of the account."""

    name = "departments"
    path = "/departments"


class Goals(ZendeskChatTable):
    """Goals that visitors can reach."""

    name = "goals"
    path = "/goals"


class Roles(ZendeskChatTable):
    """Roles of agents, with what each permits."""

    name = "roles"
    path = "/roles"


class RoutingSettings(ZendeskChatTable):
    """Ways in which the account brings chats to agents: one record, without an id of its own."""

    name = "routing_settings"
    path = "/routing_settings/account"
    records_key = "data"
    holds_one = True
    added_fields: ClassVar = {"level": "account"}
    primary_keys = ("level",)


class Shortcuts(ZendeskChatTable):
    """Answers that agents have at hand. Older ones have no id, so that the name is the key."""

    name = "shortcuts"
    path = "/shortcuts"
    primary_keys = ("name",)


class Skills(ZendeskChatTable):
    """Skills that chats are routed by."""

    name = "skills"
    path = "/skills"


class Triggers(ZendeskChatTable):
    """Triggers: what happens by itself on which event."""

    name = "triggers"
    path = "/triggers"
