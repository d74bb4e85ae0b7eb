"""`python profiled.py FILE PROGRAM ARGUMENTS…`: run a program under cProfile, by CPU time.

The program is a module, or `module:function` as in an entry point.

cProfile itself goes by the clock on the wall, by which waiting for the reader of a pipe looks
like work.
"""

from __future__ import annotations

import cProfile
import importlib
import operator
import runpy
import sys
import time


def main() -> None:
    """Run it as `python -m` or its script would, and write the profile whatever its end."""
    output, program, *arguments = sys.argv[1:]
    sys.argv = [program, *arguments]
    sys.path[0] = ""
    module, _, function = program.partition(":")
    profile = cProfile.Profile(time.process_time)
    try:
        if function:
            imported = profile.runcall(importlib.import_module, module)
            profile.runcall(operator.attrgetter(function)(imported))
        else:
            profile.runcall(runpy.run_module, module, run_name="__main__", alter_sys=True)
    finally:
        profile.dump_stats(output)


if __name__ == "__main__":
    main()
