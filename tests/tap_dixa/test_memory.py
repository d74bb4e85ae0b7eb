"""A response of any size costs the same memory."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
import typing as t

from tests.conftest import PATIENCE, ROOT
from tests.tap_dixa.conftest import config_for

if t.TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox

ROWS = 40_000
TEXT = "Lorem ipsum dolor sit amet, ć ø 😀. " * 128

# A process of its own between this one and the tap: the peak that the system tells of a child
# includes that of the process that it was forked from.
MEASURE = """
import os, subprocess, sys
tap = subprocess.Popen(sys.argv[1:], stdout=subprocess.PIPE)
counter = subprocess.Popen(["wc", "-lc"], stdin=tap.stdout, stdout=subprocess.PIPE)
tap.stdout.close()
_, status, usage = os.wait4(tap.pid, 0)
lines, size = counter.communicate()[0].split()
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss, int(lines), int(size))
"""


def message(number: int) -> bytes:
    """One message of about five kilobytes."""
    record = {"id": f"m{number}", "csid": number, "created_at": 1736000000000, "text": TEXT}
    return json.dumps(record, ensure_ascii=False).encode()


def test_a_response_of_200_mb_is_read_within_120_mb(box: Sandbox, tmp_path: Path) -> None:
    assert ROWS * len(message(0)) > 200_000_000
    box.dixa.load("conversations", [])
    box.dixa.load_raw(
        "messages",
        ((1736000000000, number, functools.partial(message, number)) for number in range(ROWS)),
    )
    file = tmp_path / "config.json"
    file.write_text(json.dumps(config_for(box, end_date="2025-01-20", request_timeout=PATIENCE)))
    command = [sys.executable, "-m", "tap_dixa", "--config", str(file)]
    measured = subprocess.run(  # noqa: S603
        [sys.executable, "-c", MEASURE, *command], cwd=ROOT, capture_output=True, check=True
    )
    exit_code, peak_kib, lines, size = map(int, measured.stdout.split())
    assert exit_code == 0, measured.stderr.decode()
    assert lines >= ROWS
    assert size > 200_000_000
    assert peak_kib < 120 * 1024
