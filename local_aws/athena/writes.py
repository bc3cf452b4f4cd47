"""CREATE TABLE AS, INSERT INTO and UNLOAD: queries whose rows become Parquet files.

The manifest lists the files, one a line ("Working with query results", Athena User Guide). How the
files are called is not documented; here they begin with the execution's id.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from sqlglot import exp

from local_aws.athena import types as t
from local_aws.athena.analysis import Query
from local_aws.athena.engine import Columns, Export, Part
from local_aws.athena.errors import QueryFailed
from local_aws.athena.locations import folder
from local_aws.athena.names import TableName
from local_aws.athena.results import Result
from local_aws.athena.session import Session
from local_aws.errors import NotSupported

PARQUET: dict[str, Any] = {
    "InputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetInputFormat",
    "OutputFormat": "org.apache.hadoop.hive.ql.io.parquet.MapredParquetOutputFormat",
    "SerdeInfo": {
        "SerializationLibrary": "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
        "Parameters": {"serialization.format": "1"},
    },
}
_CODECS = {
    **{name: name for name in ("gzip", "snappy", "zstd")},
    "none": "uncompressed",
    "uncompressed": "uncompressed",
}
# Hive's FileUtils.escapePathName leaves everything else as it is.
_SAFE_IN_PATHS = "".join(map(chr, range(32, 127))).translate(
    str.maketrans("", "", "\"#%'*/:=?\\{[]^")
)


@dataclass(frozen=True)
class Properties:
    """The WITH (...) of CREATE TABLE AS and UNLOAD.

    Attributes:
        location: Where the files go; empty for Athena's choice.
        keys: Names of the partition keys, the query's last columns.
        compression: Parquet's codec, as DuckDB calls it.
    """

    location: str = ""
    keys: tuple[str, ...] = ()
    compression: str = "gzip"

    @classmethod
    def of(cls, given: dict[str, str | list[str]]) -> Properties:
        """The properties by name.

        Raises:
            NotSupported: One is not carried out here.
        """
        properties = cls()
        for name, value in given.items():
            text = str(value)
            if name == "format" and text.upper() == "PARQUET":
                continue
            if name == "external_location":
                properties = replace(properties, location=text)
            elif name == "partitioned_by" and isinstance(value, list):
                properties = replace(properties, keys=tuple(each.lower() for each in value))
            elif name in _COMPRESSION and text.lower() in _CODECS:
                properties = replace(properties, compression=_CODECS[text.lower()])
            else:
                raise NotSupported(f"the property {name} = {value!r} of Athena's statements")
        return properties


_COMPRESSION = ("compression", "parquet_compression", "write_compression")


@dataclass
class _Written:
    """The files of a statement, and where each belongs."""

    session: Session
    locations: list[str] = field(default_factory=list)
    rows: int = 0

    def put(self, parts: Sequence[Part], folders: Sequence[str]) -> None:
        for part, place in zip(parts, folders, strict=True):
            if not part.rows:
                part.file.unlink()
                continue
            name = f"{self.session.execution.id}_{uuid.uuid4()}"
            location = f"{place.rstrip('/')}/{name}"
            self.session.objects.put(location, part.file)
            self.locations.append(location)
            self.rows += part.rows

    def result(self) -> Result:
        """Leaves the manifest, too."""
        manifest = self.session.execution.manifest_location
        content = "".join(f"{location}\n" for location in self.locations)
        self.session.objects.put(manifest, content.encode())
        self.session.execution.manifest = manifest
        return Result.counted(self.rows)


def create_table_as(
    session: Session,
    name: TableName,
    tree: exp.Query,
    properties: Properties,
    *,
    with_data: bool,
    if_not_exists: bool,
) -> Result:
    """CREATE TABLE name WITH (...) AS query.

    Raises:
        QueryFailed: The table exists, its location holds data, or the query is wrong.
    """
    _require_database(session, name)
    if session.catalog.entry(name.database, name.name) is not None:
        if if_not_exists:
            return Result.counted(0)
        message = f"line 1:1: Destination table '{name}' already exists"
        raise QueryFailed("TABLE_ALREADY_EXISTS", message)
    location = properties.location or session.execution.table_location
    _require_empty(session, location, f"table '{name.database}.{name.name}'")
    columns: Columns = []

    def plan(query: Query) -> Export:
        require_named(query)
        columns.extend(query.columns)
        return _export(query, properties)

    parts = session.files(tree if with_data else tree.limit(0), plan)
    session.catalog.put_table(name.database, _table_input(name, columns, properties, location))
    folders = [_partition_folder(location, properties.keys, part.values) for part in parts]
    written = _Written(session)
    written.put(parts, folders)
    for part, place in zip(parts, folders, strict=True):
        if properties.keys and part.rows:
            session.catalog.add_partition(name.database, name.name, part.values, f"{place}/")
    return written.result()


def insert_into(session: Session, name: TableName, named: Sequence[str], tree: exp.Query) -> Result:
    """INSERT INTO name (columns) query.

    Raises:
        QueryFailed: There is no such table, or the query's columns are not the table's.
    """
    _require_database(session, name)
    try:
        table = session.catalog.table(name.database, name.name)
    except KeyError:
        raise QueryFailed("TABLE_NOT_FOUND", f"line 1:1: Table '{name}' does not exist") from None
    folder(table.location)
    all_columns = table.columns + table.keys
    places = _insert_places(name, named, all_columns)

    def plan(query: Query) -> Export:
        _require_types([all_columns[place][1] for place in places], query)
        return Export(all_columns, len(table.keys), "gzip", tuple(places))

    parts = session.files(tree, plan)
    known = session.catalog.locations(name.database, name.name)
    keys = tuple(key for key, _ in table.keys)
    written = _Written(session)
    for part in parts:
        place = known.get(part.values) or _partition_folder(table.location, keys, part.values)
        written.put([part], [place])
        if keys and part.values not in known:
            location = f"{place.rstrip('/')}/"
            session.catalog.add_partition(name.database, name.name, part.values, location)
    return written.result()


def unload(session: Session, tree: exp.Query, properties: Properties) -> Result:
    """UNLOAD (query) TO location WITH (...).

    Raises:
        QueryFailed: The location holds data, or the query is wrong.
    """
    _require_empty(session, properties.location, "unload")

    def plan(query: Query) -> Export:
        require_named(query)
        return _export(query, properties)

    parts = session.files(tree, plan)
    folders = [
        _partition_folder(properties.location, properties.keys, part.values) for part in parts
    ]
    written = _Written(session)
    written.put(parts, folders)
    return written.result()


def require_named(query: Query) -> None:
    """Refuse a query whose columns cannot become those of a table or view.

    Raises:
        QueryFailed: A column has no name, no type, or the name of another.
    """
    names = [name for name, _ in query.columns]
    for place, name in enumerate(names):
        if place in query.unnamed:
            message = f"line 1:8: Column name not specified at position {place + 1}"
            raise QueryFailed("MISSING_COLUMN_NAME", message)
        if place in query.untyped:
            message = f"line 1:8: Column type is unknown at position {place + 1}"
            raise QueryFailed("COLUMN_TYPE_UNKNOWN", message)
        if name in names[:place]:
            message = f"line 1:8: Column name '{name}' specified more than once"
            raise QueryFailed("DUPLICATE_COLUMN_NAME", message)


def _export(query: Query, properties: Properties) -> Export:
    for _, kind in query.columns:
        if any(t.is_instant(part) for part in kind.find_all(exp.DataType)):
            raise QueryFailed("NOT_SUPPORTED", f"Unsupported Hive type: {t.full_name(kind)}")
    names = tuple(name for name, _ in query.columns)
    width = len(properties.keys)
    if width and (names[-width:] != properties.keys or width == len(names)):
        raise QueryFailed(
            "HIVE_COLUMN_ORDER_MISMATCH",
            "Partition keys must be the last columns in the table and in the same order as the "
            f"table properties: [{', '.join(properties.keys)}]",
        )
    return Export(query.columns, width, properties.compression)


def _table_input(
    name: TableName, columns: Columns, properties: Properties, location: str
) -> dict[str, Any]:
    described = [{"Name": column, "Type": t.hive_name(kind)} for column, kind in columns]
    width = len(columns) - len(properties.keys)
    return {
        "Name": name.name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", "has_encrypted_data": "false"},
        "PartitionKeys": described[width:],
        "StorageDescriptor": {
            **PARQUET,
            "Columns": described[:width],
            "Location": f"{location.rstrip('/')}/",
        },
    }


def _insert_places(name: TableName, named: Sequence[str], columns: Columns) -> list[int]:
    """For each column of the query, the place of the table's column that it fills."""
    names = [column for column, _ in columns]
    if not named:
        return list(range(len(names)))
    for each in named:
        if each.lower() not in names:
            message = f"line 1:1: Insert column name does not exist in target table: {each}"
            raise QueryFailed("COLUMN_NOT_FOUND", message)
    return [names.index(each.lower()) for each in named]


def _require_types(wanted: Sequence[exp.DataType], query: Query) -> None:
    given = [
        exp.DataType.build("null") if place in query.untyped else kind
        for place, (_, kind) in enumerate(query.columns)
    ]
    fits = len(given) == len(wanted) and all(
        t.common(each, kind) == kind for each, kind in zip(given, wanted, strict=True)
    )
    if not fits:
        shown = (", ".join(map(t.full_name, kinds)) for kinds in (wanted, given))
        raise QueryFailed(
            "TYPE_MISMATCH",
            "line 1:1: Insert query has mismatched column types: Table: [{}], Query: [{}]".format(
                *shown
            ),
        )


def _require_database(session: Session, name: TableName) -> None:
    if not session.catalog.has_database(name.database):
        message = f"line 1:1: Schema '{name.database}' does not exist"
        raise QueryFailed("SCHEMA_NOT_FOUND", message)


def _require_empty(session: Session, location: str, what: str) -> None:
    if not session.objects.has_bucket(location):
        raise QueryFailed("HIVE_WRITER_OPEN_ERROR", f"The bucket of {location} does not exist")
    if not session.objects.is_empty(location):
        message = f"Target directory for {what} already exists: {location}"
        raise QueryFailed("HIVE_PATH_ALREADY_EXISTS", message)


def _partition_folder(location: str, keys: Sequence[str], values: Sequence[str]) -> str:
    pairs = (
        f"{key}={quote(value, safe=_SAFE_IN_PATHS)}"
        for key, value in zip(keys, values, strict=True)
    )
    return "/".join([location.rstrip("/"), *pairs])
