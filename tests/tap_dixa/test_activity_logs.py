"""The activity log: windows of time, each in pages, and a bookmark at the end of each window."""

from __future__ import annotations

import datetime as dt
import re
import typing as t

import pytest

from tests.conftest import SPAN
from tests.tap_dixa.test_tables import assert_whole, read

if t.TYPE_CHECKING:
    from sandbox import Sandbox

LOGS = "activity_logs"
BORDER = SPAN[0] + dt.timedelta(days=31) - dt.timedelta(milliseconds=1)
"""Where the first window ends, with the default setting."""


def asked(box: Sandbox) -> list[tuple[str, str]]:
    """The windows that were asked for, each by its first page."""
    return [
        (request.params["fromDatetime"], request.params["toDatetime"])
        for request in box.requests
        if request.stream == LOGS and "pageKey" not in request.params
    ]


@pytest.mark.parametrize("bounds", ["inclusive", "exclusive", "half-open"])
def test_the_log_is_read_whole_whether_bounds_are_included_or_not(
    box: Sandbox, bounds: t.Any
) -> None:
    box.dixa.bounds = bounds
    box.dixa.put(LOGS, *box.dixa.make(LOGS, 1, BORDER))
    done = read(box, LOGS).succeeded()
    assert {record["id"] for record in done.records(LOGS)} == {
        record["id"] for record in box.dixa.truth(LOGS)
    }
    assert done.bookmarks[LOGS]["replication_key_value"] == "2025-04-01T00:00:00.000Z"


@pytest.mark.parametrize("next_url", ["path", "absolute"])
def test_a_window_is_read_in_pages_that_ask_with_the_page_key_alone(
    box: Sandbox, next_url: t.Any
) -> None:
    box.dixa.next_url = next_url
    box.dixa.paging.short_pages = 50
    done = read(box, LOGS).succeeded()
    assert_whole(box, done, LOGS)
    following = [it.params for it in box.requests if "pageKey" in it.params]
    assert len(following) > 3
    assert all(set(params) == {"pageKey"} for params in following)
    assert len(asked(box)) == 3


def test_a_run_asks_from_its_bookmark_less_the_lookback(box: Sandbox) -> None:
    state = read(box, LOGS, end_date="2025-02-01").succeeded().states[-1]
    box.clear_requests()
    done = read(box, LOGS, state=state).succeeded()
    assert asked(box)[0] == ("2025-01-31T22:59:59.999Z", "2025-03-03T22:59:59.999Z")
    assert done.records(LOGS)
    assert min(it["activityTimestamp"] for it in done.records(LOGS)) > "2025-01-31T22:59:59"


def test_a_window_that_breaks_after_its_first_page_is_read_again(box: Sandbox) -> None:
    box.dixa.paging.short_pages = 50
    pages = iter(range(1000))
    broken = box.fault(
        kind="status",
        vendor="dixa",
        stream=LOGS,
        status=500,
        where=lambda call: "pageKey" in call.params and next(pages) > 8,
    )
    first = read(box, LOGS)
    assert first.exit_code == 1
    assert broken.seen
    bookmark = first.bookmarks[LOGS]["replication_key_value"]
    assert bookmark in {until for _, until in asked(box)[:-1]}
    box.clear_faults()
    second = read(box, LOGS, state=first.states[-1]).succeeded()
    ids = {it["id"] for done in (first, second) for it in done.records(LOGS)}
    assert ids == {it["id"] for it in box.dixa.truth(LOGS)}


def test_activities_of_every_kind_keep_their_attributes(box: Sandbox) -> None:
    done = read(box, LOGS).succeeded()
    sent = {it["id"]: it.get("attributes") for it in box.dixa.truth(LOGS)}
    assert {it["id"]: it.get("attributes") for it in done.records(LOGS)} == sent
    assert len({it["_type"] for it in box.dixa.truth(LOGS)}) > 15
    assert not done.log("WARNING")
    times = [it["activityTimestamp"] for it in done.records(LOGS)]
    assert all(re.fullmatch(r"2025-[\d-]+T[\d:]+(\.\d{1,3})?Z", it) for it in times)
