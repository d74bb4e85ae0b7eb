"""No credential leaves but to the vendor, and no response can use up the memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from resilience.cases import Case
from resilience.subjects import START, SUBJECTS, nanoseconds

if TYPE_CHECKING:
    from collections.abc import Callable

    from resilience.stage import Stage
    from resilience.target import Written

FAULTS: dict[str, dict[str, Any]] = {
    "400": {"kind": "status", "status": 400},
    "401": {"kind": "status", "status": 401},
    "403": {"kind": "status", "status": 403},
    "429": {"kind": "status", "status": 429, "at": 2},
    "500": {"kind": "status", "status": 500},
    "html": {"kind": "html"},
    "empty": {"kind": "empty"},
    "shape": {"kind": "json", "value": {"error": "no"}},
    "reset": {"kind": "reset", "at": 2},
    "cut": {"kind": "cut", "at": 2, "ending": "missing"},
    "redirect": {"kind": "redirect"},
}
EXPORTS = [name for name, subject in SUBJECTS.items() if subject.time and not subject.origin.parent]
ENOUGH_MEMORY = 1024**3
"""Bytes of address space: the libraries take a third of it."""
DEEP = 100_000


def run(stage: Stage, fault: dict[str, Any] | None = None, **options: Any) -> Written:
    case = Case("one run", "", faults=(fault,) if fault else (), **options)
    stage.set_up(case)
    return stage.run(case, None, None)


def assert_no_secret(stage: Stage, written: Written) -> None:
    for output in (written.whole, written.stderr):
        assert stage.vendor.token.encode() not in output


@pytest.mark.parametrize("name", [*EXPORTS, "tap-dixa/team_members"])
def test_no_credential_is_logged_at_any_level_under_any_fault(
    stage_of: Callable[[str], Stage], name: str
) -> None:
    stage = stage_of(name)
    for fault in FAULTS.values():
        for debug in (False, True):
            written = run(stage, fault, debug=debug, settings={"max_tries": 3})
            assert_no_secret(stage, written)
            assert written.code == (0 if "at" in fault else 1)


@pytest.mark.parametrize("name", EXPORTS)
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_carries_no_credential_to_another_host(
    stage_of: Callable[[str], Stage], name: str, status: int
) -> None:
    stage = stage_of(name)
    written = run(stage, {"kind": "redirect", "status": status, "at": 2})
    assert written.code == 1
    assert_no_secret(stage, written)
    hosts = {request.headers["host"].partition(":")[0] for request in stage.box.requests}
    assert hosts == {"127.0.0.1"}


def test_a_foreign_next_page_is_not_asked(stage_of: Callable[[str], Stage]) -> None:
    stage = stage_of("tap-zendesk-chat/chats")
    written = run(stage, switches={"next_page_host": f"http://localhost:{stage.box.port}"})
    assert written.code == 0
    hosts = {request.headers["host"].partition(":")[0] for request in stage.box.requests}
    assert hosts == {"127.0.0.1"}


@pytest.mark.parametrize("name", ["tap-dixa/messages", "tap-zendesk-chat/chats"])
def test_an_api_url_with_user_info_is_refused_and_not_shown(
    stage_of: Callable[[str], Stage], name: str
) -> None:
    stage = stage_of(name)
    url = stage.vendor.url.replace("://", "://someone:hidden-word@")
    written = run(stage, settings={"api_url": url}, debug=True)
    assert written.code == 1
    assert b"api_url" in written.stderr
    assert b"hidden-word" not in written.stderr + written.whole
    assert not stage.box.requests


@pytest.mark.parametrize("name", ["tap-dixa/messages", "tap-deepconverse/messages"])
def test_a_record_of_100_megabytes_is_an_error_in_bounded_memory(
    stage_of: Callable[[str], Stage], name: str
) -> None:
    stage = stage_of(name)
    load(stage, lambda: b'{"id":"a","text":"' + b"x" * 100 * 1024**2 + b'"}')
    written = run(stage, largest_memory=ENOUGH_MEMORY)
    assert written.code == 1, written.stderr
    assert b"larger than 64 MiB" in written.stderr
    assert b"MemoryError" not in written.stderr
    assert b"Traceback" not in written.stderr


@pytest.mark.parametrize("name", EXPORTS)
def test_a_value_nested_very_deeply_is_an_error(
    stage_of: Callable[[str], Stage], name: str
) -> None:
    stage = stage_of(name)
    load(stage, lambda: b'{"id":"a","text":' + b"[" * DEEP + b"]" * DEEP + b"}")
    written = run(stage, largest_memory=ENOUGH_MEMORY)
    assert written.code == 1, written.stderr
    assert b"nested too deeply" in written.stderr
    assert b"Traceback" not in written.stderr


@pytest.mark.parametrize(
    "name",
    [
        "tap-dixa/messages",
        "tap-deepconverse/messages",
        "tap-zendesk-chat/chats",
        "tap-devrev/conversations",
    ],
)
def test_a_gzip_bomb_is_an_error_in_bounded_memory(
    stage_of: Callable[[str], Stage], name: str
) -> None:
    stage = stage_of(name)
    bomb = {"kind": "gzip_bomb", "after": 100 * 1024**2}
    written = run(stage, bomb, largest_memory=ENOUGH_MEMORY)
    assert written.code == 1, written.stderr
    assert b"larger than 64 MiB" in written.stderr
    assert b"Traceback" not in written.stderr


def load(stage: Stage, raw: Callable[[], bytes]) -> None:
    """One record, in the first window or page."""
    subject = stage.subject
    time = nanoseconds(START) // subject.unit + 3600 * (10**9 // subject.unit)
    stage.vendor.load_raw(subject.stream, [(time, "a", raw)])
