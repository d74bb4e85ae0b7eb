"""Run dbt as often as it is told to, in one process: it takes longer to start than to build.

The Python of the utility `desk` runs this. Each line that it reads is the arguments of a command as
JSON; it answers with a line that says whether that went well, after all that dbt printed.
"""

from __future__ import annotations

import json
import sys

from dbt.cli.main import dbtRunner

manifest = None
for line in sys.stdin:
    arguments = json.loads(line)
    if manifest is None:
        manifest = dbtRunner().invoke(["parse", *arguments[1:]]).result
    # A copy: a build leaves in it what it has compiled.
    done = dbtRunner(manifest=manifest.deepcopy()).invoke(arguments)
    sys.stdout.write("SUCCEEDED\n" if done.success else f"FAILED {done.exception or ''}\n")
    sys.stdout.flush()
