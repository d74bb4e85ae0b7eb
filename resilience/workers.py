"""Cases over processes, within a limit of time."""

from __future__ import annotations

import concurrent.futures
import contextlib
import dataclasses
import functools
import multiprocessing
import os
import tempfile
import time
import traceback
from pathlib import Path
from typing import TYPE_CHECKING

from resilience.cases import Case, cases_of, sample
from resilience.checks import Broken
from resilience.forks import ForkServer
from resilience.mutants import MUTANTS
from resilience.play import course_of, play
from resilience.stage import Stage
from resilience.subjects import SUBJECTS

if TYPE_CHECKING:
    from collections.abc import Iterator

_UNDISTURBED = "undisturbed"
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
        mutant: The break of the mechanism to play it with, in cases that could show it.
        until: On `time.time()`: no case is begun after it.
        stops_early: Whether the first failure is enough.
    """

    subject: str
    seed: int
    part: int = 0
    parts: int = 1
    share: int = 0
    name: str = ""
    mutant: str = ""
    until: float = float("inf")
    stops_early: bool = False


@dataclasses.dataclass(frozen=True)
class Result:
    """The outcome of one case."""

    subject: str
    kind: str
    name: str
    error: str = ""
    harms: int = 0
    """How many faults struck and kills were done."""


@functools.cache
def _server() -> ForkServer:
    """This worker's fork server: it ends with the worker, when its socket closes."""
    return ForkServer().__enter__()


def play_portion(portion: Portion) -> list[Result]:
    """Play a part of a stream's cases."""
    subject = SUBJECTS[portion.subject]
    results: list[Result] = []
    with tempfile.TemporaryDirectory(prefix="resilience-") as folder:
        path = Path(folder)
        with Stage(subject, portion.seed, _server(), path) as stage:
            course, usual = course_of(stage), stage.usual
        with Stage(subject, portion.seed, _server(), path, portion.mutant) as stage:
            stage.usual = usual
            cases = list(_chosen(cases_of(subject, course, portion.seed), portion))
            for case in cases:
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
                if error and portion.stops_early:
                    break
    return results


def _chosen(cases: list[Case], portion: Portion) -> Iterator[Case]:
    if portion.name:
        yield from (case for case in cases if case.name == portion.name)
        return
    if portion.share:
        siblings = [
            name for name in SUBJECTS if SUBJECTS[name].tap == SUBJECTS[portion.subject].tap
        ]
        turn, turns = siblings.index(portion.subject), len(siblings)
        cases = sample(cases, portion.share, turn, turns)
    if portion.mutant:
        cases = [case for case in cases if MUTANTS[portion.mutant].could_show_in(case.kind)]
    yield from cases[portion.part :: portion.parts]


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
                    failed = Result(portion.subject, _UNDISTURBED, _UNDISTURBED, f"{error!r}")
                    yield portion, [failed]
        finally:
            with contextlib.suppress(Exception):
                pool.shutdown(cancel_futures=True)
