"""`--test` tells what an account gives to each stream, and nothing that is private."""

from __future__ import annotations

import re
import typing as t

import pytest

from sandbox import Sandbox
from scripts.taps import vendors
from tests.conftest import SPAN, discovered, run_tap
from tests.targets.tools import tap_config

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Run


@pytest.fixture(scope="module")
def shared_box() -> Iterator[Sandbox]:
    with Sandbox(seed=5, size=40, span=SPAN, rate_limits=False) as box:
        yield box


@pytest.fixture
def box(shared_box: Sandbox) -> Sandbox:
    shared_box.reset()
    return shared_box


def report(box: Sandbox, vendor: str) -> Run:
    return run_tap(f"tap_{vendor}", tap_config(box, vendor), arguments=["--test"])


def texts(value: t.Any) -> Iterator[str]:
    """Every text in a record that cannot be a word of the report: an id, a time, a sentence."""
    if isinstance(value, dict):
        for inner in value.values():
            yield from texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from texts(inner)
    elif isinstance(value, str) and len(value) > 4 and re.search(r"[\s@\d]", value):
        yield value


@pytest.mark.parametrize("vendor", vendors())
def test_every_stream_is_in_the_report_and_no_value_of_a_record(box: Sandbox, vendor: str) -> None:
    done = report(box, vendor).succeeded()
    out = done.stdout.decode()
    for entry in discovered(f"tap_{vendor}")["streams"]:
        assert f"\n{entry['stream']}: looked at " in out
    assert "\nclock: within 5.0 s of the vendor's" in out
    assert '"type"' not in out, "a Singer message"
    for stream in box.vendors[vendor].streams:
        for row in box.vendors[vendor].table(stream).rows():
            assert not [text for text in texts(row.record) if text in out]


def test_fields_and_types_that_differ_from_the_schema_are_told(box: Sandbox) -> None:
    box.fault(kind="fields", vendor="dixa", stream="conversations", value={"mood": "sunny"})
    box.fault(kind="drift", vendor="dixa", stream="conversations", path="direction", to="object")
    lines = report(box, "dixa").succeeded().stdout.decode().splitlines()
    assert "  not in the schema: mood" in lines
    assert "  of another type: direction (object)" in lines


def test_a_rate_limit_in_the_headers_is_told(box: Sandbox) -> None:
    out = report(box, "devrev").succeeded().stdout.decode()
    assert "rate limit: X-Ratelimit-Limit: 1000, X-Ratelimit-Remaining: " in out


def test_a_stream_that_is_not_there_is_told_and_one_that_fails_fails_the_test(box: Sandbox) -> None:
    box.fault(kind="status", vendor="dixa", stream="agents", status=403)
    out = report(box, "dixa").succeeded().stdout.decode()
    assert "\nagents: not there: " in out
    box.clear_faults()
    box.fault(kind="status", vendor="dixa", stream="agents", status=400)
    done = report(box, "dixa")
    assert done.exit_code == 1
    assert "\nagents: FAILED: " in done.stdout.decode()
    assert "\nteams: looked at " in done.stdout.decode()
    assert re.search(r"1 of \d+ streams cannot be read", done.stderr)
