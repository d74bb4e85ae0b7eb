"""Whatever a user can get wrong, or a vendor, ends as one readable line and exit code 1.

That no run shows a token is checked by ``run_tap`` itself, for every run of every test.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest

from resilience.forks import clean_environment
from tests.conftest import PATIENCE, ROOT, Run, Stop, run_tap
from tests.tap_dixa.conftest import config_for
from tests.tap_dixa.test_state import state_at, until

if t.TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox
    from tests.conftest import Record

    Runner = Callable[..., Run]

MISSING = object()


@pytest.mark.parametrize(
    ("setting", "value", "words"),
    [
        ("api_token", MISSING, "is missing"),
        ("api_token", "", "is empty"),
        ("api_token", "Bearer ", "is empty"),
        ("api_token", "secret-token\nX-Evil: 1", "characters that no token has"),
        ("api_token", "secret-tøken-of-ours", "characters that no token has"),
        ("start_date", MISSING, "is missing"),
        ("start_date", "", "must be a date"),
        ("start_date", "yesterday", "must be a date"),
        ("end_date", "2024-12-31", "is before 'start_date'"),
        ("window_days", 0, "must be 1 or more"),
        ("window_days", 32, "must be 31 or less"),
        ("window_days", "x", "must be of type integer"),
        ("api_url", "exports.dixa.io", "must be a URL"),
        ("api_url", "http://exports.dixa.io", "must be https"),
        ("api_url", "https://user:password@exports.dixa.io", "must not hold a user name"),
        ("lookback_minutes", -1, "must be 0 or more"),
        ("rate_limit_share", 0, "must be more than 0"),
        ("request_timeout", 0, "must be more than 0"),
        ("max_tries", 0, "must be 1 or more"),
    ],
)
def test_a_wrong_setting_is_named_in_one_line_and_nothing_is_sent(
    box: Sandbox, config: Record, setting: str, value: t.Any, words: str
) -> None:
    config[setting] = value
    if value is MISSING:
        del config[setting]
    done = run_tap("tap_dixa", config)
    complaint = done.complaint()
    assert f"'{setting}'" in complaint
    assert words in complaint
    assert "password" not in complaint.replace("user name or password", "")
    assert not box.requests
    assert not done.stdout


@pytest.mark.parametrize("level", ["INFO", "DEBUG"])
def test_a_token_that_is_refused_ends_the_run_at_once(box: Sandbox, level: str) -> None:
    config = config_for(box, api_token="not-the-token-we-made")  # noqa: S106
    done = run_tap("tap_dixa", config, environment={"LOGLEVEL": level})
    if level == "INFO":
        assert "api_token" in done.complaint()
        assert "401" in done.complaint()
    assert done.exit_code == 1
    assert len(box.requests) == 1
    assert not done.states


def test_a_debug_log_shows_neither_the_token_nor_a_query(box: Sandbox) -> None:
    box.fault(kind="reset", point="body", stream="messages", at=1)
    box.fault(kind="status", status=400, stream="messages", at=2)
    done = run_tap("tap_dixa", config_for(box), environment={"LOGLEVEL": "DEBUG"})
    assert done.exit_code == 1
    assert done.log("DEBUG")
    assert "created_after=" not in done.stderr
    assert "authorization" not in done.stderr.lower()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"kind": "html"}, "not complete JSON"),
        ({"kind": "empty"}, "it is empty"),
        ({"kind": "cut", "place": "string"}, "not complete JSON"),
        ({"kind": "cut", "place": "record", "ending": "reset"}, "ended early"),
        ({"kind": "damage"}, "not valid UTF-8"),
        ({"kind": "reset"}, "broke"),
        ({"kind": "status", "status": 500}, "500 Internal Server Error"),
        ({"kind": "status", "status": 429}, "429 Too Many Requests"),
        ({"kind": "status", "status": 400}, "400 Bad Request"),
        ({"kind": "status", "status": 413}, "413"),
        ({"kind": "status", "status": 204}, "204"),
        ({"kind": "status", "status": 429, "retry_after": 7200}, "asks to wait 7200 s"),
        ({"kind": "redirect", "status": 307}, "api_url"),
        ({"kind": "json", "value": {"data": [], "meta": 1}}, "its keys are: data, meta"),
        ({"kind": "json", "value": None}, "should be an array"),
        ({"kind": "json", "value": "text"}, "and is text"),
        ({"kind": "json", "value": [[]]}, "no object"),
        ({"kind": "json", "value": [{"csid": 1}]}, "no 'id'"),
        ({"kind": "json", "value": [{"id": None, "csid": 1}]}, "no 'id'"),
        ({"kind": "stall", "seconds": PATIENCE}, "request_timeout"),
    ],
)
def test_a_stream_that_fails_for_good_does_not_hold_back_the_other(
    box: Sandbox, run: Runner, fault: Record, words: str
) -> None:
    box.fault(stream="conversations", **fault)
    timeout = {"request_timeout": 3} if fault["kind"] == "stall" else {}
    done = run(max_tries=1, **timeout)
    complaint = done.complaint()
    assert "'conversations'" in complaint
    assert words in complaint
    assert len(complaint) < 500
    assert until(done.states[-1], "conversations") is None
    assert until(done.states[-1], "messages") == "2025-04-01T00:00:00.000Z"
    assert {record["id"] for record in done.records("messages")} == {
        record["id"] for record in box.dixa.truth("messages")
    }


def test_both_streams_can_fail_with_a_line_each(box: Sandbox, run: Runner) -> None:
    box.fault(kind="status", status=400)
    done = run()
    assert done.exit_code == 1
    first, second = done.log("ERROR")
    assert "'conversations'" in first
    assert "'messages'" in second
    assert "Traceback" not in done.stderr


def test_giving_up_says_after_how_many_tries(box: Sandbox, run: Runner) -> None:
    box.fault(kind="status", status=503, stream="conversations", retry_after=0)
    done = run(max_tries=3)
    assert "gave up after 3 tries (setting max_tries)" in done.complaint()
    assert len([request for request in box.requests if request.stream == "conversations"]) == 3
    assert len(done.log("WARNING")) == 2


def test_a_host_that_cannot_be_reached_is_said_so(box: Sandbox, config: Record) -> None:
    box.pause_listening()
    done = run_tap("tap_dixa", {**config, "max_tries": 1})
    assert done.exit_code == 1
    assert len(done.log("ERROR")) == 2
    assert all("no connection to 127.0.0.1" in line for line in done.log("ERROR"))
    assert all("Connection refused" in line for line in done.log("ERROR"))
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("{nonsense", "state file is not JSON"),
        ("", "state file is not JSON"),
        ("[]", "does not hold a JSON object"),
        ("null", "does not hold a JSON object"),
        (state_at(conversations="last week"), "'last week'"),
        ({"bookmarks": {"conversations": 5}}, "conversations"),
        ({"bookmarks": []}, "bookmarks"),
        (
            {
                "bookmarks": {
                    "conversations": {
                        "replication_key": "updated_at",
                        "replication_key_value": 1735689600000,
                    }
                }
            },
            "1735689600000",
        ),
    ],
)
def test_a_state_that_cannot_be_read_is_an_error_and_no_fresh_start(
    box: Sandbox, config: Record, state: t.Any, words: str
) -> None:
    done = run_tap("tap_dixa", config, state=state)
    assert words in done.complaint()
    assert not [request for request in box.requests if request.stream == "conversations"]


def test_a_catalog_that_cannot_be_read_is_an_error(config: Record) -> None:
    assert "catalog file is not JSON" in run_tap("tap_dixa", config, catalog="x").complaint()


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_a_wait_at_once_with_the_shells_exit_code(
    box: Sandbox, config: Record, by: signal.Signals
) -> None:
    """A wait of ten minutes between two tries, by the vendor's wish: longer than a test takes."""
    box.fault(kind="status", status=429, retry_after=600, stream="conversations", at=2)
    stop = Stop(logs="trying again in 10 min", by=by)
    done = run_tap("tap_dixa", config, stop=stop, as_program=True)
    assert done.exit_code == 128 + by
    assert "Traceback" not in done.stderr
    assert any(f"stopped by {by.name}" in line for line in done.log("WARNING"))
    assert until(done.states[-1], "conversations") == "2025-01-31T23:59:59.999Z"


@pytest.mark.parametrize("content", [b"", b'{"api_token":', b"[1]", b'"x"', b"5", b"null", b"\xff"])
def test_a_configuration_that_is_no_json_object_is_one_line(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(content)
    complaint = run_tap("tap_dixa", {}, arguments=["--config", str(file)]).complaint()
    assert "a file given with --config does not hold a JSON object" in complaint


def test_a_target_that_goes_away_is_one_line(config: Record, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config))
    with subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", "tap_dixa", "--config", str(file)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=clean_environment(),
    ) as tap:
        assert tap.stdout is not None
        assert tap.stderr is not None
        tap.stdout.close()
        stderr = tap.stderr.read().decode()
    assert "the target closed the pipe" in Run(tap.returncode, b"", stderr).complaint()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk_is_one_line(config: Record, tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config))
    command = [sys.executable, "-m", "tap_dixa", "--config", str(file)]
    with Path("/dev/full").open("wb") as full:
        tap = subprocess.run(  # noqa: S603
            command,
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env=clean_environment(),
            check=False,
        )
    assert "No space left" in Run(tap.returncode, b"", tap.stderr).complaint()


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"status": 403}, "403 Forbidden"),
        ({"status": 404, "value": {"message": "No such export"}}, "No such export"),
    ],
)
def test_a_stream_that_is_not_there_is_skipped_with_a_warning(
    box: Sandbox, run: Runner, fault: Record, words: str
) -> None:
    box.fault(stream="conversations", kind="status", **fault)
    done = run().succeeded()
    (warning,) = done.log("WARNING")
    assert "'conversations' was skipped" in warning
    assert words in warning
    assert until(done.states[-1], "conversations") is None
    assert until(done.states[-1], "messages") == "2025-04-01T00:00:00.000Z"
