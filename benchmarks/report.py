"""results.json, and what people read of it: RESULTS.md and its pictures."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402 # once it is told not to look for a screen
from matplotlib.axes import Axes  # noqa: E402

from glue_jobs import capstone_etl as etl  # noqa: E402
from tools.events import ACCENT, PALE, SECOND, STYLE  # noqa: E402

FOLDER = Path(__file__).parent
RESULTS = FOLDER / "results.json"
PICTURES = FOLDER / "images"
Figures = dict[str, Any]


def load() -> Figures:
    """What was measured so far; nothing if nothing was."""
    return dict(json.loads(RESULTS.read_text(encoding="utf-8"))) if RESULTS.exists() else {}


def keep(chapter: str, figures: Figures, **how: Any) -> None:
    """Replace a chapter's figures in results.json, and the headlines that follow from them.

    Args:
        how: With what they were measured.
    """
    found = load()
    measured = {"at": f"{datetime.now(UTC):%Y-%m-%d %H:%M}", **machine(), **how}
    chapters = {**found.get("chapters", {}), chapter: {"measured": measured, **figures}}
    everything = {**headlines(chapters), "chapters": chapters}
    RESULTS.write_text(json.dumps(everything, indent=2) + "\n", encoding="utf-8")


def machine() -> dict[str, Any]:
    return {"cores": os.cpu_count(), "machine": platform.machine(), "system": platform.system()}


# Headline -> its chapter, and how it follows from that one's figures.
HEADLINES: dict[str, tuple[str, Callable[[Figures], Any]]] = {
    "duckdb_ratio": ("duckdb", lambda f: {case: f[case]["ratio"][1] for case in "abc"}),
    "naive_ratio_at_12": ("naive", lambda f: f["ratio"][-1]),
    "flat_day": ("day", lambda f: f["ratio"][1]),
    "flat_year": ("year", lambda f: f["ratio"][1]),
    "empty_run_s": ("start", lambda f: f["empty_run_s"]),
    "generator_speedup": ("generator", lambda f: round(f["speedup"][1], 2)),
    "generator_peak_mb": ("generator", lambda f: round(f["generator"]["peak_mb"])),
    "bronze_reduction": ("storage", lambda f: f["bronze_reduction"]),
    "query_bytes_max": (
        "questions",
        lambda f: max(asked["gold_bytes"] for asked in f["questions"].values()),
    ),
}


def headlines(chapters: dict[str, Figures]) -> Figures:
    """The figures that the targets are about, as far as their chapters were measured."""
    return {
        name: of(chapters[chapter])
        for name, (chapter, of) in HEADLINES.items()
        if chapter in chapters
    }


# What is measured -> (what it says, its target, whether it is met).
TARGETS: dict[str, tuple[str, str, Callable[[Any], bool]]] = {
    "duckdb_ratio.a": ("one file, empty lake: times DuckDB's seconds", "≤ 2.5", lambda v: v <= 2.5),
    "duckdb_ratio.b": ("a file into an hour of eleven: the same", "≤ 2.5", lambda v: v <= 2.5),
    "duckdb_ratio.c": ("twelve files, empty lake: the same", "≤ 1.5", lambda v: v <= 1.5),
    "naive_ratio_at_12": ("naive job's seconds / job's, 12th file", "≥ 6", lambda v: v >= 6),
    "flat_day": ("last batch of a day / second", "≤ 1.15", lambda v: v <= 1.15),
    "flat_year": ("batch after 365 days / after 1", "≤ 1.15", lambda v: v <= 1.15),
    "empty_run_s": ("run without new files, fresh process, s", "< 1", lambda v: v < 1),
    "generator_speedup": ("json.dumps + gzip.compress / generator", "≥ 4", lambda v: v >= 4),
    "generator_peak_mb": ("generator's peak memory, MB", "< 150", lambda v: v < 150),
    "bronze_reduction": ("bronze smaller than raw JSON by", "≥ 0.87", lambda v: v >= 0.87),
    "query_bytes_max": ("most bytes one of the questions scans", "< 100000", lambda v: v < 1e5),
}


def write() -> None:
    """Make RESULTS.md and the pictures from results.json."""
    found = load()
    PICTURES.mkdir(exist_ok=True)
    drawn = [draw(found["chapters"]) for draw in (draw_naive, draw_day)]
    (FOLDER / "RESULTS.md").write_text(text_of(found, [d for d in drawn if d]), encoding="utf-8")


def text_of(found: Figures, pictures: list[str]) -> str:
    rows = [
        f"| {name} | {what} | {goal} | {value_in(found, name)} |"
        for name, (what, goal, _) in TARGETS.items()
    ]
    return "\n".join(
        [
            "# Results",
            "",
            "Made by `make bench` from `benchmarks/results.json`; do not edit. Ratios are medians",
            "of programs that ran in turn in one session; `benchmarks/` says how each is measured.",
            "",
            "| figure | what it is | target | measured |",
            "|---|---|---|---|",
            *rows,
            "",
            *how_measured(found["chapters"]),
            "",
            *stages(found["chapters"]),
            *one_by_one(found["chapters"]),
            *stored(found["chapters"]),
            *asked(found["chapters"]),
            *(f"![{Path(name).stem}](images/{name})\n" for name in pictures),
        ]
    )


def value_in(found: Figures, name: str) -> str:
    """A headline for reading: its value, and whether it meets its target."""
    value: Any = found
    for part in name.split("."):
        value = value.get(part) if value else None
    if value is None:
        return "not measured"
    return f"{value:,} {'✓' if TARGETS[name][2](value) else '✗'}"


def how_measured(chapters: dict[str, Figures]) -> list[str]:
    lines = [
        "| chapter | measured (UTC) | on | events in a file | spread |",
        "|---|---|---|---|---|",
    ]
    for name, figures in chapters.items():
        how = figures["measured"]
        spread = figures.get("ratio") or figures.get("speedup") or "-"
        on = f"{how['cores']} cores, {how['machine']}"
        lines.append(f"| {name} | {how['at']} | {on} | {how['events']:,} | {spread} |")
    return lines


def stages(chapters: dict[str, Figures]) -> list[str]:
    """Where the seconds of the job and of DuckDB go."""
    cases = {case: chapters["duckdb"][case] for case in "abc"} if "duckdb" in chapters else {}
    rows = [
        f"| {case} | {program} | {total} | "
        + " | ".join(f"{found.get(stage, 0):.1f}" for stage in etl.STAGES)
        + " |"
        for case, figures in cases.items()
        for program, total, found in (
            ("job", figures["job_s"], figures["job_stages"]),
            ("DuckDB", figures["duckdb_s"], figures["duckdb_stages"]),
        )
    ]
    head = f"| case | program | median, s | {' | '.join(etl.STAGES)} |"
    return [head, "|---|---|---|" + "---|" * len(etl.STAGES), *rows, ""] if rows else []


def one_by_one(chapters: dict[str, Figures]) -> list[str]:
    """What the steps of a run cost, each with those before it."""
    if "steps" not in chapters:
        return []
    found = chapters["steps"]["steps"]
    head = ["| step, with those that it builds upon | s | s of the CPU |", "|---|---|---|"]
    return [
        *head,
        *(f"| {name} | {one['s']} | {one['cpu_s']} |" for name, one in found.items()),
        "",
    ]


def stored(chapters: dict[str, Figures]) -> list[str]:
    """What a million events take."""
    if "storage" not in chapters:
        return []
    sizes = chapters["storage"]["bytes_per_million"]
    head = ["| a million events as | MB |", "|---|---|"]
    return [*head, *(f"| {name} | {size / 1e6:,.2f} |" for name, size in sizes.items()), ""]


def asked(chapters: dict[str, Figures]) -> list[str]:
    """What the questions cost on gold and on bronze."""
    if "questions" not in chapters:
        return []
    figures = chapters["questions"]
    rows = [
        f"| {name} | {found['gold_bytes']:,} | {found['bronze_bytes']:,} |"
        f" {found['gold_s']} | {found['bronze_s']} |"
        for name, found in figures["questions"].items()
    ]
    columns = "gold, bytes | bronze, bytes | gold, s | bronze, s"
    head = f"| question, {figures['lines']:,} lines in bronze | {columns} |"
    return [head, "|---|---|---|---|---|", *rows, ""]


@contextmanager
def picture(name: str, title: str, xlabel: str) -> Iterator[Axes]:
    """The axes of a picture of seconds, which is saved at the end of a `with` block."""
    with plt.rc_context(STYLE):
        drawn, axes = plt.subplots(figsize=(7, 3.6))
        axes.set(title=title, xlabel=xlabel)
        yield axes
        axes.set_ylim(0, None)
        axes.grid(axis="y", color=PALE)
        drawn.savefig(PICTURES / name, dpi=110)
        plt.close(drawn)


def draw_naive(chapters: dict[str, Figures]) -> str:
    figures = chapters.get("naive")
    if not figures:
        return ""
    with picture("naive.png", "Seconds for one more file", "files in the lake") as axes:
        axes.plot(figures["files"], figures["naive"], "o-", color=SECOND, label="naive job")
        axes.plot(figures["files"], figures["job"], "o-", color=ACCENT, label="this job")
        axes.legend(frameon=False)
    return "naive.png"


def draw_day(chapters: dict[str, Figures]) -> str:
    figures = chapters.get("day")
    if not figures:
        return ""
    with picture("day.png", "Seconds for each batch of a day", "batch") as axes:
        axes.plot(range(1, len(figures["batches"]) + 1), figures["batches"], ".", color=ACCENT)
    return "day.png"
