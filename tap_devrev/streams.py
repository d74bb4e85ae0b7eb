"""The streams of DevRev."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from tap_devrev.client import (
    DevRevChild,
    DevRevExport,
    DevRevLinks,
    DevRevTable,
    DevRevTimeline,
    DevRevWindows,
    DevRevWorks,
)

if TYPE_CHECKING:
    from singer_sdk.helpers.types import Context, Record

LARGEST_ACCOUNTS_EXPORT = 500

# Exports, in windows that are proved to come whole


class Conversations(DevRevExport):
    """Conversations that were modified in a window, with their latest timeline entries."""

    name = "conversations"
    path = "/conversations.export"
    list_path = "/conversations.list"
    records_key = "conversations"


class Tickets(DevRevWorks):
    """Tickets: what a customer wants done."""

    name = "tickets"
    asks_for: ClassVar = {"type": ["ticket"]}


class Issues(DevRevWorks):
    """Issues: work of the organisation's own teams, which tickets are linked to."""

    name = "issues"
    asks_for: ClassVar = {"type": ["issue"]}


class Tasks(DevRevWorks):
    """Tasks: small pieces of work."""

    name = "tasks"
    asks_for: ClassVar = {"type": ["task"]}


class Opportunities(DevRevWorks):
    """Opportunities: what may be sold to an account."""

    name = "opportunities"
    asks_for: ClassVar = {"type": ["opportunity"]}


class Accounts(DevRevExport):
    """Accounts: the organisation's customers."""

    name = "accounts"
    path = "/accounts.export"
    list_path = "/accounts.list"
    records_key = "accounts"
    largest_export = LARGEST_ACCOUNTS_EXPORT


# Lists that can be filtered by time


class RevOrgs(DevRevWindows):
    """Workspaces (rev orgs): parts of an account, with users of their own."""

    name = "rev_orgs"
    path = "/rev-orgs.list"
    records_key = "rev_orgs"


class RevUsers(DevRevWindows):
    """Customers' users (rev users)."""

    name = "rev_users"
    path = "/rev-users.scan"
    records_key = "rev_users"
    takes_limit = False


class SlaTrackers(DevRevWindows):
    """What has become of the service levels that a conversation or a ticket is promised."""

    name = "sla_trackers"
    path = "/sla-trackers.list"
    records_key = "sla_trackers"


class DevUsers(DevRevWindows):
    """Users of the organisation itself: its staff (dev users)."""

    name = "dev_users"
    path = "/dev-users.list"
    records_key = "dev_users"
    filter_is_typed = True


class Parts(DevRevWindows):
    """Parts of the organisation's products: products, capabilities, features and others."""

    name = "parts"
    path = "/parts.list"
    records_key = "parts"
    filter_name = "modified_date_v2"
    filter_is_typed = True


class Meetings(DevRevWindows):
    """Meetings and calls."""

    name = "meetings"
    path = "/meetings.list"
    records_key = "meetings"
    filter_is_typed = True


class Incidents(DevRevWindows):
    """Incidents (beta)."""

    name = "incidents"
    path = "/incidents.list"
    records_key = "incidents"
    filter_is_typed = True


class Surveys(DevRevWindows):
    """Surveys, such as those that ask how content a customer is."""

    name = "surveys"
    path = "/surveys.list"
    records_key = "surveys"
    filter_is_typed = True


class SurveyResponses(DevRevWindows):
    """What customers said in surveys."""

    name = "survey_responses"
    path = "/surveys.responses.list"
    records_key = "survey_responses"
    filter_is_typed = True


class CodeChanges(DevRevWindows):
    """Changes of code that work is linked to."""

    name = "code_changes"
    path = "/code-changes.list"
    records_key = "code_changes"
    filter_is_typed = True


# Tables


class Groups(DevRevTable):
    """Groups of users."""

    name = "groups"
    path = "/groups.list"
    records_key = "groups"


class Tags(DevRevTable):
    """Tags."""

    name = "tags"
    path = "/tags.list"
    records_key = "tags"


class SysUsers(DevRevTable):
    """Users that are DevRev itself and its automations."""

    name = "sys_users"
    path = "/sys-users.list"
    records_key = "sys_users"


class Slas(DevRevTable):
    """Service levels that customers are promised."""

    name = "slas"
    path = "/slas.list"
    records_key = "slas"


class MetricDefinitions(DevRevTable):
    """What service levels measure, such as the time to the first response."""

    name = "metric_definitions"
    path = "/metric-definitions.list"
    records_key = "metric_definitions"


class OrgSchedules(DevRevTable):
    """Working hours, which service levels count in."""

    name = "org_schedules"
    path = "/org-schedules.list"
    records_key = "org_schedules"


class Articles(DevRevTable):
    """Articles of the knowledge base."""

    name = "articles"
    path = "/articles.list"
    records_key = "articles"


class Directories(DevRevTable):
    """Directories of articles."""

    name = "directories"
    path = "/directories.list"
    records_key = "directories"


class QuestionAnswers(DevRevTable):
    """Questions with their answers (beta)."""

    name = "question_answers"
    path = "/question-answers.list"
    records_key = "question_answers"


class Brands(DevRevTable):
    """Brands (beta)."""

    name = "brands"
    path = "/brands.list"
    records_key = "brands"
    takes_limit = False


class Engagements(DevRevTable):
    """Calls, e-mails and other contacts with an account (beta)."""

    name = "engagements"
    path = "/engagements.list"
    records_key = "engagements"


class Stages(DevRevTable):
    """Stages that work goes through."""

    name = "stages"
    path = "/stages.custom.list"
    records_key = "result"
    cursor_key = "cursor"


class States(DevRevTable):
    """States, which stages belong to: open, in progress, closed."""

    name = "states"
    path = "/states.custom.list"
    records_key = "result"
    cursor_key = "cursor"


class StageDiagrams(DevRevTable):
    """Which stage can follow which."""

    name = "stage_diagrams"
    path = "/stage-diagrams.list"
    records_key = "result"
    cursor_key = "cursor"


class Vistas(DevRevTable):
    """Vistas: saved views, boards and sprints."""

    name = "vistas"
    path = "/vistas.list"
    records_key = "vistas"


class LinkTypes(DevRevTable):
    """Kinds of links that the account has made (beta)."""

    name = "link_types"
    path = "/link-types.custom.list"
    records_key = "result"


class Subtypes(DevRevTable):
    """Subtypes of work and other objects (beta)."""

    name = "subtypes"
    path = "/schemas.subtypes.list"
    records_key = "subtypes"
    takes_limit = False
    primary_keys = ("leaf_type", "value")


class Schemas(DevRevTable):
    """Schemas of the account's own fields, subtypes and custom objects."""

    name = "schemas"
    path = "/schemas.custom.list"
    records_key = "result"

    @override
    def get_child_context(self, record: Record, context: Context | None) -> Context | None:
        """The leaf type of custom objects; other schemas have none of these."""
        if record.get("is_custom_leaf_type") and record.get("leaf_type"):
            return super().get_child_context(record, context)
        return None


class DevOrgs(DevRevTable):
    """The organisation itself (dev org): one record."""

    name = "dev_orgs"
    path = "/dev-orgs.get"
    records_key = "dev_org"
    holds_one = True
    takes_limit = False


class StockSchemas(DevRevTable):
    """Schemas of the fields that every account has."""

    name = "stock_schemas"
    path = "/schemas.stock.list"
    records_key = "result"


# Children: a request, or more, for each parent


class GroupMembers(DevRevChild):
    """Members of each group."""

    name = "group_members"
    path = "/groups.members.list"
    records_key = "members"
    parent_stream_type = Groups
    parent_fields: ClassVar = {"group": "id"}
    primary_keys = ("group", "member_id")
    inner_keys: ClassVar = {"member_id": ("member", "id")}


class CustomObjects(DevRevChild):
    """Objects of types that the account has made.

    On, unlike other children: there are few types.
    """

    name = "custom_objects"
    path = "/custom-objects.list"
    records_key = "result"
    parent_stream_type = Schemas
    parent_fields: ClassVar = {"leaf_type": "leaf_type"}
    primary_keys = ("id",)
    selected_by_default = True


class ConversationTimelineEntries(DevRevTimeline):
    """The whole thread of each conversation: comments, and events such as a change of stage."""

    name = "conversation_timeline_entries"
    parent_stream_type = Conversations


class TicketTimelineEntries(DevRevTimeline):
    """The whole thread of each ticket: comments, and events such as a change of stage."""

    name = "ticket_timeline_entries"
    parent_stream_type = Tickets


class ConversationLinks(DevRevLinks):
    """Links of each conversation, to its tickets for example."""

    name = "conversation_links"
    parent_stream_type = Conversations


class TicketLinks(DevRevLinks):
    """Links of each ticket, to the issues that it waits for, for example."""

    name = "ticket_links"
    parent_stream_type = Tickets
