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
from tap_zendesk_chat.tap import TapZendeskChat
from tests.conftest import SPAN
from tests.tap_zendesk_chat.conftest import config_for

if t.TYPE_CHECKING:
    from collections.abc import Iterator

BOX = Sandbox(seed=1, size=30, span=SPAN, rate_limits=False)
"""Started here, because the suite wants its configuration when this file is imported."""
BOX.start()
atexit.register(BOX.stop)

TestTapZendeskChat = get_tap_test_class(
    TapZendeskChat,
    config=config_for(BOX, support_access_token=BOX.zendesk_chat.support_token),
    suite_config=SuiteConfig(max_records_limit=150),
    parse_env_config=False,
)

pytestmark = [
    # In one process and in order: the SDK keeps the values of the first attribute it tests.
    pytest.mark.xdist_group("standard"),
    # A warning of the SDK's suite: which fields an event has depends on its type and age.
    pytest.mark.filterwarnings("ignore:Fields in transformed catalog but not in records"),
]


@pytest.fixture(scope="module", autouse=True)
def _box() -> Iterator[None]:
    yield
    BOX.stop()
