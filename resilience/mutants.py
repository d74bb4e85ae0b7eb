"""The mechanism broken on purpose, in texts of its functions, to see that the checks notice.

A harness that has never been seen to fail proves nothing. ``mutants.yml`` lists the mutants; one
is put into the forked process only, and the cases that could show it are played until one fails.
"""

from __future__ import annotations

import dataclasses
import inspect
import pkgutil
import textwrap
import types
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One break.

    Args:
        what: In words.
        streams: The subjects to play it on.
        kinds: Patterns of the kinds of cases that should show it.
        functions: By each function's place, the texts in it and what stands in their place.
    """

    what: str
    streams: list[str]
    kinds: list[str]
    functions: Mapping[str, Mapping[str, str]]

    def could_show_in(self, kind: str) -> bool:
        """Whether cases of a kind are played."""
        return any(fnmatch(kind, pattern) for pattern in self.kinds)

    def broken(self) -> Iterator[tuple[types.FunctionType, types.CodeType]]:
        """The functions and what they become.

        Raises:
            ValueError: A text is not in its function once: the function has changed since.
        """
        for place, changes in self.functions.items():
            found = pkgutil.resolve_name(place)
            function: Any = found.fget if isinstance(found, property) else found
            yield function, _changed(function, changes)

    def apply(self) -> None:
        """Break the functions, wherever they have been imported."""
        for function, code in self.broken():
            function.__code__ = code


def _changed(function: types.FunctionType, changes: Mapping[str, str]) -> types.CodeType:
    source = textwrap.dedent(inspect.getsource(function))
    for text, replacement in changes.items():
        before, *others = source.split(text)
        if len(others) != 1:
            msg = f"{function.__qualname__} has {text!r} {len(others)} times"
            raise ValueError(msg)
        line = before.rpartition("\n")[2]
        indent = line[: len(line) - len(line.lstrip())]
        source = before + replacement.replace("\n", f"\n{indent}") + others[0]
    made = compile(source, f"<mutant of {function.__qualname__}>", "exec").co_consts
    return next(
        code
        for code in made
        if isinstance(code, types.CodeType) and code.co_name == function.__name__
    )


_FILE = Path(__file__).with_suffix(".yml")
MUTANTS = {
    name: Mutant(**listed)
    for name, listed in yaml.safe_load(_FILE.read_text(encoding="utf-8")).items()
}
