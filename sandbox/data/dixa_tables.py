"""The tables of Dixa's main API: the examples of its OpenAPI document (August 2026).

They stand in `dixa_examples.json`, left as they are but for texts and lists that were shortened.
`ai_agents` are in the reference alone (docs.dixa.io/openapi/dixa-api/v1/ai-agents); an inactive
tag, and flows of all channels, are made from the document's words.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sandbox.reference import Reference

FLOW_CHANNELS = (
    "PstnPhone",
    "Callback",
    "ContactForm",
    "Email",
    "FacebookMessenger",
    "Messenger",
    "Voicemail",
    "WhatsApp",
    "WidgetChat",
)
"""Values of the filter `channel`; the first one is what is listed without it."""

_EXAMPLES = json.loads(Path(__file__).with_name("dixa_examples.json").read_text(encoding="utf-8"))
_EXAMPLES["flows"] = [
    {**example, "channel": channel} for example in _EXAMPLES["flows"] for channel in FLOW_CHANNELS
]


def _reference(stream: str, path: str, count: int, **options: Any) -> Reference:
    example, *others = _EXAMPLES[stream]
    return Reference(stream, f"/v1/{path}", example, count, others=tuple(others), **options)


def _of_conversation(stream: str, path: str, count: int, **options: Any) -> Reference:
    path = f"conversations/{{conversationId}}/{path}"
    return _reference(stream, path, count, of="conversations", **options)


REFERENCES = (
    _reference("agents", "agents", 120, is_paged=True),
    _reference("agent_presence", "agents/presence", 7, place="", key="userId"),
    _reference("endusers", "endusers", 60, is_paged=True),
    _reference(
        "enduser_details", "endusers/{userId}", 1, of="endusers", parent_key="id", holds_one=True
    ),
    _reference("teams", "teams", 7),
    _reference("team_members", "teams/{teamId}/agents", 7, of="teams"),
    _reference("queues", "queues", 5),
    _reference("queue_members", "queues/{queueId}/members", 3, of="queues", key="agentId"),
    _reference("tags", "tags", 9),
    _reference("custom_attributes", "custom-attributes", 6),
    _reference("contact_endpoints", "contact-endpoints", 6, key="address|number"),
    _reference("flows", "conversations/flows", 20),
    _reference("templates", "templates", 55, is_paged=True),
    _reference("business_hours_schedules", "business-hours/schedules", 3, place="data.schedules"),
    _reference("ai_agents", "ai-agents", 4),
    _reference("organization", "organization", 1, holds_one=True),
    _reference("knowledge_collections", "knowledge/collections", 3, is_paged=True),
    _reference(
        "knowledge_catalogs",
        "knowledge/collections/{collectionId}/catalog",
        1,
        of="knowledge_collections",
        key="",
        holds_one=True,
    ),
    _reference(
        "knowledge_articles",
        "knowledge/articles/{articleId}",
        1,
        of="knowledge_catalogs",
        parent_key="id",
        parents_in="articles",
        holds_one=True,
    ),
    _reference("analytics_metrics", "analytics/metrics", 4, is_paged=True),
    _reference("analytics_record_types", "analytics/records", 4, is_paged=True),
    _of_conversation("conversation_messages", "messages", 3),
    _of_conversation("conversation_notes", "notes", 2, parent_key="csid"),
    _of_conversation("conversation_ratings", "ratings", 2, key="id ratingType"),
    _of_conversation("linked_conversations", "linked", 1),
)
