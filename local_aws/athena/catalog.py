"""The Glue catalog as queries see it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from moto.glue.exceptions import DatabaseNotFoundException, TableNotFoundException
from moto.glue.models import FakeTable, GlueBackend
from sqlglot import exp

from local_aws import settings
from local_aws.athena import types as t
from local_aws.errors import NotSupported
from local_aws.iam.enforcement import require
from local_aws.iam.operations import listing, on_object, queried_table

NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"


@dataclass(frozen=True)
class Partition:
    """A partition: the values of the table's keys, as text, and where its files are."""

    values: tuple[str, ...]
    location: str


class Table:
    """A table of Parquet files.

    Attributes:
        columns: Names and types, in the catalog's order, without the keys.
        keys: Names and types of the partition keys.
    """

    def __init__(self, table: FakeTable) -> None:
        self._table = table
        described = table.as_dict()
        _refuse_other_kinds(table.name, described)
        storage = described.get("StorageDescriptor") or {}
        self.database: str = table.database_name
        self.name: str = table.name
        self.columns = _typed(storage.get("Columns") or [])
        self.keys = _typed(described.get("PartitionKeys") or [])
        self._location: str = storage.get("Location") or ""

    def types(self) -> dict[str, exp.DataType]:
        """Every column's type, keys last."""
        return dict(self.columns + self.keys)

    def partitions(self) -> list[Partition]:
        """The partitions in the catalog; an unpartitioned table is one without values."""
        if not self.keys:
            return [Partition((), self._location)]
        return [
            Partition(
                tuple(partition.values),
                partition.partition_input.get("StorageDescriptor", {}).get("Location", ""),
            )
            for partition in list(self._table.partitions.values())
        ]


class Catalog:
    """The databases and tables of one region."""

    def __init__(self, glue: GlueBackend) -> None:
        self._glue = glue

    def databases(self) -> list[str]:
        return sorted(self._glue.databases)

    def has_database(self, name: str) -> bool:
        return name in self._glue.databases

    def tables(self, database: str) -> list[str]:
        """Names of a database's tables.

        Raises:
            KeyError: There is no such database.
        """
        try:
            return sorted(table.name for table in self._glue.get_tables(database, None))
        except DatabaseNotFoundException:
            raise KeyError(database) from None

    def table(self, database: str, name: str) -> Table:
        """A table.

        Raises:
            KeyError: There is no such table.
            NotSupported: Its files are not Parquet, or it has no files of its own.
        """
        require(queried_table(self._glue.region_name, database, name))
        try:
            return Table(self._glue.get_table(database, name))
        except (DatabaseNotFoundException, TableNotFoundException):
            raise KeyError(name) from None


def files_below(location: str) -> Iterator[Path]:
    """The files of an S3 location, at any depth, without hidden ones (``_`` or ``.`` first)."""
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    require([listing(bucket, prefix)])
    root = settings.current().s3_dir / location.removeprefix("s3://").rstrip("/")
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if not name.startswith(("_", ".")))
        for name in sorted(names):
            path = Path(folder, name)
            # An empty object holds no rows; it is not a broken Parquet file.
            if not name.startswith(("_", ".")) and path.stat().st_size:
                key = path.relative_to(settings.current().s3_dir / bucket).as_posix()
                require([on_object("GetObject", bucket, key)])
                yield path


def _typed(columns: list[dict[str, str]]) -> list[tuple[str, exp.DataType]]:
    return [(column["Name"].lower(), t.from_hive(column["Type"])) for column in columns]


def _refuse_other_kinds(name: str, described: dict[str, Any]) -> None:
    parameters = described.get("Parameters") or {}
    storage = described.get("StorageDescriptor") or {}
    serde = (storage.get("SerdeInfo") or {}).get("SerializationLibrary", "")
    if described.get("TableType") == "VIRTUAL_VIEW":
        raise NotSupported(f"the view {name} in Athena queries", "Query the tables below it.")
    if parameters.get("projection.enabled", "false").lower() == "true":
        raise NotSupported(f"partition projection (table {name})", "Register its partitions.")
    if "parquet" not in serde.lower():
        raise NotSupported(
            f"the table {name} with SerDe {serde or 'none'!r} in Athena queries",
            "Give it org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe.",
        )
