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

from local_aws.athena import types as t
from local_aws.athena.locations import folder
from local_aws.errors import NotSupported

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
        location: Where its files are, or where its partitions are by default.
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
        self.location: str = storage.get("Location") or ""

    def types(self) -> dict[str, exp.DataType]:
        """Every column's type, keys last."""
        return dict(self.columns + self.keys)

    def partitions(self) -> list[Partition]:
        """The partitions in the catalog; an unpartitioned table is one without values."""
        if not self.keys:
            return [Partition((), self.location)]
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

    def entry(self, database: str, name: str) -> dict[str, Any] | None:
        """What the catalog says of a table or view; None when there is none."""
        try:
            described: dict[str, Any] = self._glue.get_table(database, name).as_dict()
        except (DatabaseNotFoundException, TableNotFoundException):
            return None
        return described

    def locations(self, database: str, name: str) -> dict[tuple[str, ...], str]:
        """Where the partitions of a table are, by their values."""
        partitions = self._glue.get_table(database, name).partitions.values()
        return {
            tuple(each.values): each.as_dict().get("StorageDescriptor", {}).get("Location", "")
            for each in list(partitions)
        }

    def put_table(self, database: str, table_input: dict[str, Any]) -> None:
        """Create a table or view, or describe an existing one anew."""
        if self.entry(database, table_input["Name"]) is None:
            self._glue.create_table(database, table_input["Name"], table_input)
        else:
            self._glue.update_table(database, table_input["Name"], table_input)

    def drop_table(self, database: str, name: str) -> None:
        self._glue.delete_table(database, name)

    def create_database(self, name: str, database_input: dict[str, Any]) -> None:
        self._glue.create_database(name, database_input)

    def drop_database(self, name: str) -> None:
        self._glue.delete_database(name)

    def add_partition(
        self, database: str, name: str, values: tuple[str, ...], location: str
    ) -> None:
        """Create a partition with the columns and the format of its table."""
        described = self.entry(database, name) or {}
        storage = {**described.get("StorageDescriptor", {}), "Location": location}
        partition = {"Values": list(values), "StorageDescriptor": storage}
        self._glue.create_partition(database, name, partition)

    def drop_partition(self, database: str, name: str, values: tuple[str, ...]) -> None:
        self._glue.delete_partition(database, name, list(values))

    def table(self, database: str, name: str) -> Table:
        """A table.

        Raises:
            KeyError: There is no such table.
            NotSupported: Its files are not Parquet, or it has no files of its own.
        """
        try:
            return Table(self._glue.get_table(database, name))
        except (DatabaseNotFoundException, TableNotFoundException):
            raise KeyError(name) from None


def files_below(location: str) -> Iterator[Path]:
    """The files of an S3 location, at any depth, without hidden ones (``_`` or ``.`` first)."""
    for root, folders, names in os.walk(folder(location)):
        folders[:] = sorted(name for name in folders if not name.startswith(("_", ".")))
        for name in sorted(names):
            path = Path(root, name)
            # An empty object holds no rows; it is not a broken Parquet file.
            if not name.startswith(("_", ".")) and path.stat().st_size:
                yield path


def _typed(columns: list[dict[str, str]]) -> list[tuple[str, exp.DataType]]:
    return [(column["Name"].lower(), t.from_hive(column["Type"])) for column in columns]


def _refuse_other_kinds(name: str, described: dict[str, Any]) -> None:
    parameters = described.get("Parameters") or {}
    storage = described.get("StorageDescriptor") or {}
    serde = (storage.get("SerdeInfo") or {}).get("SerializationLibrary", "")
    if parameters.get("projection.enabled", "false").lower() == "true":
        raise NotSupported(f"partition projection (table {name})", "Register its partitions.")
    if "parquet" not in serde.lower():
        raise NotSupported(
            f"the table {name} with SerDe {serde or 'none'!r} in Athena queries",
            "Give it org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe.",
        )
