"""DevRev's other tables, and the rules of all its lists and exports.

`devrev.json` was spelt out from DevRev's OpenAPI document (beta, January 2026): the fields of each
request with the form of their time filters, the keys of each response, and for each table a record
with all documented properties, or one for each member where the document has a union.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from sandbox.data.templates import document
from sandbox.instants import nanoseconds
from sandbox.reference import Reference, varied

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sandbox.table import Record

PARENT = "{parent}"
"""Stands in the records of children for the parent's id."""
MODIFIED = {"modified_date": lambda record: nanoseconds(record.get("modified_date"))}
"""What the filters of DevRev look at, to the nanosecond."""


@dataclass(frozen=True)
class Rules:
    """Of a list or an export."""

    path: str
    rows: str
    """Key of the records."""
    fields: Mapping[str, str] = field(default_factory=dict)
    """What a request may have; the form of a time filter, "typed" or "untyped", as the value."""
    cursor: str = ""
    """Key of the cursor; empty where there are no pages."""
    beta: bool = False
    most: int = 0
    """Of an export: the largest `first`."""
    required: tuple[str, ...] = ()
    holds_one: bool = False
    """Whether one record stands in the place of a list."""
    others: tuple[str, ...] = ()
    """Further keys of the response, beside cursors."""

    @property
    def time_filter(self) -> str:
        """The field that filters by the last change; empty where there is none."""
        return next((name for name in self.fields if name.startswith("modified_date")), "")


@dataclass(frozen=True)
class Listed(Reference):
    """A table that stands in the document."""

    export: str = ""
    """Path of the export, for those that have one."""
    asked_by: str = "id"
    """Field of the parent by which a child is asked for."""

    def records(self, parent: str = "") -> Iterator[Record]:
        """The records, or those of one parent."""
        return (json.loads(text.replace(PARENT, parent)) for text in self._texts)

    @cached_property
    def _texts(self) -> list[str]:
        """The records as JSON, for any parent."""
        records = [
            varied(self.examples[number % len(self.examples)], self.stream, number)
            for number in range(self.count)
        ]
        if self.key == "value":  # of subtypes, which have no id
            for number, record in enumerate(records):
                record["value"] += f"_{number}"
        return [json.dumps(record) for record in records]


_DOCUMENT = document("devrev.json")
ENDPOINTS = {path: Rules(path, **rules) for path, rules in _DOCUMENT["endpoints"].items()}


def _listed(stream: str, path: str, *, count: int = 7, like: str = "", **more: Any) -> Listed:
    examples = _DOCUMENT["records"][like or stream]
    times = MODIFIED if ENDPOINTS[path].time_filter else {}
    return Listed(stream, path, examples, count, times=times, **more)


_WORKS: dict[str, Any] = {"path": "/works.list", "export": "/works.export"}
_MANY = 150
"""More than a page."""

LISTED = (
    _listed("tickets", **_WORKS, count=60),
    _listed("issues", **_WORKS, count=20),
    _listed("tasks", **_WORKS),
    _listed("opportunities", **_WORKS),
    _listed("accounts", "/accounts.list", export="/accounts.export", count=20),
    _listed("rev_orgs", "/rev-orgs.list", count=20),
    _listed("rev_users", "/rev-users.scan", count=_MANY),
    _listed("sla_trackers", "/sla-trackers.list", count=20),
    _listed("dev_users", "/dev-users.list", count=50),
    _listed("parts", "/parts.list", count=20),
    _listed("meetings", "/meetings.list"),
    _listed("incidents", "/incidents.list"),
    _listed("surveys", "/surveys.list"),
    _listed("survey_responses", "/surveys.responses.list", count=20),
    _listed("code_changes", "/code-changes.list"),
    _listed("dev_orgs", "/dev-orgs.get", count=1),
    _listed("groups", "/groups.list"),
    _listed("tags", "/tags.list", count=_MANY),
    _listed("sys_users", "/sys-users.list"),
    _listed("slas", "/slas.list"),
    _listed("metric_definitions", "/metric-definitions.list"),
    _listed("org_schedules", "/org-schedules.list"),
    _listed("articles", "/articles.list", count=20),
    _listed("directories", "/directories.list"),
    _listed("question_answers", "/question-answers.list"),
    _listed("brands", "/brands.list", count=_MANY),
    _listed("engagements", "/engagements.list"),
    _listed("stages", "/stages.custom.list", count=_MANY),
    _listed("states", "/states.custom.list"),
    _listed("stage_diagrams", "/stage-diagrams.list"),
    _listed("vistas", "/vistas.list"),
    _listed("link_types", "/link-types.custom.list"),
    _listed("subtypes", "/schemas.subtypes.list", key="value", count=_MANY),
    _listed("schemas", "/schemas.custom.list"),
    _listed("stock_schemas", "/schemas.stock.list"),
    _listed("group_members", "/groups.members.list", of="groups", key="member.id"),
    _listed("custom_objects", "/custom-objects.list", of="schemas", asked_by="leaf_type"),
    _listed(
        "conversation_timeline_entries", "/timeline-entries.list", like="timeline_entries",
        of="conversations", count=4,
    ),
    _listed(
        "ticket_timeline_entries", "/timeline-entries.list", like="timeline_entries", of="tickets",
        count=4,
    ),
    _listed("conversation_links", "/links.list", like="links", of="conversations", count=2),
    _listed("ticket_links", "/links.list", like="links", of="tickets", count=2),
)  # fmt: skip
