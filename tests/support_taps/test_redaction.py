"""No secret reaches the log, in whatever way somebody logs it."""

from __future__ import annotations

import io
import logging
import typing as t

import pytest
from hypothesis import given
from hypothesis import strategies as st

from support_taps.redaction import Secrets, one_line, protect_log

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
    protect_log(Secrets([SECRET, "another-one"]))
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


@pytest.mark.parametrize(
    "form",
    [
        'to+ken/"of<us>&',
        "to%2Bken%2F%22of%3Cus%3E%26",
        "to%2bken/%22of%3cus%3e%26",
        r"to+ken\/\"of\u003Cus\u003e\u0026",
        "to&#43;ken&#x2F;&quot;of&lt;us&gt;&amp;",
    ],
)
def test_a_secret_is_struck_out_however_it_is_escaped(form: str) -> None:
    secrets = Secrets(['to+ken/"of<us>&', 'to+ken/"of'])
    assert secrets.strike(f"<{form}>") == "<***>"


@given(st.integers(0, 400))
def test_no_part_of_a_secret_is_left_at_the_end_of_a_text_that_was_cut(end: int) -> None:
    text = (f"{'x' * 200} {SECRET} and so on " * 2)[:end]
    struck = Secrets([SECRET]).strike_cut(text)
    assert not any(SECRET[:length] in struck for length in range(4, len(SECRET) + 1))


def test_without_secrets_nothing_is_struck_out() -> None:
    assert Secrets().strike("hello") == Secrets().strike_cut("hello") == "hello"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("two\nlines\r\n", "two lines"),
        ("\x1b[31mred\x00\x7f\x9b", "[31mred"),
        ("a\u2028b\u0085c\u202ed", "a b c d"),
        ("plain  words", "plain words"),
    ],
)
def test_a_text_becomes_one_line_that_cannot_pose_as_two(text: str, line: str) -> None:
    assert one_line(text) == line


@pytest.mark.parametrize(
    ("message", "told"),
    [
        ("Failed to parse headers (url=https://a.example/x?after=1&bot=me): no", "?***): no"),
        ("Retrying after it broke: /export/v1?start_time=5&cursor=abc", "/export/v1?***"),
        ("GET https://a.example/x?q='a' is it", "https://a.example/x?***'a' is it"),
        ("what is a=b? nobody knows", "what is a=b? nobody knows"),
        ("two\nlines", "two lines"),
    ],
)
def test_no_librarys_line_shows_a_query_or_has_two_lines(
    log: io.StringIO, message: str, told: str
) -> None:
    logging.getLogger("urllib3.connection").warning("%s", message)
    (line,) = log.getvalue().splitlines()
    assert line.endswith(told)


def test_handlers_of_any_logger_are_protected() -> None:
    logger = logging.getLogger("tests.elsewhere")
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    logger.addHandler(handler)
    logger.propagate = False
    protect_log(Secrets([SECRET]))
    logger.error(SECRET)
    logger.removeHandler(handler)
    assert written.getvalue() == "***\n"
