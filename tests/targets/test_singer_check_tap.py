"""The official checker of the Singer project, over what each tap writes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from .tools import PATIENCE, environment, tap_config, tool
from .truth import DEFAULTS, PROJECT, sent

if TYPE_CHECKING:
    from pathlib import Path

    from sandbox import Sandbox


@pytest.mark.parametrize("vendor", DEFAULTS)
def test_the_official_checker_finds_the_output_valid(
    tmp_path: Path, box: Sandbox, vendor: str
) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps(tap_config(box, vendor)))
    # Through a file: its option --tap leaves a tap waiting for ever where it finds a fault.
    output = tmp_path / "output.jsonl"
    with output.open("wb") as file:
        tap = [sys.executable, "-m", f"tap_{vendor}", "--config", str(config)]
        subprocess.run(  # noqa: S603
            tap, cwd=PROJECT, env=environment(), stdout=file, timeout=PATIENCE, check=True
        )
    with output.open("rb") as file:
        checked = subprocess.run(  # noqa: S603
            [tool("singer-tools", "singer-check-tap")],
            stdin=file,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert checked.returncode == 0, checked.stderr
    assert "The output is valid." in checked.stdout
    counted = dict(re.findall(r"^\| (\w+) +\| (\d+) +\| 1 +\|$", checked.stdout, re.MULTILINE))
    assert counted.keys() >= set(DEFAULTS[vendor])
    assert all(int(counted[it]) >= len(sent(box, vendor, it)) for it in DEFAULTS[vendor])
