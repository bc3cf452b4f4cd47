"""What a fresh job process spends before useful work, and what a run without new files costs.

Each measurement is a process of its own, as each Glue run is. Run by `python -m benchmarks.start`
for one lake: ENDPOINT, S3_DIR and the stack's outputs come as JSON on standard input.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # what this module imports is not among the imports that it measures
    from benchmarks.workshop import JobLake


def cold_start(lake: JobLake, repeats: int) -> dict[str, float]:
    """Seconds of imports, of the session, and of a run that finds no new file; medians."""
    print("cold start: an empty run in a fresh process", flush=True)
    request = {
        "endpoint": lake.endpoint,
        "s3_dir": str(lake.s3_dir),
        "outputs": lake.outputs,
        "bookmark": str(lake.bookmark),
    }
    command = [sys.executable, "-m", "benchmarks.start"]
    found = []
    for number in range(repeats):
        done = subprocess.run(
            command, input=json.dumps(request), capture_output=True, text=True, check=True
        )
        found.append(json.loads(done.stdout.splitlines()[-1]))
        print(f"  {number + 1}/{repeats} {found[-1]}", flush=True)
    return {name: round(median(one[name] for one in found), 2) for name in found[0]}


def measure(request: dict[str, Any]) -> dict[str, float]:
    """Seconds from the process's start, step by step."""
    begun = time.perf_counter()
    from tools import session

    imported = time.perf_counter()
    s3_dir = Path(request["s3_dir"])
    with session.warm_session(s3_dir) as spark:
        session.mount(spark, s3_dir, request["outputs"])
        ready = time.perf_counter()
        bookmark = Path(request["bookmark"])
        session.run_job(request["outputs"], request["endpoint"], bookmark, "jr_cold")
        ended = time.perf_counter()
    return {
        "imports_s": round(imported - begun, 3),
        "session_s": round(ready - imported, 3),
        "empty_run_s": round(ended - ready, 3),
    }


if __name__ == "__main__":
    print(json.dumps(measure(json.load(sys.stdin))))
