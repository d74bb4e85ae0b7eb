"""Keeps secrets out of the log, whoever writes to it: the last line of defence.

A secret is struck out in whatever form it comes back, as it is or escaped for a URL, for JSON or
for HTML, and before a text is cut, since a part of a secret is no longer recognised as one.
"""

from __future__ import annotations

import html.entities
import logging
import re
import typing as t

from typing_extensions import override

if t.TYPE_CHECKING:
    from collections.abc import Iterable

_STRUCK = "***"
_LONGEST_ESCAPE = len("&Backslash;")
_QUERY = re.compile(r"(?<=[\w/.:\]~-])\?[^\s?&=\"'<>()]+=[^\s\"'<>()]*")
"""A query right behind a URL or a path. A question in a sentence has no ``=`` in its next word."""


class Secrets:
    """The secrets of a run, and how to strike them out.

    Args:
        values: The secrets.
    """

    def __init__(self, values: Iterable[str] = ()) -> None:
        """Make the patterns once."""
        self._values: set[str] = set()
        self.add(*values)

    def add(self, *more: str) -> None:
        """Strike these out as well, from now on: tokens that are fetched while the run goes on."""
        self._values.update(more)
        values = sorted(self._values, key=len, reverse=True)  # one may begin with another
        self.longest = max(map(len, values), default=0) * _LONGEST_ESCAPE
        """Characters that a secret may take up in a text, escaped at its worst."""
        self._pattern = re.compile("|".join("".join(map(_forms, value)) for value in values))

    def strike(self, text: str) -> str:
        """The text without the secrets."""
        return self._pattern.sub(_STRUCK, text) if self.longest else text

    def strike_cut(self, text: str) -> str:
        """The same for a text that has been cut off at its end, where a part of one may stand."""
        struck = self.strike(text)
        return struck[: max(0, len(struck) - self.longest)] if self.longest else struck


def one_line(text: str) -> str:
    """A text without line breaks and control characters, which could pose as lines of their own."""
    if not text.isprintable():
        text = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(text.split())


def protect_log(secrets: Secrets) -> None:
    """Let no secret, no query of a URL and no second line into the log.

    Args:
        secrets: Those of this run.
    """
    # urllib3 logs every URL at DEBUG.
    logging.getLogger("urllib3").setLevel(logging.INFO)
    named = (logging.getLogger(name) for name in list(logging.root.manager.loggerDict))
    for logger in (logging.root, *named):
        for handler in logger.handlers:
            handler.addFilter(_Discreet(secrets))


class _Discreet(logging.Filter):
    def __init__(self, secrets: Secrets) -> None:
        super().__init__()
        self._secrets = secrets

    @override
    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        told = self._strike(message)
        if not told.isprintable():
            told = one_line(told)
        if told != message:
            record.msg, record.args = told, ()
        if record.exc_info:
            trace = logging.Formatter().formatException(record.exc_info)
            if (struck := self._strike(trace)) != trace:
                record.exc_text, record.exc_info = struck, None
        return True

    def _strike(self, text: str) -> str:
        return _QUERY.sub(f"?{_STRUCK}", self._secrets.strike(text))


def _forms(character: str) -> str:
    """A pattern of all the ways to write one character of a secret (printable ASCII)."""
    code = ord(character)
    forms = [
        f"%(?i:{code:02x})",
        rf"\\u(?i:{code:04x})",
        rf"&#0*{code};",
        f"&#[xX]0*(?i:{code:x});",
        *(f"&{name}" for name in sorted(_ENTITIES.get(character, ()), key=len, reverse=True)),
    ]
    if not character.isalnum():
        forms.append(re.escape(f"\\{character}"))
    forms.append(re.escape(character))  # last: an ampersand begins other forms of itself
    return f"(?:{'|'.join(forms)})"


_ENTITIES: t.Final[dict[str, list[str]]] = {}
for _name, _character in html.entities.html5.items():
    if len(_character) == 1 and " " < _character <= "~":
        _ENTITIES.setdefault(_character, []).append(_name)
