"""The SDK's own suite of tests, against the sandbox.

Two of its tests say nothing (unique keys, final state): see ``test_sync.py`` and
``test_state.py``.
"""

from __future__ import annotations

import atexit
import typing as t

import pytest

from sandbox import Sandbox
from tap_deepconverse.tap import TapDeepConverse
from tests.conftest import SPAN
from tests.sdk_suite import sdk_suite
from tests.tap_deepconverse.conftest import config_for

if t.TYPE_CHECKING:
    from collections.abc import Iterator

BOX = Sandbox(seed=1, size=30, span=SPAN, rate_limits=False)
"""Started here, because the suite wants its configuration when this file is imported."""
BOX.start()
atexit.register(BOX.stop)

TestTapDeepConverse = sdk_suite(
    TapDeepConverse,
    config=config_for(BOX),
)

pytestmark = [
    # In one process, which reads all streams once.
    pytest.mark.xdist_group("standard"),
    # Of an attribute that is null wherever there is one.
    pytest.mark.filterwarnings("ignore:No records were available to test"),
]


@pytest.fixture(scope="module", autouse=True)
def _box() -> Iterator[None]:
    yield
    BOX.stop()
