"""A run that is killed in its middle, and started again, leaves the same tables."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from .postgres import Database, assert_holds_truth, truth
from .tools import tap_config
from .truth import EXPORTS

if TYPE_CHECKING:
    from collections.abc import Callable

    from sandbox import Sandbox

    from .tools import Pipeline

KILLED = -signal.SIGKILL


def total(box: Sandbox, vendor: str) -> int:
    """All records of a vendor."""
    return sum(len(truth(box, vendor, stream)) for stream in EXPORTS[vendor])


@pytest.mark.parametrize("vendor", EXPORTS)
def test_after_the_tap_was_killed_the_next_run_goes_on_from_the_last_state(
    box: Sandbox, database: Database, into_postgres: Callable[..., Pipeline], vendor: str
) -> None:
    pipeline, config = into_postgres(vendor), tap_config(box, vendor)
    broken = pipeline.run_until(config, kill="tap")
    assert (broken.tap_code, broken.target_code) == (KILLED, 0), broken.target_log
    assert broken.state
    stream = next(name for name in EXPORTS[vendor] if broken.records(name))
    assert 0 < len(database.table(vendor, stream)) < len(truth(box, vendor, stream))

    resumed = pipeline.run(config, broken.state).succeeded()
    assert_holds_truth(database, box, vendor)
    assert sum(len(resumed.records(stream)) for stream in EXPORTS[vendor]) < total(box, vendor)


@pytest.mark.parametrize("vendor", EXPORTS)
def test_after_the_target_was_killed_no_row_is_missing_or_double(
    box: Sandbox, database: Database, into_postgres: Callable[..., Pipeline], vendor: str
) -> None:
    """It had written some rows and no state: they are all sent again."""
    pipeline, config = into_postgres(vendor, batch_size_rows=10), tap_config(box, vendor)
    broken = pipeline.run_until(config, kill="target")
    assert broken.target_code == KILLED
    assert broken.state is None
    assert "the target closed the pipe before the end" in broken.tap_log
    assert broken.tap_code == 1

    pipeline.run(config).succeeded()
    assert_holds_truth(database, box, vendor)


def test_half_a_line_does_no_harm(
    box: Sandbox, database: Database, into_postgres: Callable[..., Pipeline]
) -> None:
    """The target refuses it and has written no state: the next run starts where this one did."""
    pipeline, config = into_postgres("dixa"), tap_config(box, "dixa")
    broken = pipeline.run_until(config, kill="tap", cut=True)
    assert broken.tap_code == KILLED
    assert broken.target_code != 0
    assert broken.state is None

    pipeline.run(config).succeeded()
    assert_holds_truth(database, box, "dixa")
