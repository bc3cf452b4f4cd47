"""Statements that change the catalog: databases, tables and views."""

from __future__ import annotations

import re
from typing import Any

from sqlglot import exp

from local_aws.athena import types as t
from local_aws.athena.analysis import analyse
from local_aws.athena.checks import check
from local_aws.athena.errors import QueryFailed
from local_aws.athena.names import (
    TableName,
    database_not_found,
    not_done,
    table_not_found,
)
from local_aws.athena.parsing import parse_query
from local_aws.athena.results import Result
from local_aws.athena.session import Session
from local_aws.athena.views import View, is_view
from local_aws.athena.writes import PARQUET, require_named
from local_aws.errors import NotSupported


def create_database(session: Session, name: str, if_not_exists: bool, location: str) -> Result:
    if not session.catalog.has_database(name):
        given = {"LocationUri": location} if location else {}
        session.catalog.create_database(name, {"Name": name, **given})
    elif not if_not_exists:
        raise not_done(f"Database {name} already exists")
    return Result.nothing()


def drop_database(session: Session, name: str, if_exists: bool, cascade: bool) -> Result:
    if not session.catalog.has_database(name):
        if if_exists:
            return Result.nothing()
        raise database_not_found(name)
    if session.catalog.tables(name) and not cascade:
        raise not_done(
            f"InvalidOperationException(message:Database {name} is not empty. "
            "One or more tables exist.)"
        )
    session.catalog.drop_database(name)
    return Result.nothing()


def create_table(session: Session, name: TableName, tree: exp.Create) -> Result:
    """CREATE EXTERNAL TABLE of Parquet files.

    Raises:
        QueryFailed: It exists, or its database does not.
        NotSupported: A clause that is not carried out here.
    """
    if not session.catalog.has_database(name.database):
        raise database_not_found(name.database)
    if session.catalog.entry(name.database, name.name) is None:
        session.catalog.put_table(name.database, external_table(name.name, tree))
    elif not tree.args.get("exists"):
        raise not_done(f"AlreadyExistsException(message:Table {name.name} already exists.)")
    return Result.nothing()


def drop_table(session: Session, name: TableName, if_exists: bool) -> Result:
    """DROP TABLE: the entry goes, the files stay."""
    entry = session.catalog.entry(name.database, name.name)
    if entry is not None:
        if is_view(entry):
            raise QueryFailed(
                "FAILED", "SemanticException [Error 10255]: Cannot drop a view with DROP TABLE"
            )
        session.catalog.drop_table(name.database, name.name)
    elif not if_exists:
        raise table_not_found(name.name)
    return Result.nothing()


def create_view(session: Session, name: TableName, sql: str, replace: bool) -> Result:
    """CREATE VIEW of a query, which has to be right.

    Raises:
        QueryFailed: The query is wrong, a column has no name, or the view exists.
    """
    if not session.catalog.has_database(name.database):
        message = f"line 1:1: Schema '{name.database}' does not exist"
        raise QueryFailed("SCHEMA_NOT_FOUND", message)
    entry = session.catalog.entry(name.database, name.name)
    if entry is not None and not (replace and is_view(entry)):
        raise QueryFailed("TABLE_ALREADY_EXISTS", f"line 1:1: View already exists: '{name}'")
    query = analyse(parse_query(sql), session.catalog, session.database)
    check(query.tree)
    require_named(query)
    columns = [(column, t.full_name(kind)) for column, kind in query.columns]
    view = View(sql, session.database or name.database, columns)
    described = [(column, t.hive_name(kind)) for column, kind in query.columns]
    session.catalog.put_table(name.database, view.table_input(name.name, described))
    return Result.nothing()


def drop_view(session: Session, name: TableName, if_exists: bool) -> Result:
    entry = session.catalog.entry(name.database, name.name)
    if entry is not None and is_view(entry):
        session.catalog.drop_table(name.database, name.name)
    elif not if_exists:
        raise QueryFailed("TABLE_NOT_FOUND", f"line 1:1: View '{name}' does not exist")
    return Result.nothing()


def external_table(name: str, tree: exp.Create) -> dict[str, Any]:
    """The catalog's entry for a parsed CREATE EXTERNAL TABLE.

    Raises:
        NotSupported: A clause that is not carried out here.
    """
    storage: dict[str, Any] = {"Columns": _columns(tree.this)}
    found: dict[str, Any] = {"Name": name, "TableType": "EXTERNAL_TABLE", "PartitionKeys": []}
    found |= {"Parameters": {"EXTERNAL": "TRUE"}, "StorageDescriptor": storage}
    properties = tree.args.get("properties")
    for each in properties.expressions if properties else ():
        _describe(found, storage, each)
    if "SerdeInfo" not in storage:
        raise NotSupported("tables that are not STORED AS PARQUET in Athena")
    if "Location" not in storage:
        raise not_done("MetaException(message:External table has no LOCATION)")
    return found


def _describe(found: dict[str, Any], storage: dict[str, Any], each: exp.Expr) -> None:
    value = each.args.get("this")
    if isinstance(each, exp.PartitionedByProperty):
        found["PartitionKeys"] = _columns(value)
    elif isinstance(each, exp.LocationProperty):
        storage["Location"] = each.name
    elif isinstance(each, exp.SchemaCommentProperty):
        found["Description"] = each.name
    elif isinstance(each, exp.RowFormatSerdeProperty):
        storage["SerdeInfo"] = {**PARQUET["SerdeInfo"], "SerializationLibrary": each.name}
    elif isinstance(each, exp.FileFormatProperty):
        storage |= _file_format(storage, each)
    elif isinstance(each, exp.Property) and type(each) is exp.Property:
        found["Parameters"][each.name] = each.text("value")
    elif not isinstance(each, exp.ExternalProperty):
        raise NotSupported(f"{each.sql(dialect='hive')!r} in CREATE TABLE")


def _file_format(storage: dict[str, Any], each: exp.FileFormatProperty) -> dict[str, Any]:
    formats = each.this
    if isinstance(formats, exp.InputOutputFormat):
        return {
            "InputFormat": formats.text("input_format"),
            "OutputFormat": formats.text("output_format"),
        }
    if each.name.upper() != "PARQUET":
        raise NotSupported(f"STORED AS {each.name} in Athena", "Use STORED AS PARQUET.")
    return {**PARQUET, **storage}


def _columns(schema: Any) -> list[dict[str, str]]:
    if not isinstance(schema, exp.Schema):
        return []
    return [_column(each) for each in schema.expressions]


def _column(each: exp.Expr) -> dict[str, str]:
    if not isinstance(each, exp.ColumnDef) or not each.args.get("kind"):
        raise NotSupported(f"{each.sql(dialect='hive')!r} in CREATE TABLE")
    kind = each.args["kind"].sql(dialect="hive").lower()
    column = {"Name": each.name.lower(), "Type": re.sub(r"([:,]) ", r"\1", kind)}
    comments = [
        part.kind.name
        for part in each.args.get("constraints") or ()
        if isinstance(part.kind, exp.CommentColumnConstraint)
    ]
    return {**column, **({"Comment": comments[0]} if comments else {})}
