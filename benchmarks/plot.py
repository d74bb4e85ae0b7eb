"""The plot: CPU of each contender as a multiple of the tap's, as SVG."""

from __future__ import annotations

import html
import typing as t

from benchmarks.contenders import CHATS, CONVERSATIONS, DOWNLOAD, TAP

if t.TYPE_CHECKING:
    from benchmarks.results import Findings, Row

_WIDTH, _LEFT, _BAR, _STEP = 760, 170, 18, 26
_COLOURS = {TAP: "#1f6feb", "floor": "#8b949e"}
_PEER = "#d29922"
_TITLES = {CHATS: "Zendesk chats", CONVERSATIONS: "Dixa conversations"}


def svg(findings: Findings) -> str:
    """Bars for chats and for Dixa conversations; empty if neither was measured."""
    parts: list[str] = []
    y = 24
    for load, title in _TITLES.items():
        ours = findings.row(load, TAP)
        rows = [row for row in findings.rows if row.load == load and row.who != DOWNLOAD]
        if ours is None or not rows:
            continue
        rows.sort(key=lambda row: row.cost.cpu)
        longest = rows[-1].cost.cpu
        heading = f"{title}: {ours.records:,} records, {ours.size / 1e6:,.0f} MB; CPU time"
        parts.append(_text(12, y, heading, weight="bold"))
        y += 14
        for row in rows:
            parts.append(_bar(row, ours, y, longest))
            y += _STEP
        y += 26
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" width="{_WIDTH}" '
        f'height="{y}" font-family="sans-serif" font-size="13">'
    )
    return "\n".join(
        [head, f'<rect width="{_WIDTH}" height="{y}" fill="#fff"/>', *parts, "</svg>\n"]
    )


def _bar(row: Row, ours: Row, y: int, longest: float) -> str:
    width = max((_WIDTH - _LEFT - 150) * row.cost.cpu / longest, 1)
    colour = _COLOURS.get(row.who.partition(":")[0], _PEER)
    label = f"{row.cost.cpu / ours.cost.cpu:.2f} × ({row.cost.cpu:.1f} s)"
    return "\n".join(
        (
            _text(_LEFT - 8, y + 14, row.who, anchor="end"),
            f'<rect x="{_LEFT}" y="{y}" width="{width:.1f}" height="{_BAR}" fill="{colour}"/>',
            _text(_LEFT + width + 6, y + 14, label),
        )
    )


def _text(x: float, y: float, text: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return (
        f'<text x="{x:.1f}" y="{y}" text-anchor="{anchor}" font-weight="{weight}" fill="#1f2328">'
        f"{html.escape(text)}</text>"
    )
