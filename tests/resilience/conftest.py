"""A fork server for all tests here, and stages on it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from resilience.forks import ForkServer
from resilience.stage import Stage
from resilience.subjects import SUBJECTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture(scope="session")
def server() -> Iterator[ForkServer]:
    """One process that has the SDK imported."""
    with ForkServer() as server:
        yield server


@pytest.fixture
def stage_of(server: ForkServer, tmp_path: Path) -> Iterator[Callable[[str], Stage]]:
    """Makes the stage of a stream."""
    stages: list[Stage] = []

    def make(name: str) -> Stage:
        stages.append(Stage(SUBJECTS[name], 1, server, tmp_path).__enter__())
        return stages[-1]

    yield make
    for stage in stages:
        stage.__exit__(None, None, None)


@pytest.fixture
def stage(stage_of: Callable[[str], Stage]) -> Stage:
    """The stage of Dixa's conversations, where the stream does not matter."""
    return stage_of("tap-dixa/conversations")
