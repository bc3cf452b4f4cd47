"""What a query means: which tables and columns it reads, and the types of all its parts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.qualify import qualify
from sqlglot.optimizer.resolver import Resolver
from sqlglot.optimizer.scope import traverse_scope
from sqlglot.schema import MappingSchema

from local_aws.athena import types as t
from local_aws.athena.catalog import Catalog, Table
from local_aws.athena.errors import QueryFailed
from local_aws.athena.names import CATALOG
from local_aws.athena.parsing import parse_query
from local_aws.athena.typing import TrinoAnnotator
from local_aws.athena.views import View, is_view, view_of

# The views that are being expanded, outermost first.
_Views = tuple[tuple[str, str], ...]
_UNNAMED = "__unnamed"


@dataclass(frozen=True)
class Query:
    """An analysed query.

    Attributes:
        tree: The query, names resolved, every expression typed.
        columns: Names and types of the result's columns.
        tables: The catalog's table for each mention of one in the tree, by `id` of the mention.
        unnamed: Places of the columns that the query gives no name.
        untyped: Places of the columns that are nothing but null.
    """

    tree: exp.Query
    columns: list[tuple[str, exp.DataType]]
    tables: dict[int, Table]
    unnamed: frozenset[int]
    untyped: frozenset[int]


def analyse(tree: exp.Query, catalog: Catalog, database: str) -> Query:
    """Resolve the query's names against the catalog and find its types.

    Raises:
        QueryFailed: A name does not exist.
        NotSupported: A table is of a kind that cannot be read here.
    """
    return _analysed(tree, catalog, database, ())


def _analysed(tree: exp.Query, catalog: Catalog, database: str, within: _Views) -> Query:
    tree = _with_views_expanded(tree, catalog, database, within)
    tables = _tables(tree, catalog, database)
    schema = _schema(tables)
    _mark_unnamed(tree)
    original = tree.copy()
    try:
        tree = qualify(
            tree, schema=schema, db=database or None, dialect="athena", expand_alias_refs=False
        )
        _qualify_having(tree, schema)
    except OptimizeError as error:
        raise _unresolved(original, error) from None
    annotator = TrinoAnnotator(schema)
    annotator.annotate(tree)
    mentions = {id(node): tables[node.db, node.name] for node in base_tables(tree)}
    unnamed = {n for n, each in enumerate(tree.selects) if each.alias.startswith(_UNNAMED)}
    kinds = _column_types(tree, annotator)
    untyped = {n for n, kind in enumerate(kinds) if kind.is_type(exp.DType.NULL)}
    columns = _result_columns(tree, kinds)
    return Query(tree, columns, mentions, frozenset(unnamed), frozenset(untyped))


def _with_views_expanded(
    tree: exp.Query, catalog: Catalog, database: str, within: _Views
) -> exp.Query:
    """The query, with each view that it mentions replaced by the view's own query."""
    for node in list(base_tables(tree)):
        key = ((node.db or database).lower(), node.name.lower())
        entry = catalog.entry(*key)
        if entry is None or not is_view(entry):
            continue
        if key in within:
            message = f"View is recursive: '{CATALOG}.{'.'.join(key)}'"
            raise QueryFailed("VIEW_IS_RECURSIVE", message, node)
        query = _view_query(view_of(entry), key, catalog, (*within, key), node)
        alias = exp.TableAlias(this=exp.to_identifier((node.alias or node.name).lower()))
        node.replace(exp.Subquery(this=query, alias=alias, joins=node.args.get("joins")))
    return tree


def _view_query(
    view: View, key: tuple[str, str], catalog: Catalog, within: _Views, node: exp.Table
) -> exp.Query:
    name = f"{CATALOG}.{'.'.join(key)}"
    try:
        found = _analysed(parse_query(view.sql), catalog, view.database, within)
    except QueryFailed as error:
        message = f"Failed analyzing stored view '{name}': {error.message}"
        raise QueryFailed("INVALID_VIEW", message, node) from None
    if [column for column, _ in found.columns] != [column for column, _ in view.columns]:
        message = f"View '{name}' is stale or in invalid state: its columns have changed"
        raise QueryFailed("VIEW_IS_STALE", message, node)
    query = _with_views_expanded(parse_query(view.sql), catalog, view.database, within)
    for table in base_tables(query):
        table.set("db", exp.to_identifier((table.db or view.database).lower()))
    return query


def base_tables(tree: exp.Expr) -> Iterator[exp.Table]:
    """Every mention of a catalog table, as opposed to one of a CTE."""
    for scope in traverse_scope(tree):
        for source in scope.sources.values():
            if isinstance(source, exp.Table):
                yield source


def _tables(tree: exp.Query, catalog: Catalog, database: str) -> dict[tuple[str, str], Table]:
    """The tables that the query mentions. Their names are folded to lower case in the tree."""
    tables = {}
    for node in base_tables(tree):
        for part in node.parts:
            part.set("this", part.name.lower())
        if node.catalog and node.catalog != CATALOG:
            raise QueryFailed("CATALOG_NOT_FOUND", f"Catalog '{node.catalog}' not found", node)
        node.set("catalog", None)
        key = (node.db or database.lower(), node.name)
        tables[key] = _table(catalog, key, node)
    return tables


def _table(catalog: Catalog, key: tuple[str, str], node: exp.Table) -> Table:
    database, name = key
    if not database:
        raise QueryFailed(
            "MISSING_SCHEMA_NAME", "Schema must be specified when session schema is not set", node
        )
    try:
        return catalog.table(database, name)
    except KeyError:
        if not catalog.has_database(database):
            message = f"Schema '{database}' does not exist"
            raise QueryFailed("SCHEMA_NOT_FOUND", message, node) from None
        message = f"Table '{CATALOG}.{database}.{name}' does not exist"
        raise QueryFailed("TABLE_NOT_FOUND", message, node) from None


def _schema(tables: dict[tuple[str, str], Table]) -> MappingSchema:
    schema = MappingSchema(dialect="athena")
    for (database, name), table in tables.items():
        schema.add_table(exp.table_(name, db=database), table.types())
    return schema


def _qualify_having(tree: exp.Query, schema: MappingSchema) -> None:
    """Give HAVING's columns their tables: sqlglot does so only where it lets aliases in, too."""
    for scope in traverse_scope(tree):
        having = scope.expression.args.get("having")
        for column in having.find_all(exp.Column) if having else ():
            if column.table or column.find_ancestor(exp.Select) is not scope.expression:
                continue
            table = Resolver(scope, schema).get_table(column)
            if table is None:
                raise OptimizeError(f"Unknown column: {column.name}")
            column.set("table", table)


def _mark_unnamed(tree: exp.Query) -> None:
    for number, select in enumerate(tree.selects):
        if not isinstance(select, exp.Alias | exp.Column | exp.Star):
            select.replace(exp.alias_(select.copy(), f"{_UNNAMED}{number}"))


def _column_types(tree: exp.Query, annotator: TrinoAnnotator) -> list[exp.DataType]:
    if isinstance(tree, exp.SetOperation):
        return annotator.set_operation_types(tree)
    return [t.of(select) for select in tree.selects]


def _result_columns(tree: exp.Query, kinds: list[exp.DataType]) -> list[tuple[str, exp.DataType]]:
    # A column without a name is called by its place, once stars are expanded.
    names = [
        f"_col{number}" if select.alias.startswith(_UNNAMED) else select.alias_or_name.lower()
        for number, select in enumerate(tree.selects)
    ]
    shown = [t.VARCHAR if kind.is_type(exp.DType.NULL) else kind for kind in kinds]
    return list(zip(names, shown, strict=True))


def _unresolved(tree: exp.Query, error: OptimizeError) -> QueryFailed:
    message = str(error).splitlines()[0]
    match = re.match(r"Column '(.+?)' could not be resolved|Unknown column: (.+)", message)
    if match is None:
        return QueryFailed("SYNTAX_ERROR", message)
    name = (match.group(1) or match.group(2)).strip('"')
    column = next((node for node in tree.find_all(exp.Column) if node.name.lower() == name), None)
    shown = ".".join(part.name for part in column.parts) if column else name
    # The second half is Athena's own addition to Trino's text.
    message = f"Column '{shown}' cannot be resolved or requester is not authorized to access "
    return QueryFailed("COLUMN_NOT_FOUND", f"{message}requested resources", column)
