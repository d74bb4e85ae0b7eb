"""The targets of issue 5, judged from what was measured."""

from __future__ import annotations

import dataclasses
import typing as t

from benchmarks.experiments import CHATS, CONVERSATIONS
from benchmarks.results import AIRBYTE, DLT, SDK, SINGER_IO, TAP

if t.TYPE_CHECKING:
    from benchmarks.results import Findings

MEGABYTE = 1_000_000
_NOT_MEASURED = "not measured"


@dataclasses.dataclass(frozen=True)
class Target:
    """One target.

    Args:
        what: What is to be reached.
        limit: The figure, in words.
        measured: What was measured, in words.
        is_met: Whether it was reached; None: not measured.
    """

    what: str
    limit: str
    measured: str
    is_met: bool | None


def targets(findings: Findings) -> list[Target]:
    """All targets, in the order of the issue."""
    return [
        *_against_others(findings),
        *_of_memory(findings),
        *_of_growth(findings),
        *_of_start(findings),
        *_of_pace(findings),
    ]


def _against_others(findings: Findings) -> list[Target]:
    wanted = [
        (CHATS, findings.decoding_floor(CHATS), 1.3, "1.3 ×"),
        (CHATS, AIRBYTE, 1 / 7, "1/7 of"),
        (CHATS, DLT, 1 / 7, "1/7 of"),
        (CHATS, SDK, 1 / 6, "1/6 of"),
        (CONVERSATIONS, SINGER_IO, 1 / 5, "1/5 of"),
        (CONVERSATIONS, findings.decoding_floor(CONVERSATIONS), 2.0, "2 ×"),
    ]
    found = []
    for load, who, limit, words in wanted:
        ratio = findings.ratio(load, who)
        measured = _NOT_MEASURED
        if ratio is not None:
            measured = f"{ratio:.2f} ×" if limit >= 1 else f"1/{1 / ratio:.1f}"
        found.append(
            Target(
                f"{load}: CPU",
                f"≤ {words} {who}",
                measured,
                None if ratio is None else ratio <= limit,
            )
        )
    return found


def _of_memory(findings: Findings) -> list[Target]:
    ours = [row for row in findings.memory if row.who == TAP]
    answers = [row for row in ours if row.load == CONVERSATIONS]
    pages = [row for row in ours if row.load == CHATS]
    found = []
    if len(answers) == 2:  # noqa: PLR2004 - small and large
        small, large = answers
        peak, ratio = large.cost.peak / MEGABYTE, large.cost.peak / small.cost.peak
        size = large.size / MEGABYTE
        found += [
            Target(
                "one Dixa response of 1 GB: peak memory",
                "≤ 110 MB",
                f"{peak:.0f} MB for {size:,.0f} MB",
                peak <= 110,  # noqa: PLR2004
            ),
            Target(
                "the same, beside that for a response of 100 MB",
                "within 10 %",
                f"{ratio:.2f} ×",
                abs(ratio - 1) <= 0.1,  # noqa: PLR2004
            ),
        ]
    else:
        found.append(Target("one Dixa response: peak memory", "≤ 110 MB", _NOT_MEASURED, None))
    for row in pages:
        peak = row.cost.peak / MEGABYTE
        found.append(
            Target(
                "Zendesk pages of 1,000 chats of 100 kB: peak memory",
                "≤ 150 MB",
                f"{peak:.0f} MB",
                peak <= 150,  # noqa: PLR2004
            )
        )
    return found


def _of_growth(findings: Findings) -> list[Target]:
    return [
        Target(
            f"{each.load}: records per CPU second at 10 times the data",
            "within 5 %, or more",
            f"{each.ratio:.2f} ×",
            each.ratio >= 0.95,  # noqa: PLR2004
        )
        for each in findings.growth
    ]


def _of_start(findings: Findings) -> list[Target]:
    bare = findings.bare_import
    if bare is None:
        return [Target("start-up", "≤ 1.25 × the bare import", _NOT_MEASURED, None)]
    found = []
    for option in ("--version", "--discover"):
        name, worst = max(
            ((name, cost.cpu) for name, cost in findings.start.items() if option in name),
            key=lambda pair: pair[1],
        )
        ratio = worst / bare.cpu
        found.append(
            Target(
                f"`tap-x {option}`: CPU, the slowest of four",
                "≤ 1.25 × `import singer_sdk`",
                f"{ratio:.2f} × ({name.split()[0]})",
                ratio <= 1.25,  # noqa: PLR2004
            )
        )
    return found


def _of_pace(findings: Findings) -> list[Target]:
    if not findings.rate_limit:
        return [Target("three years of Dixa", "≥ 95 % of the rate limit", _NOT_MEASURED, None)]
    refused = sum(each.refused for each in findings.rate_limit)
    found = [
        Target(
            f"three years of Dixa {each.stream}: share of what is allowed",
            "≥ 95 %",
            f"{each.share:.1%}",
            each.share >= 0.95,  # noqa: PLR2004
        )
        for each in findings.rate_limit
    ]
    return [*found, Target("three years of Dixa: 429", "0", str(refused), refused == 0)]
