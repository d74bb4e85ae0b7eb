"""The report: one Markdown file, in which every time stands beside what it is measured against."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import typing as t
from pathlib import Path

from benchmarks.contenders import CHATS, DECODE, DLT, DOWNLOAD, RAW, TAP, TAPS
from benchmarks.environments import version_in
from benchmarks.sandboxes import ROOT
from benchmarks.targets import MEGABYTE, targets

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from benchmarks.experiments import Plan
    from benchmarks.results import Findings, Route, Row, Start

_KIBIBYTE = 1024
_LONGEST_FAILURE = 600
_OURS = ("singer-sdk", "msgspec", "requests", "urllib3")
_PARTS = ("Meltano", "tap", "target", "database")


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
        *_rate_limit(findings),
        *_pipes(findings),
        *_end_to_end(findings),
        *_profiles(findings),
        *_failures(findings),
    ]
    return "\n".join(parts) + "\n"


def _table(title: str, note: str, head: str, rows: Iterable[str]) -> list[str]:
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
    return _table(
        "## Targets",
        "" if plan.is_full else note,
        "target | limit | measured | ",
        (
            f"{each.what} | {each.limit} | {each.measured} | {verdicts[each.is_met]}"
            for each in targets(findings)
        ),
    )


def _streams(findings: Findings) -> Iterator[str]:
    if findings.rows:
        yield from ("## Each stream", "")
        yield "CPU is user and system time of the process alone. `× tap`: CPU as a multiple of this"
        yield from ("tap's.", "")
    for load in dict.fromkeys(row.load for row in findings.rows):
        rows = [row for row in findings.rows if row.load == load]
        ours = findings.row(load, TAP)
        records, size = rows[0].records, rows[0].size
        yield from _table(
            f"### {load}",
            f"{records:,} records, {size / MEGABYTE:,.0f} MB of JSON, "
            f"{size / records:,.0f} bytes each",
            " | × tap | CPU s | µs a record | wall s | peak MB",
            (
                f"{it.who} | {f'{it.cost.cpu / ours.cost.cpu:.2f}' if ours else '–'} | "
                f"{it.cost.cpu:.2f} | {it.cost.cpu / records * 1e6:.1f} | "
                f"{it.cost.wall:.2f} | {it.cost.peak / MEGABYTE:.0f}"
                for it in rows
            ),
        )


def _sandbox(findings: Findings) -> list[str]:
    def line(ours: Row) -> str:
        floors = [findings.row(ours.load, who) for who in (DECODE, RAW, DOWNLOAD)]
        walls = " | ".join(f"{row.cost.wall:.2f}" if row else "–" for row in floors)
        return (
            f"{ours.load} | {ours.cost.cpu:.2f} | {ours.sandbox_cpu:.2f} | "
            f"{ours.sandbox_cpu / ours.cost.wall:.0%} | {ours.cost.wall:.2f} | {walls}"
        )

    return _table(
        "## The sandbox is not the bottleneck",
        "It runs in a process of its own. Where it is busy for a small part of the tap's wall "
        "time, and a bare download of the same bytes takes a small part of it too, the tap is "
        "not waiting for it.",
        " | tap CPU s | sandbox CPU s | busy | tap wall s | msgspec loop wall s | "
        "raw copy wall s | download wall s",
        (line(row) for row in findings.rows if row.who == TAP),
    )


def _memory(findings: Findings) -> list[str]:
    names = {CHATS: "chats of 100 kB, 1,000 a page"}
    return _table(
        "## Memory",
        "",
        " | contender | MB of JSON | peak MB | CPU s | records per CPU s",
        (
            f"{names.get(it.load, 'Dixa conversations, one response')} | {it.who} | "
            f"{it.size / MEGABYTE:,.0f} | {it.cost.peak / MEGABYTE:,.0f} | {it.cost.cpu:.2f} | "
            f"{it.records / it.cost.cpu:,.0f}"
            for it in findings.memory
        ),
    )


def _growth(findings: Findings) -> list[str]:
    return _table(
        "## Ten times the data",
        "Records per second of CPU, less the CPU of a run that finds one record.",
        " | records | a second | 10 times | a second | ratio | one record: CPU s",
        (
            f"{it.load} | {it.small.records:,} | {it.rate(it.small):,.0f} | "
            f"{it.large.records:,} | {it.rate(it.large):,.0f} | {it.ratio:.2f} | "
            f"{it.fixed.cpu:.2f}"
            for it in findings.growth
        ),
    )


def _start(findings: Findings) -> list[str]:
    cpu = {it.command: it.cost.cpu for it in findings.start}

    def of_a_stream(it: Start) -> str:
        if not it.streams:
            return "– | –"
        beyond = it.cost.cpu - cpu[it.command.replace("--discover", "--version")]
        return f"{it.streams} | {beyond / it.streams * 1000:.1f}"

    return _table(
        "## Start-up",
        "`ms a stream`: CPU of `--discover` beyond that of `--version`, for each stream.",
        " | × bare import | CPU s | streams | ms a stream | wall s | peak MB",
        (
            f"`{it.command}` | {it.cost.cpu / findings.start[0].cost.cpu:.2f} | "
            f"{it.cost.cpu:.3f} | {of_a_stream(it)} | {it.cost.wall:.3f} | "
            f"{it.cost.peak / MEGABYTE:.0f}"
            for it in findings.start
        ),
    )


def _rate_limit(findings: Findings) -> list[str]:
    return _table(
        "## Rate limit",
        "Three years of Dixa, with the rate limits and `rate_limit_share` 60 times as large. "
        "The least that so many requests can take within the rate limit, over what they took.",
        " | of the rate limit | requests | s | least s | 429",
        (
            f"{it.stream} | {it.share:.1%} | {it.requests} | {it.seconds:.2f} | "
            f"{it.least:.2f} | {it.refused}"
            for it in findings.rate_limit
        ),
    )


def _routes(title: str, note: str, routes: list[Route]) -> list[str]:
    def seconds(it: Route, part: str) -> str:
        return f"{it.cpu[part]:.2f}" if part in it.cpu else "–"

    def share(it: Route) -> str:
        return f"{it.cpu['tap'] / it.clients_cpu:.0%}" if "tap" in it.cpu else "–"

    return _table(
        title,
        f"{routes[0].records if routes else 0:,} chats. {note}",
        f" | tap's share of CPU | {' | '.join(f'{part} CPU s' for part in _PARTS)} | all CPU s | "
        "wall s | records a second",
        (
            f"{it.what} | {share(it)} | {' | '.join(seconds(it, part) for part in _PARTS)} | "
            f"{it.all_cpu:.2f} | {it.wall:.2f} | {it.records / it.wall:,.0f}"
            for it in routes
        ),
    )


def _pipes(findings: Findings) -> list[str]:
    note = "One run each; every record was found at the other end."
    return _routes("## Into a target", note, findings.pipes)


def _end_to_end(findings: Findings) -> list[str]:
    note = (
        "Ours by `meltano run`, into target-postgres with the settings that `meltano.yml` ships "
        f"and with its own defaults, and into others. {DLT} reads and loads in one program, and "
        "merges by key. Every record was found at the other end. The tap's CPU includes that of "
        "discovery, which Meltano runs first; its share is told without the database."
    )
    return _routes("## End to end into PostgreSQL: `meltano run`", note, findings.end_to_end)


def _profiles(findings: Findings) -> Iterator[str]:
    if findings.profiles:
        yield from ("## Where the time goes", "")
        yield from ("CPU time by cProfile, which makes calls look dearer than they are.", "")
    for it in findings.profiles:
        yield from _table(
            f"### {it.program}: {it.records:,} records of {it.load}, {it.total:.2f} s profiled",
            "",
            "function | own time | µs a record | calls a record",
            (
                f"`{function}` | {own / it.total:.1%} | {own / it.records * 1e6:.1f} | "
                f"{calls / it.records:.2f}"
                for function, calls, own in it.functions
            ),
        )


def _failures(findings: Findings) -> list[str]:
    if not findings.failures:
        return []
    texts = (" ".join(failure.strip().splitlines()) for failure in dict.fromkeys(findings.failures))
    return ["## What failed", "", *(f"- {text[:_LONGEST_FAILURE]}" for text in texts), ""]
