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
    counts = collections.Counter((result.kind, result.subject) for result in results)
    failed = collections.Counter(
        (result.kind, result.subject) for result in results if result.error
    )
    kinds = sorted({result.kind for result in results})
    lines = [
        "| fault or kill point | " + " | ".join(streams) + " | all | failed |",
        "|---|" + "--:|" * (len(streams) + 2),
    ]
    for kind in [*kinds, ""]:
        chosen = [kind] if kind else kinds
        cells = [sum(counts[one, stream] for one in chosen) for stream in streams]
        broken = sum(failed[one, stream] for one in chosen for stream in streams)
        row = [kind or "**all**", *map(str, [*cells, sum(cells)]), str(broken or "")]
        lines.append("| " + " | ".join(row) + " |")
    bad = [result for result in results if result.error]
    harms = sum(result.harms for result in results)
    summary = (
        f"seed {seed}: {len(results):,} distinct fault and kill points in {seconds:.0f} s, "
        f"{harms:,} faults and kills in all, {len(bad)} failed"
    )
    told = [summary, "", *lines]
    for result in bad:
        told += [
            "",
            f"- {result.subject}, {result.kind}: {result.error}",
            f"  `{again(result, seed)}`",
        ]
    return "\n".join(told)


def again(result: Result, seed: int) -> str:
    """The command that plays a case again."""
    case = f"--only {result.subject} --case {shlex.quote(result.name)}"
    return f"python -m resilience --seed {seed} {case}"
