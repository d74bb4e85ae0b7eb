"""The tables of the main API: read whole, children for each parent, nothing kept in the state."""

from __future__ import annotations

import typing as t

import pytest

from tests.common import ordered
from tests.conftest import run_tap, selecting
from tests.tap_dixa.conftest import config_for

if t.TYPE_CHECKING:
    from sandbox import Sandbox
    from tests.conftest import Record, Run

ALL = ("agents", "teams", "team_members")


def read(box: Sandbox, *streams: str, state: t.Any = None, **settings: t.Any) -> Run:
    """Run the tap for some streams only."""
    catalog = selecting("tap_dixa", lambda entry: entry["stream"] in streams)
    return run_tap("tap_dixa", config_for(box, **settings), state=state, catalog=catalog)


def truth(box: Sandbox, stream: str) -> list[Record]:
    """The records as the vendor has them; those of a child with the parent that was asked for."""
    rows = box.dixa.table(stream).rows()
    added = [{"team_id": row.group} if stream == "team_members" else {} for row in rows]
    return ordered(row.record | more for row, more in zip(rows, added, strict=True))


def assert_whole(box: Sandbox, done: Run, *streams: str) -> None:
    for stream in streams:
        assert ordered(done.records(stream)) == truth(box, stream), stream


@pytest.mark.parametrize("next_url", ["path", "absolute"])
def test_a_table_is_read_whole_page_by_page(box: Sandbox, next_url: t.Any) -> None:
    box.dixa.next_url = next_url
    done = read(box, "agents").succeeded()
    assert_whole(box, done, "agents")
    assert len([request for request in box.requests if request.stream == "agents"]) == 3
    assert done.bookmarks == {"agents": {"was_read": True}}


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
