"""A case of each kind for every stream, and the proof that a broken mechanism is noticed."""

from __future__ import annotations

import subprocess
import sys

import pytest

from resilience.mutants import MUTANTS
from resilience.subjects import SUBJECTS
from resilience.workers import Portion, play_portion

SEED = 20250106


@pytest.mark.parametrize("subject", SUBJECTS)
def test_one_case_of_each_kind(subject: str) -> None:
    played = play_portion(Portion(subject, SEED, share=1))
    assert played
    assert not [result for result in played if result.error]


@pytest.mark.parametrize("name", ["early-bookmark", "truncation", "no-cursor", "sigterm-0"])
def test_a_broken_mechanism_is_noticed(name: str) -> None:
    played = play_portion(Portion(MUTANTS[name].streams[0], SEED, mutant=name))
    assert played[-1].error


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--only", "tap-dixa/messages", "--case", "500 @1"], "1 distinct fault and kill points"),
        (["--mutants", "forgotten"], "1 of 1 mutants caught"),
    ],
)
def test_the_program_plays_and_tells(arguments: list[str], told: str) -> None:
    played = subprocess.run(  # noqa: S603
        [sys.executable, "-m", "resilience", "--seed", str(SEED), "--jobs", "1", *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert played.returncode == 0, played.stdout + played.stderr
    assert f"seed {SEED}" in played.stdout
    assert told in played.stdout
