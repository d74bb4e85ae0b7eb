"""All rows of all streams in a real PostgreSQL, column by column, over three runs of each tap.

The first run reads what there is, children that are off by default included. Then records come,
change and go. The second run brings what it can see of that; rows that are gone at the vendor
stay. The third run finds nothing new, and versions are activated: rows that are gone go.
"""

from __future__ import annotations

import json
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from sandbox import Sandbox
from tests.conftest import everything

from .conftest import SPAN
from .postgres import IN_UTC, Table, assert_same, truth
from .tools import Outcome, Pipeline, loader, more, tap_config
from .truth import EXPORTS, STREAMS, Row, is_text, is_whole, schema_of, types_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from .postgres import Database

SECOND_END = "2025-05-01"
LATE = datetime(2025, 3, 31, 23, 58, tzinfo=timezone.utc)
"""Shortly before the first run's end: within every lookback but Zendesk's, which has none."""
SINCE = datetime(2025, 4, 10, 9, 30, 0, 250_000, tzinfo=timezone.utc)
"""Between the ends of the two runs."""
NEW = 5
CHANGED = 3
LATE_ONES = 12
"""Made for a choice of `CHANGED`; records made later come after these."""


class Change(NamedTuple):
    """How records of a stream change at the vendor.

    Args:
        text: A field that gets another text.
        lost: A field that is there no more.
        moved: The time that an update moves, and to what; None: an update moves no time, so that
            only the lookback finds it.
    """

    text: str
    lost: str
    moved: tuple[str, Any] | None = None

    def of(self, record: Row) -> Row:
        """The record as it is afterwards."""
        changed = {name: value for name, value in record.items() if name != self.lost}
        changed[self.text] = f"changed: “{record.get(self.text)}” 👍"
        return changed | dict([self.moved] if self.moved else [])


_EPOCH_MS = int(SINCE.timestamp() * 1000)
CHANGES = {
    ("dixa", "conversations"): Change("subject", "tags", ("updated_at", _EPOCH_MS)),
    ("dixa", "messages"): Change("text", "author_name"),
    ("deepconverse", "conversations"): Change("locale", "metadata"),
    ("deepconverse", "messages"): Change("type", "conversationId"),
    ("zendesk_chat", "chats"): Change(
        "comment", "visitor", ("update_timestamp", "2025-04-10T09:30:00Z")
    ),
    ("devrev", "conversations"): Change(
        "title", "custom_fields", ("modified_date", "2025-04-10T09:30:00.123456789Z")
    ),
}
"""Conversions, department events and times of agents do not change at the vendor."""


class Loaded(NamedTuple):
    """The outcome of a run, and what is there after it.

    Args:
        outcome: Of the run.
        tables: What the database holds, by stream.
        truth: What the vendor has, by stream.
    """

    outcome: Outcome
    tables: dict[str, Table]
    truth: dict[str, Table]


class Story:
    """Three runs of one tap into one database.

    Args:
        box: What the tap reads.
        vendor: Whose tap.
        database: Where it goes.
        folder: For the files of the runs.
    """

    def __init__(self, box: Sandbox, vendor: str, database: Database, folder: Path) -> None:
        self.box, self.vendor, self.database = box, vendor, database
        self.streams = STREAMS[vendor]
        self._folder = folder
        self.changed: dict[str, int] = {}
        """How many records have changed, by stream."""
        self.new: dict[str, int] = {}
        late = {stream: self._prepare(stream) for stream in self.streams}
        self.first = self._run(None)
        self.columns = {it: database.column_types(vendor, it) for it in self.streams}
        for stream, records in late.items():
            self._change(stream, records)
        self.second = self._run(self.first.outcome.state, end_date=SECOND_END)
        versions = {"end_date": SECOND_END, "emit_activate_version_messages": True}
        self.third = self._run(self.second.outcome.state, **versions)

    def _run(self, state: Any, **settings: Any) -> Loaded:
        config = self.database.target_config(
            self.vendor, hard_delete="emit_activate_version_messages" in settings
        )
        target = loader("target-postgres")
        pipeline = Pipeline(self._folder, self.vendor, target, config, IN_UTC, everything)
        outcome = pipeline.run(tap_config(self.box, self.vendor, **settings), state).succeeded()
        return Loaded(
            outcome,
            {stream: self.database.table(self.vendor, stream) for stream in self.streams},
            {stream: truth(self.box, self.vendor, stream) for stream in self.streams},
        )

    def _prepare(self, stream: str) -> list[Row]:
        """The records of an export that are going to change, as they are in the first run."""
        change = CHANGES.get((self.vendor, stream))
        if change is None:
            return []
        vendor = self.box.vendors[self.vendor]
        records = vendor.truth(stream) if change.moved else more(vendor, stream, LATE_ONES, LATE)
        chosen = [record for record in records if record.get(change.lost)][:CHANGED]
        vendor.put(stream, *chosen)
        return chosen

    def _change(self, stream: str, records: list[Row]) -> None:
        """Let records of a stream change, come and go at the vendor."""
        vendor = self.box.vendors[self.vendor]
        if stream not in vendor.streams:  # made of its parent's records
            return
        if stream in {reference.stream for reference in vendor.references}:
            if is_whole(self.vendor, stream):
                self._change_table(stream)
            return
        if records:
            change = CHANGES[self.vendor, stream]
            vendor.put(stream, *(change.of(record) for record in records))
            self.changed[stream] = len(records)
        new = more(vendor, stream, LATE_ONES + NEW, SINCE)[-NEW:]
        if stream == "agent_timeline":  # its key holds a time
            for place, record in enumerate(new):
                record["start_time"] = f"2025-04-10T09:30:0{place}.250001Z"
        vendor.put(stream, *new)
        self.new[stream] = len(new)

    def _change_table(self, stream: str) -> None:
        """Change a record of a table, and let another one go."""
        vendor, declared = self.box.vendors[self.vendor], self.streams[stream]
        first, *others = vendor.table(stream).rows()
        # What names a record, or leads to its children, stays.
        fixed = {*(declared.primary_keys or ()), "id"}
        for other in self.streams.values():
            fixed |= {*other.parent_fields.values()}
        properties = schema_of(self.vendor, stream)
        texts = [
            name
            for name, value in first.record.items()
            if isinstance(value, str)
            and types_of(properties.get(name, {})) == {"string"}
            and not properties[name].keys() & {"format", "enum"}
            and name not in fixed
        ]
        if texts:
            lost = next((name for name in reversed(first.record) if name not in fixed), texts[0])
            changed = Change(texts[0], "" if lost == texts[0] else lost).of(first.record)
            vendor.put(stream, changed, group=first.group)
            self.changed[stream] = 1
        if others:
            vendor.remove(stream, others[-1].key, others[-1].group)


@pytest.fixture(scope="module")
def stories(
    new_database: Callable[[], Database], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Story]]:
    """The story of a tap, made when it is first asked for; the tests only look at it."""
    made: dict[str, Story] = {}

    with Sandbox(seed=1, size=150, span=SPAN, rate_limits=False) as box:

        def story(vendor: str) -> Story:
            if vendor not in made:
                made[vendor] = Story(box, vendor, new_database(), tmp_path_factory.mktemp(vendor))
            return made[vendor]

        yield story
        assert not box.failures
    for story_made in made.values():
        story_made.database.close()


def of_one_process(*values: str) -> Any:
    """A case that shares its story with the others of its vendor, also when tests are spread."""
    return pytest.param(*values, marks=pytest.mark.xdist_group(f"postgres {values[0]}"))


every_stream = pytest.mark.parametrize(
    ("vendor", "stream"),
    [of_one_process(vendor, stream) for vendor, streams in STREAMS.items() for stream in streams],
)
every_vendor = pytest.mark.parametrize("vendor", [of_one_process(vendor) for vendor in STREAMS])


@every_stream
def test_every_row_is_what_the_vendor_sent(
    stories: Callable[[str], Story], vendor: str, stream: str
) -> None:
    first = stories(vendor).first
    assert first.truth[stream]
    assert_same(first.tables[stream], first.truth[stream])


@every_stream
def test_every_column_has_the_type_that_its_property_means(
    stories: Callable[[str], Story], vendor: str, stream: str
) -> None:
    types, properties = stories(vendor).columns[stream], schema_of(vendor, stream)
    assert {name: types[name] for name in properties} == {
        name: column_type(schema) for name, schema in properties.items()
    }


@every_stream
def test_changed_rows_are_updated_in_place_new_ones_added_and_others_stay(
    stories: Callable[[str], Story], vendor: str, stream: str
) -> None:
    story = stories(vendor)
    before, now = story.first.truth[stream], story.second.truth[stream]
    assert_same(story.second.tables[stream], {**before, **now})
    fresh = sum(before.get(key) != row for key, row in now.items())
    assert fresh >= story.new.get(stream, 0) + story.changed.get(stream, 0)


@every_stream
def test_rows_that_are_gone_go_when_versions_are_activated_and_only_from_whole_tables(
    stories: Callable[[str], Story], vendor: str, stream: str
) -> None:
    story = stories(vendor)
    before, now = story.second.tables[stream], story.third.truth[stream]
    assert_same(story.third.tables[stream], now if is_whole(vendor, stream) else before)


@every_vendor
def test_nothing_is_read_twice(stories: Callable[[str], Story], vendor: str) -> None:
    """But without an id in the cursor, a page begins with the last moment of the one before."""
    story = stories(vendor)
    for stream in EXPORTS[vendor]:
        fresh = story.new.get(stream, 0) + story.changed.get(stream, 0)
        again, still = {"agent_timeline": (2, 1), "agent_events": (1 + fresh, fresh)}.get(
            stream, (0, 0)
        )
        assert len(story.second.outcome.records(stream)) == fresh + again
        assert len(story.third.outcome.records(stream)) == still


@every_vendor
def test_the_state_that_comes_out_is_the_last_that_went_in(
    stories: Callable[[str], Story], vendor: str
) -> None:
    story = stories(vendor)
    for outcome in (story.first.outcome, story.second.outcome):
        lines = outcome.emitted.splitlines()
        *_, last = (line for line in lines if line.startswith(b'{"type":"STATE"'))
        assert json.loads(last)["value"] == outcome.state
    assert story.third.outcome.state == story.second.outcome.state


def column_type(schema: dict[str, Any]) -> str:
    """Columns as a user expects them: lists of one type are arrays, what is mixed is JSON."""
    types = types_of(schema)
    if is_text(schema):
        return "text"
    if len(types) != 1:
        return "jsonb"
    (kind,) = types
    if kind == "array":
        items = schema.get("items") or {}
        inner = column_type({"type": [*types_of(items)]})
        return f"{inner}[]" if len(types_of(items)) == 1 else "jsonb"
    if schema.get("format") == "date-time":
        return "timestamp without time zone"
    names = {"string": "text", "integer": "bigint", "number": "numeric", "object": "jsonb"}
    return names.get(kind, kind)
