"""A minute of resilience for every stream, and the proof that it notices a broken mechanism."""

from __future__ import annotations

import subprocess
import sys

import pytest

SEED = 20250106


def resilience(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603
        [sys.executable, "-m", "resilience", "--seed", str(SEED), "--jobs", "4", *arguments],
        capture_output=True,
        text=True,
        timeout=1800,
        check=False,
    )


def test_one_case_of_each_kind() -> None:
    played = resilience("--sample")
    assert played.returncode == 0, played.stdout + played.stderr
    assert f"seed {SEED}" in played.stdout


@pytest.mark.parametrize("mutant", ["early-bookmark", "truncation", "no-cursor", "sigterm-0"])
def test_a_broken_mechanism_is_noticed(mutant: str) -> None:
    played = resilience("--mutants", mutant)
    assert played.returncode == 0, played.stdout + played.stderr
    assert "1 of 1 mutants caught" in played.stdout
