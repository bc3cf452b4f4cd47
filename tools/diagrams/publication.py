"""Write, audit, publish: what a run does to one partition, and what a crash leaves."""

from __future__ import annotations

from collections.abc import Sequence

from tools.diagrams.canvas import (
    MUTED,
    ORANGE,
    PAPER,
    POINTER,
    SILVER,
    SMALL,
    TEXT,
    WHITE,
    Box,
    Canvas,
)
from tools.events import ACCENT, INK, SECOND


def draw() -> Canvas:
    sheet = Canvas(560)
    panels = [Box(24 + 322 * number, 24, 308, 380) for number in range(3)]
    write, audit, publish = panels
    draw_write(sheet, write)
    draw_audit(sheet, audit)
    draw_publish(sheet, publish)
    draw_order(sheet)
    return sheet


def pointer(sheet: Canvas, panel: Box) -> Box:
    at = Box(panel.x + 16, panel.y + 50, panel.width - 32, 48)
    return sheet.box(at, "Data Catalog: 14h", [], POINTER, SECOND, size=TEXT)


def prefixes(sheet: Canvas, panel: Box, old: str, new: str, is_moved: bool) -> tuple[Box, Box]:
    width, top = (panel.width - 46) / 2, panel.y + 150
    before = Box(panel.x + 16, top, width, 66)
    after = Box(panel.x + 30 + width, top, width, 66)
    lines = ("--", "-") if is_moved else ("-", "--")
    fills = (PAPER, SILVER) if is_moved else (SILVER, PAPER)
    sheet.box(before, "run=A/", [old], fills[0], line=lines[0], size=TEXT)
    sheet.box(after, "run=B/", [new], fills[1], line=lines[1], size=TEXT)
    return before, after


def said(sheet: Canvas, panel: Box, lines: Sequence[str]) -> None:
    paragraph(sheet, (panel.x + 16, panel.y + 252), lines)


def paragraph(sheet: Canvas, at: tuple[float, float], lines: Sequence[str]) -> None:
    for number, line in enumerate(lines):
        sheet.text((at[0], at[1] + 22 * number), line, SMALL, MUTED, align="left")


def crash(sheet: Canvas, panel: Box, lines: Sequence[str]) -> None:
    sheet.text((panel.x + 16, panel.bottom - 70), "Killed here", SMALL, ORANGE, "bold", "left")
    paragraph(sheet, (panel.x + 16, panel.bottom - 46), lines)


def draw_write(sheet: Canvas, panel: Box) -> None:
    sheet.panel(panel, "1  Write")
    catalog = pointer(sheet, panel)
    old, _ = prefixes(sheet, panel, "readers see it", "being written", is_moved=False)
    sheet.arrow((old.center, catalog.bottom), (old.center, old.y), color=SECOND)
    said(sheet, panel, ["Run B writes below prefixes of its own.", "Nothing is overwritten."])
    crash(
        sheet,
        panel,
        ["No reader notices. The bookmark was", "not committed: the files come again."],
    )


def draw_audit(sheet: Canvas, panel: Box) -> None:
    sheet.panel(panel, "2  Audit")
    counts = [
        ("lines read", "bronze rows"),
        ("bronze rows", "valid + quarantined"),
        ("valid", "new + duplicates"),
        ("rows meant", "rows in the files"),
    ]
    for number, (left, right) in enumerate(counts):
        y = panel.y + 66 + 46 * number
        sheet.box(Box(panel.x + 16, y - 17, 106, 36), "", [], PAPER, "#a9b8c4")
        sheet.box(Box(panel.x + 148, y - 17, 144, 36), "", [], PAPER, "#a9b8c4")
        sheet.text((panel.x + 69, y + 1), left, SMALL)
        sheet.text((panel.x + 135, y + 1), "=", TEXT, ACCENT, "bold")
        sheet.text((panel.x + 220, y + 1), right, SMALL)
    said(
        sheet,
        panel,
        ["Counted on the way and again in the", "footers. A difference fails the run."],
    )
    crash(sheet, panel, ["As before: what was written has no", "pointer, and is swept later."])


def draw_publish(sheet: Canvas, panel: Box) -> None:
    sheet.panel(panel, "3  Publish")
    catalog = pointer(sheet, panel)
    _, new = prefixes(sheet, panel, "swept in 7 days", "readers see it", is_moved=True)
    sheet.arrow((new.center, catalog.bottom), (new.center, new.y), color=SECOND)
    said(
        sheet, panel, ["One catalog call moves the pointer. A", "query under way keeps its files."]
    )
    crash(
        sheet, panel, ["Some partitions moved, others not:", "the next run moves them all again."]
    )


def draw_order(sheet: Canvas) -> None:
    steps = ["bronze", "silver", "quarantine", "rollups", "gold", "ledger", "job.commit()"]
    why = "Published in this order: a table never knows more than those it is made of."
    sheet.text((24, 434), why, SMALL, MUTED, align="left")
    width, gap = 112, 28
    boxes = [Box(24 + number * (width + gap), 458, width, 46) for number in range(len(steps))]
    for box, step in zip(boxes, steps, strict=True):
        is_last = step == steps[-1]
        colors = (ACCENT, ACCENT, WHITE) if is_last else (PAPER, MUTED, INK)
        sheet.box(box, step, [], *colors, size=SMALL)
    for one, two in zip(boxes, boxes[1:], strict=False):
        sheet.arrow((one.right, one.middle), (two.x, two.middle))
    last = "The bookmark is committed last: whatever happens before, the next run reads these files"
    sheet.text((24, 532), f"{last} again.", SMALL, MUTED, align="left")
