"""The Lambda's inline generator against plain code for the same file.

Both make one batch, gzipped; each in a process of its own, in turn, several times. Plain code is
what one writes first: `json.dumps` for each event, and `gzip.compress` of the joined text. It gets
the generator's own events as dicts, so that the time to invent them is not even counted.

CPU seconds, since a Lambda has a core of its own and this machine may not; peak memory of the
process. Run it by `python -m benchmarks.generator`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import resource
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from generate_sample_data import load_generator

END = datetime(2026, 11, 1, 23, 35, tzinfo=UTC)


class Nowhere:
    """A file that only counts."""

    size = 0

    def write(self, data: bytes) -> None:
        self.size += len(data)


def batch(count: int) -> Any:
    code = load_generator()
    return code.Batch("42", END - code.WINDOW, END, count, count)


def generator(count: int) -> tuple[float, int]:
    """(CPU seconds, bytes) of the generator, everything that it prepares included."""
    load_generator()
    started, file = time.process_time(), Nowhere()
    load_generator().write_gzip(batch(count).texts(), file)
    return time.process_time() - started, file.size


def plain(count: int) -> tuple[float, int]:
    """(CPU seconds, bytes) of json.dumps for each event and gzip.compress of all."""
    text = "".join(batch(count).texts())
    events = [json.loads(line) for line in text.splitlines()]
    del text
    started = time.process_time()
    packed = gzip.compress("\n".join(json.dumps(event) for event in events).encode())
    return time.process_time() - started, len(packed)


PROGRAMS = {"generator": generator, "plain": plain}


def peak_megabytes() -> float:
    """Peak memory of this process; on Linux without what it had as a fork of its parent."""
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"^VmHWM:\s+(\d+) kB$", status.read_text(), re.MULTILINE)
        if found:
            return int(found[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(program: str, count: int) -> dict[str, float]:
    """Runs a program in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.generator", "--only", program, "--events"]
    done = subprocess.run([*command, str(count)], capture_output=True, text=True, check=True)
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def compare(count: int, repeats: int) -> dict[str, Any]:
    """Medians of both programs, and how many times faster the generator is (min, median, max)."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in PROGRAMS}
    for _ in range(repeats):
        for name in PROGRAMS:
            runs[name].append(measure(name, count))
    pairs = zip(runs["plain"], runs["generator"], strict=True)
    ratios = sorted(slow["seconds"] / fast["seconds"] for slow, fast in pairs)
    medians = {
        name: {figure: median(run[figure] for run in found) for figure in found[0]}
        for name, found in runs.items()
    }
    return {"events": count, **medians, "speedup": [ratios[0], median(ratios), ratios[-1]]}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--events", type=int, default=625_000, metavar="N")
    parser.add_argument("--repeats", type=int, default=5, metavar="N")
    parser.add_argument("--only", choices=PROGRAMS, help=argparse.SUPPRESS)
    options = parser.parse_args(argv)
    if options.only:
        seconds, size = PROGRAMS[options.only](options.events)
        figures = {"seconds": seconds, "megabytes": size / 1e6, "peak_mb": peak_megabytes()}
        print(json.dumps(figures))
    else:
        print(json.dumps(compare(options.events, options.repeats), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
