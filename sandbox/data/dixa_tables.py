"""The tables of Dixa's main API, with the examples of `dixa_tables.json`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.data.templates import document
from sandbox.reference import tables_of

if TYPE_CHECKING:
    from sandbox.reference import Reference

FLOW_CHANNELS = tuple(flow["channel"] for flow in document("dixa_tables.json")["tables"]["flows"])
"""Values of the filter `channel`; the first one is what is listed without it."""

_table = tables_of("dixa_tables.json", "/v1")


def _of_conversation(stream: str, path: str, **options: Any) -> Reference:
    path = f"conversations/{{conversationId}}/{path}"
    return _table(stream, path, of="conversations", **options)


REFERENCES = (
    _table("agents", count=120, is_paged=True),
    _table("agent_presence", "agents/presence", place="", key="userId"),
    _table("endusers", count=60, is_paged=True),
    _table(
        "enduser_details",
        "endusers/{userId}",
        count=1,
        of="endusers",
        parent_key="id",
        holds_one=True,
    ),
    _table("teams"),
    _table("team_members", "teams/{teamId}/agents", of="teams"),
    _table("queues", count=5),
    _table("queue_members", "queues/{queueId}/members", count=3, of="queues", key="agentId"),
    _table("tags", count=9),
    _table("custom_attributes", "custom-attributes", count=6),
    _table("contact_endpoints", "contact-endpoints", count=6, key="address|number"),
    _table("flows", "conversations/flows", count=20),
    _table("templates", count=55, is_paged=True),
    _table("business_hours_schedules", "business-hours/schedules", count=3, place="data.schedules"),
    _table("ai_agents", "ai-agents", count=4),
    _table("organization", count=1, holds_one=True),
    _table("knowledge_collections", "knowledge/collections", count=3, is_paged=True),
    _table(
        "knowledge_catalogs",
        "knowledge/collections/{collectionId}/catalog",
        count=1,
        of="knowledge_collections",
        key="",
        holds_one=True,
    ),
    _table(
        "knowledge_articles",
        "knowledge/articles/{articleId}",
        count=1,
        of="knowledge_catalogs",
        parent_key="id",
        parents_in="articles",
        holds_one=True,
    ),
    _table("analytics_metrics", "analytics/metrics", count=4, is_paged=True),
    _table("analytics_record_types", "analytics/records", count=4, is_paged=True),
    _of_conversation("conversation_messages", "messages", count=3),
    _of_conversation("conversation_notes", "notes", count=2, parent_key="csid"),
    _of_conversation("conversation_ratings", "ratings", count=2, key="id ratingType"),
    _of_conversation("linked_conversations", "linked", count=1),
)
