"""Dollars a month for this pipeline at full volume: how often the job runs, and on which Glue.

Arithmetic on three kinds of numbers, which stay apart: what was measured (`Measured`, `Requests`),
what AWS charges (`PRICES`, each with its source), and what nobody here knows, for which the
dearer answer is taken. No figure has been compared with a bill. `docs/COST.md` says which is which.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from glue_jobs import capstone_etl as etl

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results.json"
DOCUMENT = ROOT / "docs" / "COST.md"

DAYS_A_MONTH = 365 / 12
BATCH_MINUTES = 5
FILES_OF_AN_HOUR = 60 // BATCH_MINUTES
GIGABYTE = 1e9  # AWS may mean 2**30, which would be 7 % less
CORES_OF_A_WORKER = 4
MINUTES = (5, 15, 60, 180, 360, 1440)
MONTHS = (1, 12)
LIMIT = 15.0  # the project was asked for at $5-15 a month


@dataclass(frozen=True)
class Price:
    """Dollars for a unit, and how sure it is: documented, third party or from memory."""

    dollars: float
    unit: str
    source: str
    certainty: str


_LIST = "AWS Price List API as others published it in September 2026, us-east-1"
PRICES = {
    "5.1": Price(0.44, "DPU-hour", _LIST, "third party"),
    "6.0": Price(0.308, "DPU-hour", f"{_LIST}; AWS's blog: 30 % below 5.1", "third party"),
    "6.0 flex": Price(0.203, "DPU-hour", _LIST, "third party"),
    "athena": Price(5 / 1e12, "byte scanned, at least 10 MB a query", _LIST, "third party"),
    "lambda": Price(0.0000166667, "GB-second, x86", "none at hand", "from memory"),
    "call": Price(0.20 / 1e6, "Lambda call", "none at hand", "from memory"),
    "storage": Price(0.023, "GB-month, S3 Standard", "none at hand", "from memory"),
    "put": Price(0.005 / 1e3, "PUT, COPY or LIST", "none at hand", "from memory"),
    "get": Price(0.0004 / 1e3, "GET or HEAD", "none at hand", "from memory"),
    "log": Price(0.50, "GB of log taken in", "none at hand", "from memory"),
}
VERSIONS = ("5.1", "6.0", "6.0 flex")
LAYERS = ("raw", "bronze", "silver", "gold")

# As the template and the notebook have them.
RAW_DAYS = 30 + 7 + 1  # expiry, then the expired versions, and lifecycle rules act once a day
COPY_DAYS = 7  # superseded versions in the analytics bucket
LAMBDA_GB = 1769 / 1024
FREE_GB_SECONDS = 400_000


@dataclass(frozen=True)
class Measured:
    """What a benchmark says of the programs. Times are of one core as fast as the measuring one's.

    Attributes:
        seconds_per_million: Core-seconds of Spark for a million events.
        start_up_seconds: Of a run, before and besides its events, on two workers.
        generator_seconds_per_million: Of the Lambda's code, for a million events.
        bytes_per_million: Stored for a million events: raw (gzipped), bronze, silver with its
            rollups, gold.
        log_bytes_per_run: What a run writes into CloudWatch Logs.
    """

    # One file of 625,000 events takes 8.2 s on two cores, warm: 2 * 8.2 / 0.625.
    seconds_per_million: float = 26.24
    # The demo's run of one file, 33 s from its start to that of the next run, less its events.
    start_up_seconds: float = 25.0
    generator_seconds_per_million: float = 3.9
    bytes_per_million: Mapping[str, float] = field(
        default_factory=lambda: {"raw": 22.3e6, "bronze": 14.8e6, "silver": 35e6, "gold": 30e3}
    )
    log_bytes_per_run: float = 1e6

    def __post_init__(self) -> None:
        layers = self.bytes_per_million
        if not isinstance(layers, Mapping) or set(layers) != set(LAYERS):
            raise ValueError(f"bytes_per_million is {layers!r}; it must have exactly {LAYERS}")
        numbers = {one.name: getattr(self, one.name) for one in fields(self)}
        del numbers["bytes_per_million"]
        for name, number in {**numbers, **layers}.items():
            _refuse_unless_at_least(0, name, number)

    @classmethod
    def from_results(cls, path: Path = RESULTS) -> Measured:
        """The figures of a file that `make bench` wrote, and the defaults for those it lacks.

        Raises:
            ValueError: A figure is no number from 0 up; the message has its name.
            KeyError: A chapter of it lacks a figure.
        """
        if not path.exists():
            return cls()
        found = json.loads(path.read_text(encoding="utf-8"))
        chapters = found.get("chapters", {})
        figures = {}
        if "duckdb" in chapters:
            # Twelve files tell what events take, and one of them into its hour what a run does.
            cases = chapters["duckdb"]
            of_twelve = per_million(cases, "c", "job_s") / FILES_OF_AN_HOUR
            figures["seconds_per_million"] = cases["measured"]["cores"] * of_twelve
            besides = cases["b"]["job_s"] - cases["c"]["job_s"] / FILES_OF_AN_HOUR
            figures["start_up_seconds"] = cls.start_up_seconds + max(0.0, besides)
        if "generator" in chapters:
            seconds = per_million(chapters["generator"], "generator", "seconds")
            figures["generator_seconds_per_million"] = seconds
        if "storage" in chapters:
            stored = chapters["storage"]["bytes_per_million"]
            figures["bytes_per_million"] = {
                "raw": stored["gzipped"],
                **{layer: stored[layer] for layer in LAYERS if layer != "raw"},
            }
        return cls(**figures)


def per_million(chapter: Mapping[str, Any], part: str, figure: str) -> float:
    """A figure of a chapter's part, which was measured for a file of events, for a million."""
    return float(chapter[part][figure]) * 1e6 / float(chapter["measured"]["events"])


@dataclass(frozen=True)
class Requests:
    """S3 requests by what causes them, each as (PUT class, GET class).

    Attributes:
        of_run, of_hour, of_file, of_silver: Of the job's own client, in a run that is not the
            first of its date, for each hour that it touches, each file it reads and each silver
            file it writes: counted in runs of one and of three files on the embedded AWS.
        of_path: Of Spark, for a partition that it reads: exists() asks HEAD and LIST, and the
            listing is another LIST, by the sources of Spark 3.5 and of Hadoop's S3A.
        of_read, of_write: Of Spark, for a data file: assumed, with a committer that renames.
        of_replaced: Of the sweep, for a partition that a run has replaced.
        files_in_path, written, replaced: Data files in a partition that is read; those that Spark
            writes in a run besides one of bronze for each file and silver's; partitions that a run
            replaces. All counted.
    """

    of_run: tuple[float, float] = (33, 22)
    of_hour: tuple[float, float] = (1, 1)
    of_file: tuple[float, float] = (0, 1)
    of_silver: tuple[float, float] = (0, 2)
    of_path: tuple[float, float] = (2, 1)
    of_read: tuple[float, float] = (0, 4)
    of_write: tuple[float, float] = (10, 8)
    of_replaced: tuple[float, float] = (1, 0)
    files_in_path: float = 3
    written: float = 3
    replaced: float = 7


@dataclass(frozen=True)
class Plan:
    """A way to run the pipeline.

    Attributes:
        minutes: Between two runs.
        version: Of Glue, one of VERSIONS.
        events_per_batch: That the shop writes every five minutes.
        workers: G.1X, one of which drives the others.
        provisioning_seconds: Glue's own, before the script starts, taken to be billed.
        bronze_days, silver_days: How long data are kept; by default for ever.
        queries_a_day: How often the five questions are asked.

    Raises:
        ValueError: A value is out of its range; the message has its name.
    """

    minutes: float = 60
    version: str = "6.0"
    events_per_batch: float = 625_000
    workers: int = 2
    provisioning_seconds: float = 30
    bronze_days: float = math.inf
    silver_days: float = math.inf
    queries_a_day: float = 8

    def __post_init__(self) -> None:
        if self.version not in VERSIONS:
            raise ValueError(f"version is {self.version!r}; it must be one of {VERSIONS}")
        lowest = {"minutes": BATCH_MINUTES, "workers": 2}
        for one in fields(self):
            if one.name != "version":
                _refuse_unless_at_least(lowest.get(one.name, 0), one.name, getattr(self, one.name))
        if self.minutes > 1440:
            raise ValueError(f"minutes is {self.minutes}; it must be at most 1440, a run a day")

    @property
    def runs_a_day(self) -> float:
        return 1440 / self.minutes

    @property
    def runs(self) -> float:
        """Runs a month."""
        return self.runs_a_day * DAYS_A_MONTH

    @property
    def files(self) -> float:
        """Source files that a run reads."""
        return self.minutes / BATCH_MINUTES

    @property
    def hours(self) -> float:
        """Hours that the events of a run belong to."""
        return max(1, self.minutes / 60)

    @property
    def millions(self) -> float:
        """Million events that a run reads."""
        return self.files * self.events_per_batch / 1e6


def _refuse_unless_at_least(lowest: float, name: str, value: Any) -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    # Only what is kept for ever is without end.
    highest = math.inf if name in ("bronze_days", "silver_days") else sys.float_info.max
    if not is_number or not lowest <= value <= highest:
        raise ValueError(f"{name} is {value!r}; it must be a number from {lowest} up")


# What a run takes.


def run_seconds(plan: Plan, measured: Measured) -> float:
    """Seconds of a run, by the clock; one worker is the driver's."""
    cores = (plan.workers - 1) * CORES_OF_A_WORKER
    work = plan.millions * measured.seconds_per_million / cores
    return plan.provisioning_seconds + measured.start_up_seconds + work


def billed_seconds(seconds: float) -> int:
    """What Glue bills for a run: whole seconds, and no less than a minute."""
    return max(60, math.ceil(round(seconds, 6)))


def glue(plan: Plan, measured: Measured) -> float:
    """Dollars a month for DPU-time; a G.1X worker is one DPU."""
    hours = plan.runs * plan.workers * billed_seconds(run_seconds(plan, measured)) / 3600
    return hours * PRICES[plan.version].dollars


def start_up(plan: Plan, measured: Measured) -> float:
    """Dollars a month, of those for DPU-time, that no event has caused."""
    return glue(replace(plan, events_per_batch=0), measured)


def break_even_minutes(plan: Plan, measured: Measured) -> float:
    """The interval at which a run works as long on its events as it takes to start."""
    idle = run_seconds(replace(plan, events_per_batch=0), measured)
    work = run_seconds(replace(plan, minutes=60), measured) - idle
    return 60 * idle / work if work else math.inf


def paths_read(plan: Plan) -> float:
    """Partitions that Spark reads in an average run, however many days of history there are.

    The visitors of the date have one for each hour that is over and each run of this one, silver
    has one for each run of the hour. What gold is made of the job's own client reads.
    """
    before = max(0, (plan.runs_a_day / 24 - 1) / 2)  # in its hour, on average
    # The first run of an hour reads the visitors of the last one twice, to merge them.
    merged = 1 if plan.runs_a_day > 24 else 0
    visitors = (min(plan.runs_a_day, 24) - 1) / 2 + before + merged
    # Bronze and silver of the run itself are read again, its new visitors only if a run died.
    return plan.files + before + plan.hours + visitors


def silver_files(plan: Plan) -> float:
    """Data files of silver that a run writes: one of each of its tasks in each hour.

    A task has some 200,000 lines, of any hour of the run; those of long runs have one hour's.
    """
    tasks = max(1, plan.millions / 0.2)
    files, clustered = tasks * plan.hours, tasks + plan.hours
    return clustered if files - clustered > etl.FILES_WORTH_A_SHUFFLE else files


def requests_per_run(plan: Plan, counted: Requests) -> tuple[float, float]:
    """(PUT class, GET class) requests to S3 of an average run."""
    paths, silver = paths_read(plan), silver_files(plan)
    read = (paths - plan.hours) * counted.files_in_path + silver
    manifests = (1, 1)  # the page that has the oldest, and that one
    times = (
        (1, counted.of_run),
        (plan.hours, counted.of_hour),
        (plan.files, counted.of_file),
        (silver, counted.of_silver),
        (counted.written + plan.files + silver, counted.of_write),
        (paths, counted.of_path),
        (read, counted.of_read),
        (counted.replaced, counted.of_replaced),
        (1, manifests),
    )
    return sum(n * one[0] for n, one in times), sum(n * one[1] for n, one in times)


def requests(plan: Plan, counted: Requests) -> float:
    """Dollars a month for the S3 requests of all runs."""
    return plan.runs * _dollars(*requests_per_run(plan, counted))


def _dollars(puts: float, gets: float) -> float:
    return puts * PRICES["put"].dollars + gets * PRICES["get"].dollars


def listing_by_folder(plan: Plan) -> float:
    """Dollars a month more if Glue's reader lists the source folder by folder.

    AWS does not say. A flat listing takes a request for a thousand files of the 30 days that are
    there; folder by folder it takes one for each day, hour and five minutes of them.
    """
    folders = 30 * (1 + 24 + 1440 / BATCH_MINUTES)
    return plan.runs * folders * PRICES["put"].dollars


# What does not depend on the runs.


def storage(plan: Plan, measured: Measured, months: float) -> dict[str, float]:
    """Dollars a month by layer for what is stored at the end of so many months.

    Bronze and silver have their last days twice: a committer that renames leaves the versions it
    renamed from, and which one Glue has is not documented.
    """
    days = months * DAYS_A_MONTH
    kept = {
        "raw": min(days, RAW_DAYS),
        "bronze": min(days, plan.bronze_days) + min(days, COPY_DAYS),
        "silver": min(days, plan.silver_days) + min(days, COPY_DAYS),
        "gold": days,
    }
    millions_a_day = plan.events_per_batch / 1e6 * 1440 / BATCH_MINUTES
    per_day = PRICES["storage"].dollars * millions_a_day / GIGABYTE
    return {name: n * per_day * measured.bytes_per_million[name] for name, n in kept.items()}


def athena(plan: Plan, days: float) -> float:
    """Dollars a month for the five questions: 10 MB each, and their S3 requests.

    Four of them read a partition for each date; each partition is listed, and its one file read.
    """
    partitions = 4 * days + 1
    once = 5 * 10e6 * PRICES["athena"].dollars + _dollars(partitions + 10, 2 * partitions)
    return plan.queries_a_day * DAYS_A_MONTH * once


def logs(plan: Plan, measured: Measured) -> float:
    """Dollars a month for what the runs log."""
    return plan.runs * measured.log_bytes_per_run / GIGABYTE * PRICES["log"].dollars


def generator(plan: Plan, measured: Measured) -> dict[str, float]:
    """Dollars a month for the stand-in of the shop: its Lambda before and after the free tier."""
    calls = 1440 / BATCH_MINUTES * DAYS_A_MONTH
    seconds = plan.events_per_batch / 1e6 * measured.generator_seconds_per_million
    gb_seconds = calls * (seconds + 1) * LAMBDA_GB  # a second for the upload
    besides = calls * (PRICES["put"].dollars + 1e-6 * PRICES["log"].dollars)
    price = PRICES["lambda"].dollars
    return {
        "full": gb_seconds * price + calls * PRICES["call"].dollars + besides,
        "free_tier": max(0.0, gb_seconds - FREE_GB_SECONDS) * price + besides,
    }


# All of it.


@dataclass(frozen=True)
class Month:
    """Dollars of one month of a plan, by part; `folders` is not in the total."""

    glue: float
    requests: float
    athena: float
    logs: float
    storage: Mapping[str, float]
    folders: float

    @property
    def total(self) -> float:
        return self.glue + self.requests + self.athena + self.logs + sum(self.storage.values())


def month(plan: Plan, measured: Measured, months: float, counted: Requests | None = None) -> Month:
    """The last of so many months."""
    days = months * DAYS_A_MONTH
    return Month(
        glue=glue(plan, measured),
        requests=requests(plan, counted or Requests()),
        athena=athena(plan, days),
        logs=logs(plan, measured),
        storage=storage(plan, measured, months),
        folders=listing_by_folder(plan),
    )


# What is printed.

GROUPS = ("", "", "", "", "", "month 1", "", "", "", "month 12", "", "", "", "more if")
PARTS = ("S3", "Athena", "stored", "total")
HEADINGS = ("every", "Glue", "run", "Glue", "logs", *PARTS, *PARTS, "by folder")


def interval(minutes: float) -> str:
    return f"{minutes:g} min" if minutes < 60 else f"{minutes / 60:g} h"


def rows(plans: Sequence[Plan], measured: Measured) -> list[tuple[str, ...]]:
    """The table's lines, a plan each, in dollars a month."""
    lines = []
    for plan in plans:
        first, last = (month(plan, measured, months) for months in MONTHS)
        dollars = [first.glue, first.logs]
        for one in (first, last):
            dollars += [one.requests, one.athena, stored(one), one.total]
        dollars.append(first.folders)
        seconds = f"{billed_seconds(run_seconds(plan, measured))} s"
        numbers = (f"{one:.2f}" for one in dollars)
        lines.append((interval(plan.minutes), plan.version, seconds, *numbers))
    return lines


def stored(found: Month) -> float:
    return sum(found.storage.values())


def aligned(lines: Sequence[Sequence[str]]) -> str:
    """Lines of cells, each column as wide as its widest; all but the first two to the right."""
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place < 2 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in lines
    )


def dominating(found: Month) -> str:
    """The dearest part of a month, with its dollars."""
    parts = {"Glue": found.glue, "S3 requests": found.requests, "Athena": found.athena}
    parts |= {"logs": found.logs}
    parts |= {f"storage of {layer}": dollars for layer, dollars in found.storage.items()}
    name = max(parts, key=lambda part: parts[part])
    return f"{name}, ${parts[name]:.2f}"


def verdicts(plans: Sequence[Plan], measured: Measured) -> list[str]:
    """Which plan is cheapest after each number of months, and whether that is what was asked."""
    lines = []
    for months in MONTHS:
        found = {plan: month(plan, measured, months) for plan in plans}
        plan = min(found, key=lambda one: found[one].total)
        best = found[plan]
        totals = [one.total for one in found.values()]
        surely = sum(one.total + one.folders <= LIMIT for one in found.values())
        gap = f"${abs(best.total - LIMIT):.2f} {'over' if best.total > LIMIT else 'under'}"
        lines += [
            f"month {months}: cheapest is every {interval(plan.minutes)} on {plan.version}, "
            f"${best.total:.2f}: {gap} ${LIMIT:.0f}; dearest part: {dominating(best)}",
            f"  within ${LIMIT:.0f}: {sum(one <= LIMIT for one in totals)} of {len(plans)} lines, "
            f"{surely} if by folder",
        ]
    return lines


def report(plans: Sequence[Plan], measured: Measured) -> str:
    """Everything, to be read."""
    some = plans[0]
    shop = generator(some, measured)
    layers = (
        f"stored, month {months}: "
        + ", ".join(f"{k} ${v:.2f}" for k, v in storage(some, measured, months).items())
        for months in MONTHS
    )
    return "\n".join(
        [
            f"dollars a month, {some.events_per_batch:,.0f} events every five minutes, "
            f"{some.workers} G.1X workers",
            "",
            aligned([GROUPS, HEADINGS, *rows(plans, measured)]),
            "",
            *layers,
            f"not in the totals, the stand-in for the shop (Lambda): ${shop['full']:.2f}; "
            f"with the free tier ${shop['free_tier']:.2f}",
            "a run starts as long as it works on its events at one every "
            f"{break_even_minutes(some, measured):.0f} minutes",
            *verdicts(plans, measured),
        ]
    )


def as_json(plans: Sequence[Plan], measured: Measured) -> str:
    """Every plan with its parts after each number of months, and all that they follow from."""
    found = [
        {
            "plan": {k: None if v == math.inf else v for k, v in asdict(plan).items()},
            "run_seconds": run_seconds(plan, measured),
            "start_up": start_up(plan, measured),
            "months": {
                months: asdict(one) | {"total": one.total}
                for months in MONTHS
                for one in [month(plan, measured, months)]
            },
        }
        for plan in plans
    ]
    prices = {name: asdict(price) for name, price in PRICES.items()}
    shop = generator(plans[0], measured)
    inputs = {"measured": asdict(measured), "requests": asdict(Requests()), "prices": prices}
    return json.dumps({"plans": found, "generator": shop, **inputs}, indent=2)


# The command.


def parser() -> argparse.ArgumentParser:
    """The options; their defaults are what is measured and deployed."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.cost",
        description=__doc__.splitlines()[0] if __doc__ else None,
        epilog="Columns, sources and what is not known: docs/COST.md.",
        argument_default=argparse.SUPPRESS,
    )
    add = made.add_argument
    add("--minutes", type=float, nargs="+", metavar="N", help="between two runs; default: several")
    add("--version", nargs="+", choices=VERSIONS, help="of Glue; default: all")
    add("--events-per-batch", type=float, metavar="N", help="every five minutes (625000)")
    add("--workers", type=int, metavar="N", help="G.1X workers, one of them the driver (2)")
    add("--queries-a-day", type=float, metavar="N", help="times the five questions are asked (8)")
    add("--bronze-days", type=float, metavar="N", help="that bronze is kept (for ever)")
    add("--silver-days", type=float, metavar="N", help="that silver is kept (for ever)")
    add("--provisioning-seconds", type=float, metavar="N", help="of Glue's own, if billed (30)")
    measured = made.add_argument_group("in place of what was measured")
    add = measured.add_argument
    add("--seconds-per-million", type=float, metavar="N", help="core-seconds of Spark (26.24)")
    add("--start-up-seconds", type=float, metavar="N", help="of a run, besides its events (25)")
    add(
        "--results",
        type=Path,
        default=RESULTS,
        metavar="FILE",
        help="written by make bench, if it is there",
    )
    made.add_argument("--json", action="store_true", help="all parts and all that they follow from")
    made.add_argument(
        "--write", action="store_true", help=f"bring docs/{DOCUMENT.name} up to date too"
    )
    return made


def answer(argv: Sequence[str]) -> str:
    """What the command prints.

    Raises:
        ValueError: A value is out of its range.
        SystemExit: An option is unknown, or help was asked for.
    """
    given = vars(parser().parse_args(argv))
    measured = Measured.from_results(given.pop("results"))
    as_text = not given.pop("json", False)
    given.pop("write", None)
    names = [one.name for one in fields(Measured) if one.name in given]
    measured = replace(measured, **{name: given.pop(name) for name in names})
    intervals, versions = given.pop("minutes", MINUTES), given.pop("version", VERSIONS)
    plans = [Plan(minutes=n, version=version, **given) for n in intervals for version in versions]
    return report(plans, measured) if as_text else as_json(plans, measured)


def brought_up_to_date(text: str) -> str:
    """A document whose blocks hold what their commands print now."""
    return up_to_date(text, "benchmarks.cost", answer)


def up_to_date(text: str, module: str, answer: Callable[[Sequence[str]], str]) -> str:
    """A document whose blocks of `python -m <module>` hold what it prints now.

    Args:
        answer: What the module prints, given its arguments.
    """

    def block(found: re.Match[str]) -> str:
        printed = answer(shlex.split(found[1]))
        return f"```\n$ python -m {module}{found[1]}\n{printed}\n```"

    return blocks(module).sub(block, text)


def blocks(module: str) -> re.Pattern[str]:
    """Matches the blocks of a document: a command of the module, then what it prints."""
    command = rf"\$ python -m {re.escape(module)}(.*)\n"
    return re.compile(rf"^```\n{command}(?:(?!```).*\n)*```$", re.MULTILINE)


def main(argv: Sequence[str] | None = None) -> int:
    given = sys.argv[1:] if argv is None else argv
    try:
        if "--write" in given:
            text = brought_up_to_date(DOCUMENT.read_text(encoding="utf-8"))
            DOCUMENT.write_text(text, encoding="utf-8")
        print(answer(given))
    except ValueError as error:
        parser().error(str(error))
    return 0


if __name__ == "__main__":
    sys.exit(main())
