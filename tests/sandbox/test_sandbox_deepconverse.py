"""DeepConverse's rules, from the vendor's pages on the Export API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests

if TYPE_CHECKING:
    from sandbox import Sandbox
    from tests.sandbox.conftest import Client

BOT = "r3-218210"
QUARTER: dict[str, Any] = {"start_time": 1735689600, "end_time": 1743465600, "bot_name": BOT}


def pages(ask: Client, stream: str, **params: Any) -> list[list[dict[str, Any]]]:
    """Follow the cursor until it is null, absent or empty."""
    found = []
    while True:
        response = ask.deepconverse(stream, **params).json()
        found.append(response["data"])
        if not response.get("cursor"):
            return found
        params["cursor"] = response["cursor"]


@pytest.mark.parametrize("stream", ["conversations", "messages"])
def test_the_cursor_leads_through_everything_of_a_bot(
    box: Sandbox, ask: Client, stream: str
) -> None:
    for bot in box.deepconverse.bots:
        got = pages(ask, stream, **{**QUARTER, "bot_name": bot}, per_page=40)
        found = [record for page in got for record in page]
        key = {record["_id"]: record for record in found}
        assert len(got) > 1
        assert len(key) == len(found)
        assert key == {record["_id"]: record for record in box.deepconverse.truth(stream, bot)}


def test_messages_of_one_conversation(ask: Client) -> None:
    conversation = ask.deepconverse(**QUARTER, per_page=1).json()["data"][0]["_id"]
    found = pages(ask, "messages", **QUARTER, conversation_id=conversation)[0]
    assert found
    assert {record["conversationId"] for record in found} == {conversation}


@pytest.mark.parametrize(
    "changes",
    [
        {"start_time": None},
        {"end_time": None},
        {"bot_name": None},
        {"start_time": "2025-01-01"},
        {"start_time": 1735689600.5},
        {"per_page": 1001},
        {"per_page": 0},
        {"limit": 10},
        {"conversation_id": "x"},
        {"cursor": "made up"},
    ],
)
def test_refuses_what_is_not_documented(ask: Client, changes: dict[str, Any]) -> None:
    assert ask.deepconverse(**{**QUARTER, **changes}).status_code == 400


def test_a_cursor_needs_the_filters_it_was_made_for(ask: Client) -> None:
    cursor = ask.deepconverse(**QUARTER, per_page=5).json()["cursor"]
    assert ask.deepconverse(cursor=cursor).status_code == 400
    changed = {**QUARTER, "end_time": QUARTER["end_time"] + 1}
    assert ask.deepconverse(**changed, cursor=cursor).status_code == 400
    assert ask.deepconverse(**QUARTER, cursor=cursor).status_code == 200


def test_an_unknown_bot_has_no_data(ask: Client) -> None:
    response = ask.deepconverse(**{**QUARTER, "bot_name": "nobody"})
    assert (response.status_code, response.json()) == (200, {"data": [], "cursor": None})


def test_a_wrong_key_is_forbidden(box: Sandbox, ask: Client) -> None:
    assert ask.get("deepconverse", "messages", {"x-api-key": "wrong"}, QUARTER).status_code == 403
    assert requests.get(f"{box.deepconverse.url}/nowhere", timeout=60).status_code == 403


@pytest.mark.parametrize(
    ("form", "value"),
    [("seconds", 1744750665), ("milliseconds", 1744750665000), ("text", "1744750665"),
     ("iso", "2025-04-15T20:57:45Z")],
)  # fmt: skip
def test_times_can_take_other_forms(box: Sandbox, ask: Client, form: str, value: object) -> None:
    """1744750665 is the documented sample."""
    box.deepconverse.load("messages", [{"_id": "a", "time": 1744750665}])
    box.deepconverse.times = form  # type: ignore[assignment]
    window = {"start_time": 1744750665, "end_time": 1744750665, "bot_name": BOT}
    assert ask.deepconverse("messages", **window).json()["data"] == [{"_id": "a", "time": value}]
    assert box.deepconverse.truth("messages") == [{"_id": "a", "time": value}]


def test_window_and_bounds_can_be_read_in_other_ways(box: Sandbox, ask: Client) -> None:
    records = [{"_id": str(n), "startTime": 100 + n, "lastActionAt": 200 + n} for n in range(5)]
    box.deepconverse.load("conversations", records)
    found = []
    for window_on, start in (("startTime", 101), ("lastActionAt", 201)):
        for bounds in ("inclusive", "half-open", "exclusive"):
            box.deepconverse.window_on = window_on  # type: ignore[assignment]
            box.deepconverse.bounds = bounds
            response = ask.deepconverse(start_time=start, end_time=start + 2, bot_name=BOT)
            found.append("".join(sorted(record["_id"] for record in response.json()["data"])))
    assert found == ["123", "12", "2"] * 2


def test_pages_can_be_empty_or_short_and_end_differently(box: Sandbox, ask: Client) -> None:
    box.deepconverse.paging.empty_pages = True
    box.deepconverse.paging.short_pages = 30
    sizes = [len(page) for page in pages(ask, "conversations", **QUARTER, per_page=1000)]
    assert sizes == [30, 0, 30, 0, 30, 0, 30, 0, 13]
    window = {**QUARTER, "start_time": 1, "end_time": 2}
    ends = []
    for box.deepconverse.end_cursor in ("null", "absent", "empty"):
        ends.append(ask.deepconverse(**window).json())
    assert ends == [{"data": [], "cursor": None}, {"data": []}, {"data": [], "cursor": ""}]


@pytest.mark.parametrize(("loop", "period"), [("same", 1), ("aba", 2)])
def test_cursors_can_run_in_circles(box: Sandbox, ask: Client, loop: str, period: int) -> None:
    box.deepconverse.paging.cursor_loop = loop  # type: ignore[assignment]
    cursors: list[str] = []
    params: dict[str, Any] = {**QUARTER, "per_page": 10}
    for _ in range(6):
        cursors.append(ask.deepconverse(**params).json()["cursor"])
        params["cursor"] = cursors[-1]
    assert len(set(cursors)) == period
    assert cursors[period:] == cursors[:-period]


@pytest.mark.parametrize("place", ["next", "pagination.next_cursor", "meta.page.after"])
def test_the_cursor_can_stand_elsewhere(box: Sandbox, ask: Client, place: str) -> None:
    box.deepconverse.cursor_place = place
    page = ask.deepconverse(**QUARTER, per_page=5).json()
    told: Any = page
    for key in place.split("."):
        told = told[key]
    assert set(page) == {"data", place.split(".", maxsplit=1)[0]}
    rest = ask.deepconverse(**QUARTER, per_page=5, cursor=told).json()
    assert len(rest["data"]) == 5
    assert not {r["_id"] for r in page["data"]} & {r["_id"] for r in rest["data"]}
    box.deepconverse.cursor_place = None
    assert set(ask.deepconverse(**QUARTER, per_page=5).json()) == {"data"}


def test_a_cursor_can_stay_the_same_to_the_end(box: Sandbox, ask: Client) -> None:
    box.deepconverse.paging.scroll = True
    for _ in range(2):
        cursors, found = set(), []
        params = {**QUARTER, "per_page": 30}
        while True:
            page = ask.deepconverse(**params).json()
            found += [record["_id"] for record in page["data"]]
            if page["cursor"] is None:
                break
            cursors.add(page["cursor"])
            params["cursor"] = page["cursor"]
        assert len(cursors) == 1
        truth = {record["_id"] for record in box.deepconverse.truth("conversations", BOT)}
        assert len(found) == len(truth)
        assert set(found) == truth
