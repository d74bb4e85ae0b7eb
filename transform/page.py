"""Draw the support desk: one HTML file with its charts in it, no script, nothing from outside.

``meltano invoke desk:page`` runs it. Each chart is drawn for a phone's width and has its figures as
a table beneath, for those who do not see it. Charts take their colour of text from the page, so
that they fit a dark one too.
"""

from __future__ import annotations

import dataclasses
import html
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import altair as alt
import psycopg2
import psycopg2.extras
import vl_convert

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

Row = dict[str, Any]

WIDTH = 300
"""Of a chart without its labels, in pixels: with them it fits a phone."""
VENDORS = {
    "deepconverse": "DeepConverse",
    "devrev": "DevRev",
    "dixa": "Dixa",
    "zendesk_chat": "Zendesk Chat",
    "zendesk_messaging": "Zendesk Messaging",
}
BLUE, ORANGE, VIOLET, GREEN, GREY = "#3b82c4", "#c9741f", "#8e6bbf", "#2e9268", "#7f858f"
"""Each can be told from white and from black, and from the others by its lightness or hue."""
MOST_AGENTS = 12
QUARTILES = ("q1", "median", "q3")
DAYS = alt.Axis(format="%d %b", tickCount=4)
SHARES = alt.Axis(format="%", values=[0, 0.25, 0.5, 0.75])

MISSING: tuple[tuple[str, str, str, dict[str, str]], ...] = (
    (
        "First reply by a person",
        "first_response_seconds",
        "the others had none",
        {
            "deepconverse": "told where messages of agents can be told from the bot's",
            "devrev": "told by an SLA with such a metric, or by whole threads",
            "dixa": "not told for calls, and some had no reply",
            "zendesk_chat": "not told for missed chats and offline messages",
        },
    ),
    ("Handled by", "handled_by", "not all messages are loaded", {}),
    ("Channel", "channel", "the others name none", {}),
    (
        "Satisfaction",
        "is_satisfied",
        "the others were not rated",
        {"deepconverse": "not exported", "devrev": "not exported"},
    ),
    (
        "Time to resolution",
        "resolution_seconds",
        "the others are not resolved",
        {
            "deepconverse": "whether it was resolved is told, not when",
            "zendesk_chat": "a chat ends; whether the matter is settled is not told",
        },
    ),
    (
        "Missed",
        "is_missed",
        "not told",
        {"dixa": "told for calls alone", "zendesk_chat": "offline messages are none"},
    ),
)
"""A figure, its column of support_conversations, and why it is not told of all: in general, and by
vendor."""


@dataclasses.dataclass
class Section:
    """A chart with its figures.

    Args:
        title: States what is counted.
        note: What has to be known to read it.
        head: Names of the columns.
        rows: The figures, as text.
        chart: What draws them, if there is anything to draw.
    """

    title: str
    note: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    chart: alt.TopLevelMixin | None

    def html(self, number: int) -> str:
        """The section as HTML."""
        head = f"<h2 id='s{number}'>{html.escape(self.title)}</h2>"
        if not self.rows:
            body = "<p>Nothing that is loaded tells it.</p>"
        else:
            table = table_of(self.head, self.rows)
            body = (
                f"<figure>{svg_of(self.chart)}</figure>"
                f"<details><summary>Figures</summary>{table}</details>"
                if self.chart
                else table
            )
        note = f"<p>{html.escape(self.note)}</p>" if self.note else ""
        return f"<section aria-labelledby='s{number}'>{head}{note}{body}</section>"


def table_of(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table, its first column being what each row is about."""
    cells = "".join(f"<th scope='col'>{html.escape(name)}</th>" for name in head)
    lines = "".join(
        f"<tr><th scope='row'>{html.escape(first)}</th>"
        + "".join(f"<td>{html.escape(cell)}</td>" for cell in rest)
        + "</tr>"
        for first, *rest in rows
    )
    table = f"<table><thead><tr>{cells}</tr></thead><tbody>{lines}</tbody></table>"
    return f"<div class='table'>{table}</div>"


def svg_of(chart: alt.TopLevelMixin) -> str:
    """A chart as inline SVG, which a screen reader passes over: the table says the same."""
    axis = {
        "domainColor": "currentColor",
        "gridColor": "currentColor",
        "gridOpacity": 0.15,
        "labelColor": "currentColor",
        "labelFontSize": 12,
        "labelLimit": 130,
        "tickColor": "currentColor",
        "titleColor": "currentColor",
    }
    look = {
        "background": None,
        # Whose letters are wider than those that were measured here needs some room.
        "padding": {"left": 28, "right": 20, "top": 4, "bottom": 4},
        "font": "system-ui, sans-serif",
        "axis": axis,
        "header": {"labelColor": "currentColor", "labelFontSize": 12, "titleColor": "currentColor"},
        "legend": {
            "labelColor": "currentColor",
            "labelFontSize": 12,
            "orient": "top",
            "title": None,
            "columnPadding": 28,
            "columns": 3,
        },
        "view": {"stroke": None},
    }
    spec = chart.to_dict()
    spec["config"] = look
    svg: str = vl_convert.vegalite_to_svg(spec)
    return svg.replace("<svg ", "<svg aria-hidden='true' focusable='false' ", 1)


def values(rows: Iterable[Row]) -> alt.Data:
    """Rows for a chart."""
    return alt.Data(values=list(rows))


def duration(seconds: float | None) -> str:
    """A time in its largest unit: 190 seconds are 3.2 min."""
    if seconds is None:
        return "–"
    for unit, length in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= length:
            return f"{seconds / length:.1f} {unit}"
    return f"{seconds:.0f} s"


# How long a tick's seconds are, in words.
_TICKS = (
    "datum.value < 60 ? datum.value + ' s' : datum.value < 3600 ? datum.value / 60 + ' min' : "
    "datum.value < 86400 ? datum.value / 3600 + ' h' : datum.value / 86400 + ' d'"
)


@dataclasses.dataclass(frozen=True)
class Desk:
    """The marts, asked.

    Args:
        ask: Runs a query, and gives its rows.
    """

    ask: Callable[[str], list[Row]]

    def sections(self) -> list[Section]:
        """All of the page's."""
        return [
            self.volume(),
            self.first_reply(),
            self.shares(
                "Who handled conversations, by vendor",
                "handled_by",
                {"agent": BLUE, "bot and agent": VIOLET, "bot": ORANGE, "nobody": GREY},
                "Of those whose messages are all loaded. Nobody: neither a person nor a bot wrote.",
            ),
            self.shares(
                "Channels that conversations came by, by vendor",
                "channel",
                {
                    "chat": BLUE,
                    "email": ORANGE,
                    "phone": GREEN,
                    "messaging": VIOLET,
                    "form": GREY,
                },
                "",
            ),
            self.satisfaction(),
            self.agents(),
            self.missing(),
        ]

    def volume(self) -> Section:
        """Conversations by day."""
        rows = self.ask(
            """select vendor, to_char(day, 'YYYY-MM-DD') as day, sum(conversations)::integer as n
            from support_daily_metrics group by vendor, day order by vendor, day"""
        )
        for row in rows:
            row["vendor"] = VENDORS[row["vendor"]]
        totals: dict[str, list[Row]] = {}
        for row in rows:
            totals.setdefault(row["vendor"], []).append(row)
        chart = (
            alt.Chart(values(rows), width=WIDTH, height=56)
            .mark_bar(color=BLUE)
            .encode(
                x=alt.X("utcyearmonthdate(day):T", title=None, axis=DAYS),
                y=alt.Y("n:Q", title=None, axis=alt.Axis(tickCount=2)),
                row=alt.Row(
                    "vendor:N",
                    title=None,
                    header=alt.Header(labelAngle=0, labelAnchor="start", labelOrient="top"),
                ),
            )
        )
        return Section(
            "Conversations begun per day, by vendor",
            "Days are those of UTC. Deleted conversations are left out.",
            ("Vendor", "conversations", "busiest day", "on it"),
            [
                (vendor, f"{sum(row['n'] for row in days):,}", busiest["day"], f"{busiest['n']:,}")
                for vendor, days in totals.items()
                for busiest in [max(days, key=lambda row: row["n"])]
            ],
            chart if rows else None,
        )

    def first_reply(self) -> Section:
        """Quartiles of the time until a person answers."""
        rows = self.ask(
            """select vendor, count(*) as n, percentile_cont(array[0.25, 0.5, 0.75])
                within group (order by first_response_seconds::float) as quartiles
            from support_conversations where first_response_seconds is not null and not is_deleted
            group by vendor order by vendor"""
        )
        for row in rows:
            # No logarithm has a place for zero.
            row |= {
                name: max(value, 1)
                for name, value in zip(QUARTILES, row.pop("quartiles"), strict=True)
            }
            row["label"] = f"{VENDORS[row['vendor']]} ({row['n']:,})"
        ticks = [1, 10, 60, 600, 3600, 36000, 86400, 864000]
        x = alt.X(
            "q1:Q",
            title=None,
            scale=alt.Scale(type="log"),
            axis=alt.Axis(values=ticks, labelExpr=_TICKS, labelOverlap=True),
        )
        base = alt.Chart(values(rows)).encode(y=alt.Y("label:N", title=None))
        chart = alt.layer(
            base.mark_bar(color=BLUE, height=14).encode(x=x, x2="q3:Q"),
            base.mark_tick(color=ORANGE, thickness=4, height=22).encode(x=alt.X("median:Q")),
        ).properties(width=WIDTH - 70, height=40 * len(rows))
        return Section(
            "Time until a person first replied, by vendor",
            "The middle half as a bar, the median as a mark; in brackets how many tell it.",
            ("Vendor", "conversations", "a quarter within", "half within", "three quarters within"),
            [
                (
                    VENDORS[row["vendor"]],
                    f"{row['n']:,}",
                    *(duration(row[name]) for name in QUARTILES),
                )
                for row in rows
            ],
            chart if rows else None,
        )

    def shares(self, title: str, column: str, colours: dict[str, str], note: str) -> Section:
        """How conversations divide into the values of a column."""
        rows = self.ask(
            f"""select vendor, replace({column}, '_', ' ') as part, count(*) as n,
                sum(count(*)) over (partition by vendor)::integer as total
            from support_conversations where {column} is not null and not is_deleted
            group by vendor, {column} order by vendor, n desc"""  # noqa: S608 - our own columns
        )
        for row in rows:
            row["label"] = f"{VENDORS[row['vendor']]} ({row['total']:,})"
            row["share"] = row["n"] / row["total"]
            row["place"] = list(colours).index(row["part"])
        used = {part: colours[part] for part in colours if any(row["part"] == part for row in rows)}
        scale = alt.Scale(domain=list(used), range=list(used.values()))
        chart = (
            alt.Chart(
                values(rows), width=WIDTH - 70, height=32 * len({row["vendor"] for row in rows})
            )
            .mark_bar()
            .encode(
                x=alt.X("share:Q", title=None, stack="zero", axis=SHARES),
                y=alt.Y("label:N", title=None),
                color=alt.Color("part:N", scale=scale),
                order=alt.Order("place:Q"),
            )
        )
        return Section(
            title,
            note,
            ("Vendor", "", "conversations", "share"),
            [
                (VENDORS[row["vendor"]], row["part"], f"{row['n']:,}", f"{row['share']:.0%}")
                for row in rows
            ],
            chart if rows else None,
        )

    def satisfaction(self) -> Section:
        """The share of those rated that are rated well."""
        rows = self.ask(
            """select vendor, count(*) as n, avg(is_satisfied::integer)::float as share
            from support_conversations where is_satisfied is not null and not is_deleted
            group by vendor order by vendor"""
        )
        for row in rows:
            row["label"] = f"{VENDORS[row['vendor']]} ({row['n']:,})"
        chart = (
            alt.Chart(values(rows), width=WIDTH - 70, height=32 * len(rows))
            .mark_bar(color=GREEN)
            .encode(
                x=alt.X("share:Q", title=None, scale=alt.Scale(domain=[0, 1]), axis=SHARES),
                y=alt.Y("label:N", title=None),
            )
        )
        return Section(
            "Share of rated conversations whose customer was satisfied",
            "Dixa: 4 or 5 of 5. Zendesk: good. In brackets how many were rated.",
            ("Vendor", "rated", "satisfied"),
            [(VENDORS[row["vendor"]], f"{row['n']:,}", f"{row['share']:.0%}") for row in rows],
            chart if rows else None,
        )

    def agents(self) -> Section:
        """The last days of the agents' status."""
        iso = """'YYYY-MM-DD"T"HH24:MI:SS"Z"'"""
        rows = self.ask(
            f"""with recent as (
                select *, coalesce(agent_name, agent_id) as agent from support_agent_status
                where ended_at >
                    (select max(ended_at) from support_agent_status) - interval '3 days'
            ), busiest as (
                select agent from recent
                group by agent order by sum(duration_seconds) desc, agent limit {MOST_AGENTS}
            )
            select agent, status, duration_seconds::float / 3600 as hours,
                to_char(started_at at time zone 'UTC', {iso}) as start,
                to_char(ended_at at time zone 'UTC', {iso}) as stop
            from recent join busiest using (agent) order by agent, started_at"""  # noqa: S608 - ours
        )
        colours = {"available": GREEN, "away": ORANGE, "invisible": GREY}
        scale = alt.Scale(domain=list(colours), range=list(colours.values()))
        hours: dict[tuple[str, str], float] = {}
        for row in rows:
            pair = row["agent"], row["status"]
            hours[pair] = hours.get(pair, 0) + row["hours"]
        chart = (
            alt.Chart(
                values(rows), width=WIDTH - 50, height=26 * len({row["agent"] for row in rows})
            )
            .mark_bar(height=14)
            .encode(
                x=alt.X("utcyearmonthdatehoursminutesseconds(start):T", title=None, axis=DAYS),
                x2="utcyearmonthdatehoursminutesseconds(stop)",
                y=alt.Y("agent:N", title=None),
                color=alt.Color("status:N", scale=scale),
            )
        )
        return Section(
            "Agents' status over the last three days that are loaded",
            f"Zendesk Chat alone tells it. At most {MOST_AGENTS} agents; times in UTC.",
            ("Agent", "status", "hours"),
            [
                (agent, status or "–", f"{length:.1f}")
                for (agent, status), length in sorted(hours.items())
            ],
            chart if rows else None,
        )

    def missing(self) -> Section:
        """The share of conversations that a figure is told of, and why it is not of all."""
        counts = ", ".join(f"count({column}) as {column}" for _, column, *_ in MISSING)
        rows = self.ask(
            f"select vendor, count(*) as n, {counts} from support_conversations "  # noqa: S608
            "where not is_deleted group by vendor order by vendor"
        )
        found = []
        for name, column, usually, reasons in MISSING:
            for row in rows:
                if row[column] < row["n"]:
                    told = row[column] / row["n"]
                    share = "none" if not row[column] else f"{told:.0%}"
                    reason = reasons.get(row["vendor"], usually)
                    found.append((name, VENDORS[row["vendor"]], share, reason))
        return Section(
            "What is missing, and why",
            "The share of conversations that a figure is told of, where it is not all of them.",
            ("Figure", "vendor", "told of", "why not of all"),
            found,
            None,
        )


PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Support desk</title>
<style>
:root {{ color-scheme: light dark;
  --ink: #1c2024; --paper: #f5f6f7; --card: #fff; --line: #d5d9dd; }}
@media (prefers-color-scheme: dark) {{
  :root {{ --ink: #e7e9ec; --paper: #111315; --card: #1b1e21; --line: #3a3f45; }}
}}
* {{ box-sizing: border-box; }}
body {{ margin: 0 auto; max-width: 76rem; padding: 1rem; background: var(--paper);
  color: var(--ink); font: 1rem/1.45 system-ui, sans-serif; }}
main {{ columns: 26rem; column-gap: 1rem; margin-bottom: 1rem; }}
section {{ break-inside: avoid; margin-bottom: 1rem; padding: 1rem; overflow: hidden;
  background: var(--card); border: 1px solid var(--line); border-radius: .5rem; }}
h1 {{ margin: 0; font-size: 1.6rem; }}
h2 {{ margin: 0 0 .4rem; font-size: 1.05rem; }}
p {{ margin: 0 0 .6rem; }}
figure {{ margin: 0; }}
svg {{ display: block; width: 100%; height: auto; max-width: 34rem; }}
.table {{ overflow-x: auto; }}
table {{ border-collapse: collapse; font-size: .9rem; }}
th, td {{ padding: .2rem .6rem .2rem 0; text-align: left; vertical-align: top;
  border-bottom: 1px solid var(--line); }}
th[scope=row] {{ font-weight: normal; }}
summary {{ cursor: pointer; padding: .4rem 0; }}
</style>
<header><h1>Support desk</h1><p>{summary}</p></header>
<main>
{sections}
</main>
{last}
</html>
"""


def page(ask: Callable[[str], list[Row]]) -> str:
    """The whole page.

    Args:
        ask: Runs a query on the marts, and gives its rows.
    """
    (span,) = ask(
        """select count(*) as n, count(distinct vendor) as vendors,
            to_char(min(created_at at time zone 'UTC'), 'YYYY-MM-DD') as first,
            to_char(max(created_at at time zone 'UTC'), 'YYYY-MM-DD') as last
        from support_conversations where not is_deleted"""
    )
    summary = (
        f"{span['n']:,} conversations of {span['vendors']} vendors, "
        f"{span['first']} to {span['last']}"
        if span["n"]
        else "No conversation is loaded."
    )
    sections = [section.html(number) for number, section in enumerate(Desk(ask).sections())]
    return PAGE.format(summary=summary, sections="\n".join(sections[:-1]), last=sections[-1])


def main() -> int:
    """Write the page to the file that Meltano names.

    Returns:
        The exit code.
    """
    file = Path(os.environ.get("DESK_PAGE", "support_desk.html"))
    try:
        connection = psycopg2.connect(
            host=os.environ.get("DESK_HOST"),
            port=os.environ.get("DESK_PORT", "5432"),
            user=os.environ.get("DESK_USER"),
            password=os.environ.get("DESK_PASSWORD"),
            dbname=os.environ.get("DESK_DATABASE"),
            options=f"-c search_path={os.environ.get('DESK_SCHEMA', 'support')}",
        )
        rows_as_dicts = psycopg2.extras.RealDictCursor
        with connection, connection.cursor(cursor_factory=rows_as_dicts) as cursor:

            def ask(query: str) -> list[Row]:
                cursor.execute(query)
                return [dict(row) for row in cursor]

            text = page(ask)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    except (OSError, psycopg2.Error) as error:
        print(f"page: {str(error).splitlines()[0]}", file=sys.stderr)
        return 1
    print(f"The page: {file}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
