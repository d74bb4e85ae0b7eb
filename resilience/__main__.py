"""`python -m resilience`."""

from __future__ import annotations

import argparse
import os
import random
import sys
import time
from pathlib import Path

from resilience.mutants import MUTANTS
from resilience.report import markdown
from resilience.subjects import SUBJECTS
from resilience.workers import Portion, Result, play_all

_PARTS = 6
"""Portions of each stream: enough that no worker is left with a long one at the end."""


def main() -> int:
    """Play, and print the report; 1 if a case failed, or a mutant was not caught."""
    options = _options()
    say(f"seed {options.seed}")
    if options.mutants is not None:
        return hunt(options.seed, options.jobs, options.mutants or list(MUTANTS))
    started = time.time()
    until = started + options.minutes * 60
    parts = 1 if options.sample or options.case else _PARTS
    portions = [
        Portion(subject, options.seed, part, parts, int(options.sample), options.case, until=until)
        for part in range(parts)
        for subject in options.only or SUBJECTS
    ]
    results: list[Result] = []
    for _, played in play_all(portions, options.jobs):
        results += played
        for result in played:
            if result.error:
                say(f"FAILED {result.subject}: {result.name}: {result.error}")
    told = markdown(results, options.seed, time.time() - started)
    if options.report:
        options.report.write_text(told + "\n", encoding="utf-8")
    say(told)
    return 1 if not results or any(result.error for result in results) else 0


def hunt(seed: int, jobs: int, names: list[str]) -> int:
    """Play every mutant until it is caught; 1 if one was not.

    First each of the streams is played once as it is: a harness that cannot even do that would find
    fault with every mutant.
    """
    streams = sorted({stream for name in names for stream in MUTANTS[name].streams})
    sound = [Portion(stream, seed, share=1) for stream in streams]
    for _, results in play_all(sound, jobs):
        for result in results:
            if result.error:
                say(f"no mutant was played: {result.subject}: {result.error}")
                return 1
    portions = [
        Portion(stream, seed, mutant=name) for name in names for stream in MUTANTS[name].streams
    ]
    caught: dict[str, str] = {}
    tried = dict.fromkeys(names, 0)
    for portion, results in play_all(portions, jobs):
        tried[portion.mutant] += len(results)
        for result in results:
            if result.error:
                where = f"{result.subject}: {result.name}: {result.error}"
                caught.setdefault(portion.mutant, f"caught: {where}")
    for name in names:
        told = caught.get(name, f"NOT CAUGHT in {tried[name]} cases")
        say(f"{name} ({MUTANTS[name].what}): {told}")
    say(f"{len(caught)} of {len(names)} mutants caught")
    return 0 if len(caught) == len(names) else 1


def say(text: str) -> None:
    """Print at once; the odd half of a surrogate pair cannot be."""
    print(text.encode(errors="backslashreplace").decode(), flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m resilience", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--minutes", type=float, default=15.0, help="no case is begun later")
    parser.add_argument("--jobs", type=int, default=max(os.cpu_count() or 1, 1))
    parser.add_argument("--only", action="append", choices=list(SUBJECTS), help="a stream")
    parser.add_argument("--case", default="", help="the name of one case")
    parser.add_argument("--sample", action="store_true", help="one case of each kind")
    parser.add_argument(
        "--mutants", nargs="*", choices=list(MUTANTS), metavar="NAME",
        help="break the mechanism on purpose: these breaks, or all",
    )  # fmt: skip
    parser.add_argument("--report", type=Path, help="write the report to this file as well")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
