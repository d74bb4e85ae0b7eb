"""The report of ``--test``: what an account gives to each stream, without a value of any record.

It is made to be pasted into an issue. So it names types and listed fields, and of free-form objects
(custom fields, metadata) not even the names that are in them.
"""

from __future__ import annotations

import itertools
import platform
import textwrap
import typing as t

from singer_sdk.exceptions import FatalAPIError

from support_taps.command import told
from support_taps.errors import FatalResponseError
from support_taps.json_codec import decode
from support_taps.records.json_types import alternatives, type_name
from support_taps.wording import counted, named

if t.TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from singer_sdk.helpers.types import Context

# Streams and the tap are not imported: they lead here, and dependencies point one way.
Stream = t.Any
Tap = t.Any

_MOST_NAMES = 30
_MOST_PARENTS = 5


class ConnectionTest:
    """Asks for the first records of every stream, selected or not, and writes none of them.

    Args:
        tap: The tap, with its settings.
    """

    def __init__(self, tap: Tap) -> None:
        """Nothing has been asked for yet."""
        self._tap = tap
        self._first: dict[str, list[bytes]] = {}
        """The first records of each stream that has some, by its name."""

    def report(self) -> Iterator[str]:
        """The lines of the report, as they come up.

        Raises:
            FatalAPIError: After the last line, if a stream could not be read.
        """
        tap = self._tap
        yield (
            f"{tap.name} {tap.plugin_version}, singer-sdk {tap.sdk_version}, "
            f"Python {platform.python_version()}, {platform.system()}"
        )
        failed = 0
        streams = sorted(tap.streams.values(), key=self._generation)
        for stream in streams:
            yield ""
            if stream.url_setting not in tap.url_settings:
                yield f"{stream.name}: not tried, there are no credentials for it"
                continue
            try:
                yield from self._report_on(stream)
            except Exception as error:  # noqa: BLE001 - whatever it is, the others are tried
                missing = isinstance(error, FatalResponseError) and error.is_missing
                failed += not missing
                yield f"{stream.name}: {'not there' if missing else 'FAILED'}: {told(error)}"
            limits = {
                name: value
                for name, value in stream.last_headers.items()
                if "ratelimit" in name.lower().replace("-", "")
            }
            if limits:
                yield f"  rate limit: {', '.join(f'{name}: {it}' for name, it in limits.items())}"
        yield ""
        yield f"clock: {tap.clock.described}"
        if failed:
            msg = f"{failed} of {len(streams)} streams cannot be read"
            raise FatalAPIError(msg)
        yield f"{len(self._first)} of {len(streams)} streams have records"

    def _report_on(self, stream: Stream) -> Iterator[str]:
        """Read the first records of a stream, and describe them."""
        raws = self._first_records(stream)
        count = stream.progress.requests
        asked = counted(count, "request") if count else "no request"
        if not raws:
            yield f"{stream.name}: no record ({asked})"
            return
        self._first[stream.name] = raws
        for raw in raws:
            stream.plan.record(raw)
        yield f"{stream.name}: looked at {len(raws)} of its records ({asked})"
        came = _fields([decode(raw) for raw in raws], stream.schema)
        yield from textwrap.wrap(
            f"came: {', '.join(came)}", initial_indent="  ", subsequent_indent="    ", width=100
        )
        listed = stream.schema["properties"].keys() - stream.parent_fields.keys()
        top = {name.partition(" ")[0] for name in came}
        yield from _names("did not come", sorted(listed - top))
        yield from _names("not in the schema", sorted(stream.plan.unknown))
        yield from _names(
            "of another type", [f"{path} ({it.got})" for path, it in stream.plan.drifted.items()]
        )

    def _first_records(self, stream: Stream) -> list[bytes]:
        """The first records that come, as many as come at once."""
        if stream.parent_stream_type is not None and not stream.asks_for_each_parent:
            parents = self._first.get(self._parent(stream).name, [])
            return [part for raw in parents for part in stream.parts_of(raw)]
        for context in self._contexts(stream):
            pages = stream.read_pages(context, lambda raws: raws)
            for raws in pages:
                if raws:
                    return list(raws)
        return []

    def _generation(self, stream: Stream) -> int:
        """How many parents and parents' parents come before a stream."""
        if stream.parent_stream_type is None:
            return 0
        return 1 + self._generation(self._parent(stream))

    def _parent(self, stream: Stream) -> Stream:
        return self._tap.streams[stream.parent_stream_type.name]

    def _contexts(self, stream: Stream) -> Iterable[Context | None]:
        """The partitions to look at; those of a child are the first records of its parent."""
        if stream.parent_stream_type is None:
            return [*(stream.partitions or (None,))]
        parent, fields = self._parent(stream), stream.parent_fields.items()
        contexts = (
            {own: (context or {}).get(own, record.get(theirs)) for own, theirs in fields}
            for record in map(decode, self._first.get(parent.name, []))
            for context in parent.generate_child_contexts(record, None)
        )
        return itertools.islice(contexts, _MOST_PARENTS)


def _fields(records: list[t.Any], schema: Mapping[str, t.Any]) -> list[str]:
    """Names and types of the fields that came, of listed ones inside too."""
    found: dict[str, set[str]] = {}
    for record in records:
        _note(record, schema, "", found)
    return [f"{path} {'/'.join(sorted(types))}" for path, types in sorted(found.items())]


def _note(value: t.Any, schema: Mapping[str, t.Any], path: str, found: dict[str, set[str]]) -> None:
    """Note the type of a value, and those of the listed fields in it."""
    if path:
        found.setdefault(path, set()).add(type_name(value))
    for each in alternatives(schema):
        if isinstance(value, dict):
            listed = each.get("properties", {})
            for name, inner in value.items():
                if name in listed:
                    _note(inner, listed[name], f"{path}.{name}" if path else name, found)
        elif isinstance(value, list):
            for item in value:
                _note(item, each.get("items", {}), f"{path}[]", found)


def _names(what: str, names: list[str]) -> Iterator[str]:
    if names:
        yield f"  {what}: {named(names, _MOST_NAMES)}"
