"""The streams of Dixa's Exports API."""

from __future__ import annotations

from singer_sdk import SchemaDirectory, StreamSchema

from tap_dixa import schemas
from tap_dixa.client import DixaStream

SCHEMAS = SchemaDirectory(schemas)


class Conversations(DixaStream):
    """Conversations that were updated in a window."""

    name = "conversations"
    path = "/v1/conversation_export"
    primary_keys = ("id",)
    replication_key = "updated_at"
    schema = StreamSchema(SCHEMAS)
    filter_name = "updated"
    requests_per_minute = 10


class Messages(DixaStream):
    """Messages that were written in a window.

    The API filters messages by nothing but their creation: one that is edited or anonymised later
    does not come again. Internal notes are no messages: they are the ``conversation_wrapup_notes``
    of their conversation.
    """

    name = "messages"
    path = "/v1/message_export"
    primary_keys = ("id",)
    replication_key = "created_at"
    schema = StreamSchema(SCHEMAS)
    filter_name = "created"
    requests_per_minute = 3
