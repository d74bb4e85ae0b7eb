"""Dixa's rules, from docs.dixa.io/docs/exports-api-guide and its API reference."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest
import requests

if TYPE_CHECKING:
    from sandbox import Sandbox
    from tests.sandbox.conftest import Client

JANUARY = {"updated_after": "2025-01-01", "updated_before": "2025-01-31"}


def test_windows_of_31_days_hold_every_conversation(box: Sandbox, ask: Client) -> None:
    starts = ("2025-01-01", "2025-02-01", "2025-03-01")
    ends = ("2025-02-01", "2025-03-01", "2025-04-01")
    answers = [
        ask.dixa(updated_after=after, updated_before=before).json()
        for after, before in zip(starts, ends, strict=True)
    ]
    found = {record["id"]: record for response in answers for record in response}
    truth = {record["id"]: record for record in box.dixa.truth("conversations")}
    assert len(truth) == 200
    assert found == truth


def test_dates_are_midnight_utc(ask: Client) -> None:
    """The guide calls 1572566400000 and 2019-11-01 equivalent."""
    by_date = ask.dixa("messages", created_after="2025-01-01", created_before="2025-01-31")
    by_number = ask.dixa("messages", created_after=1735689600000, created_before=1738281600000)
    assert by_date.json()
    assert by_date.json() == by_number.json()


@pytest.mark.parametrize(
    ("stream", "params"),
    [
        ("conversations", {}),
        ("conversations", {"updated_after": "2025-01-01"}),
        ("conversations", {"updated_before": "2025-01-01"}),
        ("conversations", {"updated_after": "2025-01-01", "created_before": "2025-01-02"}),
        ("conversations", {"updated_after": "2025-01-01", "updated_before": "2025-02-02"}),
        ("conversations", {"updated_after": 1735689600000, "updated_before": 1738368000001}),
        ("conversations", {"updated_after": "2025-01-01T00:00:00Z", "updated_before": 1}),
        ("conversations", {"updated_after": "2025-1-1", "updated_before": "2025-1-2"}),
        ("conversations", {**JANUARY, "limit": 5}),
        ("conversations", {"csids": "1,x"}),
        ("messages", JANUARY),
        ("messages", {"csids": "1"}),
    ],
)
def test_refuses_what_is_not_documented(
    ask: Client, stream: str, params: dict[str, object]
) -> None:
    response = ask.dixa(stream, **params)
    assert response.status_code == 400
    assert response.content == b""


def test_31_days_to_the_millisecond_are_allowed(ask: Client) -> None:
    response = ask.dixa(updated_after=1735689600000, updated_before=1738368000000)
    assert response.status_code == 200


def test_csids_need_no_window(box: Sandbox, ask: Client) -> None:
    ids = [record["id"] for record in box.dixa.truth("conversations")[:3]]
    found = ask.dixa(csids=",".join(map(str, ids))).json()
    assert {record["id"] for record in found} == set(ids)


def test_both_forms_of_the_token_are_taken(box: Sandbox) -> None:
    url = f"{box.dixa.url}/v1/conversation_export"
    basic = base64.b64encode(f"bearer:{box.dixa.token}".encode()).decode()
    for header in (f"bearer {box.dixa.token}", f"Bearer {box.dixa.token}", f"Basic {basic}"):
        response = requests.get(url, params=JANUARY, headers={"Authorization": header}, timeout=60)
        assert response.status_code == 200
    for header in ("", "Bearer wrong", box.dixa.token, "Basic !!!"):
        response = requests.get(url, params=JANUARY, headers={"Authorization": header}, timeout=60)
        assert (response.status_code, response.content) == (401, b"")
    assert [entry.auth_ok for entry in box.requests] == [True] * 3 + [False] * 4


@pytest.mark.parametrize("wrong", [{"pageLimit": 0}, {"pageLimit": "x"}, {"pageKey": "none"}])
def test_a_page_that_is_none_is_refused_with_a_message(ask: Client, wrong: dict[str, str]) -> None:
    response = ask.dixa("agents", **wrong)
    assert (response.status_code, [*response.json()]) == (400, ["message"])


@pytest.mark.parametrize(
    ("bounds", "found"), [("inclusive", {1, 2, 3}), ("half-open", {1, 2}), ("exclusive", {2})]
)
def test_bounds_can_be_read_three_ways(
    box: Sandbox, ask: Client, bounds: str, found: set[int]
) -> None:
    box.dixa.load("conversations", [{"id": n, "updated_at": 1735689600000 + n} for n in (1, 2, 3)])
    box.dixa.bounds = bounds  # type: ignore[assignment]
    response = ask.dixa(updated_after=1735689600001, updated_before=1735689600003)
    assert {record["id"] for record in response.json()} == found


def test_responses_are_one_chunked_array_in_no_order(box: Sandbox, ask: Client) -> None:
    response = ask.dixa(**JANUARY)
    times = [record["updated_at"] for record in response.json()]
    assert response.headers["Transfer-Encoding"] == "chunked"
    assert times != sorted(times)
    assert response.content == ask.dixa(**JANUARY).content
    assert ask.dixa(updated_after="2019-01-01", updated_before="2019-01-02").content == b"[]"
    assert box.requests[0].rows == len(times)
