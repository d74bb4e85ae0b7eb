"""What is to be reached, judged from what was measured."""

from __future__ import annotations

import typing as t

from benchmarks.contenders import AIRBYTE, CHATS, CONVERSATIONS, DLT, SDK, SINGER_IO, TAP

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


def targets(findings: Findings) -> Iterator[Target]:
    """All targets, in the order of the report."""
    for load, who, limit, words in (
        (CHATS, findings.decoding_floor(CHATS), 1.3, "1.3 ×"),
        (CHATS, AIRBYTE, 1 / 7, "1/7 of"),
        (CHATS, DLT, 1 / 7, "1/7 of"),
        (CHATS, SDK, 1 / 6, "1/6 of"),
        (CONVERSATIONS, SINGER_IO, 1 / 5, "1/5 of"),
        (CONVERSATIONS, findings.decoding_floor(CONVERSATIONS), 2.0, "2 ×"),
    ):
        ratio = findings.ratio(load, who)
        told = "{:.2f} ×" if limit >= 1 or not ratio else f"1/{1 / ratio:.1f}"
        yield _at_most(limit, ratio, told, f"{load}: CPU", f"≤ {words} {who}")
    yield from _of_memory(findings)
    for each in findings.growth:
        what = f"{each.load}: records per CPU second at 10 times the data"
        yield _at_least(0.95, each.ratio, "{:.2f} ×", what, "within 5 %, or more")
    yield from _of_start(findings)
    for use in findings.rate_limit:
        what = f"three years of Dixa {use.stream}: share of what is allowed"
        yield _at_least(0.95, use.share, "{:.1%}", what, "≥ 95 %")
    refused = sum(it.refused for it in findings.rate_limit) if findings.rate_limit else None
    yield _at_most(0, refused, "{}", "three years of Dixa: 429", "0")
    routes = {route.what: route for route in findings.end_to_end}
    ours, theirs = routes.get("target-postgres, as shipped"), routes.get(DLT)
    for figure, of in (("CPU, the database's too", "all_cpu"), ("wall", "wall")):
        ratio = getattr(ours, of) / getattr(theirs, of) if ours and theirs else None
        what = f"end to end into PostgreSQL, as shipped: {figure}"
        yield _at_most(1, ratio, "{:.2f} ×", what, f"≤ {DLT}")


def _at_most(most: float, value: float | None, told: str, what: str, limit: str) -> Target:
    if value is None:
        return Target(what, limit)
    return Target(what, limit, told.format(value), value <= most)


def _at_least(least: float, value: float, told: str, what: str, limit: str) -> Target:
    return Target(what, limit, told.format(value), value >= least)


def _of_memory(findings: Findings) -> Iterator[Target]:
    ours = [row for row in findings.memory if row.who == TAP]
    peak = ratio = None
    response = "one Dixa response"
    match [row for row in ours if row.load == CONVERSATIONS]:
        case [small, large]:
            response = f"one Dixa response of {large.size / MEGABYTE:,.0f} MB"
            peak, ratio = large.cost.peak / MEGABYTE, abs(large.cost.peak / small.cost.peak - 1)
    yield _at_most(110, peak, "{:.0f} MB", f"{response}: peak memory", "≤ 110 MB")
    beside = "the same, beside that for a tenth of it"
    yield _at_most(0.1, ratio, "{:.0%} off", beside, "within 10 %")
    for row in ours:
        if row.load == CHATS:
            what = "Zendesk pages of 1,000 chats of 100 kB: peak memory"
            yield _at_most(150, row.cost.peak / MEGABYTE, "{:.0f} MB", what, "≤ 150 MB")


def _of_start(findings: Findings) -> Iterator[Target]:
    """Of `--version`; what `--discover` takes grows with the streams, and the table tells it."""
    versions = [it for it in findings.start if it.command.endswith("--version")]
    slowest = max(versions, key=lambda it: it.cost.cpu, default=None)
    ratio = slowest.cost.cpu / findings.start[0].cost.cpu if slowest else None
    told = f"{{:.2f}} × ({slowest.command.split()[0]})" if slowest else ""
    what, limit = "`tap-x --version`: CPU, the slowest of all", "≤ 1.25 × `import singer_sdk`"
    yield _at_most(1.25, ratio, told, what, limit)
