"""`python -m sandbox`: the four vendors on one port of the loopback."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from pathlib import Path

from sandbox.box import Sandbox


def main() -> int:
    """Serve until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(prog="python -m sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="a loopback address (%(default)s)")
    parser.add_argument("--port", type=int, default=8765, help="0 for a free one (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the data (%(default)s)")
    parser.add_argument("--size", type=int, default=2000, help="conversations each (%(default)s)")
    parser.add_argument("--no-rate-limits", action="store_true", help="never answer 429")
    parser.add_argument(
        "--rate-limit-factor", type=float, default=1.0, help="that much faster (%(default)s)"
    )
    parser.add_argument("--ready-file", type=Path, help="gets the base URL when it is listening")
    options = parser.parse_args()

    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    box = Sandbox(
        seed=options.seed,
        size=options.size,
        host=options.host,
        port=options.port,
        rate_limits=not options.no_rate_limits,
        rate_limit_factor=options.rate_limit_factor,
    )
    try:
        box.start()
    except (OSError, ValueError) as error:
        print(f"sandbox: {error}", file=sys.stderr)  # noqa: T201
        return 1
    if options.ready_file:
        options.ready_file.write_text(box.url + "\n")
    print(f"sandbox listening on {box.url}", flush=True)  # noqa: T201
    stopping.wait()
    box.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
