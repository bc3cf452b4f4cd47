"""What a query reads: for each mention of a table the columns it uses and the files it needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeGuard

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from local_aws.athena.analysis import Query
from local_aws.athena.catalog import Table


@dataclass
class Scan:
    """One mention of a table.

    Attributes:
        name: The relation's name in the translated query.
        table: The catalog's table.
        columns: Names of the table's columns that the query uses, without partition keys.
        conditions: Conditions on partition keys alone that every row has to meet.
    """

    name: str
    table: Table
    columns: set[str] = field(default_factory=set)
    conditions: list[exp.Expr] = field(default_factory=list)


def plan_scans(query: Query) -> list[Scan]:
    """The scans of a query. Its tree then names them instead of the tables."""
    planner = _Planner(query)
    planner.collect()
    for node, scan in planner.mentions():
        node.set("db", None)
        node.set("this", exp.to_identifier(scan.name, quoted=True))
    return planner.scans


class _Planner:
    def __init__(self, query: Query) -> None:
        self._scopes = traverse_scope(query.tree)
        # The last one is the whole query's.
        self._times_used = self._scopes[-1].ref_count()
        self._nodes = [node for node in query.tree.find_all(exp.Table) if id(node) in query.tables]
        self.scans = [
            Scan(f"scan_{number}", query.tables[id(node)])
            for number, node in enumerate(self._nodes)
        ]
        self._by_node = {id(node): scan for node, scan in self.mentions()}

    def mentions(self) -> list[tuple[exp.Table, Scan]]:
        return list(zip(self._nodes, self.scans, strict=True))

    def collect(self) -> None:
        for scope in self._scopes:
            for column in scope.columns:
                scan = self._scan_of(scope, column)
                if scan and column.name in dict(scan.table.columns):
                    scan.columns.add(column.name)
            for condition in _conditions(scope):
                self._assign(scope, condition)

    def _scan_of(self, scope: Scope | None, column: exp.Column) -> Scan | None:
        while scope is not None:
            if column.table in scope.sources:
                return self._by_node.get(id(scope.sources[column.table]))
            scope = scope.parent
        return None

    def _assign(self, scope: Scope, condition: exp.Expr) -> None:
        """Note the condition at the scan whose partition keys alone it is about."""
        columns = list(condition.find_all(exp.Column))
        sources = {column.table for column in columns}
        if len(sources) != 1 or condition.find(exp.Query, exp.AggFunc, exp.Window):
            return
        source = scope.sources.get(sources.pop())
        names = {column.name for column in columns}
        if isinstance(source, Scope):
            self._assign_below(source, condition, names)
        elif source is not None and id(source) in self._by_node:
            scan = self._by_node[id(source)]
            if names <= set(dict(scan.table.keys)):
                scan.conditions.append(condition.copy())

    def _assign_below(self, scope: Scope, condition: exp.Expr, names: set[str]) -> None:
        """Follow a condition into a subquery or CTE that hands the columns on as they are."""
        select = scope.expression
        if not _hands_on(select) or self._times_used[id(scope)] != 1:
            return
        origins = {
            each.alias_or_name: each.unalias()
            for each in select.selects
            if each.alias_or_name in names
        }
        if origins.keys() != names or not all(
            isinstance(origin, exp.Column) for origin in origins.values()
        ):
            return
        below = condition.copy()
        for column in list(below.find_all(exp.Column)):
            column.replace(origins[column.name].copy())
        if _preserves_rows(scope, below):
            self._assign(scope, below)


def _conditions(scope: Scope) -> Iterator[exp.Expr]:
    """The conditions that every row of the scope's result meets."""
    where = scope.expression.args.get("where") if isinstance(scope.expression, exp.Select) else None
    if where is None:
        return
    for condition in where.this.flatten() if isinstance(where.this, exp.And) else [where.this]:
        condition = condition.unnest()
        if _preserves_rows(scope, condition):
            yield condition


def _preserves_rows(scope: Scope, condition: exp.Expr) -> bool:
    """Whether dropping files by the condition leaves the other rows as they are.

    It does not on the side of an outer join that is filled up with nulls.
    """
    joins = scope.expression.args.get("joins") or []
    if any(join.side in ("RIGHT", "FULL") for join in joins):
        return False
    filled = {join.alias_or_name for join in joins if join.side == "LEFT"}
    return not any(column.table in filled for column in condition.find_all(exp.Column))


def _hands_on(query: exp.Expr) -> TypeGuard[exp.Select]:
    """Whether each of the query's rows is one of its source's rows, and depends on no other."""
    if not isinstance(query, exp.Select) or query.find(exp.Window, exp.AggFunc):
        return False
    return not any(query.args.get(part) for part in ("group", "distinct", "limit", "offset"))
