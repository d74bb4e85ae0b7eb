"""The report: one Markdown file, in which every time stands beside what it is measured against."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import typing as t
from pathlib import Path

from benchmarks.environments import version_in
from benchmarks.experiments import CHATS
from benchmarks.results import DECODE, DOWNLOAD, RAW, TAP
from benchmarks.sandboxes import ROOT
from benchmarks.targets import MEGABYTE, targets

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from benchmarks.experiments import Plan
    from benchmarks.results import Findings, Row

_KIBIBYTE = 1024
_LONGEST_FAILURE = 600


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


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    rule = ["---", *("--:" for _ in head[1:])]
    lines = [head, rule, *rows]
    return [f"| {' | '.join(line)} |" for line in lines] + [""]


def _machine(plan: Plan, findings: Findings) -> list[str]:
    info = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    model = next((line.partition(":")[2].strip() for line in info if "model name" in line), "?")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _KIBIBYTE**3
    ours = [f"{name} {version_in(sys.executable, name)}" for name in _OURS]
    return [
        f"- Machine: {os.cpu_count()} cores ({model}), {memory:.0f} GiB, {platform.system()}",
        f"- Python {platform.python_version()}; {', '.join(ours)}",
        f"- Peers: {', '.join(findings.versions.values()) or 'none'}",
        f"- Code: {_commit()}",
        (
            f"- Medians of {plan.runs} run{'s' if plan.runs > 1 else ''}, at {plan.scale:g} × the "
            "full load"
        ),
        "",
    ]


_OURS = ("singer-sdk", "msgspec", "requests", "urllib3")


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
    code = ["support_taps", *(f"tap_{name}" for name in ("deepconverse", "devrev", "dixa"))]
    changed = git("status", "--porcelain", "--", *code, "tap_zendesk_chat", "sandbox")
    return f"commit {commit}{', with changes that are not committed' if changed else ''}"


def _targets(findings: Findings, plan: Plan) -> list[str]:
    verdicts = {True: "met", False: "**missed**", None: "–"}
    note = []
    if not plan.is_full:
        note = [
            (
                "A smaller load than the full one: what a run costs at its start weighs more, so "
                "that the ratios to the floors are too large and those to the peers too small."
            ),
            "",
        ]
    return [
        "## Targets",
        "",
        *note,
        *_table(
            ("target", "limit", "measured", ""),
            (
                (each.what, each.limit, each.measured, verdicts[each.is_met])
                for each in targets(findings)
            ),
        ),
    ]


def _streams(findings: Findings) -> list[str]:
    if not findings.rows:
        return []
    parts = [
        "## Each stream",
        "",
        (
            "CPU is user and system time of the process alone. `× tap`: CPU as a multiple of this "
            "tap's."
        ),
        "",
    ]
    for load in dict.fromkeys(row.load for row in findings.rows):
        rows = [row for row in findings.rows if row.load == load]
        ours = findings.row(load, TAP)
        first = rows[0]
        parts += [
            f"### {load}",
            "",
            (
                f"{first.records:,} records, {first.size / MEGABYTE:,.0f} MB of JSON, "
                f"{first.size / first.records:,.0f} bytes each"
            ),
            "",
            *_table(
                ("", "× tap", "CPU s", "µs a record", "wall s", "peak MB"),
                (
                    (
                        row.who,
                        f"{row.cost.cpu / ours.cost.cpu:.2f}" if ours else "–",
                        f"{row.cost.cpu:.2f}",
                        f"{row.cost.cpu / row.records * 1e6:.1f}",
                        f"{row.cost.wall:.2f}",
                        f"{row.cost.peak / MEGABYTE:.0f}",
                    )
                    for row in rows
                ),
            ),
        ]
    return parts


def _sandbox(findings: Findings) -> list[str]:
    rows = [row for row in findings.rows if row.who == TAP]
    if not rows:
        return []

    def line(ours: Row) -> tuple[str, ...]:
        floors = [findings.row(ours.load, who) for who in (DECODE, RAW, DOWNLOAD)]
        walls = [f"{row.cost.wall:.2f}" if row else "–" for row in floors]
        share = f"{ours.sandbox_cpu / ours.cost.wall:.0%}"
        return (
            ours.load, f"{ours.cost.cpu:.2f}", f"{ours.sandbox_cpu:.2f}", share,
            f"{ours.cost.wall:.2f}", *walls,
        )  # fmt: skip

    return [
        "## The sandbox is not the bottleneck",
        "",
        ("It runs in a process of its own. Where it is busy for a small part of the tap's wall "
        "time, and a bare download of the same bytes takes a small part of it too, the tap is "
        "not waiting for it."),
        "",
        *_table(
            ("", "tap CPU s", "sandbox CPU s", "busy", "tap wall s", "msgspec loop wall s",
             "raw copy wall s", "download wall s"),
            (line(row) for row in rows),
        ),
    ]  # fmt: skip


def _memory(findings: Findings) -> list[str]:
    if not findings.memory:
        return []
    return [
        "## Memory",
        "",
        *_table(
            ("", "contender", "MB of JSON", "peak MB", "CPU s", "records per CPU s"),
            (
                (
                    "chats of 100 kB, 1,000 a page"
                    if row.load == CHATS
                    else "Dixa conversations, one response",
                    row.who,
                    f"{row.size / MEGABYTE:,.0f}",
                    f"{row.cost.peak / MEGABYTE:,.0f}",
                    f"{row.cost.cpu:.2f}",
                    f"{row.records / row.cost.cpu:,.0f}",
                )
                for row in findings.memory
            ),
        ),
    ]


def _growth(findings: Findings) -> list[str]:
    if not findings.growth:
        return []
    return [
        "## Ten times the data",
        "",
        "Records per second of CPU, less the CPU of a run that finds one record.",
        "",
        *_table(
            ("", "records", "a second", "10 times", "a second", "ratio", "one record: CPU s"),
            (
                (
                    each.load,
                    f"{each.small.records:,}",
                    f"{each.rate(each.small):,.0f}",
                    f"{each.large.records:,}",
                    f"{each.rate(each.large):,.0f}",
                    f"{each.ratio:.2f}",
                    f"{each.fixed.cpu:.2f}",
                )
                for each in findings.growth
            ),
        ),
    ]


def _start(findings: Findings) -> list[str]:
    bare = findings.bare_import
    if bare is None:
        return []
    return [
        "## Start-up",
        "",
        *_table(
            ("", "× bare import", "CPU s", "wall s", "peak MB"),
            (
                (
                    f"`{name}`",
                    f"{cost.cpu / bare.cpu:.2f}",
                    f"{cost.cpu:.3f}",
                    f"{cost.wall:.3f}",
                    f"{cost.peak / MEGABYTE:.0f}",
                )
                for name, cost in {"import singer_sdk": bare, **findings.start}.items()
            ),
        ),
    ]


def _pace(findings: Findings) -> list[str]:
    if not findings.rate_limit:
        return []
    return [
        "## Rate limit",
        "",
        (
            "Three years of Dixa, with the rate limits and `rate_limit_share` 60 times as large. "
            "The least that so many requests can take within the rate limit, over what they took."
        ),
        "",
        *_table(
            ("", "of the rate limit", "requests", "s", "least s", "429"),
            (
                (
                    each.stream,
                    f"{each.share:.1%}",
                    str(each.requests),
                    f"{each.seconds:.2f}",
                    f"{each.least:.2f}",
                    str(each.refused),
                )
                for each in findings.rate_limit
            ),
        ),
    ]


def _pipes(findings: Findings) -> list[str]:
    if not findings.pipes:
        return []
    return [
        "## Into a target",
        "",
        (f"{findings.pipes[0].records:,} chats. One run each; every record was found at the other "
        "end."),
        "",
        *_table(
            ("", "", "tap's share of CPU", "tap CPU s", "target CPU s", "database CPU s",
             "wall s"),
            (
                (
                    each.target,
                    each.what,
                    f"{each.tap.cpu / (each.tap.cpu + each.loader.cpu):.0%}",
                    f"{each.tap.cpu:.2f}",
                    f"{each.loader.cpu:.2f}",
                    "–" if each.database is None else f"{each.database:.2f}",
                    f"{each.wall:.2f}",
                )
                for each in findings.pipes
            ),
        ),
    ]  # fmt: skip


def _orchestrated(findings: Findings) -> list[str]:
    if not findings.orchestrated:
        return []
    return [
        "## `meltano run`",
        "",
        (f"{findings.orchestrated[0].records:,} chats. One run each; every record was found at the "
        "other end. The tap's CPU includes that of discovery, which Meltano runs first."),
        "",
        *_table(
            ("", "tap's share of CPU", "Meltano CPU s", "tap CPU s", "target CPU s",
             "database CPU s", "wall s"),
            (
                (
                    each.target,
                    f"{each.tap / (each.meltano + each.tap + each.loader):.0%}",
                    f"{each.meltano:.2f}",
                    f"{each.tap:.2f}",
                    f"{each.loader:.2f}",
                    "–" if each.database is None else f"{each.database:.2f}",
                    f"{each.wall:.2f}",
                )
                for each in findings.orchestrated
            ),
        ),
    ]  # fmt: skip


def _profiles(findings: Findings) -> list[str]:
    parts = ["## Where the time goes", ""] if findings.profiles else []
    if parts:
        parts += [
            "CPU time by cProfile, which makes calls look dearer than they are.",
            "",
        ]
    for profile in findings.profiles:
        parts += [
            (
                f"### {profile.program}: {profile.records:,} records of {profile.load}, "
                f"{profile.total:.2f} s profiled"
            ),
            "",
            *_table(
                ("function", "own time", "µs a record", "calls a record"),
                (
                    (
                        f"`{each.function}`",
                        f"{each.share:.1%}",
                        f"{each.own / profile.records * 1e6:.1f}",
                        f"{each.calls / profile.records:.2f}",
                    )
                    for each in profile.functions
                ),
            ),
        ]
    return parts


def _failures(findings: Findings) -> list[str]:
    if not findings.failures:
        return []
    parts = ["## What failed", ""]
    for failure in dict.fromkeys(findings.failures):
        first = failure.strip().splitlines()
        parts.append(f"- {' '.join(first)[:_LONGEST_FAILURE]}")
    return [*parts, ""]
