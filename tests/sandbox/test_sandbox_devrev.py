"""DevRev's rules, from its OpenAPI document (beta) and the developer pages."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
import requests

from sandbox import Sandbox
from sandbox.data.devrev_tables import ENDPOINTS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.sandbox.conftest import Client


def test_export_is_cut_at_first_without_a_word(box: Sandbox, ask: Client) -> None:
    assert len(box.devrev.truth("conversations")) == 200
    for body, rows in (({}, 50), ({"first": 120}, 120), ({"first": 5000}, 200)):
        response = ask.devrev("export", **body).json()
        assert list(response) == ["conversations"]
        assert len(response["conversations"]) == rows
    dates = [record["modified_date"] for record in response["conversations"]]
    assert dates != sorted(dates)


def test_modified_date_is_inclusive_at_both_ends(box: Sandbox, ask: Client) -> None:
    dates = {
        "a": "2025-01-01T00:00:06Z",
        "b": "2025-01-01T00:00:06.5Z",
        "c": "2025-01-01T00:00:06.58Z",
        "d": "2025-01-01T00:00:06.580000001Z",
    }
    box.devrev.load(
        "conversations", [{"id": key, "modified_date": date} for key, date in dates.items()]
    )
    window = {"after": dates["b"], "before": "2025-01-01T01:00:06.580+01:00"}
    found = ask.devrev(modified_date=window).json()["conversations"]
    assert {record["id"] for record in found} == {"b", "c"}


@pytest.mark.parametrize(
    ("body", "kind", "field"),
    [
        ({"limit": 5}, "invalid_field", "limit"),
        ({"cursor": ""}, "invalid_field", "cursor"),
        ({"sort_by": ["id:asc"]}, "invalid_field", "sort_by"),
        ({"created_date": {}}, "invalid_field", "created_date"),
        ({"modified_date": {"type": "range"}}, "invalid_field", "modified_date.type"),
        ({"modified_date": {"after": "soon"}}, "parse_error", "modified_date.after"),
        ({"modified_date": {"after": "2025-01-01"}}, "parse_error", "modified_date.after"),
        ({"modified_date": "2025"}, "unexpected_json_type", "modified_date"),
        ({"first": 5001}, "value_not_permitted", "first"),
        ({"first": 0}, "value_not_permitted", "first"),
        ({"first": "50"}, "value_not_permitted", "first"),
    ],
)
def test_refuses_bad_bodies(ask: Client, body: dict[str, Any], kind: str, field: str) -> None:
    response = ask.devrev(**body)
    assert response.status_code == 400
    error = response.json()
    assert (error["type"], error["field_name"]) == (kind, field)
    assert {"detail", "message"} < set(error)


def test_export_is_beta(box: Sandbox) -> None:
    url, headers = f"{box.devrev.url}/conversations.export", {"Authorization": "Bearer x"}
    assert requests.post(url, json={}, headers=headers, timeout=60).json() == {
        "detail": "Unauthenticated",
        "message": "Unauthenticated",
        "type": "unauthenticated",
    }
    headers = {"Authorization": f"Bearer {box.devrev.token}"}
    for box.devrev.without_beta in (404, 400):
        response = requests.post(url, json={}, headers=headers, timeout=60)
        assert response.status_code == box.devrev.without_beta
    bare = {"Authorization": box.devrev.token}
    assert requests.post(url, json={}, headers=bare, timeout=60).status_code == 401


@pytest.mark.parametrize("end", ["absent", "empty"])
def test_list_leads_through_everything(box: Sandbox, ask: Client, end: str) -> None:
    box.devrev.end_cursor = end  # type: ignore[assignment]
    box.devrev.paging.empty_pages = True
    found: dict[str, Any] = {}
    cursor, sizes = "", []
    while True:
        page = ask.devrev("list", limit=90, cursor=cursor).json()
        sizes.append(len(page["conversations"]))
        found |= {record["id"]: record for record in page["conversations"]}
        cursor = page.get("next_cursor")
        if not cursor:
            break
    assert sizes == [90, 0, 90, 0, 20]
    assert page.get("next_cursor", "absent") == {"empty": ""}.get(end, end)
    assert found == {record["id"]: record for record in box.devrev.truth("conversations")}
    assert ask.devrev("list", limit=101).status_code == 400
    assert ask.devrev("list", first=1).json()["type"] == "invalid_field"


def test_list_without_the_beta_header_lacks_beta_fields(box: Sandbox) -> None:
    headers = {"Authorization": f"Bearer {box.devrev.token}"}
    url = f"{box.devrev.url}/conversations.list"
    page = requests.post(url, json={}, headers=headers, timeout=60).json()
    assert not any("custom_fields" in record for record in page["conversations"])


def test_many_in_one_millisecond(box: Sandbox, ask: Client) -> None:
    when = datetime(2025, 2, 1, 12, 0, 0, 58_000, tzinfo=timezone.utc)
    box.devrev.load("conversations", box.devrev.make("conversations", 30, when))
    moment = "2025-02-01T12:00:00.058Z"
    response = ask.devrev(first=10, modified_date={"after": moment, "before": moment})
    assert len(response.json()["conversations"]) == 10


def test_every_response_tells_the_allowance(ask: Client) -> None:
    for response in (ask.devrev(), ask.devrev(nonsense=1)):
        assert response.headers["X-Ratelimit-Limit"] == "1000"
        assert int(response.headers["X-Ratelimit-Remaining"]) <= 1000
        assert int(response.headers["X-Ratelimit-Reset"]) > 1_700_000_000


SPAN = datetime(2025, 1, 1, tzinfo=timezone.utc), datetime(2025, 4, 1, tzinfo=timezone.utc)

# The lists and exports around conversations, whose rules are those of the OpenAPI document

WINDOW = {"after": "2025-01-01T00:00:00Z", "before": "2025-04-01T00:00:00Z"}
FILTERED = [path for path, rules in ENDPOINTS.items() if rules.time_filter]


@pytest.fixture(scope="module")
def reader(client_of: type[Client]) -> Iterator[Client]:
    """A client of a sandbox that no test changes."""
    with Sandbox(seed=1, size=20, span=SPAN, rate_limits=False) as box:
        yield client_of(box)
        assert not box.failures


def body_of(path: str) -> dict[str, Any]:
    """The fields without which this sandbox answers nothing."""
    return {"type": ["ticket"]} if path.startswith("/works.") else {}


@pytest.mark.parametrize("path", FILTERED)
def test_typed_and_untyped_filters_refuse_each_others_form(reader: Client, path: str) -> None:
    rules = ENDPOINTS[path]
    forms = {"untyped": WINDOW, "typed": {"type": "range", **WINDOW}}
    for form, window in forms.items():
        response = reader.devrev_at(path, **body_of(path), **{rules.time_filter: window})
        if form == rules.fields[rules.time_filter]:
            assert response.json()[rules.rows]
        else:
            assert response.status_code == 400
            assert response.json()["field_name"] == f"{rules.time_filter}.type"


@pytest.mark.parametrize("path", ENDPOINTS)
def test_what_an_endpoint_does_not_document_is_refused(reader: Client, path: str) -> None:
    for name in {"limit", "first", "cursor", "object", "leaf_type"} - ENDPOINTS[path].fields.keys():
        response = reader.devrev_at(path, **body_of(path), **{name: 1})
        assert response.status_code == 400
        assert response.json()["field_name"] == name


@pytest.mark.parametrize(
    ("path", "body", "most"),
    [
        ("/works.export", {"type": ["ticket"]}, ("first", 5000)),
        ("/accounts.export", {}, ("first", 500)),
        ("/tags.list", {}, ("limit", 99)),
    ],
)
def test_no_more_rows_are_sent_than_the_cap(
    reader: Client, path: str, body: dict[str, Any], most: tuple[str, int]
) -> None:
    name, cap = most
    assert reader.devrev_at(path, **body, **{name: cap}).status_code == 200
    assert reader.devrev_at(path, **body, **{name: cap + 1}).status_code == 400


def test_works_are_told_apart_by_their_type(reader: Client) -> None:
    for kind in ("ticket", "issue", "task", "opportunity"):
        works = reader.devrev_at("/works.export", type=[kind]).json()["works"]
        assert {work["type"] for work in works} == {kind}


@pytest.mark.parametrize("path", ["/timeline-entries.list", "/links.list", "/groups.members.list"])
def test_a_list_of_one_object_wants_an_object_that_is_there(reader: Client, path: str) -> None:
    (name,) = ENDPOINTS[path].required
    missing = reader.devrev_at(path)
    assert (missing.status_code, missing.json()["type"]) == (400, "missing_required_field")
    assert reader.devrev_at(path, **{name: "don:nobody"}).status_code == 404


@pytest.mark.parametrize("path", [path for path, rules in ENDPOINTS.items() if rules.beta])
def test_what_is_beta_wants_its_header(reader: Client, path: str) -> None:
    headers = {"Authorization": f"Bearer {reader.box.devrev.token}"}
    url = f"{reader.box.devrev.url}{path}"
    assert requests.post(url, json={}, headers=headers, timeout=60).status_code == 404


def test_stages_have_their_cursor_in_a_place_of_their_own(reader: Client) -> None:
    first = reader.devrev_at("/stages.custom.list", limit=99).json()
    assert set(first) == {"result", "cursor"}
    rest = reader.devrev_at("/stages.custom.list", limit=99, cursor=first["cursor"]).json()
    assert len(first["result"]) + len(rest["result"]) == 150
