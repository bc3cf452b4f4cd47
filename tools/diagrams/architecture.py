"""Where events go, and what reads them."""

from __future__ import annotations

from tools.diagrams.canvas import (
    BRONZE,
    GOLD,
    MUTED,
    ORANGE,
    POINTER,
    SILVER,
    SMALL,
    WHITE,
    Box,
    Canvas,
)
from tools.events import ACCENT, SECOND

# Fill and edge of a table, by its layer.
LAYERS = {
    "bronze": (BRONZE, "#c9a184"),
    "silver": (SILVER, "#a9b8c4"),
    "gold": (GOLD, "#d8bd6a"),
}


def draw() -> Canvas:
    sheet = Canvas(600)
    raw = draw_source(sheet)
    job = sheet.box(
        Box(315, 40, 375, 88),
        "Glue job",
        ["write, audit, publish", "one run at a time"],
        ACCENT,
        ACCENT,
        WHITE,
    )
    lake = draw_lake(sheet)
    sheet.arrow((raw.right, raw.middle), (274, raw.middle), (274, job.middle), (job.x, job.middle))
    sheet.text((raw.center, raw.bottom + 20), "a bookmark hands each", SMALL, MUTED)
    sheet.text((raw.center, raw.bottom + 39), "new file to the next run", SMALL, MUTED)
    draw_makers(sheet)
    sheet.arrow((job.center, job.bottom), (job.center, lake.y), color=ACCENT)
    sheet.text((job.center + 10, 153), "1 write   2 audit", SMALL, ACCENT, "bold", "left")
    draw_readers(sheet, job, lake)
    return sheet


def draw_source(sheet: Canvas) -> Box:
    clock = sheet.box(Box(30, 40, 205, 64), "EventBridge", ["every five minutes"])
    maker = sheet.box(Box(30, 156, 205, 64), "Lambda", ["event generator"])
    raw = sheet.box(
        Box(30, 272, 205, 90), "S3: raw events", ["gzipped JSON Lines,", "half a million a file"]
    )
    sheet.arrow((clock.center, clock.bottom), (maker.center, maker.y))
    sheet.arrow((maker.center, maker.bottom), (raw.center, raw.y))
    return raw


def draw_makers(sheet: Canvas) -> None:
    makers = [("CloudFormation", "makes all but the job"), ("Notebook", "makes and runs the job")]
    for number, (title, line) in enumerate(makers):
        sheet.box(Box(30, 436 + 72 * number, 205, 62), title, [line], line="--", size=14.5)


def draw_lake(sheet: Canvas) -> Box:
    lake = sheet.panel(Box(315, 178, 375, 392), "S3: the lake, Parquet")
    sheet.text(
        (lake.x + 16, lake.y + 43), "each run below a prefix of its own", SMALL, MUTED, align="left"
    )
    left, wide, half = lake.x + 14, lake.width - 28, (lake.width - 38) / 2
    right = left + half + 10
    tables = [
        ("bronze", Box(left, 242, wide, 64), "bronze.events", "every line received"),
        ("silver", Box(left, 318, half, 72), "events_cleaned", "each event once"),
        ("silver", Box(right, 318, half, 72), "quarantine", "rejects, all reasons"),
        ("silver", Box(left, 402, wide, 72), "rollups", "per product and hour; visitors of a day"),
        ("gold", Box(left, 486, half, 72), "gold", "five answers"),
        ("gold", Box(right, 486, half, 72), "pipeline_runs", "the ledger"),
    ]
    for layer, box, title, line in tables:
        sheet.box(box, title, [line], *LAYERS[layer], size=14.5)
    return lake


def draw_readers(sheet: Canvas, job: Box, lake: Box) -> None:
    catalog = sheet.box(
        Box(780, 28, 190, 112),
        "Data Catalog",
        ["the pointer: which", "run's prefix holds", "a partition"],
        POINTER,
        SECOND,
    )
    athena = sheet.box(Box(780, 300, 190, 86), "Athena", ["queries.sql:", "five questions"])
    people = sheet.box(Box(780, 466, 190, 90), "Readers", ["console, CLI, pandas,", "BI tools"])
    sheet.arrow((job.right, job.middle), (catalog.x, job.middle), color=SECOND)
    sheet.text((735, job.middle - 14), "3 publish", SMALL, ORANGE, "bold")
    sheet.arrow((athena.center, athena.y), (athena.center, catalog.bottom))
    sheet.text((athena.center - 10, 220), "asks where", SMALL, MUTED, align="right")
    sheet.arrow((athena.x, athena.middle), (lake.right, athena.middle))
    sheet.text((735, athena.middle - 14), "reads", SMALL, MUTED)
    sheet.arrow((people.center, people.y), (people.center, athena.bottom))
