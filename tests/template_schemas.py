"""What the template and queries.sql say, for tests that hold other things against it."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import generate_sample_data

ROOT = Path(__file__).parents[1]
TEMPLATE = ROOT / "capstone-starter.cfn.yaml"
QUERIES = ROOT / "queries.sql"

Columns = list[tuple[str, str]]


@cache
def load_template() -> dict[str, Any]:
    """The template, short forms such as `!Ref` turned into long ones. Not to be changed."""
    return generate_sample_data.load_template(TEMPLATE)


def resources(kind: str) -> dict[str, dict[str, Any]]:
    """The properties of all resources of this type, by logical id."""
    found = load_template()["Resources"].items()
    return {name: body["Properties"] for name, body in found if body["Type"] == kind}


def tables(layer: str) -> dict[str, dict[str, Any]]:
    """The TableInput of every table of a layer (bronze, silver or gold), by table name."""
    database = {"Ref": f"{layer.capitalize()}Database"}
    all_tables = resources("AWS::Glue::Table").values()
    inputs = [table["TableInput"] for table in all_tables if table["DatabaseName"] == database]
    return {table["Name"]: table for table in inputs}


def table_columns(layer: str, table: str) -> tuple[Columns, Columns]:
    """A table's columns and its partition keys, each as (name, Hive type), in order.

    Raises:
        KeyError: The template has no such table.
    """
    definition = tables(layer)[table]
    columns = definition["StorageDescriptor"]["Columns"]
    return _pairs(columns), _pairs(definition["PartitionKeys"])


def _pairs(columns: list[dict[str, str]]) -> Columns:
    return [(column["Name"], column["Type"]) for column in columns]


def statements() -> list[str]:
    """The statements of queries.sql in order, their comments included, without the semicolon."""
    parts = QUERIES.read_text(encoding="utf-8").split(";\n")
    return [part.strip() for part in parts if part.strip()]


def queries() -> dict[str, str]:
    """The statements of queries.sql by the name in their `-- name:` comment."""
    named = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
    return {named.findall(statement)[0]: statement for statement in statements()}
