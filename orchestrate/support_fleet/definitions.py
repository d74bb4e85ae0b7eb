"""The definitions that Dagster loads: ``dagster dev -m support_fleet.definitions``.

The accounts are those of ``defs/*/defs.yaml``, or of the file that ``FLEET_ACCOUNTS`` names.
"""

from __future__ import annotations

import os
from pathlib import Path

import dagster as dg
from dagster._core.definitions.definitions_load_context import (
    DefinitionsLoadContext,
    DefinitionsLoadType,
)

from support_fleet import accounts, meltano
from support_fleet.component import SupportAccounts

HERE = Path(__file__).parents[1]


def files() -> list[Path]:
    """The files of accounts."""
    if file := os.environ.get("FLEET_ACCOUNTS"):
        return [Path(file)]
    return sorted((HERE / "defs").rglob("defs.yaml"))


def fleets() -> list[accounts.Fleet]:
    """What the files say, checked: Dagster's own loader tells an error in many lines."""
    return [fleet for file in files() if (fleet := accounts.read(file))]


@dg.definitions
def definitions() -> dg.Definitions:
    """Load the accounts; when Dagster starts or reloads them, ask the taps for their streams."""
    found = fleets()
    if _is_first_load():
        known = meltano.plugins("extractors")
        meltano.discover({it.tap for fleet in found for it in fleet.accounts} & known.keys())
        meltano.prepare_database()
    if os.environ.get("FLEET_ACCOUNTS"):
        return dg.Definitions.merge(*(SupportAccounts(fleet).build_defs() for fleet in found))
    return dg.load_from_defs_folder(path_within_project=HERE)


def _is_first_load() -> bool:
    """Whether this is no worker, which loads again what the code server has loaded."""
    return DefinitionsLoadContext.get().load_type == DefinitionsLoadType.INITIALIZATION
