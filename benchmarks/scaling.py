"""What 2, 10 and 100 workers do in an hour, and what becomes the limit first.

Arithmetic on measured rates (`Rates`); nothing here has run on more than one machine. Times are
of cores as fast as the measuring ones. `docs/SCALING.md` says what follows.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.cost import (
    BATCH_MINUTES,
    CORES_OF_A_WORKER,
    RESULTS,
    ROOT,
    Measured,
    Plan,
    aligned,
    up_to_date,
)

DOCUMENT = ROOT / "docs" / "SCALING.md"
WORKERS = (2, 10, 100)
MINUTES = (5, 60)


@dataclass(frozen=True)
class Rates:
    """What a benchmark says of single steps.

    Attributes:
        seconds_per_million: Core-seconds of a run for a million events, in large runs.
        fixed_seconds: Of a run besides its events: Glue's own start, the process's, planning.
        gzip_lines_per_second: Of one task; a gzip file is always one.
        visitors_per_core_second: Of a date's visitors, which each run looks through.
        visitors_per_event: That a date gets for each event.
    """

    seconds_per_million: float = 12.5
    fixed_seconds: float = 55.0
    gzip_lines_per_second: float = 0.55e6
    visitors_per_core_second: float = 1e6
    visitors_per_event: float = 0.5

    @classmethod
    def from_results(cls, path: Path = RESULTS) -> Rates:
        """The figures of a file that `make bench` wrote, and the defaults for those it lacks.

        Raises:
            KeyError: A chapter of it lacks a figure.
        """
        if not path.exists():
            return cls()
        chapters = json.loads(path.read_text(encoding="utf-8")).get("chapters", {})
        found: dict[str, float] = {}
        if "duckdb" in chapters:
            measured = Measured.from_results(path)
            found["seconds_per_million"] = measured.seconds_per_million
            found["fixed_seconds"] = Plan().provisioning_seconds + measured.start_up_seconds
        if "rates" in chapters:
            names = ("gzip_lines_per_second", "visitors_per_core_second")
            found |= {name: float(chapters["rates"][name]) for name in names}
        return cls(**found)


def cores(workers: int) -> int:
    """Cores that work on data; one worker is the driver's."""
    return (workers - 1) * CORES_OF_A_WORKER


def events_per_hour(workers: int, minutes: float, rates: Rates) -> float:
    """Events that runs at this interval can keep up with, if work spreads over all cores.

    Each run starts anew, and each looks through the visitors that the date has by the middle of it.
    """
    seconds = 60 * minutes - rates.fixed_seconds
    if seconds <= 0:
        return 0.0
    # x events an hour: work x/runs * a, and on average 12 hours' visitors, x * 12 * b.
    runs = 60 / minutes
    work = rates.seconds_per_million / 1e6 / runs
    visitors = 12 * rates.visitors_per_event / rates.visitors_per_core_second
    return seconds * cores(workers) / (work + visitors)


def share_of_visitors(minutes: float, rates: Rates) -> float:
    """Of a run's work at noon, how much is looking through the visitors of its date."""
    work = rates.seconds_per_million / 1e6 * minutes / 60
    visitors = 12 * rates.visitors_per_event / rates.visitors_per_core_second
    return visitors / (work + visitors)


def files_to_keep_busy(workers: int, rates: Rates) -> float:
    """Source files of a run below which reading them takes longer than all other work."""
    others = rates.seconds_per_million / 1e6
    return cores(workers) / (others * rates.gzip_lines_per_second)


def table(rates: Rates) -> str:
    """A line for each number of workers."""
    named = [f"every {n} min" if n < 60 else f"every {n // 60} h" for n in MINUTES]
    lines: list[tuple[str, ...]] = [("workers", "cores", *named, "for all cores")]
    for workers in WORKERS:
        events = (events_per_hour(workers, n, rates) / 1e6 for n in MINUTES)
        lines.append(
            (
                str(workers),
                str(cores(workers)),
                *(f"{million:,.0f}" for million in events),
                f"{max(1, files_to_keep_busy(workers, rates)):.0f}",
            )
        )
    return aligned(lines)


def report(rates: Rates) -> str:
    """Everything, to be read."""
    shop = 625_000 * 60 / BATCH_MINUTES
    shares = (
        f"{share_of_visitors(n, rates):.0%} {'every ' + str(n) + ' min' if n < 60 else 'hourly'}"
        for n in MINUTES
    )
    return "\n".join(
        [
            "million events an hour that runs keep up with, and how many source files a run needs",
            "so that reading gzip, a task for each file, is not what it waits for",
            "",
            table(rates),
            "",
            f"this shop: {shop / 1e6:.1f} million an hour, a file every {BATCH_MINUTES} minutes",
            f"of a run's work at noon, visitors of the date take {' and '.join(shares)}",
            "",
            f"taken: {rates.seconds_per_million:.1f} core-seconds for a million events,"
            f" {rates.fixed_seconds:.0f} s of a run besides them;",
            f"in a second {rates.gzip_lines_per_second / 1e6:.2f} million lines of gzip a task,"
            f" {rates.visitors_per_core_second / 1e6:.2f} million visitors a core",
        ]
    )


def parser() -> argparse.ArgumentParser:
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.scaling",
        description=__doc__.splitlines()[0] if __doc__ else None,
        epilog="What follows from it: docs/SCALING.md.",
    )
    made.add_argument(
        "--results", type=Path, default=RESULTS, metavar="FILE", help="written by make bench"
    )
    made.add_argument("--write", action="store_true", help=f"bring docs/{DOCUMENT.name} up to date")
    return made


def answer(argv: Sequence[str]) -> str:
    """What the command prints."""
    return report(Rates.from_results(parser().parse_args(argv).results))


def main(argv: Sequence[str] | None = None) -> int:
    given: Any = sys.argv[1:] if argv is None else argv
    if "--write" in given:
        text = up_to_date(DOCUMENT.read_text(encoding="utf-8"), "benchmarks.scaling", answer)
        DOCUMENT.write_text(text, encoding="utf-8")
    print(answer(given))
    return 0


if __name__ == "__main__":
    sys.exit(main())
