"""Views as the Glue catalog holds those of Athena.

Such an entry is a table of type VIRTUAL_VIEW with the parameter presto_view. Its ViewOriginalText
is ``/* Presto View: <base64 of JSON> */``; the JSON holds the query's text (originalSql), its
default database (schema) and the columns with their Trino types. AWS does not document it: it is
what tools write that make views without Athena, such as iconara/terraform-aws-athena-view.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Any

from local_aws.errors import NotSupported

_START, _END = "/* Presto View: ", " */"


@dataclass(frozen=True)
class View:
    """A view.

    Attributes:
        sql: Its query.
        database: Where tables are that the query names without a database.
        columns: Names and Trino types of its columns.
    """

    sql: str
    database: str
    columns: list[tuple[str, str]]

    def table_input(self, name: str, hive_columns: list[tuple[str, str]]) -> dict[str, Any]:
        """The catalog's entry."""
        definition = {
            "originalSql": self.sql,
            "catalog": "awsdatacatalog",
            "schema": self.database,
            "columns": [{"name": column, "type": kind} for column, kind in self.columns],
        }
        text = base64.b64encode(json.dumps(definition).encode()).decode()
        columns = [{"Name": column, "Type": kind} for column, kind in hive_columns]
        return {
            "Name": name,
            "TableType": "VIRTUAL_VIEW",
            "Parameters": {"comment": "Presto View", "presto_view": "true"},
            "PartitionKeys": [],
            "StorageDescriptor": {"Columns": columns, "Location": "", "SerdeInfo": {}},
            "ViewOriginalText": f"{_START}{text}{_END}",
            "ViewExpandedText": "/* Presto View */",
        }


def is_view(entry: dict[str, Any]) -> bool:
    """Whether a table of the catalog is a view of any kind."""
    return entry.get("TableType") == "VIRTUAL_VIEW"


def view_of(entry: dict[str, Any]) -> View:
    """The view that an entry of the catalog is.

    Raises:
        NotSupported: Hive or Spark made it, or its text is damaged.
    """
    text = entry.get("ViewOriginalText") or ""
    if not (text.startswith(_START) and text.endswith(_END)):
        raise NotSupported(f"the view {entry['Name']}, which Athena did not make")
    try:
        found = json.loads(base64.b64decode(text.removeprefix(_START).removesuffix(_END)))
        columns = [(column["name"].lower(), column["type"]) for column in found["columns"]]
        return View(found["originalSql"], found.get("schema") or "", columns)
    except (binascii.Error, ValueError, KeyError, TypeError) as error:
        raise NotSupported(f"the text of the view {entry['Name']}: {error!r}") from error
