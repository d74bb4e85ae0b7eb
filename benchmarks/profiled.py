"""`python profiled.py FILE MODULE ARGUMENTS…`: run a module under cProfile, by CPU time.

cProfile itself goes by the clock on the wall, by which waiting for the reader of a pipe looks
like work.
"""

from __future__ import annotations

import cProfile
import runpy
import sys
import time


def main() -> None:
    """Run the module as `python -m` would, and write the profile whatever its end."""
    output, module, *arguments = sys.argv[1:]
    sys.argv = [module, *arguments]
    sys.path[0] = ""
    profile = cProfile.Profile(time.process_time)
    try:
        profile.runcall(runpy.run_module, module, run_name="__main__", alter_sys=True)
    finally:
        profile.dump_stats(output)


if __name__ == "__main__":
    main()
