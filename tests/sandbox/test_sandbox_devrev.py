"""DevRev's rules, from its OpenAPI document (beta) and the developer pages."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import pytest
import requests

if TYPE_CHECKING:
    from sandbox import Sandbox
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
