"""The targets of issue 5, judged from what was measured."""

from __future__ import annotations

import typing as t

from benchmarks.experiments import CHATS, CONVERSATIONS
from benchmarks.results import AIRBYTE, DLT, SDK, SINGER_IO, TAP

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.results import Findings

MEGABYTE = 1_000_000


class Target(t.NamedTuple):
    """One target.

    Args:
        what: What is to be reached.
        limit: The figure, in words.
        measured: What was measured, in words.
        is_met: Whether it was reached; None: not measured.
    """

    what: str
    limit: str
    measured: str = "not measured"
    is_met: bool | None = None


def targets(findings: Findings) -> list[Target]:
    """All targets, in the order of the issue."""
    return [
        *_against_others(findings),
        *_of_memory(findings),
        *_of_growth(findings),
        *_of_start(findings),
        *_of_pace(findings),
    ]


def _against_others(findings: Findings) -> Iterator[Target]:
    for load, who, limit, words in (
        (CHATS, findings.decoding_floor(CHATS), 1.3, "1.3 ×"),
        (CHATS, AIRBYTE, 1 / 7, "1/7 of"),
        (CHATS, DLT, 1 / 7, "1/7 of"),
        (CHATS, SDK, 1 / 6, "1/6 of"),
        (CONVERSATIONS, SINGER_IO, 1 / 5, "1/5 of"),
        (CONVERSATIONS, findings.decoding_floor(CONVERSATIONS), 2.0, "2 ×"),
    ):
        target = Target(f"{load}: CPU", f"≤ {words} {who}")
        if (ratio := findings.ratio(load, who)) is not None:
            measured = f"{ratio:.2f} ×" if limit >= 1 else f"1/{1 / ratio:.1f}"
            target = target._replace(measured=measured, is_met=ratio <= limit)
        yield target


def _of_memory(findings: Findings) -> Iterator[Target]:
    ours = [row for row in findings.memory if row.who == TAP]
    match [row for row in ours if row.load == CONVERSATIONS]:
        case [small, large]:
            peak, ratio = large.cost.peak / MEGABYTE, large.cost.peak / small.cost.peak
            told = f"{peak:.0f} MB for {large.size / MEGABYTE:,.0f} MB"
            yield Target("one Dixa response of 1 GB: peak memory", "≤ 110 MB", told, peak <= 110)  # noqa: PLR2004
            beside = "the same, beside that for a response of 100 MB"
            yield Target(beside, "within 10 %", f"{ratio:.2f} ×", abs(ratio - 1) <= 0.1)  # noqa: PLR2004
        case _:
            yield Target("one Dixa response: peak memory", "≤ 110 MB")
    for row in ours:
        if row.load == CHATS:
            what = "Zendesk pages of 1,000 chats of 100 kB: peak memory"
            peak = row.cost.peak / MEGABYTE
            yield Target(what, "≤ 150 MB", f"{peak:.0f} MB", peak <= 150)  # noqa: PLR2004


def _of_growth(findings: Findings) -> Iterator[Target]:
    for each in findings.growth:
        what = f"{each.load}: records per CPU second at 10 times the data"
        yield Target(what, "within 5 %, or more", f"{each.ratio:.2f} ×", each.ratio >= 0.95)  # noqa: PLR2004


def _of_start(findings: Findings) -> Iterator[Target]:
    bare = findings.bare_import
    if bare is None:
        yield Target("start-up", "≤ 1.25 × the bare import")
        return
    for option in ("--version", "--discover"):
        costs = {name: cost.cpu for name, cost in findings.start.items() if option in name}
        name = max(costs, key=lambda each: costs[each])
        ratio = costs[name] / bare.cpu
        what = f"`tap-x {option}`: CPU, the slowest of all"
        told = f"{ratio:.2f} × ({name.split()[0]})"
        yield Target(what, "≤ 1.25 × `import singer_sdk`", told, ratio <= 1.25)  # noqa: PLR2004


def _of_pace(findings: Findings) -> Iterator[Target]:
    if not findings.rate_limit:
        yield Target("three years of Dixa", "≥ 95 % of the rate limit")
        return
    for each in findings.rate_limit:
        what = f"three years of Dixa {each.stream}: share of what is allowed"
        yield Target(what, "≥ 95 %", f"{each.share:.1%}", each.share >= 0.95)  # noqa: PLR2004
    refused = sum(each.refused for each in findings.rate_limit)
    yield Target("three years of Dixa: 429", "0", str(refused), refused == 0)
