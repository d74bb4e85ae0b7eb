"""Cases over processes, within a limit of time."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import multiprocessing
import os
import tempfile
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from resilience.cases import Case, cases_of, sample
from resilience.checks import Broken
from resilience.mutants import MUTANTS
from resilience.play import course_of, play
from resilience.stage import Stage
from resilience.subjects import SUBJECTS

if TYPE_CHECKING:
    from collections.abc import Iterator

_PARENT = os.getppid()
"""A worker whose parent was killed plays no further."""


@dataclasses.dataclass(frozen=True)
class Portion:
    """A part of a stream's cases.

    Args:
        subject: The stream's name.
        seed: Of data and cases.
        part: Which part of how many.
        parts: How many parts there are.
        share: Cases of each kind, for a sample; 0 for all.
        name: The only case to play; empty for all.
        mutant: The break of the mechanism to play it with, in cases that could show it, until one
            does.
        until: On `time.time()`: no case is begun after it.
    """

    subject: str
    seed: int
    part: int = 0
    parts: int = 1
    share: int = 0
    name: str = ""
    mutant: str = ""
    until: float = float("inf")

    def cases(self, all_cases: list[Case]) -> list[Case]:
        """The cases of a stream that are played."""
        if self.name:
            return [case for case in all_cases if case.name == self.name]
        cases = all_cases
        if self.share:
            tap = SUBJECTS[self.subject].tap
            siblings = [name for name, subject in SUBJECTS.items() if subject.tap == tap]
            cases = sample(cases, self.share, siblings.index(self.subject), len(siblings))
        if self.mutant:
            cases = [case for case in cases if MUTANTS[self.mutant].could_show_in(case.kind)]
        return cases[self.part :: self.parts]


@dataclasses.dataclass(frozen=True)
class Result:
    """The outcome of one case."""

    subject: str
    kind: str
    name: str
    error: str = ""
    harms: int = 0
    """How many faults struck and kills were done."""


def play_portion(portion: Portion) -> list[Result]:
    """Play a part of a stream's cases."""
    subject = SUBJECTS[portion.subject]
    results: list[Result] = []
    with (
        tempfile.TemporaryDirectory(prefix="resilience-") as folder,
        Stage(subject, portion.seed, Path(folder)) as stage,
    ):
        course = course_of(stage)
        stage.mutant = portion.mutant
        for case in portion.cases(cases_of(subject, course, portion.seed)):
            if time.time() > portion.until or os.getppid() != _PARENT:
                break
            error, harms = "", 0
            try:
                runs = play(stage, case, course)
                harms = sum(run.strikes + run.written.struck for run in runs)
            except Broken as broken:
                error = str(broken)
            except Exception:  # noqa: BLE001 - a defect of the harness is a failure too
                error = "in the harness: " + " / ".join(traceback.format_exc().split("\n")[-6:])
            results.append(Result(subject.name, case.kind, case.name, error, harms))
            if error and portion.mutant:
                break
    return results


def play_all(portions: list[Portion], jobs: int) -> Iterator[tuple[Portion, list[Result]]]:
    """Play portions, several at a time."""
    context = multiprocessing.get_context("spawn")  # the workers' sandboxes have threads
    with concurrent.futures.ProcessPoolExecutor(jobs, context) as pool:
        waiting = {pool.submit(play_portion, portion): portion for portion in portions}
        try:
            for done in concurrent.futures.as_completed(waiting):
                portion = waiting[done]
                try:
                    yield portion, done.result()
                except Exception as error:  # noqa: BLE001 - told as a failure of the portion
                    yield portion, [Result(portion.subject, "undisturbed", "", f"{error!r}")]
        finally:
            with contextlib.suppress(Exception):
                pool.shutdown(cancel_futures=True)
