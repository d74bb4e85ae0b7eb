"""Every private hook of the SDK that is used, with its reason.

``tests/test_sdk_overrides.py`` fails when a new SDK release changes one of them.
"""

from __future__ import annotations

import abc
import copy
import signal
import typing as t

from singer_sdk import RESTStream, Stream, Tap
from typing_extensions import override

from support_taps.settings import validate

if t.TYPE_CHECKING:
    import logging
    from types import FrameType

    from singer_sdk.helpers.types import Context, Record

Page = t.TypeVar("Page")


class SdkStream(RESTStream[Page], abc.ABC):
    """A stream without the SDK's own bookmarks, and without its extra line about an error."""

    def __init__(self, tap: Tap) -> None:
        """Quiet the line that ``Stream.sync`` logs before it lets an error through.

        The error itself is told by whoever catches it, in one line.
        """
        super().__init__(tap)
        self.logger.addFilter(_is_not_the_line_before_an_error)

    @override
    def _increment_stream_state(
        self, latest_record: Record, *, context: Context | None = None
    ) -> None:
        """Leave the bookmark to ``bookmarks.Bookmark``.

        The SDK has no public switch for it (meltano/sdk issue 2879), and its own movement, record
        by record, would overwrite ours at the end of the stream.
        """

    @property
    def overrides_record_hooks(self) -> bool:
        """Whether a stream changes records by the SDK's public hook, which the fast path skips."""
        return type(self).post_process is not Stream.post_process

    def sync_children_of(self, record: Record, context: Context | None) -> None:
        """Read the child streams of a record, as the SDK does for records that it writes itself.

        The SDK has no public hook for it: it does so in the middle of writing a record.

        Args:
            record: The parent's, with all its fields.
            context: The parent's partition, or None.
        """
        partition = self._get_state_partition_context(context)
        self._process_record(record, copy.copy(context), partition)


class SdkTap(Tap):
    """A tap that says in one line which setting is wrong, and that ends with the right code."""

    @override
    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        """Fill in defaults and check, as the SDK does here, but with errors made for users.

        The SDK's text quotes the value, which may be a secret, and it logs several lines.
        """
        self.append_builtin_config(self.config_jsonschema)
        self.prepare_settings(self._config)
        if raise_errors:
            validate(self._config, self.config_jsonschema)
        return []

    def prepare_settings(self, config: dict[str, t.Any]) -> None:
        """Change a configuration in place before it is checked. For taps to override."""

    @override
    def _handle_termination(self, signum: int, frame: FrameType | None) -> None:
        """Unwind from wherever the tap is, also from a wait, with the shell's exit code.

        The SDK writes a STATE here and exits 0, which a runner takes for a complete run, and the
        STATE can land in the middle of a RECORD line. A bookmark sends its STATE at once,
        so nothing is left to be written. Nor is anything logged here (``command.py`` does): in the
        middle of another line of the log that fails, and the signal would be lost with it.
        """
        signal.signal(signum, signal.SIG_IGN)
        raise SystemExit(128 + signum)


def _is_not_the_line_before_an_error(record: logging.LogRecord) -> bool:
    return not str(record.msg).startswith("An unhandled error occurred while syncing")
