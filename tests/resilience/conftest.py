"""Stages, on which the tests play."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

import pytest

from resilience.stage import Stage
from resilience.subjects import SUBJECTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def stage_of(tmp_path: Path) -> Iterator[Callable[[str], Stage]]:
    """Makes the stage of a stream."""
    with contextlib.ExitStack() as stack:
        yield lambda name: stack.enter_context(Stage(SUBJECTS[name], 1, tmp_path))


@pytest.fixture
def stage(stage_of: Callable[[str], Stage]) -> Stage:
    """The stage of Dixa's conversations, where the stream does not matter."""
    return stage_of("tap-dixa/conversations")
