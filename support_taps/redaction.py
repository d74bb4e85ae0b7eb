"""Keeps secrets out of the log, whoever writes to it: the last line of defence."""

from __future__ import annotations

import logging
import typing as t

from typing_extensions import override

if t.TYPE_CHECKING:
    from collections.abc import Iterable


def protect_log(values: Iterable[str]) -> None:
    """Let none of these values, and no URL with a query, into the log.

    Args:
        values: Secrets.
    """
    # urllib3 logs every URL at DEBUG.
    logging.getLogger("urllib3").setLevel(logging.INFO)
    for handler in logging.getLogger().handlers:
        handler.addFilter(_WithoutSecrets(values))


class _WithoutSecrets(logging.Filter):
    def __init__(self, values: Iterable[str]) -> None:
        super().__init__()
        self._values = tuple(values)

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if (struck := self._strike(message)) != message:
            record.msg, record.args = struck, ()
        if record.exc_info:
            trace = logging.Formatter().formatException(record.exc_info)
            if (struck := self._strike(trace)) != trace:
                record.exc_text, record.exc_info = struck, None
        return True

    def _strike(self, text: str) -> str:
        for value in self._values:
            text = text.replace(value, "***")
        return text
