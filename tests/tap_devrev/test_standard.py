"""The SDK's own suite of tests, against the sandbox.

Two of its tests say nothing (unique keys, final state): see ``test_sync.py`` and
``test_state.py``.
"""

from __future__ import annotations

import atexit
import typing as t

import pytest
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from sandbox import Sandbox
from tap_devrev.tap import TapDevRev
from tests.conftest import SPAN, everything
from tests.tap_devrev.conftest import config_for

if t.TYPE_CHECKING:
    from collections.abc import Iterator

BOX = Sandbox(seed=1, size=30, span=SPAN, rate_limits=False)
"""Started here, because the suite wants its configuration when this file is imported."""
BOX.start()
atexit.register(BOX.stop)

TestTapDevRev = get_tap_test_class(
    TapDevRev,
    config=config_for(BOX),
    suite_config=SuiteConfig(max_records_limit=150),
    parse_env_config=False,
    catalog=everything("tap_devrev"),
)

# In one process and in order: the SDK keeps the values of the first attribute it tests.
pytestmark = pytest.mark.xdist_group("standard")


@pytest.fixture(scope="module", autouse=True)
def _box() -> Iterator[None]:
    yield
    BOX.stop()
