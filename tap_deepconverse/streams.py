"""The streams of DeepConverse's Export API."""

from __future__ import annotations

from singer_sdk import SchemaDirectory, StreamSchema

from tap_deepconverse import schemas
from tap_deepconverse.client import DeepConverseStream

SCHEMAS = SchemaDirectory(schemas)


class Conversations(DeepConverseStream):
    """Conversations with a bot, with all parameters that were stored with them."""

    name = "conversations"
    path = "/conversations/export/v1/conversations"
    primary_keys = ("_id",)
    replication_key = "startTime"
    schema = StreamSchema(SCHEMAS)


class Messages(DeepConverseStream):
    """Messages of customers, agents and the bot.

    Read by time window: asking for one conversation at a time would cost a call each.
    """

    name = "messages"
    path = "/conversations/export/v1/messages"
    primary_keys = ("_id",)
    replication_key = "time"
    schema = StreamSchema(SCHEMAS)
