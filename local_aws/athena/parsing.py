"""From SQL text to sqlglot's trees, and Athena's words for what cannot be parsed."""

from __future__ import annotations

import re
from collections.abc import Sequence

import sqlglot
from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.errors import ParseError, SqlglotError
from sqlglot.parsers.trino import TrinoParser

from local_aws.athena.errors import InvalidRequest
from local_aws.athena.functions import FUNCTIONS
from local_aws.athena.trino_names import NAMES
from local_aws.athena.typing import TYPED
from local_aws.errors import NotSupported

# The grammar around expressions. What is neither here nor in `TYPED` is refused.
_STRUCTURE = frozenset(
    {
        exp.CTE,
        exp.Column,
        exp.DataType,
        exp.DataTypeParam,
        exp.Distinct,
        exp.Except,
        exp.Fetch,
        exp.From,
        exp.Group,
        exp.Having,
        exp.Identifier,
        exp.Intersect,
        exp.Interval,
        exp.Join,
        exp.Limit,
        exp.LimitOptions,
        exp.Offset,
        exp.Order,
        exp.Ordered,
        exp.Select,
        exp.Star,
        exp.Table,
        exp.TableAlias,
        exp.Tuple,
        exp.Union,
        exp.Values,
        exp.Var,
        exp.Where,
        exp.WindowSpec,
        exp.With,
    }
)
_STATEMENTS = re.compile(
    "ALTER|ANALYZE|CREATE|DEALLOCATE|DELETE|DESC|DESCRIBE|DROP|EXECUTE|EXPLAIN|INSERT|MERGE|MSCK|"
    "PREPARE|REPAIR|SELECT|SHOW|TABLE|UNLOAD|UPDATE|USE|VACUUM|VALUES|WITH",
    re.IGNORECASE,
)
_FIRST_WORD = re.compile(r"(?:\s|--.*(?:\n|$)|/\*(?s:.*?)\*/)*(\w+)")


class _Queries(Trino):
    """Trino, with the functions of `FUNCTIONS` left as they were written."""

    class Parser(TrinoParser):
        FUNCTIONS = {  # noqa: RUF012
            name: build
            for name, build in TrinoParser.FUNCTIONS.items()
            if name.lower() not in FUNCTIONS
        }
        FUNCTION_PARSERS = {  # noqa: RUF012
            name: parse
            for name, parse in TrinoParser.FUNCTION_PARSERS.items()
            if name.lower() not in FUNCTIONS
        }


def parse_one(sql: str) -> exp.Expr:
    """The one statement in `sql`, whatever it is.

    Raises:
        InvalidRequest: It is not exactly one statement, or not SQL.
    """
    first = _FIRST_WORD.match(sql)
    if first and not _STATEMENTS.fullmatch(first.group(1)):
        line = sql.count("\n", 0, first.start(1)) + 1
        column = first.start(1) - sql.rfind("\n", 0, first.start(1))
        raise InvalidRequest(f"line {line}:{column}: mismatched input '{first.group(1)}'")
    try:
        statements = [tree for tree in sqlglot.parse(sql, read=_Queries) if tree is not None]
    except SqlglotError as error:
        raise InvalidRequest(_syntax_message(error)) from None
    if not statements:
        raise InvalidRequest("Query string is empty: write one statement")
    if len(statements) > 1:
        raise InvalidRequest(f"Only one sql statement is allowed. Got: {sql}")
    return statements[0]


def parse_query(sql: str, parameters: Sequence[str] = ()) -> exp.Query:
    """The one query in `sql`, its question marks replaced by the parameters.

    Raises:
        InvalidRequest: It is not exactly one statement, or not SQL, or has another number of
            question marks.
        NotSupported: It is no query, or uses something that DuckDB might answer differently from
            Trino.
    """
    return as_query(parse_one(sql), parameters)


def as_query(tree: exp.Expr, parameters: Sequence[str] = ()) -> exp.Query:
    """The tree, when it is a query that can be carried out; its question marks replaced.

    Raises:
        InvalidRequest: It has another number of question marks than there are parameters.
        NotSupported: It is no query, or uses something that DuckDB might answer differently from
            Trino.
    """
    tree = _filled(tree, parameters)
    if isinstance(tree, exp.Subquery) and not tree.alias:
        tree = tree.unnest()
    if isinstance(tree, exp.Values):
        tree = exp.select("*").from_(tree)
    if not isinstance(tree, exp.Query):
        raise NotSupported(f"the Athena statement {_statement_name(tree)}")
    for values in list(tree.find_all(exp.Values)):
        _name_columns(values)
    for node in tree.walk():
        _check_known(node)
    return tree


def word(sql: str) -> str:
    """The statement's first word, in capitals; empty when there is none."""
    first = _FIRST_WORD.match(sql)
    return first.group(1).upper() if first else ""


def without_comments(sql: str) -> str:
    """The statement without comments, line breaks and its semicolon; quoted text is kept."""
    kept = re.sub(
        r"('(?:[^']|'')*'|\"[^\"]*\"|`[^`]*`)|--[^\n]*|/\*(?s:.*?)\*/|\s+",
        lambda match: match.group(1) or " ",
        sql,
    )
    return kept.strip().rstrip(";").strip()


def _check_known(node: exp.Expr) -> None:
    if isinstance(node, exp.Anonymous):
        # A name that Trino does not have either fails the query, once it runs.
        name = node.name.lower()
        if name in NAMES and name not in FUNCTIONS:
            raise NotSupported(f"the function {name}() in Athena queries")
    elif type(node) not in TYPED and type(node) not in _STRUCTURE:
        raise NotSupported(f"{_described(node)} in Athena queries")


def _filled(tree: exp.Expr, parameters: Sequence[str]) -> exp.Expr:
    # In the order of the text; a walk in depth keeps it.
    places = [node for node in tree.walk(bfs=False) if isinstance(node, exp.Placeholder)]
    if len(places) != len(parameters):
        raise InvalidRequest(
            f"INVALID_PARAMETER_USAGE: line 1:1: Incorrect number of parameters: expected "
            f"{len(places)} but found {len(parameters)}"
        )
    for place, parameter in zip(places, parameters, strict=True):
        place.replace(_constant(parameter))
    return tree


def _constant(parameter: str) -> exp.Expr:
    """An execution parameter: what EXECUTE ... USING takes, so a constant expression."""
    try:
        select = sqlglot.parse_one(f"select {parameter}", read=_Queries)
    except SqlglotError:
        raise InvalidRequest(f"The execution parameter {parameter!r} is not an SQL value") from None
    parts: list[exp.Expr] = select.selects if isinstance(select, exp.Select) else []
    alone = len(parts) == 1 and not any(
        part for name, part in select.args.items() if name != "expressions"
    )
    if not alone or parts[0].find(exp.Column, exp.Query, exp.Star, exp.Placeholder, exp.Alias):
        raise InvalidRequest(
            f"The execution parameter {parameter!r} is not one SQL value: write text in single "
            "quotes"
        )
    return parts[0].copy()


def _name_columns(values: exp.Values) -> None:
    """Give VALUES the names that Trino gives its columns, where the query gives none."""
    alias = values.args.get("alias")
    if alias is None:
        alias = exp.TableAlias(this=exp.to_identifier(f"__values{id(values)}"))
        values.set("alias", alias)
    if not alias.args.get("columns"):
        width = len(values.expressions[0].expressions)
        names = [exp.to_identifier(f"_col{number}") for number in range(width)]
        alias.set("columns", names)


def _statement_name(tree: exp.Expr) -> str:
    return tree.name.upper() if isinstance(tree, exp.Command) else tree.key.upper()


def _syntax_message(error: SqlglotError) -> str:
    if not isinstance(error, ParseError) or not error.errors:
        return f"line 1:1: mismatched input: {error}"
    first = error.errors[0]
    start = first["col"] - len(first["highlight"] or " ") + 1
    found = first["highlight"] or "<EOF>"
    return f"line {first['line']}:{start}: mismatched input '{found}'. {first['description']}"


def _described(node: exp.Expr) -> str:
    kind = "the function" if isinstance(node, exp.Func) else "the syntax"
    return f"{kind} {node.sql(dialect='athena')!r} ({type(node).__name__})"
