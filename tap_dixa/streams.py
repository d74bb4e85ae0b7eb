"""The streams of Dixa."""

from __future__ import annotations

import typing as t
from typing import ClassVar

from typing_extensions import override

from support_taps.errors import ShapeError
from tap_dixa.client import DixaChild, DixaEndUsers, DixaExport, DixaFlows, DixaLog, DixaTable

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from singer_sdk.helpers.types import Context, Record


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
    does not come again; ``ConversationMessages`` has them as they are now. Internal notes are no
    messages: they are the ``conversation_wrapup_notes`` of their conversation.
    """

    name = "messages"
    path = "/v1/message_export"
    replication_key = "created_at"
    filter_name = "created"
    requests_per_minute = 3


class ActivityLogs(DixaLog):
    """All that was done to conversations: offered, assigned, tagged, rated, closed and so on.

    The size of a page is one that the vendor is known to accept; its own default is undocumented.
    """

    name = "activity_logs"
    path = "/v1/conversations/activitylog"
    replication_key = "activityTimestamp"
    params: ClassVar = {"pageLimit": "1000"}


class Agents(DixaTable):
    """Agents and administrators of the organisation."""

    name = "agents"
    path = "/v1/agents"


class AgentPresence(DixaTable):
    """Presence of each agent at the time of the request: a snapshot, so each run adds its own."""

    name = "agent_presence"
    path = "/v1/agents/presence"
    records_key = None
    primary_keys = ("userId", "requestTime")


class EndUsers(DixaEndUsers):
    """End users (contacts) of the organisation."""

    name = "endusers"
    path = "/v1/endusers"


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


class Queues(DixaTable):
    """Queues of the organisation."""

    name = "queues"
    path = "/v1/queues"


class QueueMembers(DixaChild):
    """Agents of each queue."""

    name = "queue_members"
    path = "/v1/queues/{queue_id}/members"
    parent_stream_type = Queues
    parent_fields: ClassVar = {"queue_id": "id"}
    primary_keys = ("queue_id", "agentId")


class Tags(DixaTable):
    """Tags of the organisation, those that are deactivated included."""

    name = "tags"
    path = "/v1/tags"
    params: ClassVar = {"includeDeactivated": "true"}


class CustomAttributes(DixaTable):
    """Definitions of the custom attributes of contacts and conversations."""

    name = "custom_attributes"
    path = "/v1/custom-attributes"


class ContactEndpoints(DixaTable):
    """Email addresses and phone numbers by which the organisation is reached.

    They have no id. Others refer to them by their address or number, so that becomes their ``id``.
    """

    name = "contact_endpoints"
    path = "/v1/contact-endpoints"
    added_fields: ClassVar = {"id": None}

    @override
    def post_process(self, row: Record, context: Context | None = None) -> Record:
        """Fill in the id."""
        sent = (row[name] for name in ("id", "address", "number") if row.get(name) is not None)
        if (made := next(sent, None)) is None:
            msg = f"a record has neither 'address' nor 'number'; its fields are: {', '.join(row)}"
            raise ShapeError(msg)
        return {**row, "id": made}


class Flows(DixaFlows):
    """Conversation flows of every channel.

    Without a channel the vendor lists those of one channel only.
    """

    name = "flows"
    path = "/v1/conversations/flows"
    channels = (
        "Callback",
        "ContactForm",
        "Email",
        "FacebookMessenger",
        "Messenger",
        "PstnPhone",
        "Voicemail",
        "WhatsApp",
        "WidgetChat",
    )


class Templates(DixaTable):
    """Quick responses and automatic email replies, with their translations."""

    name = "templates"
    path = "/v1/templates"


class BusinessHoursSchedules(DixaTable):
    """Schedules of business hours."""

    name = "business_hours_schedules"
    path = "/v1/business-hours/schedules"
    records_key = "data.schedules"


class AiAgents(DixaTable):
    """AI agents: Dixa's own and those of other makers."""

    name = "ai_agents"
    path = "/v1/ai-agents"


class Organization(DixaTable):
    """The organisation that the token belongs to."""

    name = "organization"
    path = "/v1/organization"
    holds_one = True


class KnowledgeCollections(DixaTable):
    """Collections of the knowledge base."""

    name = "knowledge_collections"
    path = "/v1/knowledge/collections"


class KnowledgeCatalogs(DixaChild):
    """The tree of categories and articles of each collection."""

    name = "knowledge_catalogs"
    path = "/v1/knowledge/collections/{collection_id}/catalog"
    parent_stream_type = KnowledgeCollections
    parent_fields: ClassVar = {"collection_id": "id"}
    primary_keys = ("collection_id",)
    holds_one = True

    @override
    def generate_child_contexts(
        self, record: Record, context: Context | None
    ) -> Iterator[Context | None]:
        """Every article of the tree, once: the vendor has no list of them."""
        for article in dict.fromkeys(self._articles(record)):
            yield {"id": article}

    def _articles(self, category: Record) -> Iterator[str]:
        for article in self._listed(category, "articles"):
            yield article["id"]
        for inner in self._listed(category, "categories"):
            yield from self._articles(inner)

    def _listed(self, category: Record, field: str) -> Iterator[Record]:
        """The elements of a list; one of another form than documented is told of."""
        listed = category.get(field)
        for each in listed if isinstance(listed, list) else [listed]:
            if isinstance(each, dict) and isinstance(each.get("id"), str):
                yield each
            elif each is not None:
                self.progress.odd_parts(field, type(each).__name__, "a list of objects")


class KnowledgeArticles(DixaChild):
    """Articles of the knowledge base, in the default language."""

    name = "knowledge_articles"
    path = "/v1/knowledge/articles/{id}"
    parent_stream_type = KnowledgeCatalogs
    parent_fields: ClassVar = {"id": "id"}
    primary_keys = ("id",)
    holds_one = True


class AnalyticsMetrics(DixaTable):
    """Catalogue of the metrics of Dixa's analytics."""

    name = "analytics_metrics"
    path = "/v1/analytics/metrics"


class AnalyticsRecordTypes(DixaTable):
    """Catalogue of the records that the metrics of Dixa's analytics are made of."""

    name = "analytics_record_types"
    path = "/v1/analytics/records"


class ConversationMessages(DixaChild):
    """Messages of each conversation that changed, as they are now.

    Unlike ``messages`` it finds those that were edited or redacted, and names their authors' ids.
    """

    name = "conversation_messages"
    path = "/v1/conversations/{conversation_id}/messages"
    parent_stream_type = Conversations
    parent_fields: ClassVar = {"conversation_id": "id"}
    primary_keys = ("conversation_id", "id")


class ConversationNotes(DixaChild):
    """Internal notes of each conversation that changed."""

    name = "conversation_notes"
    path = "/v1/conversations/{conversation_id}/notes"
    parent_stream_type = Conversations
    parent_fields: ClassVar = {"conversation_id": "id"}
    primary_keys = ("conversation_id", "id")


class ConversationRatings(DixaChild):
    """Ratings of each conversation that changed, a record for each question of a survey.

    The questions of one survey have one id.
    """

    name = "conversation_ratings"
    path = "/v1/conversations/{conversation_id}/ratings"
    parent_stream_type = Conversations
    parent_fields: ClassVar = {"conversation_id": "id"}
    primary_keys = ("conversation_id", "id", "ratingType")


class LinkedConversations(DixaChild):
    """Conversations linked to each conversation that changed: side conversations, follow-ups."""

    name = "linked_conversations"
    path = "/v1/conversations/{conversation_id}/linked"
    parent_stream_type = Conversations
    parent_fields: ClassVar = {"conversation_id": "id"}
    primary_keys = ("conversation_id", "id")
