"""The one list of taps: the programs of the installed distribution, and the streams they discover.

Documents, tests, harness and benchmarks read it, so that a new tap or stream is theirs at once.
"""

from __future__ import annotations

import functools
import importlib
import importlib.metadata
import typing as t

if t.TYPE_CHECKING:
    from collections.abc import Collection

    from singer_sdk import Stream

    from support_taps.streams.base import SupportStream
    from support_taps.tap import SupportTap

DISTRIBUTION = "support-taps"


@functools.cache
def programs() -> dict[str, str]:
    """Module and class of each tap, as "module:class", by its program's name; imports none."""
    entry_points = importlib.metadata.distribution(DISTRIBUTION).entry_points
    return {
        program.name: f"{program.module}:{program.attr.partition('.')[0]}"
        for program in sorted(entry_points.select(group="console_scripts"))
    }


def vendor_of(tap: str) -> str:
    """The sandbox's name of a tap's vendor: ``zendesk_chat`` of ``tap-zendesk-chat``."""
    return tap.removeprefix("tap-").replace("-", "_")


def tap_of(vendor: str) -> str:
    """The tap of a vendor, by the sandbox's name."""
    return f"tap-{vendor.replace('_', '-')}"


def vendors() -> list[str]:
    """The vendors, by the sandbox's names."""
    return [vendor_of(tap) for tap in programs()]


@functools.cache
def taps() -> dict[str, type[SupportTap]]:
    """The taps' classes by the names of their programs."""
    places = {name: place.split(":") for name, place in programs().items()}
    return {
        name: getattr(importlib.import_module(module), attribute)
        for name, (module, attribute) in places.items()
    }


@functools.cache
def streams(tap: type[SupportTap]) -> list[SupportStream[t.Any]]:
    """The streams that a tap discovers, by name."""
    discovered = tap(validate_config=False).streams
    return [t.cast("SupportStream[t.Any]", stream) for _, stream in sorted(discovered.items())]


@functools.cache
def with_one(tap: type[SupportTap], stream: str) -> type[SupportTap]:
    """A tap that has one stream, and what that is a child of: it is made in much less time."""
    by_name: dict[str, t.Any] = {t.cast("t.Any", each).name: each for each in tap.stream_classes()}
    wanted = [by_name[stream]]
    while parent := wanted[-1].parent_stream_type:
        wanted.append(parent)

    class WithOne(tap):  # type: ignore[misc, valid-type]
        @classmethod
        def stream_classes(cls) -> list[type[Stream]]:
            return wanted

    return WithOne


def select(catalog: dict[str, t.Any], wanted: Collection[str]) -> dict[str, t.Any]:
    """Select some streams of a catalog and no others, in place.

    Args:
        catalog: As ``--discover`` prints it.
        wanted: Names of the streams.
    """
    for entry in catalog["streams"]:
        for item in entry["metadata"]:
            if not item["breadcrumb"]:
                item["metadata"]["selected"] = entry["tap_stream_id"] in wanted
    return catalog
