"""Statements that change which partitions a table has."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import unquote

from local_aws.athena.errors import QueryFailed
from local_aws.athena.locations import folder
from local_aws.athena.names import TableName, not_done, table_not_found
from local_aws.athena.results import Result
from local_aws.athena.rights import require_listing
from local_aws.athena.session import Session
from local_aws.athena.views import is_view

# A partition of a statement: values by key in lower case, and where it is (empty: by its values).
Spec = tuple[dict[str, str], str]


def add_partitions(
    session: Session, name: TableName, specs: Sequence[Spec], if_not_exists: bool
) -> Result:
    """ALTER TABLE ADD PARTITION; without a location a partition is below its table's."""
    keys, root = _keys_and_root(session, name)
    for given, location in specs:
        values = _values(keys, given)
        if values in session.catalog.locations(name.database, name.name):
            if if_not_exists:
                continue
            raise not_done(
                f"AlreadyExistsException(message:Partition already exists: {_spec(given)})"
            )
        pairs = (f"{key}={value}" for key, value in zip(keys, values, strict=True))
        place = location or f"{root.rstrip('/')}/{'/'.join(pairs)}/"
        session.catalog.add_partition(name.database, name.name, values, place)
    return Result.nothing()


def drop_partitions(
    session: Session, name: TableName, specs: Sequence[Spec], if_exists: bool
) -> Result:
    """ALTER TABLE DROP PARTITION: the files stay."""
    keys, _ = _keys_and_root(session, name)
    for given, _ in specs:
        values = _values(keys, given)
        if values in session.catalog.locations(name.database, name.name):
            session.catalog.drop_partition(name.database, name.name, values)
        elif not if_exists:
            message = f"SemanticException [Error 10006]: Partition not found {_spec(given)}"
            raise QueryFailed("FAILED", message)
    return Result.nothing()


def repair(session: Session, name: TableName) -> Result:
    """MSCK REPAIR TABLE: adds the partitions whose folders are called key=value.

    It removes none: "MSCK REPAIR TABLE" in the Athena User Guide.
    """
    keys, root = _keys_and_root(session, name)
    known = session.catalog.locations(name.database, name.name)
    base = folder(root)
    require_listing(root)
    found = {
        values: place for place, values in _partition_folders(base, keys) if values not in known
    }
    paths = [place.relative_to(base).as_posix() for place in found.values()]
    for (values, _), path in zip(found.items(), paths, strict=True):
        location = f"{root.rstrip('/')}/{path}/"
        session.catalog.add_partition(name.database, name.name, values, location)
    if not found:
        return Result.nothing()
    missing = "\t".join(f"{name.name}:{path}" for path in paths)
    added = [f"Repair: Added partition to metastore {name.name}:{path}" for path in paths]
    return Result.lines("result", [f"Partitions not in metastore:\t{missing}", *added])


def _keys_and_root(session: Session, name: TableName) -> tuple[list[str], str]:
    entry = session.catalog.entry(name.database, name.name)
    if entry is None or is_view(entry):
        raise table_not_found(name.name)
    keys = [key["Name"].lower() for key in entry.get("PartitionKeys") or []]
    if not keys:
        message = f"SemanticException Table {name.database}.{name.name} is not a partitioned table"
        raise QueryFailed("FAILED", message)
    return keys, (entry.get("StorageDescriptor") or {}).get("Location") or ""


def _values(keys: Sequence[str], given: dict[str, str]) -> tuple[str, ...]:
    if set(given) != set(keys):
        raise QueryFailed(
            "FAILED",
            f"SemanticException partition spec {_spec(given)} doesn't contain all ({len(keys)}) "
            "partition columns",
        )
    return tuple(given[key] for key in keys)


def _spec(given: dict[str, str]) -> str:
    return "{" + ", ".join(f"{key}={value}" for key, value in given.items()) + "}"


def _partition_folders(base: Path, keys: Sequence[str]) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """The folders of partitions below a table's, and their values."""
    if not keys:
        yield base, ()
        return
    for entry in sorted(os.scandir(base), key=lambda each: each.name) if base.is_dir() else ():
        match = re.fullmatch(rf"{re.escape(keys[0])}=(.+)", entry.name)
        if match and entry.is_dir():
            for below, values in _partition_folders(Path(entry.path), keys[1:]):
                yield below, (unquote(match.group(1)), *values)
