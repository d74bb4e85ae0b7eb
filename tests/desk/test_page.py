"""The page tells what the marts hold, to everybody, and asks nobody for anything."""

from __future__ import annotations

import html.parser
import itertools
import typing as t

import pytest

from tests.desk.conftest import Desk

Desks = dict[str, Desk]


class Page(html.parser.HTMLParser):
    """What a test asks of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: t.Any) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def count(self, tag: str) -> int:
        return sum(name == tag for name, _ in self.tags)


@pytest.mark.parametrize("load", ["four", "none"])
def test_page_runs_no_script_and_loads_nothing(desks: Desks, load: str) -> None:
    page = Page(desks[load].page)
    assert not page.count("script")
    assert not page.count("link")
    assert not page.count("img")
    for _, attributes in page.tags:
        assert not {"src", "href", "xlink:href"} & attributes.keys()
    assert "url(" not in desks[load].page
    assert "@import" not in desks[load].page


def test_each_chart_has_its_figures_as_a_table(desks: Desks) -> None:
    page = Page(desks["four"].page)
    assert page.count("svg") == page.count("details") == 6
    assert page.count("table") == page.count("section") == 7
    hidden = [attributes.get("aria-hidden") for tag, attributes in page.tags if tag == "svg"]
    assert set(hidden) == {"true"}


def test_figures_of_the_page_are_those_of_the_marts(desks: Desks) -> None:
    desk = desks["four"]
    living = [row for row in desk.marts["support_conversations"] if not row["is_deleted"]]
    assert f"{len(living):,} conversations of 5 vendors, 2025-01-01 to 20" in desk.page
    words = Page(desk.page).words
    for name, vendor in (("Dixa", "dixa"), ("Zendesk Chat", "zendesk_chat")):
        rated = [row["is_satisfied"] for row in living if row["vendor"] == vendor]
        assert f"{name} ({len(rated) - rated.count(None):,})" in words
    told = set(itertools.pairwise(words))
    assert ("Missed", "DevRev") in told
    assert ("Handled by", "DevRev") not in told


def test_page_of_an_empty_desk_says_so(desks: Desks) -> None:
    page = Page(desks["none"].page)
    assert "No conversation is loaded." in page.words
    assert page.words.count("Nothing that is loaded tells it.") == 7
    assert not page.count("svg")
