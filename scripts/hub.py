"""Definitions of the taps for the Meltano Hub, from the taps and from ``meltano.yml``.

    python -m scripts.hub [--write]

Without ``--write`` it names the files that are out of date, and fails if there is one. The Hub
wants the keys of a definition in alphabetical order.
"""

from __future__ import annotations

import functools
import sys
import typing as t

import yaml

from scripts.tables import ROOT, command, summary
from scripts.taps import DISTRIBUTION, taps

if t.TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

FOLDER = ROOT / "hub"
_ABOUT = {
    "tap-deepconverse": ("DeepConverse", "https://www.deepconverse.com"),
    "tap-devrev": ("DevRev", "https://devrev.ai"),
    "tap-dixa": ("Dixa", "https://www.dixa.com"),
    "tap-zendesk-chat": ("Zendesk Chat", "https://www.zendesk.com"),
}
"""The vendor's name and home page: all that a definition needs and a tap does not say."""


def definition(name: str) -> dict[str, t.Any]:
    """The definition of a tap.

    Args:
        name: The tap's.
    """
    (plugin,) = (it for it in _extractors() if it["name"] == name)
    label, home = _ABOUT[name]
    selected = plugin["select"]
    return {
        "capabilities": plugin["capabilities"],
        "description": summary(taps()[name]),
        "domain_url": home,
        "executable": name,
        "keywords": ["api", "meltano_sdk"],
        "label": label,
        "maintenance_status": "beta",
        "name": name,
        "namespace": plugin["namespace"],
        "next_steps": "",
        "pip_url": DISTRIBUTION,
        **({"select": selected} if selected != ["*.*"] else {}),
        "settings": sorted(plugin["settings"], key=lambda setting: str(setting["name"])),
        "settings_group_validation": plugin["settings_group_validation"],
        "settings_preamble": "",
        "usage": "",
        "variant": DISTRIBUTION,
    }


@functools.cache
def _extractors() -> t.Any:
    project = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    return project["plugins"]["extractors"]


def text_of(made: Mapping[str, t.Any]) -> str:
    """A definition as the Hub has it in its files."""
    return yaml.safe_dump(made, allow_unicode=True, width=100)


def files() -> Iterator[tuple[Path, str]]:
    """The definitions as they should be."""
    for name in taps():
        yield FOLDER / f"{name}.yml", text_of(definition(name))


if __name__ == "__main__":
    sys.exit(command("Definitions for the Meltano Hub.", files))
