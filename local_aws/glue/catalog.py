"""The Data Catalog: moto's, with AWS's limits and without its slips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.glue.exceptions import InvalidInputException, PartitionAlreadyExistsException
from moto.glue.models import FakePartition, FakeTable, GlueBackend
from moto.glue.utils import PartitionFilter

# "Quotas" of each request in the Glue API reference.
PAGE_LIMIT = 1000
BATCH_LIMITS = {
    "PartitionInputList": 100,
    "Entries": 100,
    "PartitionsToDelete": 25,
    "PartitionsToGet": 1000,
}


def check_batch(request: dict[str, Any]) -> None:
    """Refuse a batch that AWS would refuse for its size."""
    for member, limit in BATCH_LIMITS.items():
        size = len(request.get(member, []))
        if size > limit:
            name = member[0].lower() + member[1:]
            raise JsonRESTError(
                "ValidationException",
                f"1 validation error detected: Value at '{name}' (of {size} members) failed to "
                f"satisfy constraint: Member must have length less than or equal to {limit}",
            )


class CatalogBackend(GlueBackend):
    """Partitions with as many values as the table has keys, moved without losing any."""

    def get_partitions(
        self, database_name: str, table_name: str, expression: str
    ) -> list[FakePartition]:
        """The partitions that an expression picks; it is evaluated once for the same values.

        Thousands of runs have partitions of a date, and moto parses each one's values.
        """
        table = self.get_table(database_name, table_name)
        names = [str(key["Name"]) for key in partition_keys(table)]
        asked = [n for n, name in enumerate(names) if name.lower() in expression.lower()]
        picks, known = PartitionFilter(expression, table), dict[tuple[str, ...], bool]()
        found = []
        for partition in table.partitions.values():
            values = tuple(partition.values[n] for n in asked)
            if values not in known:
                known[values] = picks(partition)
            if known[values]:
                found.append(partition)
        return found

    def create_partition(
        self, database_name: str, table_name: str, part_input: dict[str, Any]
    ) -> None:
        self._check_values(database_name, table_name, [part_input])
        super().create_partition(database_name, table_name, part_input)

    def batch_create_partition(
        self, database_name: str, table_name: str, partition_input: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        self._check_values(database_name, table_name, partition_input)
        errors: list[dict[str, Any]] = super().batch_create_partition(
            database_name, table_name, partition_input
        )
        return errors

    def update_partition(
        self, database_name: str, table_name: str, part_input: dict[str, Any], part_to_update: Any
    ) -> None:
        self._move(database_name, table_name, part_input, part_to_update)

    def batch_update_partition(
        self, database_name: str, table_name: str, entries: list[dict[str, Any]]
    ) -> list[dict[str, Any]]:
        errors = []
        for entry in entries:
            values = entry["PartitionValueList"]
            try:
                self._move(database_name, table_name, entry["PartitionInput"], values)
            except JsonRESTError as error:
                detail = {"ErrorCode": error.error_type, "ErrorMessage": error.message}
                errors.append({"PartitionValueList": values, "ErrorDetail": detail})
        return errors

    def _move(self, database: str, table_name: str, part_input: Any, values: list[str]) -> None:
        """Replace a partition. Moto drops the old one before it sees that the new one exists."""
        self._check_values(database, table_name, [part_input])
        table = self.get_table(database, table_name)
        before = table.get_partition(values)
        target = str(part_input["Values"])
        if values != part_input["Values"] and target in table.partitions:
            raise PartitionAlreadyExistsException()
        moved = FakePartition(database, table_name, part_input)
        moved.creation_time = before.creation_time
        if values != part_input["Values"]:
            del table.partitions[str(values)]
        table.partitions[target] = moved

    def _check_values(
        self, database: str, table_name: str, inputs: Sequence[dict[str, Any]]
    ) -> None:
        keys = partition_keys(self.get_table(database, table_name))
        for part_input in inputs:
            if len(part_input.get("Values", [])) != len(keys):
                raise InvalidInputException(
                    "CreatePartition",
                    "The number of partition keys do not match the number of partition values",
                )


def partition_keys(table: FakeTable) -> list[dict[str, str]]:
    """The table's partition keys, each with Name and Type."""
    return list(table.as_dict().get("PartitionKeys") or [])


def partition_page(partitions: Sequence[FakePartition], request: dict[str, Any]) -> dict[str, Any]:
    """One page of `GetPartitions`: MaxResults, NextToken, Segment and ExcludeColumnSchema."""
    segment = request.get("Segment") or {"SegmentNumber": 0, "TotalSegments": 1}
    mine = partitions[segment["SegmentNumber"] :: segment["TotalSegments"]]
    start = int(request.get("NextToken") or 0)
    end = start + min(request.get("MaxResults") or PAGE_LIMIT, PAGE_LIMIT)
    page = [_shown(partition, request) for partition in mine[start:end]]
    more = {"NextToken": str(end)} if end < len(mine) else {}
    return {"Partitions": page, **more}


def _shown(partition: FakePartition, request: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = partition.as_dict()
    if request.get("ExcludeColumnSchema") and "StorageDescriptor" in shown:
        storage = {k: v for k, v in shown["StorageDescriptor"].items() if k != "Columns"}
        shown["StorageDescriptor"] = storage
    return shown
