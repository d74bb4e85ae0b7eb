"""The streams of the Zendesk Chat API."""

from __future__ import annotations

from typing import ClassVar

from support_taps.streams.child import PartsStream
from support_taps.timestamps import MICROSECOND
from tap_zendesk_chat.client import (
    ZendeskChatExport,
    ZendeskChatStream,
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


class ChatHistory(ZendeskChatStream[str], PartsStream):
    """Events of each chat: its messages, and who joined, left, rated or tagged it.

    Not called messages, because it holds every event of ``history``. The position in the list is
    part of the key: older data has no ``index``.
    """

    name = "chat_history"
    parent_stream_type = Chats
    parent_fields: ClassVar = {"chat_id": "id"}
    parts_key = "history"
    position_field = "position"
    primary_keys = ("chat_id", "position")


class Agents(ZendeskChatTableById):
    """Agents of the account."""

    name = "agents"
    path = "/agents"


class Departments(ZendeskChatTable):
    """Departments of the account."""

    name = "departments"
    path = "/departments"
