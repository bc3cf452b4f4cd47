"""Fill in what the documents say of the template, the queries and real runs (`make docs`).

A block between `<!-- generated: NAME ARGUMENT -->` and `<!-- end -->` is made anew from its source.
A block between `<!-- measured` (a sentence with names of benchmarks/results.json in braces) `-->`
and `<!-- end -->` holds that sentence with its figures, or nothing while one was not measured.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import cache
from pathlib import Path
from typing import Any

import generate_sample_data
from benchmarks import report
from glue_jobs.capstone_etl import Options
from local_aws import coverage
from tools import local, record
from tools.diagrams import timeline
from tools.markdown import table

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "capstone-starter.cfn.yaml"
GENERATED = re.compile(r"(<!-- generated: (\w+)(?: (\S+))? -->\n)(?:.*?)(<!-- end -->)", re.DOTALL)
MEASURED = re.compile(r"(<!-- measured\n(.*?)-->\n)(?:.*?)(<!-- end -->)", re.DOTALL)
FIGURE = re.compile(r"\{([\w.]+)\}")
LONGEST_CELL = 60
KINDS = list(coverage.MEANING)


def pages() -> list[Path]:
    """Every Markdown page of the repository."""
    shown = ("docs", "benchmarks", ".github")
    return [*ROOT.glob("*.md"), *(page for name in shown for page in (ROOT / name).rglob("*.md"))]


def brought_up_to_date(text: str) -> str:
    """A page whose blocks hold what their sources say now.

    Raises:
        KeyError: A block asks for what there is not.
    """
    text = GENERATED.sub(lambda found: f"{found[1]}{made(found[2], found[3])}{found[4]}", text)
    return MEASURED.sub(lambda found: f"{found[1]}{told(found[2])}{found[3]}", text)


def made(name: str, argument: str | None) -> str:
    text = MAKERS[name](*filter(None, [argument]))
    return f"\n{text}\n\n" if text else ""


# What was measured.


def told(sentence: str) -> str:
    """A sentence with its figures, or nothing where one was not measured.

    Raises:
        KeyError: It names a figure that the benchmarks do not know.
    """
    values = {name: figure(name) for name in FIGURE.findall(sentence)}
    if None in values.values():
        return ""
    return f"\n{FIGURE.sub(lambda found: f'{values[found[1]]:,}', sentence).strip()}\n\n"


def figure(name: str) -> float | None:
    """A headline of the benchmarks; None if it was not measured.

    Raises:
        KeyError: There is no such headline.
    """
    if name not in report.TARGETS:
        raise KeyError(f"{name} is none of the benchmarks' figures: {', '.join(report.TARGETS)}")
    value: Any = report.load()
    for part in name.split("."):
        value = value.get(part) if value else None
    return value


def results() -> str:
    """The benchmarks' headlines that were measured, with their targets."""
    names = [name for name in report.TARGETS if figure(name) is not None]
    rows = [
        [report.TARGETS[name][0], report.TARGETS[name][1], f"{figure(name):,}"] for name in names
    ]
    measured = table(["what", "target", "measured"], rows)
    return f"Measured by `make bench`:\n\n{measured}" if rows else ""


# What the template says.


@cache
def template() -> dict[str, Any]:
    return generate_sample_data.load_template(TEMPLATE)


def tables(layer: str) -> str:
    """Each table of a layer: grain, columns with types and an example, rows in the demo."""
    database = {"Ref": f"{layer.capitalize()}Database"}
    resources = [r for r in template()["Resources"].values() if r["Type"] == "AWS::Glue::Table"]
    inputs = [
        r["Properties"]["TableInput"]
        for r in resources
        if r["Properties"]["DatabaseName"] == database
    ]
    return "\n\n".join(described(layer, entry) for entry in inputs)


def described(layer: str, entry: dict[str, Any]) -> str:
    name = f"{layer}.{entry['Name']}"
    recorded = record.load()["examples"].get(name, {"example": {}})
    keys = {key["Name"] for key in entry["PartitionKeys"]}
    rows = []
    for column in (*entry["StorageDescriptor"]["Columns"], *entry["PartitionKeys"]):
        label = column["Name"]
        example = shown(recorded["example"][label]) if label in recorded["example"] else ""
        notes = ["partition key"] if label in keys else []
        notes += [column["Comment"]] if "Comment" in column else []
        rows.append([f"`{label}`", f"`{column['Type']}`", example, "; ".join(notes)])
    amount = f" {counted(recorded['rows'], 'row')} in the demo." if "rows" in recorded else ""
    heading = f"### {name}\n\nGrain: {entry['Description']}{amount}"
    return f"{heading}\n\n{table(['column', 'type', 'example', 'note'], rows)}"


def parameters() -> str:
    rows = [
        [
            f"`{name}`",
            str(one["Description"]),
            f"`{one['Default']}`" if one.get("Default") not in (None, "") else "none",
        ]
        for name, one in template()["Parameters"].items()
    ]
    return table(["parameter", "what it is", "default"], rows)


def outputs() -> str:
    found = template()["Outputs"].items()
    return table(
        ["output", "what it is"], [[f"`{name}`", str(one["Description"])] for name, one in found]
    )


def arguments() -> str:
    """The job's arguments of its own, with their defaults."""
    rows = [
        [f"`--{one.name}`", "required" if one.default is MISSING else f"`{one.default}`"]
        for one in fields(Options)
    ]
    return table(["argument", "default"], [[a, d.replace("``", "none")] for a, d in rows])


# What queries.sql says, and what the demo answered.


def sql(name: str) -> str:
    """A question's statement, without the comments that stand before it."""
    statement = re.sub(r"^--.*\n", "", queries()[name], flags=re.MULTILINE).strip()
    return f"```sql\n{statement};\n```"


def queries() -> dict[str, str]:
    return local.read_queries(ROOT / "queries.sql")


def question(name: str) -> str:
    """A question with its grain, as its statement's comments have them."""
    said = dict(re.findall(r"^-- (question|grain): (.*)$", queries()[name], re.MULTILINE))
    return f"**{said['question']}** Grain: {said['grain']}."


def result(name: str) -> str:
    """The demo's answer to a question: columns and types, first rows, bytes scanned."""
    found = record.load()["questions"][name]
    columns = [f"{column}<br>{kind}" for column, kind in found["columns"].items()]
    rows = [[shown(cell) for cell in row] for row in found["rows"]]
    kept = len(rows)
    all_rows = counted(found["row_count"], "row")
    amount = all_rows if kept == found["row_count"] else f"First {kept} of {all_rows}"
    return f"{table(columns, rows)}\n\n{amount}; {found['bytes_scanned']:,} bytes scanned."


def runs() -> str:
    """The ledger of the demo's runs."""
    found = record.load()["runs"]
    names = [name for name in found[0] if name not in ("glue", "stage_seconds", "run_date")]
    rows = [[f"`{name}`", *(shown(run[name]) for run in found)] for name in names]
    return table(["column", *(f"run {number}" for number in range(1, len(found) + 1))], rows)


def timing() -> str:
    """Seconds of each step of the demo's runs."""
    found = record.load()["runs"]
    each = [timeline.seconds_of(run) for run in found]
    rows = [["lines", *(f"{int(run['lines']):,}" for run in found)]]
    for step in (step for step in timeline.STEPS if any(step in one for one in each)):
        rows.append([f"{step}, s", *(f"{one[step]:.1f}" if step in one else "" for one in each)])
    rows.append(["in all, s", *(f"{sum(one.values()):.1f}" for one in each)])
    return table(["", *(f"run {number}" for number in range(1, len(found) + 1))], rows)


def questions() -> str:
    """How many rows each question gave the demo, of how many bytes."""
    found = record.load()["questions"].items()
    rows = [[f"`{n}`", f"{q['row_count']:,}", f"{q['bytes_scanned']:,}"] for n, q in found]
    events = record.load()["examples"]["silver.events_cleaned"]["rows"]
    said = f"In the recorded demo, whose silver holds {events:,} events."
    return f"{table(['question', 'rows', 'bytes scanned'], rows)}\n\n{said}"


# What the embedded AWS does.


def operations() -> str:
    """What becomes of each operation that is declared, service by service."""
    rows = [
        [service, kind.kind, ", ".join(name for name in sorted(found) if found[name] == kind)]
        + [kind.note]
        for service, found in coverage.OPERATIONS.items()
        for kind in sorted(set(found.values()), key=lambda one: (KINDS.index(one.kind), one.note))
    ]
    return table(["service", "", "operations", "note"], rows)


def meanings() -> str:
    return "\n".join(f"- **{kind}**: {meaning}." for kind, meaning in coverage.MEANING.items())


def differences() -> str:
    """What AWS documents and the embedded AWS is known not to keep."""
    return "\n".join(f"- {text}" for text in coverage.DIFFERENCES.values())


# What other pages say.


def proof() -> str:
    """The figures at the top of GUARANTEES.md."""
    return excerpt("GUARANTEES.md", r"^\| figure .*(?:\n\|.*)+")


def verdict() -> str:
    """What the costs come to, at the end of the first block of COST.md."""
    lines = excerpt("COST.md", r"^month 1: cheapest(?:.*\n)+?(?=```)")
    return f"```\n{lines}```"


def excerpt(page: str, pattern: str) -> str:
    """The first text of a page that a pattern finds.

    Raises:
        LookupError: There is none; the page was rewritten and this program was not.
    """
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    found = re.search(pattern, text, re.MULTILINE)
    if not found:
        raise LookupError(f"docs/{page} has no text such as {pattern!r}")
    return found[0]


# Cells.


def shown(value: str | None) -> str:
    """A cell of an answer, shortened and safe in a table."""
    if value is None:
        return "null"
    text = value if len(value) <= LONGEST_CELL else f"{value[: LONGEST_CELL - 4]} ..."
    return f"`{text.replace('|', chr(92) + '|')}`" if text else "(empty)"


def counted(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


MAKERS: dict[str, Callable[..., str]] = {
    one.__name__: one
    for one in (
        tables,
        arguments,
        parameters,
        outputs,
        sql,
        question,
        questions,
        result,
        runs,
        timing,
        results,
        meanings,
        operations,
        differences,
        proof,
        verdict,
    )
}


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description="Bring the generated blocks of all pages up to date."
    )
    parser.add_argument("--check", action="store_true", help="change nothing; fail if one is stale")
    options = parser.parse_args(argv)
    stale = []
    for page in sorted(pages()):
        before = page.read_text(encoding="utf-8")
        after = brought_up_to_date(before)
        if after == before:
            continue
        stale.append(str(page.relative_to(ROOT)))
        if not options.check:
            page.write_text(after, encoding="utf-8")
    done = "stale" if options.check else "updated"
    print(f"{done}: {', '.join(stale)}" if stale else "every page is up to date")
    return 1 if stale and options.check else 0


if __name__ == "__main__":
    sys.exit(main())
