"""No secret reaches the log, in whatever way somebody logs it."""

from __future__ import annotations

import io
import logging
import typing as t

import pytest

from support_taps.redaction import protect_log

if t.TYPE_CHECKING:
    from collections.abc import Iterator

SECRET = "hunter2-hunter2"  # noqa: S105


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """The output of a protected handler of the root logger."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    root = logging.getLogger()
    root.addHandler(handler)
    level, root.level = root.level, logging.DEBUG
    protect_log([SECRET, "another-one"])
    yield written
    root.setLevel(level)
    root.removeHandler(handler)


def test_secrets_are_struck_out_of_messages_and_arguments(log: io.StringIO) -> None:
    logger = logging.getLogger("tests.redaction")
    logger.info(f"with {SECRET} and another-one")  # noqa: G004 - as some libraries do
    logger.warning("with %s", SECRET)
    logger.error("with %r", {"Authorization": f"Bearer {SECRET}"})
    assert SECRET not in log.getvalue()
    assert "another-one" not in log.getvalue()
    assert log.getvalue().splitlines() == [
        "with *** and ***",
        "with ***",
        "with {'Authorization': 'Bearer ***'}",
    ]


def test_other_messages_are_left_as_they_are(log: io.StringIO) -> None:
    logging.getLogger("tests.redaction").info("100 %% of %d", 5)
    assert log.getvalue() == "100 % of 5\n"


def test_no_traceback_shows_a_secret(log: io.StringIO) -> None:
    """An error's text can hold what was sent: ``InvalidHeader`` of requests does."""
    try:
        raise ValueError(SECRET)  # noqa: TRY301
    except ValueError:
        logging.getLogger("tests.redaction").debug("where it happened", exc_info=True)
    assert "where it happened" in log.getvalue()
    assert SECRET not in log.getvalue()


def test_urllib3_does_not_log_queries(log: io.StringIO) -> None:
    logging.getLogger("urllib3.connectionpool").debug('"GET /x?token=1 HTTP/1.1" 200')
    assert not log.getvalue()
