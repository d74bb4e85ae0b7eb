"""How a tap's command line ends when something goes wrong: with one line and exit code 1."""

from __future__ import annotations

import logging
import os
import signal
import sys
import typing as t
import warnings

import click
from singer_sdk.exceptions import SingerSDKError
from singer_sdk.plugin_base import SingerCommand
from typing_extensions import override

from support_taps.errors import SettingsError
from support_taps.redaction import one_line

_SIGNALLED = 128
"""Exit codes beyond it are those of signals, as the shell has them."""


class OneLineErrors(SingerCommand):
    """A command that ends with one line and exit code 1 where the SDK's shows a traceback."""

    @override
    def main(self, *args: t.Any, **options: t.Any) -> t.Any:
        """Run the command."""
        try:
            return super().main(*args, **options)
        except SystemExit as ending:
            if isinstance(ending.code, int) and ending.code > _SIGNALLED:
                self.logger.warning(
                    "stopped by %s before the end; the next run goes on from the last state",
                    signal.Signals(ending.code - _SIGNALLED).name,
                )
            raise
        except Exception as error:
            if isinstance(error, OSError):
                _drop_unwritten()
            self.logger.error(told(error))  # noqa: TRY400
            self.logger.debug("where it happened", exc_info=True)
        sys.exit(1)

    @override
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Read the command line; the SDK reads the files of ``--config`` on the way.

        Raises:
            SettingsError: One of them holds no JSON object.
        """
        try:
            return super().parse_args(ctx, args)
        except (TypeError, ValueError) as error:
            why = f": {error}" if isinstance(error, ValueError) else ""
            msg = f"a file given with --config does not hold a JSON object{why}"
            raise SettingsError(msg) from None

    @override
    def invoke(self, ctx: click.Context) -> t.Any:
        """Run the callback; the SDK's own ``invoke`` tells a settings error in several lines."""
        logging.captureWarnings(capture=True)
        warnings.filterwarnings("once", category=DeprecationWarning)
        try:
            return click.Command.invoke(self, ctx)
        except BrokenPipeError:
            _drop_unwritten()
            self.logger.error("the target closed the pipe before the end")  # noqa: TRY400
            ctx.exit(1)


def _drop_unwritten() -> None:
    """Drop what a full disk or a closed pipe left in the buffer: Python would complain at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def told(error: Exception) -> str:
    """An error in one line: as it was worded, or with its type where nobody foresaw it."""
    text = one_line(str(error))
    if isinstance(error, SingerSDKError | OSError):
        return text or type(error).__name__
    cause = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return f"an unexpected error ({cause}); at LOGLEVEL=DEBUG the log shows where it happened"
