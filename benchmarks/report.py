"""The report: one Markdown file, in which every time stands beside what it is measured against."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import typing as t
from pathlib import Path

from benchmarks.contenders import TAPS
from benchmarks.environments import version_in
from benchmarks.experiments import CHATS
from benchmarks.results import DECODE, DOWNLOAD, RAW, TAP
from benchmarks.sandboxes import ROOT
from benchmarks.targets import MEGABYTE, targets

if t.TYPE_CHECKING:
    from collections.abc import Iterable

    from benchmarks.experiments import Plan
    from benchmarks.results import Findings, Row

_KIBIBYTE = 1024
_LONGEST_FAILURE = 600
_OURS = ("singer-sdk", "msgspec", "requests", "urllib3")


def markdown(findings: Findings, plan: Plan) -> str:
    """The whole report."""
    parts = [
        "# Benchmark report",
        "",
        "Made by `python -m benchmarks`; what is measured and how is told in `README.md`.",
        "",
        *_machine(plan, findings),
        *_targets(findings, plan),
        *_streams(findings),
        *_sandbox(findings),
        *_memory(findings),
        *_growth(findings),
        *_start(findings),
        *_pace(findings),
        *_pipes(findings),
        *_orchestrated(findings),
        *_profiles(findings),
        *_failures(findings),
    ]
    return "\n".join(parts) + "\n"


def _section(title: str, note: str, head: str, rows: Iterable[str]) -> list[str]:
    """A heading, a note and a table whose cells stand between bars; nothing without rows."""
    lines = [f"| {row} |" for row in rows]
    if not lines:
        return []
    rule = " | ".join(["---", *["--:"] * head.count("|")])
    return [title, "", *([note, ""] if note else []), f"| {head} |", f"| {rule} |", *lines, ""]


def _machine(plan: Plan, findings: Findings) -> list[str]:
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.partition(":")[2].strip() for line in info if "model name" in line), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _KIBIBYTE**3
    ours = [f"{name} {version_in(sys.executable, name)}" for name in _OURS]
    runs = f"{plan.runs} run{'s' if plan.runs > 1 else ''}"
    return [
        f"- Machine: {os.cpu_count()} cores ({model}), {memory:.0f} GiB, {platform.system()}",
        f"- Python {platform.python_version()}; {', '.join(ours)}",
        f"- Peers: {', '.join(findings.versions.values()) or 'none'}",
        f"- Code: {_commit()}",
        f"- Medians of {runs}, at {plan.scale:g} × the full load",
        "",
    ]


def _commit() -> str:
    def git(*argv: str) -> str:
        done = subprocess.run(  # noqa: S603
            ["git", *argv],  # noqa: S607 - whichever git there is
            cwd=ROOT,
            check=False,
            capture_output=True,
            text=True,
        )
        return done.stdout.strip()

    commit = git("rev-parse", "--short", "HEAD") or "not in a repository"
    changed = git("status", "--porcelain", "--", "support_taps", "sandbox", *TAPS.values())
    return f"commit {commit}{', with changes that are not committed' if changed else ''}"


def _targets(findings: Findings, plan: Plan) -> list[str]:
    verdicts = {True: "met", False: "**missed**", None: "–"}
    note = (
        "A smaller load than the full one: what a run costs at its start weighs more, so that the "
        "ratios to the floors are too large and those to the peers too small."
    )
    return _section(
        "## Targets",
        "" if plan.is_full else note,
        "target | limit | measured | ",
        (
            f"{each.what} | {each.limit} | {each.measured} | {verdicts[each.is_met]}"
            for each in targets(findings)
        ),
    )


def _streams(findings: Findings) -> list[str]:
    if not findings.rows:
        return []
    note = (
        "CPU is user and system time of the process alone. `× tap`: CPU as a multiple of this "
        "tap's."
    )
    parts = ["## Each stream", "", note, ""]
    for load in dict.fromkeys(row.load for row in findings.rows):
        rows = [row for row in findings.rows if row.load == load]
        parts += _stream(load, rows, findings.row(load, TAP))
    return parts


def _stream(load: str, rows: list[Row], ours: Row | None) -> list[str]:
    def line(row: Row) -> str:
        ratio = f"{row.cost.cpu / ours.cost.cpu:.2f}" if ours else "–"
        return (
            f"{row.who} | {ratio} | {row.cost.cpu:.2f} | {row.cost.cpu / row.records * 1e6:.1f} | "
            f"{row.cost.wall:.2f} | {row.cost.peak / MEGABYTE:.0f}"
        )

    first = rows[0]
    size = f"{first.size / MEGABYTE:,.0f} MB of JSON, {first.size / first.records:,.0f} bytes each"
    return _section(
        f"### {load}",
        f"{first.records:,} records, {size}",
        " | × tap | CPU s | µs a record | wall s | peak MB",
        map(line, rows),
    )


def _sandbox(findings: Findings) -> list[str]:
    def line(ours: Row) -> str:
        floors = [findings.row(ours.load, who) for who in (DECODE, RAW, DOWNLOAD)]
        walls = " | ".join(f"{row.cost.wall:.2f}" if row else "–" for row in floors)
        return (
            f"{ours.load} | {ours.cost.cpu:.2f} | {ours.sandbox_cpu:.2f} | "
            f"{ours.sandbox_cpu / ours.cost.wall:.0%} | {ours.cost.wall:.2f} | {walls}"
        )

    return _section(
        "## The sandbox is not the bottleneck",
        "It runs in a process of its own. Where it is busy for a small part of the tap's wall "
        "time, and a bare download of the same bytes takes a small part of it too, the tap is "
        "not waiting for it.",
        " | tap CPU s | sandbox CPU s | busy | tap wall s | msgspec loop wall s | "
        "raw copy wall s | download wall s",
        (line(row) for row in findings.rows if row.who == TAP),
    )


def _memory(findings: Findings) -> list[str]:
    def line(row: Row) -> str:
        chats, one_response = "chats of 100 kB, 1,000 a page", "Dixa conversations, one response"
        return (
            f"{chats if row.load == CHATS else one_response} | {row.who} | "
            f"{row.size / MEGABYTE:,.0f} | {row.cost.peak / MEGABYTE:,.0f} | {row.cost.cpu:.2f} | "
            f"{row.records / row.cost.cpu:,.0f}"
        )

    head = " | contender | MB of JSON | peak MB | CPU s | records per CPU s"
    return _section("## Memory", "", head, map(line, findings.memory))


def _growth(findings: Findings) -> list[str]:
    return _section(
        "## Ten times the data",
        "Records per second of CPU, less the CPU of a run that finds one record.",
        " | records | a second | 10 times | a second | ratio | one record: CPU s",
        (
            f"{each.load} | {each.small.records:,} | {each.rate(each.small):,.0f} | "
            f"{each.large.records:,} | {each.rate(each.large):,.0f} | {each.ratio:.2f} | "
            f"{each.fixed.cpu:.2f}"
            for each in findings.growth
        ),
    )


def _start(findings: Findings) -> list[str]:
    bare = findings.bare_import
    if bare is None:
        return []
    return _section(
        "## Start-up",
        "",
        " | × bare import | CPU s | wall s | peak MB",
        (
            f"`{name}` | {cost.cpu / bare.cpu:.2f} | {cost.cpu:.3f} | {cost.wall:.3f} | "
            f"{cost.peak / MEGABYTE:.0f}"
            for name, cost in {"import singer_sdk": bare, **findings.start}.items()
        ),
    )


def _pace(findings: Findings) -> list[str]:
    return _section(
        "## Rate limit",
        "Three years of Dixa, with the rate limits and `rate_limit_share` 60 times as large. "
        "The least that so many requests can take within the rate limit, over what they took.",
        " | of the rate limit | requests | s | least s | 429",
        (
            f"{each.stream} | {each.share:.1%} | {each.requests} | {each.seconds:.2f} | "
            f"{each.least:.2f} | {each.refused}"
            for each in findings.rate_limit
        ),
    )


def _seconds(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _pipes(findings: Findings) -> list[str]:
    records = findings.pipes[0].records if findings.pipes else 0
    return _section(
        "## Into a target",
        f"{records:,} chats. One run each; every record was found at the other end.",
        " |  | tap's share of CPU | tap CPU s | target CPU s | database CPU s | wall s",
        (
            f"{each.target} | {each.what} | "
            f"{each.tap.cpu / (each.tap.cpu + each.loader.cpu):.0%} | {each.tap.cpu:.2f} | "
            f"{each.loader.cpu:.2f} | {_seconds(each.database)} | {each.wall:.2f}"
            for each in findings.pipes
        ),
    )


def _orchestrated(findings: Findings) -> list[str]:
    records = findings.orchestrated[0].records if findings.orchestrated else 0
    return _section(
        "## `meltano run`",
        f"{records:,} chats. One run each; every record was found at the "
        "other end. The tap's CPU includes that of discovery, which Meltano runs first.",
        " | tap's share of CPU | Meltano CPU s | tap CPU s | target CPU s | database CPU s | "
        "wall s",
        (
            f"{each.target} | {each.tap / (each.meltano + each.tap + each.loader):.0%} | "
            f"{each.meltano:.2f} | {each.tap:.2f} | {each.loader:.2f} | "
            f"{_seconds(each.database)} | {each.wall:.2f}"
            for each in findings.orchestrated
        ),
    )


def _profiles(findings: Findings) -> list[str]:
    if not findings.profiles:
        return []
    note = "CPU time by cProfile, which makes calls look dearer than they are."
    parts = ["## Where the time goes", "", note, ""]
    for it in findings.profiles:
        parts += _section(
            f"### {it.program}: {it.records:,} records of {it.load}, {it.total:.2f} s profiled",
            "",
            "function | own time | µs a record | calls a record",
            (
                f"`{each.function}` | {each.share:.1%} | {each.own / it.records * 1e6:.1f} | "
                f"{each.calls / it.records:.2f}"
                for each in it.functions
            ),
        )
    return parts


def _failures(findings: Findings) -> list[str]:
    if not findings.failures:
        return []
    texts = (" ".join(failure.strip().splitlines()) for failure in dict.fromkeys(findings.failures))
    return ["## What failed", "", *(f"- {text[:_LONGEST_FAILURE]}" for text in texts), ""]
