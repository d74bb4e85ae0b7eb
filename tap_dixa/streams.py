"""The streams of Dixa."""

from __future__ import annotations

from typing import ClassVar

from tap_dixa.client import DixaChild, DixaExport, DixaTable


class Conversations(DixaExport):
    """Conversations that were updated in a window."""

    name = "conversations"
    path = "/v1/conversation_export"
    replication_key = "updated_at"
    filter_name = "updated"
    requests_per_minute = 10


class Messages(DixaExport):
    """Messages that were written in a window.

    The API filters messages by nothing but their creation: one that is edited or anonymised later
    does not come again. Internal notes are no messages: they are the ``conversation_wrapup_notes``
    of their conversation.
    """

    name = "messages"
    path = "/v1/message_export"
    replication_key = "created_at"
    filter_name = "created"
    requests_per_minute = 3


class Agents(DixaTable):
    """Agents and administrators of the organisation."""

    name = "agents"
    path = "/v1/agents"


class Teams(DixaTable):
    """Teams of the organisation."""

    name = "teams"
    path = "/v1/teams"


class TeamMembers(DixaChild):
    """Agents of each team."""

    name = "team_members"
    path = "/v1/teams/{team_id}/agents"
    parent_stream_type = Teams
    parent_fields: ClassVar = {"team_id": "id"}
    primary_keys = ("team_id", "id")
