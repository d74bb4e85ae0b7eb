"""`python -m benchmarks.serve JSON`: a sandbox in a process of its own, until its input ends."""

from __future__ import annotations

import datetime as dt
import json
import sys
import typing as t

from benchmarks.data import Load, fill
from sandbox import Sandbox


def main() -> None:
    """Fill the sandbox, tell where it is in one line of JSON, and serve."""
    wanted: dict[str, t.Any] = json.loads(sys.argv[1])
    span = None
    if wanted["span"]:
        start, end = (
            dt.datetime.fromtimestamp(at / 1000, tz=dt.timezone.utc) for at in wanted["span"]
        )
        span = start, end
    factor = wanted["rate_limit_factor"]
    with Sandbox(
        size=wanted["size"],
        span=span,
        rate_limits=factor is not None,
        rate_limit_factor=factor or 1.0,
    ) as box:
        loaded = {}
        for fields in wanted["loads"]:
            load = Load(**fields)
            loaded[load.name] = fill(box, load)
        told = {
            "url": box.url,
            "bytes": loaded,
            "vendors": {
                name: {"url": vendor.url, "token": vendor.token, "config": vendor.config}
                for name, vendor in box.vendors.items()
            },
        }
        print(json.dumps(told), flush=True)
        sys.stdin.read()
        if box.failures:
            sys.exit(f"the sandbox failed: {box.failures[0]!r}")


if __name__ == "__main__":
    main()
