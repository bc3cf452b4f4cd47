"""Where the seconds of the demo's runs went, as their ledger and Glue's own times have it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from tools.diagrams.canvas import MUTED, SMALL, TEXT, WHITE, Box, Canvas, width_of
from tools.events import ACCENT, INK, SECOND

# Step -> its colour, and that of a text on it.
STEPS = {
    "start": ("#c3cdd4", INK),
    "bronze": ("#d9a57b", INK),
    "silver": (ACCENT, WHITE),
    "rollups": ("#5aa3bd", INK),
    "gold": ("#dfb54a", INK),
    "publish": (SECOND, INK),
    "rest of the job": ("#94a7b3", INK),
    "end": ("#6d7d89", WHITE),
}
LEFT, RIGHT, TOP, ROW, BAR = 30, 968, 78, 84, 36


def draw(record: dict[str, Any]) -> Canvas:
    runs = record["runs"]
    sheet = Canvas(TOP + ROW * len(runs) + 60)
    draw_legend(sheet, {step for run in runs for step in seconds_of(run)})
    longest = max(sum(seconds_of(run).values()) for run in runs)
    scale = (RIGHT - LEFT) / longest
    bottom = TOP + ROW * len(runs)
    draw_axis(sheet, longest, scale, bottom)
    for number, run in enumerate(runs):
        draw_run(sheet, f"Run {number + 1}", run, TOP + ROW * number, scale)
    made = record["recorded"]
    load = f" at a load of {made['load']}" if "load" in made else ""
    source = f"The demo's runs on the embedded AWS: {made['cores']} cores{load}, {made['at']}"
    sheet.text((LEFT, bottom + 42), source, SMALL, MUTED, align="left")
    return sheet


def seconds_of(run: dict[str, Any]) -> dict[str, float]:
    """Seconds of each step of a run, in order; they add up to what Glue says of the run.

    The rest of the job is what no stage is told of: to open the lake and find new files; also to
    publish, where the recording lacks the run's log, for the ledger is written before that ends.
    The end is the commit of the bookmark, the sweep and the end of the process.
    """
    started, finished, from_glue, until = (
        datetime.fromisoformat(text)
        for text in (
            run["started_at"],
            run["finished_at"],
            run["glue"]["StartedOn"],
            run["glue"]["CompletedOn"],
        )
    )
    stages = run["stage_seconds"]
    within = (finished - started).total_seconds()
    found = {
        "start": (started - from_glue).total_seconds(),
        **stages,
        "rest of the job": max(0.0, within - sum(stages.values())),
    }
    whole = (until - from_glue).total_seconds()
    return {**found, "end": max(0.0, whole - sum(found.values()))}


def draw_legend(sheet: Canvas, shown: set[str]) -> None:
    x = float(LEFT)
    for name in (step for step in STEPS if step in shown):
        color, _ = STEPS[name]
        sheet.bar(Box(x, 26, 16, 16), color)
        sheet.text((x + 23, 34), name, SMALL, align="left")
        x += 51 + width_of(name)


def draw_axis(sheet: Canvas, longest: float, scale: float, bottom: float) -> None:
    step = next(s for s in (1, 2, 5, 10, 20, 60, 120, 300) if longest / s <= 10)
    sheet.line((LEFT, bottom), (RIGHT, bottom), MUTED)
    for second in range(0, int(longest) + 1, step):
        x = LEFT + second * scale
        sheet.line((x, bottom), (x, bottom + 6), MUTED)
        sheet.text((x, bottom + 18), f"{second} s", SMALL, MUTED)


def draw_run(sheet: Canvas, name: str, run: dict[str, Any], y: float, scale: float) -> None:
    seconds = seconds_of(run)
    files = "1 file" if run["files"] == "1" else f"{run['files']} files"
    facts = f"{files}, {int(run['lines']):,} lines, {int(run['new_events']):,} new events"
    sheet.text((LEFT, y + 10), f"{name}: {facts}", TEXT, weight="bold", align="left")
    x, bar = float(LEFT), y + 26
    for step, length in seconds.items():
        width = length * scale
        fill, ink = STEPS[step]
        sheet.bar(Box(x, bar, width, BAR), fill)
        if width > 34:
            sheet.text((x + width / 2, bar + BAR / 2), f"{length:.1f}", SMALL, ink)
        x += width
    whole = f"{sum(seconds.values()):.1f} s in all"
    if x < RIGHT - 130:
        sheet.text((x + 12, bar + BAR / 2), whole, SMALL, MUTED, align="left")
    else:
        sheet.text((RIGHT, y + 10), whole, SMALL, MUTED, align="right")
