"""Tables about the taps, made from the taps themselves.

    python -m scripts.tables [--write]

Without ``--write`` it names the files that are out of date, and fails if there is one. It fills
the space between two marks, in Markdown and in YAML:

    <!-- taps -->               …  <!-- end -->
    <!-- sizes -->              …  <!-- end -->     runs an hour at the vendors' rate limits
    <!-- settings -->           …  <!-- end -->     those that all taps have alike
    <!-- settings:tap-dixa -->  …  <!-- end -->     the others of a tap
    <!-- streams:tap-dixa -->   …  <!-- end -->
    # settings:tap-dixa         …  # end            all settings of a tap, for Meltano
    # select:tap-dixa           …  # end            without the streams that are off by default
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
import sys
import typing as t
from pathlib import Path

from scripts import sizing
from scripts.taps import streams, taps
from support_taps.streams.child import PartsStream

if t.TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from singer_sdk import Tap
    from singer_sdk.streams import RESTStream

ROOT = Path(__file__).parent.parent
FILES = (
    "README.md",
    "docs/fleet.md",
    "docs/settings.md",
    "meltano.yml",
    *sorted(f"{folder.name}/README.md" for folder in ROOT.glob("tap_*") if folder.is_dir()),
)

_BLOCK = re.compile(
    r"^(?P<first>(?P<indent>\ *)(?P<mark><!--|\#)\ "
    r"(?P<what>(?P<table>taps|sizes|settings|streams|select)(?::(?P<tap>[\w-]+))?)(?=\s).*\n)"
    r"(?:.*\n)*?"
    r"(?P<last>\ *(?P=mark)\ end\b)",
    re.MULTILINE | re.VERBOSE,
)
_KINDS = {"number": "string"}
"""Types that Meltano calls otherwise. Its `decimal` fails on values from the environment, and the
taps take a number that is written as text."""


@dataclasses.dataclass(frozen=True)
class Setting:
    """A setting as its tap declares it.

    Args:
        name: Its name.
        schema: Its JSON schema.
        required: Whether there is no run without it.
        own: Whether it is the tap's, and not one that the SDK gives to every tap.
    """

    name: str
    schema: Mapping[str, t.Any]
    required: bool
    own: bool

    @property
    def type(self) -> str:
        """Its JSON type, or what a text stands for."""
        if self.schema.get("format") == "date-time":
            return "date-time"
        types = self.schema["type"]
        return types if isinstance(types, str) else next(name for name in types if name != "null")

    @property
    def kind(self) -> str:
        """Meltano's name of its type."""
        return "date_iso8601" if self.type == "date-time" else _KINDS.get(self.type, self.type)

    @property
    def is_secret(self) -> bool:
        """Whether nobody may see it."""
        return bool(self.schema.get("secret"))


def settings(tap: type[Tap]) -> list[Setting]:
    """The settings of a tap, its own first."""
    of_sdk: dict[str, t.Any] = {"properties": {}}
    tap.append_builtin_config(of_sdk)
    schemas = {**tap.config_jsonschema["properties"], **of_sdk["properties"]}
    required = tap.config_jsonschema.get("required", ())
    found = [
        Setting(name, schema, name in required, name not in of_sdk["properties"])
        for name, schema in schemas.items()
    ]
    return sorted(found, key=lambda setting: not setting.own)


def common() -> dict[str, Setting]:
    """The settings that all taps have alike, by name."""
    first, *others = ({it.name: it for it in settings(tap)} for tap in taps().values())
    return {
        name: setting
        for name, setting in first.items()
        if setting.own and all(each.get(name) == setting for each in others)
    }


def settings_table(chosen: Iterable[Setting]) -> list[str]:
    """Settings as a Markdown table."""
    return _table(
        ("Setting", "Type", "Default", "Description"),
        (
            (
                f"`{setting.name}`",
                f"{setting.type}, secret" if setting.is_secret else setting.type,
                "**required**" if setting.required else _default(setting.schema),
                setting.schema["description"],
            )
            for setting in chosen
        ),
    )


def taps_table() -> list[str]:
    """The taps as a Markdown table."""
    return _table(
        ("Tap", "Reads", "Streams"),
        (
            (
                f"[{name}]({tap.__module__.partition('.')[0]}/README.md)",
                summary(tap).rstrip("."),
                str(len(streams(tap))),
            )
            for name, tap in taps().items()
        ),
    )


def streams_table(tap: type[Tap]) -> list[str]:
    """The streams of a tap as a Markdown table."""
    return _table(
        ("Stream", "Records", "Endpoint", "Key", "How it is read"),
        (
            (
                f"`{stream.name}`",
                summary(type(stream)).rstrip("."),
                f"{stream.http_method} `{stream.path}`" if stream.path else "",
                ", ".join(f"`{key}`" for key in stream.primary_keys or ()),
                way(stream),
            )
            for stream in streams(tap)
        ),
    )


def way(stream: RESTStream[t.Any]) -> str:
    """How a stream is read, in a few words."""
    if stream.replication_key:
        off = "" if stream.selected_by_default else "; off by default"
        return f"incremental: `{stream.replication_key}`{off}"
    if stream.parent_stream_type:
        parent = t.cast("t.Any", stream.parent_stream_type).name
        if isinstance(stream, PartsStream):
            return f"made from `{parent}`"
        off = "" if stream.selected_by_default else "; off by default"
        return f"a request for each of `{parent}`{off}"
    return "full table" if stream.selected_by_default else "full table; off by default"


def settings_yaml(tap: type[Tap]) -> list[str]:
    """All settings of a tap for ``meltano.yml``."""
    lines = []
    for setting in settings(tap):
        items = {"name": setting.name, "label": setting.schema["title"], "kind": setting.kind}
        if setting.is_secret:
            items["sensitive"] = True
        if "default" in setting.schema:
            items["value"] = setting.schema["default"]
        text = ", ".join(
            f"{name}: {json.dumps(value) if isinstance(value, bool) else value}"
            for name, value in items.items()
        )
        description = json.dumps(setting.schema["description"], ensure_ascii=False)
        lines += [f"- {{{text},", f"   description: {description}}}"]
    return lines


def select_yaml(tap: type[Tap]) -> list[str]:
    """The selection of a tap for ``meltano.yml``."""
    off = [stream.name for stream in streams(tap) if not stream.selected_by_default]
    return ["- '*.*'", *(f"- '!{name}.*'" for name in off)]


def lines_of(table: str, tap: str | None, *, is_yaml: bool) -> list[str]:
    """The lines of a block.

    Args:
        table: Which one.
        tap: Name of the tap that it is about; None: it is about all.
        is_yaml: Whether it is for ``meltano.yml``.
    """
    if table == "sizes":
        return _table(*sizing.table())
    if tap is None:
        return taps_table() if table == "taps" else settings_table(common().values())
    cls = taps()[tap]
    if is_yaml:
        return select_yaml(cls) if table == "select" else settings_yaml(cls)
    if table == "streams":
        return streams_table(cls)
    shared = common()
    return settings_table(it for it in settings(cls) if it.own and it.name not in shared)


def updated(text: str) -> str:
    """A file with every block made anew."""

    def fill(block: re.Match[str]) -> str:
        lines = lines_of(block["table"], block["tap"], is_yaml=block["mark"] == "#")
        body = "".join(f"{block['indent']}{line}\n" for line in lines)
        return block["first"] + body + block["last"]

    return _BLOCK.sub(fill, text)


def blocks(text: str) -> list[str]:
    """Names of the blocks of a file."""
    return [block["what"] for block in _BLOCK.finditer(text)]


def summary(cls: type) -> str:
    """The first line of a class's docstring."""
    return (cls.__doc__ or "").partition("\n")[0]


def _default(schema: Mapping[str, t.Any]) -> str:
    return f"`{json.dumps(schema['default'])}`" if "default" in schema else ""


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> list[str]:
    escaped = (tuple(cell.replace("|", "\\|") for cell in row) for row in rows)
    lines = [f"| {' | '.join(row)} |" for row in (head, *escaped)]
    lines.insert(1, "|" + " --- |" * len(head))
    return lines


def command(description: str, made: Callable[[], Iterable[tuple[Path, str]]]) -> int:
    """Write generated files, or say which are out of date: the whole of a program.

    Args:
        description: What the program is about.
        made: Gives the files with their text as it should be.

    Returns:
        The exit code.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--write", action="store_true", help="bring the files up to date")
    write = parser.parse_args().write
    stale = 0
    for file, text in made():
        if not file.exists() or file.read_text(encoding="utf-8") != text:
            stale += 1
            name = file.relative_to(ROOT).as_posix()
            print(f"{name}: {'written' if write else 'out of date: make docs'}")
            if write:
                file.parent.mkdir(exist_ok=True)
                file.write_text(text, encoding="utf-8")
    return 1 if stale and not write else 0


def files() -> Iterator[tuple[Path, str]]:
    """The documents with their tables as they should be."""
    for name in FILES:
        file = ROOT / name
        yield file, updated(file.read_text(encoding="utf-8"))


if __name__ == "__main__":
    sys.exit(command("Tables of settings and streams.", files))
