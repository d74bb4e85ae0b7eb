"""The tables of the main API: read whole, children for each parent, nothing kept in the state."""

from __future__ import annotations

import re
import typing as t

import pytest

from sandbox.data.dixa_tables import FLOW_CHANNELS
from sandbox.vendor import milliseconds
from tests.common import assert_records_follow_their_schemas, ordered
from tests.conftest import SPAN, discovered, open_box, run_tap, selecting
from tests.tap_dixa.conftest import config_for

if t.TYPE_CHECKING:
    from sandbox import Sandbox
    from tests.conftest import Record, Run

ALL = ("agents", "teams", "team_members")
PARENTS = {
    "knowledge_catalogs": "collection_id",
    "queue_members": "queue_id",
    "team_members": "team_id",
    **dict.fromkeys(
        (
            "conversation_messages",
            "conversation_notes",
            "conversation_ratings",
            "linked_conversations",
        ),
        "conversation_id",
    ),
}
"""The field that the children of a table, or of an export, have of their parent."""
TABLES = sorted(
    entry["stream"]
    for entry in discovered("tap_dixa")["streams"]
    if entry["stream"] not in ("conversations", "messages")
)
_OF_JAVA = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?)(?:Z\[GMT\])?")


def read(box: Sandbox, *streams: str, state: t.Any = None, **settings: t.Any) -> Run:
    """Run the tap for some streams only."""
    catalog = selecting("tap_dixa", lambda entry: entry["stream"] in streams)
    return run_tap("tap_dixa", config_for(box, **settings), state=state, catalog=catalog)


def in_utc(value: t.Any) -> t.Any:
    """The same with every time written with a Z."""
    if isinstance(value, dict):
        return {name: in_utc(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [in_utc(inner) for inner in value]
    found = _OF_JAVA.fullmatch(value) if isinstance(value, str) else None
    return f"{found[1]}Z" if found else value


def truth(box: Sandbox, stream: str) -> list[Record]:
    """The records as the vendor has them; those of a child with the parent that was asked for."""
    records = []
    for row in box.dixa.table(stream).rows():
        record = in_utc(row.record)
        if parent := PARENTS.get(stream):
            record[parent] = int(row.group) if parent == "conversation_id" else row.group
        if stream == "contact_endpoints":
            record["id"] = record.get("address") or record["number"]
        records.append(record)
    return ordered(records)


def assert_whole(box: Sandbox, done: Run, *streams: str) -> None:
    for stream in streams:
        assert ordered(done.records(stream)) == truth(box, stream), stream


@pytest.fixture(scope="module")
def all_tables() -> t.Iterator[tuple[Sandbox, Run]]:
    """One run that reads everything."""
    with open_box(size=20) as box:
        yield box, read(box, *TABLES).succeeded()


@pytest.mark.parametrize("stream", TABLES)
def test_every_table_is_read_whole_as_the_vendor_documents_it(
    all_tables: tuple[Sandbox, Run], stream: str
) -> None:
    box, done = all_tables
    assert_whole(box, done, stream)
    assert len(done.by_key(stream)) == len(done.records(stream)) > 0
    # The documented examples have no field and no type that the schema does not list.
    assert not [line for line in done.log("WARNING") if f"{stream}:" in line]


def test_every_record_follows_the_schema_of_its_table(all_tables: tuple[Sandbox, Run]) -> None:
    assert_records_follow_their_schemas(all_tables[1])


@pytest.mark.parametrize(
    ("next_url", "last_meta", "everywhere"),
    [("path", "absent", False), ("absolute", "null", True), ("path", "empty", True)],
)
def test_tables_are_read_page_by_page(
    box: Sandbox, next_url: t.Any, last_meta: t.Any, everywhere: t.Any
) -> None:
    box.dixa.next_url = next_url
    box.dixa.last_meta = last_meta
    box.dixa.pages_everywhere = everywhere
    box.dixa.paging.short_pages = 2 if everywhere else None
    streams = ("agents", "business_hours_schedules", "flows", "organization", "tags", "templates")
    done = read(box, *streams).succeeded()
    assert_whole(box, done, *streams)
    count = len([request for request in box.requests if request.stream == "agents"])
    assert count == (60 if everywhere else 3)
    assert done.bookmarks == {stream: {"was_read": True} for stream in streams}


def test_a_second_run_has_what_was_changed_and_not_what_was_deleted(box: Sandbox) -> None:
    streams = ("agents", "queues", "tags")
    state = read(box, *streams).succeeded().states[-1]
    for stream in streams:
        first, second, third = box.dixa.truth(stream)[:3]
        box.dixa.remove(stream, first["id"])
        box.dixa.put(stream, {**second, "name": "Renamed"}, {**third, "id": "new"})
    done = read(box, *streams, state=state).succeeded()
    assert_whole(box, done, *streams)


def test_tags_that_are_deactivated_are_read_too(box: Sandbox) -> None:
    done = read(box, "tags").succeeded()
    assert {tag["state"] for tag in done.records("tags")} == {"Active", "Inactive"}


def test_flows_of_every_channel_are_read(box: Sandbox) -> None:
    done = read(box, "flows").succeeded()
    asked = [request.params["channel"] for request in box.requests]
    assert sorted(asked) == sorted(FLOW_CHANNELS)
    assert {flow["channel"] for flow in done.records("flows")} == set(FLOW_CHANNELS)


def test_the_address_or_number_of_a_contact_endpoint_is_its_id(box: Sandbox) -> None:
    assert_whole(box, read(box, "contact_endpoints").succeeded(), "contact_endpoints")
    for path in ("address", "number"):
        box.fault(kind="drift", stream="contact_endpoints", path=path, to="absent")
    done = read(box, "contact_endpoints", "tags")
    assert "a record has neither 'address' nor 'number'" in done.complaint()
    assert_whole(box, done, "tags")


@pytest.mark.parametrize(
    ("stream", "value", "words"),
    [
        ("organization", {"data": []}, "should be an object under the key 'data', and is an array"),
        ("organization", {"organization": {}}, "no key 'data'; its keys are: organization"),
        ("agent_presence", {"data": []}, "should be an array, and is an object"),
        ("tags", [], "should be an object with the key 'data', and is an array"),
        (
            "business_hours_schedules",
            {"data": []},
            "should be an object under the key 'data', and is an array",
        ),
        ("business_hours_schedules", {"data": {"total": 0}}, "no key 'data.schedules'"),
    ],
)
def test_a_response_of_another_shape_is_an_error(
    box: Sandbox, stream: str, value: t.Any, words: str
) -> None:
    box.fault(kind="json", vendor="dixa", stream=stream, value=value)
    assert words in read(box, stream).complaint()


# End users


def test_end_users_have_no_custom_attributes_unless_they_are_asked_for(box: Sandbox) -> None:
    done = read(box, "endusers").succeeded()
    assert_whole(box, done, "endusers")
    assert {request.stream for request in box.requests} == {"endusers"}


def test_end_users_are_read_in_full_by_the_setting(box: Sandbox) -> None:
    gone = box.dixa.truth("endusers")[3]
    box.dixa.refused_parents[gone["id"]] = 404
    done = read(box, "endusers", enduser_custom_attributes=True).succeeded()
    expected = truth(box, "enduser_details")
    assert all(record["customAttributes"] for record in expected)
    expected = [record for record in expected if record["id"] != gone["id"]]
    assert ordered(done.records("endusers")) == ordered([*expected, gone])


@pytest.mark.parametrize("status", [400, 500])
def test_an_end_user_that_cannot_be_read_is_an_error(box: Sandbox, status: int) -> None:
    box.fault(kind="status", vendor="dixa", stream="enduser_details", status=status)
    done = read(box, "endusers", enduser_custom_attributes=True)
    assert str(status) in done.complaint()


# The knowledge base


def test_an_article_is_asked_for_once_wherever_it_stands_in_the_tree(box: Sandbox) -> None:
    article = box.dixa.truth("knowledge_articles")[0]["id"]
    inner = {"id": "c2", "articles": [{"id": article}], "categories": []}
    tree = {"articles": [{"id": article}], "categories": [{"id": "c1", "categories": [inner]}]}
    for row in box.dixa.table("knowledge_catalogs").rows():
        box.dixa.put("knowledge_catalogs", tree, group=row.group)
    done = read(box, "knowledge_articles").succeeded()
    assert {record["id"] for record in done.records("knowledge_articles")} == {article}
    asked = [request for request in box.requests if request.stream == "knowledge_articles"]
    assert len(asked) == 1


def test_a_part_of_the_tree_that_is_none_is_told_of(box: Sandbox) -> None:
    box.fault(kind="drift", stream="knowledge_catalogs", path="articles", to="text")
    done = read(box, "knowledge_articles", "knowledge_catalogs").succeeded()
    (line,) = [line for line in done.log("WARNING") if "no records are made of it" in line]
    assert "'articles' holds a value of type str" in line


# Lists of each conversation that changed


def test_lists_of_conversations_are_read_again_for_those_that_changed(small_box: Sandbox) -> None:
    box, dixa = small_box, small_box.dixa
    state = read(box, "conversation_messages").succeeded().states[-1]
    row = dixa.table("conversation_messages").rows()[0]
    parent = next(one for one in dixa.truth("conversations") if str(one["id"]) == row.group)
    edited = {**row.record, "attributes": {"_type": "GenericAttributes", "content": None}}
    dixa.put("conversation_messages", edited, group=row.group)
    dixa.put("conversations", {**parent, "updated_at": milliseconds(SPAN[1]) - 1000})
    box.clear_requests()
    done = read(box, "conversation_messages", state=state).succeeded()
    asked = [it.path for it in box.requests if it.stream == "conversation_messages"]
    assert f"/v1/conversations/{row.group}/messages" in asked
    assert len(asked) < 5  # the lookback is an hour
    found = done.by_key("conversation_messages")[parent["id"], edited["id"]]
    assert found["attributes"] == edited["attributes"]


def test_every_question_of_a_survey_is_a_record(small_box: Sandbox) -> None:
    row = small_box.dixa.table("conversation_ratings").rows()[0]
    for kind in ("Csat", "Nps", "ThumbsUpOrDown"):
        rating = {**row.record, "id": "survey", "ratingType": kind}
        small_box.dixa.put("conversation_ratings", rating, group=row.group)
    done = read(small_box, "conversation_ratings").succeeded()
    assert_whole(small_box, done, "conversation_ratings")
    keys = done.by_key("conversation_ratings")
    assert {key[2] for key in keys if key[1] == "survey"} == {"Csat", "Nps", "ThumbsUpOrDown"}


# Pages and refusals


def test_a_page_on_another_host_is_an_error_and_receives_no_token(box: Sandbox) -> None:
    elsewhere = {
        "data": [],
        "meta": {"next": f"http://localhost:{box.port}/dixa/v1/agents?pageKey=x"},
    }
    box.fault(kind="json", vendor="dixa", stream="agents", value=elsewhere)
    done = read(box, "agents")
    assert done.exit_code == 1
    assert "another host (localhost)" in done.stderr
    assert len(box.requests) == 1


def test_the_same_page_again_and_again_is_an_error(box: Sandbox) -> None:
    box.dixa.paging.cursor_loop = "same"
    box.dixa.paging.short_pages = 10
    done = read(box, "agents")
    assert done.exit_code == 1
    assert "same cursor twice" in done.stderr


def test_children_are_read_for_each_parent(box: Sandbox) -> None:
    done = read(box, *ALL).succeeded()
    assert_whole(box, done, *ALL)
    was_read = {"was_read": True}
    assert done.bookmarks == {"agents": was_read, "teams": was_read, "team_members": {}}
    schemas = [message["stream"] for message in done.messages if message["type"] == "SCHEMA"]
    assert sorted(schemas) == sorted(ALL)


def test_children_of_a_deselected_parent_are_read_and_the_parent_is_not_written(
    box: Sandbox,
) -> None:
    done = read(box, "team_members").succeeded()
    assert_whole(box, done, "team_members")
    assert {message.get("stream") for message in done.messages} <= {"team_members", None}


def test_children_are_off_by_default(box: Sandbox) -> None:
    done = run_tap("tap_dixa", config_for(box), catalog=None).succeeded()
    assert done.records("teams")
    assert not done.records("team_members")


@pytest.mark.parametrize("state", ["none", "the last run's"])
def test_a_refused_table_is_skipped_unless_it_was_read_before(box: Sandbox, state: str) -> None:
    earlier = read(box, "agents").succeeded().states[-1] if state != "none" else None
    box.fault(kind="status", vendor="dixa", stream="agents", status=403)
    done = read(box, "agents", "teams", state=earlier)
    assert_whole(box, done, "teams")
    if earlier:
        assert done.exit_code == 1
        assert "stream 'agents' failed" in done.stderr
    else:
        done.succeeded()
        assert "stream 'agents' was skipped" in done.stderr


@pytest.mark.parametrize("status", [403, 404])
def test_a_parent_that_is_refused_is_skipped_and_told_at_the_end(box: Sandbox, status: int) -> None:
    gone = truth(box, "teams")[2]["id"]
    box.dixa.refused_parents[gone] = status
    done = read(box, *ALL).succeeded()
    expected = [record for record in truth(box, "team_members") if record["team_id"] != gone]
    assert ordered(done.records("team_members")) == expected
    (line,) = [line for line in done.log("WARNING") if "refused it for 1 parent" in line]
    assert gone in line


def test_a_child_that_fails_otherwise_fails_the_run(box: Sandbox) -> None:
    box.fault(kind="status", vendor="dixa", stream="team_members", status=500)
    done = read(box, *ALL)
    assert done.exit_code == 1
    assert "500" in done.stderr
    assert_whole(box, done, "agents")


def test_versions_are_activated_once_for_each_table_when_asked_for(box: Sandbox) -> None:
    done = read(box, *ALL, emit_activate_version_messages=True).succeeded()
    activated = {
        message["stream"]: message["version"]
        for message in done.messages
        if message["type"] == "ACTIVATE_VERSION"
    }
    assert set(activated) == set(ALL)
    assert sum(message["type"] == "ACTIVATE_VERSION" for message in done.messages) == len(ALL)
    records = [message for message in done.messages if message["type"] == "RECORD"]
    assert records
    assert all(record["version"] == activated[record["stream"]] for record in records)
    assert all(
        "version" not in message
        for message in read(box, *ALL).succeeded().messages
        if message["type"] == "RECORD"
    )


def test_stream_maps_apply_to_parents_and_children(box: Sandbox) -> None:
    maps = {"teams": {"name": "name.upper()"}, "team_members": {"email": "__NULL__"}}
    done = read(box, *ALL, stream_maps=maps).succeeded()
    assert {record["name"] for record in done.records("teams")} == {
        record["name"].upper() for record in truth(box, "teams")
    }
    expected = truth(box, "team_members")
    for record in expected:
        del record["email"]
    assert ordered(done.records("team_members")) == ordered(expected)
