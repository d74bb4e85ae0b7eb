"""singer-io's tap-dixa as it is, told another host: `python singer_io_dixa.py URL --config …`.

Its base URLs are constants; they are replaced before it starts. Nothing else is changed.
"""

# mypy: ignore-errors
# (its tap_dixa is in an environment of its own, and is not ours)

from __future__ import annotations

import sys

from tap_dixa.helpers import DixaURL

import tap_dixa
from tap_dixa.streams import STREAMS

if __name__ == "__main__":
    url = sys.argv.pop(1)
    DixaURL.EXPORTS._value_ = url
    for name in ("conversations", "messages"):
        STREAMS[name].base_url = url
    tap_dixa.main()
