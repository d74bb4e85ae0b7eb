"""``make desk``: all taps on made-up data, into one support desk and a page that shows it.

The sandbox that stands in for the vendors is part of this process; PostgreSQL comes with a package,
keeps its data in a folder of its own and is gone with it. The page stays: ``output/desk``.
"""

from __future__ import annotations

import dataclasses
import json
import re
import sys
import time

from scripts.made_up import (
    ROOT,
    MadeUpError,
    ends_well,
    postgres,
    run_meltano,
    sandbox,
    variable,
)
from scripts.taps import programs, streams, taps, vendor_of

OUTPUT = ROOT / "output" / "desk"
LOG = OUTPUT / "desk.log"
PAGE = OUTPUT / "support_desk.html"
USER = DATABASE = "postgres"

_MADE = re.compile(r"(\d+) of (\d+) (?:OK|PASS|WARN|ERROR|FAIL)")
_DONE = re.compile(r"Done\. (PASS=\d+ WARN=\d+ ERROR=\d+)")


def main() -> int:
    """Run it.

    Returns:
        The exit code.
    """
    return ends_well("desk", _desk)


def _desk() -> None:
    started = time.monotonic()
    PAGE.unlink(missing_ok=True)
    with sandbox() as box, postgres("desk-") as folder:
        names = [tap for tap in programs() if vendor_of(tap) in box.vendors]
        print(f"A stand-in for the vendors listens on {box.url}, PostgreSQL in {folder}.")
        print("Meltano runs:", flush=True)
        # The state of an earlier run speaks of another database.
        command = ["run", "--full-refresh", "--no-state-update"]
        command += [it for tap in names for it in (tap, "target-postgres")]
        database = {
            "TARGET_POSTGRES_SQLALCHEMY_URL": (
                f"postgresql+psycopg://{USER}@/{DATABASE}?host={folder}"
            ),
            "DESK_HOST": str(folder),
            "DESK_USER": USER,
            "DESK_DATABASE": DATABASE,
            "DESK_PAGE": str(PAGE),
        } | {variable(tap, "_select"): json.dumps(_selection(tap)) for tap in names}
        run_meltano(
            box, names, [*command, "desk:build", "desk:page"], LOG, database, Progress(started)
        )
    if not PAGE.is_file():
        msg = f"there is no page (log: {LOG.relative_to(ROOT)})"
        raise MadeUpError(msg)
    print(f"\nThe support desk after {time.monotonic() - started:.0f} s: {PAGE}")
    print("The same with a real account: transform/README.md")


def streams_of(vendor: str) -> set[str]:
    """The streams of a vendor that the models read."""
    prefix = f"stg_{vendor}__"
    files = (ROOT / "transform" / "models" / "staging" / vendor).glob(f"{prefix}*.sql")
    return {file.stem.removeprefix(prefix) for file in files}


def _selection(tap: str) -> list[str]:
    """The streams that are read, for Meltano: no request for each record of a parent."""
    wanted = streams_of(vendor_of(tap))
    found = [it.name for it in streams(taps()[tap]) if it.selected_by_default]
    return [f"{name}.*" for name in found if name in wanted]


@dataclasses.dataclass
class Progress:
    """Tells of each step of Meltano when it begins, from its log.

    Args:
        started: When all of it began, by the monotonic clock.
        step: The plugin that runs.
        quarters: How much of dbt's work is done.
    """

    started: float
    step: str = ""
    quarters: int = 0

    def __call__(self, line: str) -> None:
        """Look at a line of the log."""
        for name in (*programs(), "desk"):
            if f" {name} " in line and name != self.step:
                self.step = name
                into = "dbt: tables and their tests, then the page" if name == "desk" else name
                self._tell(into)
        if found := _MADE.search(line):
            done = int(found[1]) * 4 // int(found[2])
            if done > self.quarters:
                self.quarters = done
                self._tell(f"  {found[1]} of {found[2]}")
        elif found := _DONE.search(line):
            self._tell(f"  {found[1]}")

    def _tell(self, text: str) -> None:
        print(f"  {time.monotonic() - self.started:4.0f} s  {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
