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
from local_aws.athena.rights import (
    require_database,
    require_listing,
    require_reading,
    require_table,
)
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
    """The databases and tables of one region, with the rights of who asks.

    Every method may raise `local_aws.iam.enforcement.AccessDenied`.
    """

    def __init__(self, glue: GlueBackend) -> None:
        self._glue = glue
        self._region: str = glue.region_name

    def databases(self) -> list[str]:
        require_database("GetDatabases", self._region, "*")
        return sorted(self._glue.databases)

    def has_database(self, name: str) -> bool:
        require_database("GetDatabase", self._region, name)
        return name in self._glue.databases

    def tables(self, database: str) -> list[str]:
        """Names of a database's tables and views. Raises as `entries` does."""
        return [entry["Name"] for entry in self.entries(database)]

    def entries(self, database: str) -> list[dict[str, Any]]:
        """What the catalog says of a database's tables and views, by name.

        Raises:
            KeyError: There is no such database.
        """
        require_table("GetTables", self._region, database, "*")
        try:
            found = self._glue.get_tables(database, None)
        except DatabaseNotFoundException:
            raise KeyError(database) from None
        return [table.as_dict() for table in sorted(found, key=lambda each: str(each.name))]

    def entry(self, database: str, name: str) -> dict[str, Any] | None:
        """What the catalog says of a table or view; None when there is none."""
        if database:
            require_table("GetTable", self._region, database, name)
        try:
            described: dict[str, Any] = self._glue.get_table(database, name).as_dict()
        except (DatabaseNotFoundException, TableNotFoundException):
            return None
        return described

    def locations(self, database: str, name: str) -> dict[tuple[str, ...], str]:
        """Where the partitions of a table are, by their values."""
        require_table("GetPartitions", self._region, database, name)
        partitions = self._glue.get_table(database, name).partitions.values()
        return {
            tuple(each.values): each.as_dict().get("StorageDescriptor", {}).get("Location", "")
            for each in list(partitions)
        }

    def put_table(self, database: str, table_input: dict[str, Any]) -> None:
        """Create a table or view, or describe an existing one anew."""
        if self.entry(database, table_input["Name"]) is None:
            require_table("CreateTable", self._region, database, table_input["Name"])
            self._glue.create_table(database, table_input["Name"], table_input)
        else:
            require_table("UpdateTable", self._region, database, table_input["Name"])
            self._glue.update_table(database, table_input["Name"], table_input)

    def drop_table(self, database: str, name: str) -> None:
        require_table("DeleteTable", self._region, database, name)
        if (self.entry(database, name) or {}).get("PartitionKeys"):
            for action in ("GetPartitions", "GetPartition", "DeletePartition"):
                require_table(action, self._region, database, name)
        self._glue.delete_table(database, name)

    def create_database(self, name: str, database_input: dict[str, Any]) -> None:
        require_database("CreateDatabase", self._region, name)
        self._glue.create_database(name, database_input)

    def drop_database(self, name: str) -> None:
        """Drop a database with all of its tables."""
        require_database("DeleteDatabase", self._region, name)
        for table in self.tables(name):
            require_table("DeleteTable", self._region, name, table)
        self._glue.delete_database(name)

    def add_partition(
        self, database: str, name: str, values: tuple[str, ...], location: str
    ) -> None:
        """Create a partition with the columns and the format of its table."""
        described = self.entry(database, name) or {}
        require_table("BatchCreatePartition", self._region, database, name)
        storage = {**described.get("StorageDescriptor", {}), "Location": location}
        partition = {"Values": list(values), "StorageDescriptor": storage}
        self._glue.create_partition(database, name, partition)

    def drop_partition(self, database: str, name: str, values: tuple[str, ...]) -> None:
        require_table("DeletePartition", self._region, database, name)
        self._glue.delete_partition(database, name, list(values))

    def table(self, database: str, name: str) -> Table:
        """A table.

        Raises:
            KeyError: There is no such table.
            NotSupported: Its files are not Parquet, or it has no files of its own.
        """
        for action in ("GetTable", "GetPartitions"):
            require_table(action, self._region, database, name)
        try:
            return Table(self._glue.get_table(database, name))
        except (DatabaseNotFoundException, TableNotFoundException):
            raise KeyError(name) from None


def files_below(location: str) -> Iterator[Path]:
    """The files of an S3 location, at any depth, without hidden ones (``_`` or ``.`` first)."""
    require_listing(location)
    for root, folders, names in os.walk(folder(location)):
        folders[:] = sorted(name for name in folders if not name.startswith(("_", ".")))
        for name in sorted(names):
            path = Path(root, name)
            # An empty object holds no rows; it is not a broken Parquet file.
            if not name.startswith(("_", ".")) and path.stat().st_size:
                require_reading(path)
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
