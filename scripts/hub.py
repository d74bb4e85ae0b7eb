"""Definitions of the taps for the Meltano Hub, from the taps and from ``meltano.yml``.

    python -m scripts.hub [--write]

Without ``--write`` it names the files that are out of date, and fails if there is one. The Hub
wants the keys of a definition in alphabetical order.
"""

from __future__ import annotations

import argparse
import sys
import typing as t

import yaml

from scripts.tables import ROOT, summary
from scripts.taps import DISTRIBUTION, taps

if t.TYPE_CHECKING:
    from collections.abc import Mapping

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
    project = yaml.safe_load((ROOT / "meltano.yml").read_text(encoding="utf-8"))
    (plugin,) = (it for it in project["plugins"]["extractors"] if it["name"] == name)
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


def text_of(made: Mapping[str, t.Any]) -> str:
    """A definition as the Hub has it in its files."""
    return yaml.safe_dump(made, allow_unicode=True, width=100)


def main() -> int:
    """Write, or say what is out of date."""
    parser = argparse.ArgumentParser(description="Definitions for the Meltano Hub.")
    parser.add_argument("--write", action="store_true", help="bring the files up to date")
    write = parser.parse_args().write
    stale = 0
    for name in taps():
        file = FOLDER / f"{name}.yml"
        made = text_of(definition(name))
        if not file.exists() or file.read_text(encoding="utf-8") != made:
            stale += 1
            print(f"hub/{file.name}: {'written' if write else 'out of date: make docs'}")
            if write:
                FOLDER.mkdir(exist_ok=True)
                file.write_text(made, encoding="utf-8")
    return 1 if stale and not write else 0


if __name__ == "__main__":
    sys.exit(main())
