"""The streams of the Zendesk Chat API's incremental exports."""

from __future__ import annotations

from singer_sdk import SchemaDirectory, StreamSchema

from support_taps.timestamps import MICROSECOND
from tap_zendesk_chat import schemas
from tap_zendesk_chat.client import ZendeskChatStream

SCHEMAS = SchemaDirectory(schemas)


class Chats(ZendeskChatStream):
    """Chats and offline messages, again whenever one is updated."""

    name = "chats"
    path = "/incremental/chats"
    records_key = "chats"
    primary_keys = ("id",)
    replication_key = "update_timestamp"
    schema = StreamSchema(SCHEMAS)
    expand = "chats(*)"


class AgentTimeline(ZendeskChatStream):
    """Spans of time in which an agent had one status, sent when they end.

    The only export that counts microseconds. They stay in ``start_time``: two spans of one agent
    can start in the same second.
    """

    name = "agent_timeline"
    path = "/incremental/agent_timeline"
    records_key = "agent_timeline"
    primary_keys = ("agent_id", "start_time")
    replication_key = "start_time"
    schema = StreamSchema(SCHEMAS)
    time_unit = MICROSECOND


class Conversions(ZendeskChatStream):
    """Goals that a visitor reached, with what they are attributed to."""

    name = "conversions"
    path = "/incremental/conversions"
    records_key = "conversions"
    primary_keys = ("id",)
    replication_key = "timestamp"
    schema = StreamSchema(SCHEMAS)
    expand = "conversions(*)"


class DepartmentEvents(ZendeskChatStream):
    """Changes of a department, such as the length of its queue."""

    name = "department_events"
    path = "/incremental/department_events"
    records_key = "department_events"
    primary_keys = ("id",)
    replication_key = "timestamp"
    schema = StreamSchema(SCHEMAS)
