"""Changes of a record that fits its type, as one function made for the stream.

As ``dataclasses`` does, the function is written as source and compiled once: a loop over a list of
attributes costs more than a tenth of a tap's whole CPU where many fields change. The source holds
no name that comes from a schema; ``linecache`` has it, so that tracebacks and debuggers show it.
"""

from __future__ import annotations

import hashlib
import linecache
import typing as t

from msgspec import UNSET, Struct

if t.TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from support_taps.records.selection import Deselected
    from support_taps.records.types import Member

    Change = Callable[[Struct], None]


def compiled(
    members: Mapping[str, Member], deselected: Deselected, added: Mapping[str, t.Any]
) -> Change:
    """A function that changes a record in place, and the objects inside it.

    Args:
        members: The properties of the record's type.
        deselected: Those that are taken out.
        added: Values of properties that are not in a record, before any is taken out. They are
            looked up for each record: the values may become others, the names may not.
    """
    source = _Source()
    source.names["added"] = added
    source.write(0, "def change(record):")
    for name in added:
        source.addition(members[name], name)
    source.changes(members, deselected, "record", 1)
    lines = [f"{line}\n" for line in source.lines]
    text = "".join(lines)
    # Named after its text: a run that makes the same function for each of many parents has it once.
    file = f"<changes of a record {hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}>"
    # Without a time of modification the entry stays when linecache looks for files that changed.
    linecache.cache[file] = (len(text), None, lines, file)
    exec(compile(text, file, "exec"), source.names)  # noqa: S102 - our own source
    return t.cast("Change", source.names["change"])


class _Source:
    """Lines of source, and what the names in them stand for."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.names: dict[str, t.Any] = {"UNSET": UNSET, "Struct": Struct}
        self._variables = 0

    def write(self, depth: int, line: str) -> None:
        self.lines.append("    " * depth + line)

    def changes(
        self, members: Mapping[str, Member], deselected: Deselected, record: str, depth: int
    ) -> None:
        """Write the changes of an object, which a variable holds."""
        self.write(depth, "pass")
        for name, member in members.items():
            place = f"{record}.{member.attribute}"
            part = deselected.get(name, {})
            if part is True:
                self.write(depth, f"{place} = UNSET")
            elif member.changes:
                value, changes = self._variable(), self._variable()
                self.names[changes] = member.changes
                self.write(depth, f"{value} = {place}")
                self.write(depth, f"if {value}.__class__ in {changes}:")
                self.write(depth + 1, f"{place} = {changes}[{value}.__class__]({value})")
            elif member.inner:
                self._inside(member, {} if member.in_list else part, place, depth)

    def addition(self, member: Member, name: str) -> None:
        """Write what gives the record a value unless it has one."""
        variable = self._variable()
        self.names[variable] = name
        self.write(1, f"if record.{member.attribute} is UNSET:")
        self.write(2, f"record.{member.attribute} = added[{variable}]")

    def _inside(self, member: Member, deselected: Deselected, place: str, depth: int) -> None:
        item = self._variable()
        if member.in_list:
            value = self._variable()
            self.write(depth, f"{value} = {place}")
            self.write(depth, f"for {item} in {value} if {value}.__class__ is list else ():")
            depth += 1
        else:
            self.write(depth, f"{item} = {place}")
        self.write(depth, f"if isinstance({item}, Struct):")
        self.changes(member.inner, deselected, item, depth + 1)

    def _variable(self) -> str:
        self._variables += 1
        return f"v{self._variables}"
