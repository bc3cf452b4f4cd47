"""The files behind a scan, as a relation that DuckDB can query."""
# ruff: noqa: S608 - in the SQL below names and file names are quoted, values are parameters

from __future__ import annotations

import re
from collections.abc import Iterable

import duckdb
from sqlglot import exp

from local_aws import settings
from local_aws.athena import types as t
from local_aws.athena.catalog import NULL_PARTITION, Partition, files_below
from local_aws.athena.errors import QueryFailed
from local_aws.athena.scan import Scan
from local_aws.athena.translate import to_sql, translated

_FILE = '"$file"'
# DuckDB's types of a Parquet column that Athena reads as each catalog type.
_READABLE = {
    exp.DType.BOOLEAN: r"BOOLEAN",
    exp.DType.TINYINT: r"TINYINT",
    exp.DType.SMALLINT: r"TINYINT|SMALLINT",
    exp.DType.INT: r"TINYINT|SMALLINT|INTEGER",
    exp.DType.BIGINT: r"TINYINT|SMALLINT|INTEGER|BIGINT",
    exp.DType.FLOAT: r"FLOAT",
    exp.DType.DOUBLE: r"FLOAT|DOUBLE",
    exp.DType.DECIMAL: r"DECIMAL.*",
    exp.DType.VARCHAR: r"VARCHAR",
    exp.DType.DATE: r"DATE",
    exp.DType.TIMESTAMP: r"TIMESTAMP( WITH TIME ZONE)?",
    exp.DType.ARRAY: r".*\[\]",
    exp.DType.MAP: r"MAP\(.*",
    exp.DType.STRUCT: r"STRUCT\(.*",
    exp.DType.VARBINARY: r"BLOB",
}


def open_scan(connection: duckdb.DuckDBPyConnection, scan: Scan) -> int:
    """Create the scan's relation, which is named as the scan.

    Returns:
        Bytes that the query reads: the compressed chunks of the used columns, in all files of the
        partitions that its conditions leave.

    Raises:
        QueryFailed: A file or a partition cannot be read as the catalog describes it.
    """
    files = _place_files(connection, scan)
    if not files:
        connection.execute(_empty_relation(scan))
        return 0
    try:
        found = _file_columns(connection, files)
        _check_types(scan, found)
        connection.execute(_relation(scan, files, found))
        return _bytes_scanned(connection, scan, files)
    except duckdb.InvalidInputException as error:
        raise QueryFailed("HIVE_CANNOT_OPEN_SPLIT", with_s3_names(str(error))) from None


def with_s3_names(message: str) -> str:
    """The message, with the names of objects instead of those of their files."""
    return message.replace(f"{settings.current().s3_dir}/", "s3://")


def _place_files(connection: duckdb.DuckDBPyConnection, scan: Scan) -> list[str]:
    """Create the tables of the scan's partitions and of their files; return the files."""
    partitions = scan.table.partitions()
    _create_partitions(connection, scan, partitions)
    placed = [
        (str(file), number)
        for number in _needed(connection, scan)
        for file in files_below(partitions[number].location)
    ]
    files, numbers = [file for file, _ in placed], [number for _, number in placed]
    connection.execute(
        f"create table {_name(scan, 'files')} as select unnest($1::varchar[]) as {_FILE}, "
        "unnest($2::bigint[]) as number",
        [files, numbers],
    )
    return files


def _create_partitions(
    connection: duckdb.DuckDBPyConnection, scan: Scan, partitions: list[Partition]
) -> None:
    """The partitions' values come from the catalog, never from a path."""
    keys = scan.table.keys
    typed = [
        f", cast(nullif(v{n}, '{NULL_PARTITION}') as {t.duckdb_name(kind)}) as {_quoted(key)}"
        for n, (key, kind) in enumerate(keys)
    ]
    raw = [f", unnest(${n + 2}::varchar[]) as v{n}" for n in range(len(keys))]
    values = [[partition.values[n] for partition in partitions] for n in range(len(keys))]
    sql = (
        f"create table {_name(scan, 'partitions')} as select number{''.join(typed)} "
        f"from (select unnest($1::bigint[]) as number{''.join(raw)})"
    )
    try:
        connection.execute(sql, [list(range(len(partitions))), *values])
    except duckdb.ConversionException as error:
        raise QueryFailed("HIVE_INVALID_PARTITION_VALUE", str(error)) from None


def _needed(connection: duckdb.DuckDBPyConnection, scan: Scan) -> list[int]:
    """Numbers of the partitions that meet the scan's conditions."""
    conditions = [translated(condition.copy()) for condition in scan.conditions]
    for condition in conditions:
        for column in condition.find_all(exp.Column):
            column.set("table", None)
    where = " and ".join(f"({to_sql(condition)})" for condition in conditions) or "true"
    sql = f"select number from {_name(scan, 'partitions')} where {where} order by number"
    return [number for (number,) in connection.execute(sql).fetchall()]


def _file_columns(connection: duckdb.DuckDBPyConnection, files: list[str]) -> dict[str, str]:
    """DuckDB's type of every column that at least one of the files has, by lower-case name."""
    rows = connection.execute(f"describe select * from {_read(files)}").fetchall()
    return {row[0].lower(): row[1] for row in rows if row[0] != "$file"}


def _check_types(scan: Scan, found: dict[str, str]) -> None:
    for name, kind in scan.table.columns:
        in_file = found.get(name)
        if name in scan.columns and in_file and not re.fullmatch(_READABLE[kind.this], in_file):
            raise QueryFailed(
                "HIVE_BAD_DATA",
                f"Field {name}'s type {in_file} in parquet files of {scan.table.database}."
                f"{scan.table.name} is incompatible with type {t.full_name(kind)} defined in "
                "table schema",
            )


def _relation(scan: Scan, files: list[str], found: dict[str, str]) -> str:
    columns = [
        f"{_value(name, kind, found.get(name))} as {_quoted(name)}"
        for name, kind in scan.table.columns
        if name in scan.columns
    ]
    columns += [f"p.{_quoted(name)}" for name, _ in scan.table.keys]
    return (
        f"create view {_quoted(scan.name)} as select {', '.join(columns) or '1'} "
        f"from {_read(files)} as f join {_name(scan, 'files')} as placed using ({_FILE}) "
        f"join {_name(scan, 'partitions')} as p using (number)"
    )


def _value(name: str, kind: exp.DataType, in_file: str | None) -> str:
    """A column in the catalog's type; null where no file has it."""
    column = f"f.{_quoted(name)}" if in_file else "null"
    if kind == t.TIMESTAMP and in_file:
        if in_file.endswith("TIME ZONE"):
            column = f"make_timestamp(epoch_us({column}))"
        # Athena's timestamps have milliseconds.
        column = f"cast({column} as timestamp_ms)"
    return f"cast({column} as {t.duckdb_name(kind)})"


def _empty_relation(scan: Scan) -> str:
    columns = [
        f"cast(null as {t.duckdb_name(kind)}) as {_quoted(name)}"
        for name, kind in scan.table.columns + scan.table.keys
    ]
    return f"create view {_quoted(scan.name)} as select {', '.join(columns)} where false"


def _bytes_scanned(connection: duckdb.DuckDBPyConnection, scan: Scan, files: list[str]) -> int:
    sql = (
        "select coalesce(sum(total_compressed_size), 0)::bigint from "
        f"parquet_metadata({_list(files)}) "
        "where list_contains($1::varchar[], lower(split_part(path_in_schema, ', ', 1)))"
    )
    row = connection.execute(sql, [sorted(scan.columns)]).fetchone()
    assert row is not None
    return int(row[0])


def _read(files: list[str]) -> str:
    """The files' rows; those of a file that belongs to several partitions are there once."""
    once = _list(dict.fromkeys(files))
    return f"read_parquet({once}, union_by_name=true, filename='$file')"


def _list(files: Iterable[str]) -> str:
    """A list of file names, literal: DuckDB would take ``[``, ``*`` and ``?`` for patterns."""
    escaped = (re.sub(r"[\[*?]", r"[\g<0>]", file).replace("'", "''") for file in files)
    return "[" + ", ".join(f"'{file}'" for file in escaped) + "]"


def _name(scan: Scan, what: str) -> str:
    return _quoted(f"{scan.name}_{what}")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
