"""Run one command and write down what it cost: `python -I -S launch.py RESULT COMMAND…`.

A process of its own, because the kernel counts the memory of whoever starts a program as the
program's own peak: this one is small whatever the benchmark itself holds.
"""

import json
import os
import sys
import time


def main() -> None:
    """Run, wait, write."""
    result, *command = sys.argv[1:]
    began = time.perf_counter()
    pid = os.posix_spawnp(command[0], command, os.environ)
    _, status, usage = os.wait4(pid, 0)
    cost = {
        "cpu": usage.ru_utime + usage.ru_stime,
        "wall": time.perf_counter() - began,
        "peak": usage.ru_maxrss * 1024,
        "code": os.waitstatus_to_exitcode(status),
    }
    with open(result, "w", encoding="ascii") as file:  # noqa: PTH123 - starts faster
        json.dump(cost, file)


if __name__ == "__main__":
    main()
