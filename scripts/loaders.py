"""The loaders as `meltano.yml` ships them, for whoever runs one without Meltano."""

from __future__ import annotations

import typing as t
from pathlib import Path

import yaml

PROJECT = Path(__file__).resolve().parent.parent


class Loader(t.NamedTuple):
    """A loader of `meltano.yml`.

    Args:
        settings: Those that have a value there, but for the ones that Meltano makes of variables.
        env: What its process has in its environment.
    """

    settings: dict[str, t.Any]
    env: dict[str, str]


def shipped(name: str) -> Loader:
    """A loader by its name."""
    project = yaml.safe_load((PROJECT / "meltano.yml").read_text(encoding="utf-8"))
    (found,) = (it for it in project["plugins"]["loaders"] if it["name"] == name)
    values = {it["name"]: it["value"] for it in found["settings"] if "value" in it}
    settings = {name: value for name, value in values.items() if "$" not in str(value)}
    return Loader(settings, found.get("env", {}))
