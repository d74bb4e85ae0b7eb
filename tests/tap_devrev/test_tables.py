"""The streams around conversations: each is read whole, by the rules of its endpoint."""

from __future__ import annotations

import collections
import typing as t
from pathlib import Path

import pytest

from sandbox import RateLimit
from sandbox.data.devrev_tables import ENDPOINTS, LISTED
from tests.common import assert_records_follow_their_schemas, ordered
from tests.conftest import (
    Stop,
    assert_golden,
    discovered,
    everything,
    open_box,
    run_tap,
    selecting,
)
from tests.tap_devrev.conftest import config_for

if t.TYPE_CHECKING:
    from sandbox import Sandbox
    from sandbox.data.devrev_tables import Listed
    from tests.conftest import Json, Record, Run

GOLDENS = Path(__file__).parent / "goldens"
TABLES = {each.stream: each for each in LISTED}
THREADS = "conversation_timeline_entries"
BETA = {name for name, each in TABLES.items() if ENDPOINTS[each.path].beta}

every_table = pytest.mark.parametrize("stream", TABLES)


def read(box: Sandbox, *streams: str, **settings: Json) -> Run:
    """Run the tap for some streams only."""
    options = {name: settings.pop(name) for name in ("state", "stop") if name in settings}
    catalog = selecting("tap_devrev", lambda entry: entry["stream"] in streams)
    settings = {"window_days": 100, **settings}
    return run_tap("tap_devrev", config_for(box, **settings), catalog=catalog, **options)


def truth(box: Sandbox, stream: str) -> list[Record]:
    """The records as the vendor has them, with the fields that the tap adds of their parents."""
    added: dict[str, t.Callable[[t.Any], Record]] = {
        "group_members": lambda row: {
            "group": row.group, "member_id": row.record["member"]["id"],
        },
        "conversation_links": lambda row: {"object": row.group},
        "ticket_links": lambda row: {"object": row.group},
    }  # fmt: skip
    more = added.get(stream, lambda _: {})
    return ordered({**row.record, **more(row)} for row in box.devrev.table(stream).rows())


def distinct(done: Run, stream: str) -> list[Record]:
    return ordered(done.by_key(stream).values())


class WholeRun(t.NamedTuple):
    """All streams, read once; the tests only look at it."""

    run: Run
    box: Sandbox


@pytest.fixture(scope="module")
def whole() -> t.Iterator[WholeRun]:
    with open_box(size=30) as box:
        config = config_for(box, window_days=100, page_size=99)
        yield WholeRun(run_tap("tap_devrev", config, catalog=everything("tap_devrev")), box)


def test_there_is_a_stream_for_each_table_of_the_sandbox() -> None:
    streams = {entry["stream"] for entry in discovered("tap_devrev")["streams"]}
    assert streams == {*TABLES, "conversations"}


@every_table
@pytest.mark.xdist_group("devrev tables")
def test_a_table_is_read_whole(whole: WholeRun, stream: str) -> None:
    expected = truth(whole.box, stream)
    assert expected
    assert distinct(whole.run.succeeded(), stream) == expected


@pytest.mark.xdist_group("devrev tables")
def test_schemas_have_what_the_document_has(whole: WholeRun) -> None:
    """The sandbox's records hold every property of the document."""
    assert not [line for line in whole.run.log("WARNING") if "schema" in line or "field" in line]
    assert_records_follow_their_schemas(whole.run)


@every_table
@pytest.mark.xdist_group("devrev tables")
def test_a_request_has_the_fields_that_its_endpoint_documents(whole: WholeRun, stream: str) -> None:
    asked = [request for request in whole.box.requests if request.stream == stream]
    assert asked
    for request in asked:
        assert request.json.keys() <= ENDPOINTS[request.path].fields.keys()
        assert request.json.get("limit", 1) <= 99
        assert request.headers["x-devrev-scope"] == "beta"
    following = [request for request in asked if "cursor" in request.json]
    paged = {"tags": 1, "stages": 1, "brands": 2, "rev_users": 2}
    assert len(following) == paged.get(stream, 0)


@pytest.mark.xdist_group("devrev tables")
def test_the_first_request_of_each_stream_is_the_golden_one(whole: WholeRun) -> None:
    first: dict[str, t.Any] = {}
    for request in whole.box.requests:
        first.setdefault(request.stream, {"path": request.path, "body": request.json})
    assert_golden(GOLDENS / "requests.json", dict(sorted(first.items())))


@pytest.mark.xdist_group("devrev tables")
def test_only_what_has_a_time_has_a_bookmark(whole: WholeRun) -> None:
    dated = {name for name, each in TABLES.items() if ENDPOINTS[each.path].time_filter}
    bookmarks = {
        name for name, mark in whole.run.bookmarks.items() if "replication_key_value" in mark
    }
    assert bookmarks == {*dated, "conversations"}


def test_what_costs_a_request_for_each_parent_is_off_but_for_custom_objects() -> None:
    off = {
        entry["stream"]
        for entry in discovered("tap_devrev")["streams"]
        for item in entry["metadata"]
        if not item["breadcrumb"] and item["metadata"].get("selected-by-default") is False
    }
    assert off == {name for name, each in TABLES.items() if each.of} - {"custom_objects"}


def test_a_feature_that_is_off_is_skipped_with_a_warning(small_box: Sandbox) -> None:
    small_box.devrev.features_off = frozenset(BETA)
    done = read(small_box, "tags", *BETA).succeeded()
    assert distinct(done, "tags") == truth(small_box, "tags")
    skipped = [line for line in done.log("WARNING") if "was skipped" in line]
    assert len(skipped) == len(BETA) > 4
    assert all("can be off" in line for line in skipped)


def test_a_feature_that_was_read_before_and_is_off_now_is_an_error(small_box: Sandbox) -> None:
    state = read(small_box, "incidents", "tags").states[-1]
    small_box.devrev.features_off = frozenset({"incidents"})
    done = read(small_box, "incidents", "tags", state=state)
    assert "incidents" in done.complaint()


@pytest.mark.parametrize(
    ("stream", "end", "said"),
    [
        ("tags", {"cursor": "x"}, "'cursor' looks like"),
        ("stages", {"next_cursor": "x"}, "'next_cursor' looks like"),
        ("subtypes", {"pagination": {"next": 2}}, "'pagination.next' looks like"),
        ("meetings", {"has_more": True}, "'has_more' looks like"),
        ("meetings", {"next_cursor": 7}, "'next_cursor' is of type int"),
    ],
)
def test_a_list_ends_only_where_the_document_says_so(
    small_box: Sandbox, stream: str, end: Record, said: str
) -> None:
    rows = ENDPOINTS[TABLES[stream].path].rows
    small_box.fault(kind="json", stream=stream, value={rows: [], **end})
    done = read(small_box, stream)
    assert said in done.complaint()
    assert not done.bookmarks.get(stream, {}).get("replication_key_value")


@pytest.mark.parametrize("stream", ["tags", "rev_users", "stages"])
def test_empty_pages_and_an_empty_last_cursor_lose_nothing(small_box: Sandbox, stream: str) -> None:
    small_box.devrev.paging.empty_pages = True
    small_box.devrev.end_cursor = "empty"
    done = read(small_box, stream, window_days=40).succeeded()
    assert distinct(done, stream) == truth(small_box, stream)


@pytest.mark.parametrize("stream", ["tags", "rev_users", THREADS])
def test_cursors_that_lead_round_in_a_circle_are_an_error(small_box: Sandbox, stream: str) -> None:
    small_box.devrev.paging.cursor_loop = "same"
    small_box.devrev.paging.short_pages = 1
    assert "same cursor twice" in read(small_box, stream).complaint()


@pytest.mark.parametrize("stream", ["tickets", "accounts"])
def test_an_export_is_halved_and_a_crowd_is_read_from_its_list(box: Sandbox, stream: str) -> None:
    table: Listed = TABLES[stream]
    (example,) = table.examples
    crowd = [
        {**example, "id": f"don:crowd/{number}", "modified_date": "2025-02-01T12:00:00.345Z"}
        for number in range(120)
    ]
    box.devrev.put(stream, *crowd)
    done = read(box, stream, page_size=10, window_days=7).succeeded()
    assert distinct(done, stream) == truth(box, stream)
    paths = {request.path for request in box.requests}
    assert paths == {table.export, table.path}
    listed = [request.json for request in box.requests if request.path == table.path]
    assert len({body.get("cursor") for body in listed}) > 10


def test_no_more_accounts_are_asked_for_than_their_export_allows(small_box: Sandbox) -> None:
    read(small_box, "accounts", "tickets", page_size=5000).succeeded()
    asked = {request.stream: request.json["first"] for request in small_box.requests}
    assert asked == {"accounts": 500, "tickets": 5000}


def test_all_streams_share_one_rate_limit(small_box: Sandbox) -> None:
    """Each by itself would not know, before its first response, that nothing is left."""
    small_box.devrev.rate_limits["all"] = RateLimit(3, 1, fixed=True)
    streams = ("groups", "slas", "states", "sys_users", "tags", "vistas")
    done = read(small_box, *streams, rate_limit_share=1).succeeded()
    assert small_box.violations == 0
    assert len(small_box.requests) == 7
    for stream in streams:
        assert distinct(done, stream) == truth(small_box, stream)


# Children


def thread(parent: str, count: int) -> list[Record]:
    comment: Record = {"type": "timeline_comment", "object": parent, "visibility": "external"}
    return [
        {**comment, "id": f"{parent}:comment/{number}", "body": f"{number} 😀"}
        for number in range(count)
    ]


def test_a_thread_of_3000_comments_is_read_whole(small_box: Sandbox) -> None:
    parent = small_box.devrev.truth("conversations")[3]["id"]
    small_box.devrev.load(THREADS, thread(parent, 3000), parent)
    small_box.devrev.paging.empty_pages = True
    done = read(small_box, THREADS).succeeded()
    found = [record for record in done.records(THREADS) if record["object"] == parent]
    assert ordered(found) == ordered(thread(parent, 3000))
    assert not done.records("conversations")


def test_a_parent_that_comes_again_is_asked_about_once(box: Sandbox) -> None:
    """Windows that are cut are read again, in parts."""
    done = read(box, "conversations", THREADS, page_size=30, window_days=30).succeeded()
    assert distinct(done, THREADS) == truth(box, THREADS)
    assert len(done.records("conversations")) > len(done.by_key("conversations"))
    asked = collections.Counter(
        request.json["object"] for request in box.requests if request.stream == THREADS
    )
    assert asked == dict.fromkeys((it["id"] for it in box.devrev.truth("conversations")), 1)


def test_a_run_that_is_killed_amid_threads_goes_on_where_it_was(small_box: Sandbox) -> None:
    stall = small_box.fault(kind="stall", stream=THREADS, at=17)
    settings: Record = {"page_size": 10, "window_days": 10}
    killed = read(small_box, "conversations", THREADS, stop=Stop(stalls=stall), **settings)
    asked = len(small_box.requests)
    assert killed.states
    small_box.clear_faults()
    small_box.clear_requests()
    done = read(small_box, "conversations", THREADS, state=killed.states[-1], **settings)
    both = {**killed.by_key(THREADS), **done.succeeded().by_key(THREADS)}
    assert ordered(both.values()) == truth(small_box, THREADS)
    assert len(done.by_key(THREADS)) < len(both), "what was done before is not done again"
    assert asked > 17


@pytest.mark.parametrize("status", [403, 404])
def test_a_parent_that_is_refused_is_skipped_and_told(small_box: Sandbox, status: int) -> None:
    gone = small_box.devrev.truth("conversations")[2]["id"]
    small_box.devrev.refused_parents[gone] = status
    done = read(small_box, THREADS).succeeded()
    expected = [record for record in truth(small_box, THREADS) if record["object"] != gone]
    assert distinct(done, THREADS) == expected
    (line,) = [line for line in done.log("WARNING") if "refused it for 1 parent" in line]
    assert gone in line


def test_a_member_without_an_id_is_an_error(small_box: Sandbox) -> None:
    value = {"members": [{"member": {"type": "dev_user"}}]}
    small_box.fault(kind="json", stream="group_members", value=value)
    assert "no 'member.id'" in read(small_box, "group_members").complaint()


def test_custom_objects_are_asked_for_by_the_leaf_types_of_the_account(whole: WholeRun) -> None:
    schemas = whole.box.devrev.truth("schemas")
    custom = {schema["leaf_type"] for schema in schemas if schema["is_custom_leaf_type"]}
    asked = [
        request.json["leaf_type"]
        for request in whole.box.requests
        if request.stream == "custom_objects"
    ]
    assert sorted(asked) == sorted(custom) != []
    assert {schema["leaf_type"] for schema in schemas} > custom
