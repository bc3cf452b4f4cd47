"""What the documents show of a real run: `python -m tools.demo --record` (`make record`).

The five answers, the ledger, an example row of each table and the notebook's charts, as the demo
had them, go into `docs/recorded/`. `make docs` and `make diagrams` read them there.
"""

from __future__ import annotations

import base64
import json
import os
import platform
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3

from tools import local

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "recorded"
RECORD = FOLDER / "demo.json"
ROWS = 10
# Which row of a table is shown; any will do where nothing is said.
SHOWN = {
    "bronze.events": "event_type = 'purchase'",
    "silver.events_cleaned": "event_type = 'purchase'",
    "silver.events_quarantine": "corrupt_record is null",
    "silver.product_hourly": "purchases > 0",
    "gold.conversion_funnel": "purchases > 0",
    "gold.top_products": "rank = 1",
    "gold.category_performance": "category <> 'uncategorized'",
    "gold.pipeline_runs": "quarantined > 0",
}


def record(notebook: Any, outputs: dict[str, str], questions: dict[str, str]) -> None:
    """Write the answers, the ledger, example rows and charts of a finished demo.

    Args:
        notebook: As it was executed.
        outputs: Of the stack.
        questions: The statements of `queries.sql`, by name.
    """
    ledger = answer("select * from pipeline_runs order by run_id", outputs)
    found = {
        "recorded": {
            "at": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
            "cores": os.cpu_count(),
            "load": round(os.getloadavg()[1], 1),
            "machine": platform.machine(),
            "python": platform.python_version(),
        },
        "runs": runs(ledger, outputs["GlueJobName"]),
        "questions": {name: answer(sql, outputs) for name, sql in questions.items()},
        "examples": dict(examples(outputs)),
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    RECORD.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    for name, picture in charts(notebook).items():
        (FOLDER / f"{name}.png").write_bytes(picture)


def load() -> dict[str, Any]:
    """What was recorded."""
    return dict(json.loads(RECORD.read_text(encoding="utf-8")))


def answer(sql: str, outputs: dict[str, str]) -> dict[str, Any]:
    """An Athena query's columns with their types, first rows as texts, rows and bytes scanned.

    Raises:
        RuntimeError: The query failed; the message has Athena's reason.
    """
    athena = boto3.client("athena")
    execution = local.executed(athena, sql, outputs)
    pages = athena.get_paginator("get_query_results").paginate(
        QueryExecutionId=execution["QueryExecutionId"]
    )
    sets = [page["ResultSet"] for page in pages]
    columns = sets[0]["ResultSetMetadata"]["ColumnInfo"]
    rows = [[cell.get("VarCharValue") for cell in row["Data"]] for s in sets for row in s["Rows"]]
    return {
        "columns": {column["Name"]: type_of(column) for column in columns},
        "rows": rows[1 : ROWS + 1],
        "row_count": len(rows) - 1,
        "bytes_scanned": execution["Statistics"]["DataScannedInBytes"],
    }


def type_of(column: dict[str, Any]) -> str:
    kind: str = column["Type"]
    return f"decimal({column['Precision']},{column['Scale']})" if kind == "decimal" else kind


def runs(ledger: dict[str, Any], job: str) -> list[dict[str, Any]]:
    """The ledger's rows, each with the times that Glue gives its run.

    The ledger is written while a run publishes, so how long that took is in the run's log alone.
    """
    glue, logs = boto3.client("glue"), boto3.client("logs")
    found = []
    for cells in ledger["rows"]:
        row = dict(zip(ledger["columns"], cells, strict=True))
        run = glue.get_job_run(JobName=job, RunId=row["glue_run_id"])["JobRun"]
        times = {key: f"{run[key].astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}" for key in TIMES}
        stages = re.findall(r"(\w+)=([\d.]+)", row["stage_seconds"])
        seconds = {name: float(value) for name, value in stages}
        events = logs.filter_log_events(
            logGroupName="/aws-glue/jobs/output",
            logStreamNamePrefix=row["glue_run_id"],
            filterPattern="publish",
        )["events"]
        for event in events:
            if published := re.search(r"stage \d/\d publish: ([\d.]+) s", event["message"]):
                seconds["publish"] = float(published[1])
        found.append({**row, "stage_seconds": seconds, "glue": times})
    return found


TIMES = ("StartedOn", "CompletedOn")


def examples(outputs: dict[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each table's name, with an example row and how many rows there are."""
    pages = boto3.client("glue").get_paginator("get_tables")
    for layer in ("bronze", "silver", "gold"):
        database = outputs[f"{layer.capitalize()}Database"]
        tables = [t for p in pages.paginate(DatabaseName=database) for t in p["TableList"]]
        for name in sorted(table["Name"] for table in tables):
            where = SHOWN.get(f"{layer}.{name}", "true")
            source = f"{database}.{name}"
            found = answer(f"select * from {source} where {where} limit 1", outputs)
            counted = answer(f"select count(*) as n from {source}", outputs)
            rows = [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]
            example = rows[0] if rows else {}
            yield f"{layer}.{name}", {"rows": int(counted["rows"][0][0]), "example": example}


def charts(notebook: Any) -> dict[str, bytes]:
    """The charts of an executed notebook by the name of the question that they draw."""
    found = {}
    for cell in notebook.cells:
        question = re.search(r'queries\["(\w+)"\]', cell.source)
        for output in cell.get("outputs", []):
            if question and "image/png" in output.get("data", {}):
                found[question[1]] = base64.b64decode(output["data"]["image/png"])
    return found
