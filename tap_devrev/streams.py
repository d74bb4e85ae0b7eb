"""The stream of DevRev's conversation export."""

from __future__ import annotations

from singer_sdk import SchemaDirectory, StreamSchema

from tap_devrev import schemas
from tap_devrev.client import DevRevStream


class Conversations(DevRevStream):
    """Conversations that were modified in a window, with their latest timeline entries."""

    name = "conversations"
    path = "/conversations.export"
    list_path = "/conversations.list"
    records_key = "conversations"
    primary_keys = ("id",)
    replication_key = "modified_date"
    schema = StreamSchema(SchemaDirectory(schemas))
