"""Whether the harness would see it: every mutant is played until a check fails."""

from __future__ import annotations

from resilience.mutants import MUTANTS
from resilience.workers import Portion, play_all


def hunt(seed: int, jobs: int, names: tuple[str, ...] = ()) -> int:
    """Play every mutant until it is caught; 1 if one was not.

    First each of the streams is played once as it is: a harness that cannot even do that would find
    fault with every mutant.
    """
    names = names or tuple(MUTANTS)
    subjects = sorted({subject for name in names for subject in MUTANTS[name].streams})
    sound = [Portion(subject, seed, share=1, stops_early=True) for subject in subjects]
    for _, results in play_all(sound, jobs):
        for result in results:
            if result.error:
                print(f"no mutant was played: {_shown(f'{result.subject}: {result.error}')}")
                return 1
    portions = [
        Portion(subject, seed, mutant=name, stops_early=True)
        for name in names
        for subject in MUTANTS[name].streams
    ]
    caught: dict[str, str] = {}
    tried = dict.fromkeys(names, 0)
    for portion, results in play_all(portions, jobs):
        tried[portion.mutant] += len(results)
        for result in results:
            if result.error:
                caught.setdefault(
                    portion.mutant, f"{result.subject}: {result.name}: {result.error}"
                )
    for name in names:
        told = f"caught: {caught[name]}" if name in caught else f"NOT CAUGHT in {tried[name]} cases"
        print(f"{name} ({MUTANTS[name].what}): {_shown(told)}", flush=True)
    print(f"{len(caught)} of {len(names)} mutants caught", flush=True)
    return 0 if len(caught) == len(names) else 1


def _shown(text: str) -> str:
    """A text as it can be printed: the odd half of a surrogate pair cannot."""
    return text.encode(errors="backslashreplace").decode()
