"""The SDK's own suite of tests, against the sandbox.

Two of its tests say nothing (unique keys, final state): see ``test_sync.py`` and
``test_state.py``. ``.env`` files are left out, since the SDK looks for them above its own folder.
"""

from __future__ import annotations

import atexit
import typing as t

import pytest

from sandbox import Sandbox
from tap_dixa.tap import TapDixa
from tests.conftest import SPAN, everything, run_tap
from tests.sdk_suite import sdk_suite
from tests.tap_dixa.conftest import config_for

if t.TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.conftest import Record, Run

BOX = Sandbox(seed=1, size=60, span=SPAN, rate_limits=False)
"""Started here, because the suite wants its configuration when this file is imported."""
BOX.start()
atexit.register(BOX.stop)

TestTapDixa = sdk_suite(
    TapDixa,
    config=config_for(BOX),
    catalog=everything("tap_dixa"),
)

pytestmark = [
    # In one process, which reads all streams once.
    pytest.mark.xdist_group("standard"),
    # Of an attribute that is null wherever there is one.
    pytest.mark.filterwarnings("ignore:No records were available to test"),
    # A warning of the SDK's suite: Dixa leaves out fields that are null.
    pytest.mark.filterwarnings("ignore:Fields in transformed catalog but not in records"),
]


@pytest.fixture(scope="module", autouse=True)
def _box() -> Iterator[None]:
    yield
    BOX.stop()


def run_from_environment(config: Record) -> Run:
    """Run with settings that are nowhere but in the environment."""
    variables = {f"TAP_DIXA_{name.upper()}": str(value) for name, value in config.items()}
    return run_tap("tap_dixa", {}, arguments=["--config", "ENV"], environment=variables)


def test_settings_come_from_the_environment_when_asked() -> None:
    config = config_for(BOX, end_date="2025-01-05", window_days=2)
    for name in ("rate_limit_share", "request_timeout"):
        del config[name]
    done = run_from_environment(config).succeeded()
    assert done.records("conversations")
    assert done.bookmarks["messages"]["replication_key_value"] == "2025-01-05T00:00:00.000Z"


def test_settings_with_a_fraction_come_from_the_environment_too() -> None:
    """The SDK makes integers and booleans of an environment variable, and leaves numbers text."""
    run_from_environment(config_for(BOX, rate_limit_share=0.5, end_date="2025-01-05")).succeeded()


def test_about_tells_every_setting_and_marks_the_secret() -> None:
    text = run_tap("tap_dixa", {}, arguments=["--about", "--format", "json"]).stdout.decode()
    for name in (*config_for(BOX), "lookback_minutes", "window_days", "user_agent"):
        assert f'"{name}"' in text
    assert '"secret": true' in text
