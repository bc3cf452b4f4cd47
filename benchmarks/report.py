"""results.json, and what people read of it: RESULTS.md and its pictures."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402 # once it is told not to look for a screen
from matplotlib.axes import Axes  # noqa: E402

from benchmarks.cost import FILES_OF_AN_HOUR  # noqa: E402
from glue_jobs import capstone_etl as etl  # noqa: E402
from tools.events import ACCENT, PALE, SECOND, STYLE  # noqa: E402
from tools.markdown import table  # noqa: E402

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
    headlines = table(
        ["figure", "what it is", "target", "measured"],
        [(name, what, goal, value_in(found, name)) for name, (what, goal, _) in TARGETS.items()],
    )
    chapters = found["chapters"]
    sections = [
        f"## {title}\n\n{shown(chapters[name])}"
        for name, (title, shown) in SHOWN.items()
        if name in chapters
    ]
    parts = [
        "# Results",
        "For whoever asks how fast and how large. After reading you know each figure, its target,\n"
        "and where a run's seconds go. Made by `make bench` from `benchmarks/results.json`; do\n"
        "not edit. Ratios are medians of programs that ran in turn in one session;\n"
        "[how](README.md).",
        headlines,
        *sections,
        *(f"![{PICTURED[name]}](images/{name})" for name in pictures),
        f"## When it was measured\n\n{how_measured(chapters)}",
    ]
    return "\n\n".join(parts) + "\n"


def value_in(found: Figures, name: str) -> str:
    """A headline for reading: its value, and whether it meets its target."""
    value: Any = found
    for part in name.split("."):
        value = value.get(part) if value else None
    if value is None:
        return "not measured"
    return f"{value:,} {'✓' if TARGETS[name][2](value) else '✗'}"


def how_measured(chapters: dict[str, Figures]) -> str:
    rows = []
    for name, figures in chapters.items():
        how = figures["measured"]
        on = f"{how['cores']} cores, {how['machine']}"
        rows.append((name, how["at"], on, f"{how['events']:,}", spread_of(figures)))
    return table(["chapter", "measured (UTC)", "on", "events in a file", "ratios"], rows)


def spread_of(figures: Figures) -> str:
    """Least, median and most of a ratio, or of each case's; naive's at each number of files."""
    cases = [(case, figures[case].get("ratio")) for case in "abc" if case in figures]
    cases += [("", figures.get("ratio") or figures.get("speedup"))]
    texts = (
        f"{case} {' · '.join(f'{one:.2f}' for one in found)}" for case, found in cases if found
    )
    return "; ".join(text.strip() for text in texts) or "-"


def stages(figures: Figures) -> str:
    """Where the seconds of the job and of DuckDB go."""
    rows = [
        (case, label, figures[case][f"{program}_s"])
        + tuple(f"{figures[case][f'{program}_stages'].get(stage, 0):.1f}" for stage in etl.STAGES)
        for case in "abc"
        for program, label in (("job", "job"), ("duckdb", "DuckDB"))
    ]
    return table(["case", "program", "median, s", *etl.STAGES], rows)


def one_by_one(figures: Figures) -> str:
    """What the steps of a run cost, each with those before it."""
    rows = [(name, one["s"], one["cpu_s"]) for name, one in figures["steps"].items()]
    return table(["step, with those that it builds upon", "s", "s of the CPU"], rows)


def stored(figures: Figures) -> str:
    """What a million events take."""
    sizes = figures["bytes_per_million"].items()
    return table(["a million events as", "MB"], [(name, f"{n / 1e6:,.2f}") for name, n in sizes])


def asked(figures: Figures) -> str:
    """What the questions cost on gold and on bronze."""
    rows = [
        (name, f"{one['gold_bytes']:,}", f"{one['bronze_bytes']:,}", one["gold_s"], one["bronze_s"])
        for name, one in figures["questions"].items()
    ]
    what = f"question, {figures['lines']:,} lines in bronze"
    return table([what, "gold, bytes", "bronze, bytes", "gold, s", "bronze, s"], rows)


def hour_by_hour(figures: Figures) -> str:
    """What the runs of a day took, by hour; the first of one merges the last one's visitors."""
    batches = figures["batches"]
    starts = range(0, len(batches), FILES_OF_AN_HOUR)
    hours = [batches[start : start + FILES_OF_AN_HOUR] for start in starts]
    rows = [
        (number, f"{first:.2f}", f"{median(others):.2f}", f"{max(others):.2f}")
        for number, (first, *others) in enumerate(hours)
        if others and number in (0, 1, 5, 11, 17, 23)
    ]
    return table(["hour", "its first run, s", "the other eleven, median, s", "most, s"], rows)


def file_by_file(figures: Figures) -> str:
    """Seconds of both jobs at each number of files."""
    rows = [
        (number, f"{mine:.1f}", f"{naive:.1f}", f"{ratio:.2f}")
        for number, mine, naive, ratio in zip(
            *(figures[name] for name in ("files", "job", "naive", "ratio")), strict=True
        )
    ]
    return table(["files in the lake", "this job, s", "naive job, s", "ratio"], rows)


# Chapter -> title, and the table of its figures.
SHOWN: dict[str, tuple[str, Callable[[Figures], str]]] = {
    "duckdb": ("The job and DuckDB, stage by stage, in seconds", stages),
    "steps": ("The steps of a run over one file", one_by_one),
    "naive": ("The job and the naive job", file_by_file),
    "day": ("The runs of a day", hour_by_hour),
    "storage": ("What a million events take", stored),
    "questions": ("The five questions on gold and on bronze", asked),
}
PICTURED = {
    "naive.png": "Seconds of one more file: the naive job's grow with the files in the lake",
    "day.png": "Seconds of each of the runs of a day",
}


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
