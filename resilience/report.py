"""A report of all that was tried, as Markdown."""

from __future__ import annotations

import collections
import shlex
from typing import TYPE_CHECKING

from resilience.subjects import SUBJECTS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from resilience.workers import Result


def markdown(results: Sequence[Result], seed: int, seconds: float) -> str:
    """A table of kinds by streams, and how to play each failed case again."""
    streams = [name for name in SUBJECTS if any(result.subject == name for result in results)]

    def row(kind: str, chosen: Sequence[Result]) -> str:
        counts = collections.Counter(result.subject for result in chosen)
        failed = sum(bool(result.error) for result in chosen)
        cells = [kind, *(counts[stream] for stream in streams), len(chosen), failed or ""]
        return f"| {' | '.join(map(str, cells))} |"

    kinds = sorted({result.kind for result in results})
    bad = [result for result in results if result.error]
    harms = sum(result.harms for result in results)
    summary = (
        f"seed {seed}: {len(results):,} distinct fault and kill points in {seconds:.0f} s, "
        f"{harms:,} faults and kills in all, {len(bad)} failed"
    )
    told = [
        summary,
        "",
        f"| fault or kill point | {' | '.join(streams)} | all | failed |",
        "|---|" + "--:|" * (len(streams) + 2),
        *(row(kind, [result for result in results if result.kind == kind]) for kind in kinds),
        row("**all**", results),
    ]
    for result in bad:
        again = f"--only {result.subject} --case {shlex.quote(result.name)}"
        told += [
            "",
            f"- {result.subject}, {result.kind}: {result.error}",
            f"  `python -m resilience --seed {seed} {again}`",
        ]
    return "\n".join(told)
