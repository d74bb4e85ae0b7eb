"""Whatever a user, a vendor or a defect of ours does: one line, exit code 1, nothing leaked."""

from __future__ import annotations

import json
import logging
import typing as t

import pytest

from support_taps.command import told
from support_taps.errors import FatalResponseError
from tap_dixa.client import DixaExport
from tap_dixa.tap import TapDixa
from tests.common import quick_config
from tests.conftest import UNTHROTTLED, exports_only, open_box, run_tap

if t.TYPE_CHECKING:
    from sandbox import Sandbox
    from tests.conftest import Json, Record, Run


def dixa(box: Sandbox, **settings: Json) -> Record:
    return quick_config(box.dixa, {"end_date": "2025-04-01", **settings})


def devrev(box: Sandbox, **settings: Json) -> Record:
    return quick_config(box.devrev, {"end_date": "2025-04-01", **settings})


def marked(moment: str) -> Record:
    mark = {"replication_key": "modified_date", "replication_key_value": moment}
    return {"bookmarks": {"conversations": mark}}


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("start_date", "0001-01-01T00:00:00+14:00"),
        ("end_date", "9999-12-31T23:59:59-12:00"),
        ("start_date", "99999-01-01"),
        ("lookback_minutes", 10**15),
        ("window_days", 10**12),
        ("request_timeout", 1e300),
    ],
)
def test_an_extreme_setting_is_named_in_one_line(
    small_box: Sandbox, setting: str, value: Json
) -> None:
    complaint = run_tap("tap_devrev", devrev(small_box, **{setting: value})).complaint()
    assert f"'{setting}'" in complaint
    assert not small_box.requests


@pytest.mark.parametrize(
    ("settings", "requests"),
    [
        ({"start_date": "0001-01-01", "end_date": "1970-02-01", "window_days": 36_500}, None),
        ({"start_date": "0001-01-02T00:00:00Z", "end_date": "1970-02-01", "window_days": 99}, None),
        ({"start_date": "9999-12-31", "end_date": None}, 0),
        ({"start_date": "2025-03-31", "end_date": "9999-12-31", "window_days": 36_500}, None),
        ({"lookback_minutes": 36_500 * 24 * 60}, None),
    ],
)
def test_an_extreme_that_has_a_meaning_works(
    small_box: Sandbox, settings: Record, requests: int | None
) -> None:
    state = marked("2025-02-01T00:00:00Z") if "lookback_minutes" in settings else None
    run_tap("tap_devrev", devrev(small_box, **settings), state=state).succeeded()
    assert requests is None or len(small_box.requests) == requests
    for request in small_box.requests:
        assert request.json["modified_date"]["after"] >= "1970-01-01"


@pytest.mark.parametrize(
    ("moment", "words"),
    [
        ("9999-12-31T23:59:59Z", "lies in the future"),
        ("9999-12-31T23:59:59-12:00", "is not an ISO 8601 date-time"),
        ("0001-01-01T00:00:00+14:00", "is not an ISO 8601 date-time"),
    ],
)
def test_an_extreme_bookmark_is_an_error(small_box: Sandbox, moment: str, words: str) -> None:
    done = run_tap("tap_devrev", devrev(small_box), state=marked(moment))
    assert words in done.complaint()
    assert not small_box.requests


def test_a_bookmark_of_the_year_1_reads_from_the_start_date(small_box: Sandbox) -> None:
    done = run_tap("tap_devrev", devrev(small_box), state=marked("0001-01-01T00:00:00Z"))
    assert done.succeeded().by_key("conversations").keys() == {
        record["id"] for record in small_box.devrev.truth("conversations")
    }


def test_an_error_in_the_sdks_own_work_ends_its_stream_only(small_box: Sandbox) -> None:
    """A stream map comes up after a record has been read, out of reach of the stream itself."""
    maps = {"conversations": {"half": "record['no such field'] / 2"}}
    done = run_tap("tap_dixa", dixa(small_box, stream_maps=maps))
    assert "'conversations'" in done.complaint()
    assert done.bookmarks["messages"]["replication_key_value"] == "2025-04-01T00:00:00.000Z"
    assert done.by_key("messages")
    assert "replication_key_value" not in done.bookmarks.get("conversations", {})


@pytest.mark.parametrize("error", [KeyError("hole"), RecursionError(), AssertionError("a\nb")])
def test_an_error_that_nobody_foresaw_ends_its_stream_in_one_line(
    small_box: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    tap = TapDixa(
        config=dixa(small_box, rate_limit_share=UNTHROTTLED),
        catalog=json.loads(exports_only("tap_dixa")),
    )
    tap.holds_failures = True
    pages = DixaExport.pages

    def failing(self: DixaExport, *arguments: Json) -> Json:
        if self.name == "conversations":
            raise error
        return pages(self, *arguments)

    monkeypatch.setattr(DixaExport, "pages", failing)
    caplog.set_level(logging.DEBUG)
    tap.sync_all()
    assert tap.failures == {"conversations": error}
    assert {request.stream for request in small_box.requests} == {"messages"}
    (trace,) = (record for record in caplog.records if record.exc_info)
    assert trace.levelname == "DEBUG"
    line = told(error)
    assert type(error).__name__ in line
    assert "\n" not in line


@pytest.mark.parametrize("ending", [BrokenPipeError(), OSError(28, "No space left")])
def test_an_error_of_our_own_side_ends_the_run(
    small_box: Sandbox, monkeypatch: pytest.MonkeyPatch, ending: OSError
) -> None:
    tap = TapDixa(config=dixa(small_box), catalog=json.loads(exports_only("tap_dixa")))
    tap.holds_failures = True

    def failing(*_: Json) -> Json:
        raise ending

    monkeypatch.setattr(DixaExport, "pages", failing)
    with pytest.raises(type(ending)):
        tap.sync_all()


def test_an_error_with_words_of_its_own_is_told_in_them() -> None:
    assert told(FatalResponseError("the vendor\nsaid no")) == "the vendor said no"
    assert told(KeyError("hole")).startswith("an unexpected error (KeyError: 'hole')")


def asked(run: Run) -> Run:
    """Fail on a URL with its query, or a second line, in the log."""
    assert "updated_after" not in run.stderr
    assert "created_after" not in run.stderr
    return run


@pytest.mark.parametrize("name", ["http_proxy", "all_proxy"])
def test_a_loopback_url_and_its_token_go_to_no_proxy(small_box: Sandbox, name: str) -> None:
    with open_box(size=0) as proxy:
        environment = {name: proxy.url, name.upper(): proxy.url, "no_proxy": "", "NO_PROXY": ""}
        run_tap("tap_dixa", dixa(small_box), environment=environment).succeeded()
    assert small_box.requests


def test_a_header_that_is_none_shows_no_query_in_the_log(small_box: Sandbox) -> None:
    small_box.fault(kind="head", line="this is no header")
    done = asked(run_tap("tap_dixa", dixa(small_box)).succeeded())
    assert any("Failed to parse headers" in line for line in done.log("WARNING"))


def test_a_reason_and_a_body_of_many_lines_are_told_in_one(small_box: Sandbox) -> None:
    body = {"error": "no\n2026-01-01 00:00:00,000 | ERROR    | tap | forged\x1b[2J"}
    small_box.fault(kind="status", status=400, value=body, stream="conversations")
    small_box.fault(kind="head", reason="Bad\x0b\x1b[31mIdea", stream="conversations")
    complaint = run_tap("tap_dixa", dixa(small_box)).complaint()
    assert "400 Bad [31mIdea (no 2026-01-01" in complaint
    assert complaint.isprintable()


def test_a_token_that_the_vendor_quotes_is_not_told_in_part(small_box: Sandbox) -> None:
    token = small_box.dixa.token
    small_box.fault(
        kind="status", status=400, value={"error": "x" * 190 + token}, stream="conversations"
    )
    complaint = run_tap("tap_dixa", dixa(small_box)).complaint()
    assert token[:4] not in complaint


@pytest.mark.parametrize("told_in", ["header", "body"])
def test_a_retry_after_of_nothing_does_not_burn_the_tries(small_box: Sandbox, told_in: str) -> None:
    """DevRev's example of a 429 has ``Retry-After: 0``; the first growing wait is a second."""
    body = {"type": "too_many_requests", "retry_after": 0 if told_in == "body" else None}
    seconds = 0 if told_in == "header" else None
    small_box.fault(kind="status", status=429, retry_after=seconds, value=body, at=1)
    run_tap("tap_devrev", devrev(small_box, window_days=360)).succeeded()
    first, second = small_box.requests[:2]
    assert first.status == 429
    assert second.monotonic - first.monotonic >= 1
