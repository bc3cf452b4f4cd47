"""Which statement a text is, and what carries it out.

Athena hands Hive's statements (SHOW, DESCRIBE, ALTER TABLE, CREATE EXTERNAL TABLE ...) to another
parser than Trino's (queries, CREATE VIEW, CREATE TABLE AS, INSERT ...); so does this module.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from local_aws.athena import ddl, writes
from local_aws.athena.errors import InvalidRequest
from local_aws.athena.hive import hive_statement
from local_aws.athena.names import NAME, TABLE, TableName
from local_aws.athena.parsing import as_query, parse_one, parse_query, without_comments, word
from local_aws.athena.results import Result
from local_aws.athena.session import Prepared, Session
from local_aws.athena.statement import DDL, DML, Statement
from local_aws.athena.writes import Properties
from local_aws.errors import NotSupported


def parse_statement(
    sql: str, parameters: Sequence[str] = (), prepared: Mapping[str, Prepared] | None = None
) -> Statement:
    """The one statement in `sql`.

    Args:
        sql: Its text.
        parameters: For its question marks, as SQL.
        prepared: The workgroup's prepared statements, by name.

    Raises:
        InvalidRequest: It is not exactly one statement, or not SQL.
        NotSupported: Nothing here carries it out.
    """
    text = without_comments(sql)
    if statement := hive_statement(text):
        _require_no_parameters(parameters)
        return statement
    if word(sql) == "EXECUTE":
        return _execute(text, parameters, prepared or {})
    return _BY_WORD.get(word(sql), _query)(sql, parameters)


def _query(sql: str, parameters: Sequence[str]) -> Statement:
    if word(sql) in _UNSUPPORTED:
        raise NotSupported(f"the Athena statement {word(sql)}")
    tree = parse_query(sql, parameters)
    return Statement(DML, "SELECT", lambda session: session.rows(tree), "{id}.csv")


def _insert(sql: str, parameters: Sequence[str]) -> Statement:
    tree = parse_one(sql)
    target = tree.this if isinstance(tree, exp.Insert) else None
    columns: list[str] = []
    if isinstance(target, exp.Schema):
        columns = [column.name for column in target.expressions]
        target = target.this
    if not isinstance(target, exp.Table) or tree.args.get("overwrite"):
        raise NotSupported("this form of INSERT in Athena", "Use INSERT INTO table query.")
    query = as_query(tree.expression, parameters)
    database, name = target.db, target.name

    def work(session: Session) -> Result:
        full = TableName.of(database, name, session.database)
        return writes.insert_into(session, full, columns, query)

    return Statement(DML, "INSERT", work, "{id}")


def _create(sql: str, parameters: Sequence[str]) -> Statement:
    text = without_comments(sql)
    view = re.match(rf"create (or replace )?view {TABLE} as\b", text, re.IGNORECASE)
    if view:
        _require_no_parameters(parameters)
        return _create_view(sql, view)
    if re.match(r"create table\b", text, re.IGNORECASE):
        return _create_table_as(sql, parameters)
    if re.match(r"create external table\b", text, re.IGNORECASE):
        _require_no_parameters(parameters)
        return _create_external_table(sql)
    raise NotSupported(f"the Athena statement {' '.join(text.split()[:3])!r}")


def _create_view(sql: str, match: re.Match[str]) -> Statement:
    replace_it, database, name = match.groups()
    start = _after_as(sql)
    # Blanks keep the places in messages.
    parse_query(re.sub(r"\S", " ", sql[:start]) + sql[start:])
    query = sql[start:].strip().rstrip(";").strip()

    def work(session: Session) -> Result:
        full = TableName.of(database, name, session.database)
        return ddl.create_view(session, full, query, bool(replace_it))

    return Statement(DDL, "CREATE_VIEW", work)


def _create_table_as(sql: str, parameters: Sequence[str]) -> Statement:
    tree = parse_one(sql)
    target = tree.this
    if not isinstance(tree, exp.Create) or not isinstance(target, exp.Table):
        message = "line 1:8: mismatched input 'table'. Expecting: 'EXTERNAL', or AS and a query"
        raise InvalidRequest(message)
    given = _properties(tree.args.get("properties"))
    with_data = given.pop("with_data", "yes") == "yes"
    properties = Properties.of(given)
    query = as_query(tree.expression, parameters)
    database, name, exists = target.db, target.name, bool(tree.args.get("exists"))

    def work(session: Session) -> Result:
        full = TableName.of(database, name, session.database)
        return writes.create_table_as(
            session, full, query, properties, with_data=with_data, if_not_exists=exists
        )

    subkind, output = "CREATE_TABLE_AS_SELECT", "tables/{id}"
    return Statement(DDL, subkind, work, output, external_location=properties.location)


def _create_external_table(sql: str) -> Statement:
    try:
        tree = sqlglot.parse_one(sql.strip().rstrip(";"), read="hive")
    except SqlglotError as error:
        raise InvalidRequest(f"line 1:1: {str(error).splitlines()[0]}") from None
    schema = tree.this
    if not isinstance(tree, exp.Create) or not isinstance(schema, exp.Schema):
        raise InvalidRequest("line 1:1: CREATE EXTERNAL TABLE takes columns with types")
    database, name = schema.this.db, schema.this.name

    def work(session: Session) -> Result:
        return ddl.create_table(session, TableName.of(database, name, session.database), tree)

    return Statement(DDL, "CREATE_TABLE", work)


def _unload(sql: str, parameters: Sequence[str]) -> Statement:
    start, end = _parentheses(sql)
    match = re.fullmatch(
        r"\)\s*to\s+'([^']*)'\s*with\s*(\(.*\))\s*;?\s*", sql[end:], re.IGNORECASE | re.DOTALL
    )
    if match is None:
        raise InvalidRequest(
            "line 1:1: UNLOAD has the form UNLOAD (query) TO 's3://...' WITH (format = 'PARQUET')"
        )
    location, options = match.groups()
    given = _properties(
        parse_one(f"create table unloaded with {options} as select 1").args.get("properties")
    )
    if "format" not in given:
        raise InvalidRequest("UNLOAD: the property format is missing. Use format = 'PARQUET'")
    properties = replace(Properties.of(given), location=location)
    query = parse_query(re.sub(r"\S", " ", sql[:start]) + sql[start:end], parameters)
    return Statement(
        DML, "UNLOAD", lambda session: writes.unload(session, query, properties), "{id}"
    )


def _prepare(sql: str, parameters: Sequence[str]) -> Statement:
    _require_no_parameters(parameters)
    match = re.fullmatch(rf"prepare {NAME} from (.+)", without_comments(sql), re.IGNORECASE)
    if match is None:
        raise InvalidRequest("line 1:1: PREPARE has the form PREPARE name FROM statement")
    name, text = match.groups()

    def work(session: Session) -> Result:
        session.prepared[name] = Prepared(name, text, "", time.time())
        return Result.nothing()

    return Statement(DDL, "PREPARE", work)


def _deallocate(sql: str, parameters: Sequence[str]) -> Statement:
    _require_no_parameters(parameters)
    match = re.fullmatch(rf"deallocate prepare {NAME}", without_comments(sql), re.IGNORECASE)
    if match is None:
        raise InvalidRequest("line 1:1: DEALLOCATE has the form DEALLOCATE PREPARE name")
    name = match.group(1)

    def work(session: Session) -> Result:
        if session.prepared.pop(name, None) is None:
            raise not_prepared(name, session.execution.workgroup)
        return Result.nothing()

    return Statement(DDL, "DEALLOCATE", work)


def _execute(text: str, parameters: Sequence[str], prepared: Mapping[str, Prepared]) -> Statement:
    match = re.fullmatch(rf"execute {NAME}(?: using (.+))?", text, re.IGNORECASE | re.DOTALL)
    if match is None:
        raise InvalidRequest("line 1:1: EXECUTE has the form EXECUTE name USING value, ...")
    name, using = match.groups()
    if name not in prepared:
        raise InvalidRequest(f"PreparedStatement {name} was not found in this workgroup")
    given = _values(using) if using else parameters
    return parse_statement(prepared[name].sql, given)


def not_prepared(name: str, workgroup: str) -> InvalidRequest:
    return InvalidRequest(f"PreparedStatement {name} was not found in workGroup {workgroup}")


def _values(using: str) -> list[str]:
    tree = parse_one(f"select {using}")
    return [each.sql(dialect="trino") for each in getattr(tree, "selects", [])]


def _require_no_parameters(parameters: Sequence[str]) -> None:
    if parameters:
        raise InvalidRequest(
            "ExecutionParameters are for SELECT, INSERT INTO, CREATE TABLE AS, UNLOAD and EXECUTE"
        )


def _properties(properties: exp.Expr | None) -> dict[str, Any]:
    """The WITH (...) of a statement, by name; WITH [NO] DATA as ``with_data``."""
    found: dict[str, Any] = {}
    for each in properties.expressions if properties else ():
        if isinstance(each, exp.FileFormatProperty):
            found["format"] = each.name
        elif isinstance(each, exp.PartitionedByProperty):
            found["partitioned_by"] = [part.name for part in each.this.expressions]
        elif isinstance(each, exp.WithDataProperty):
            found["with_data"] = "no" if each.args.get("no") else "yes"
        elif type(each) is exp.Property:
            value = each.args["value"]
            is_list = isinstance(value, exp.Array)
            found[each.name.lower()] = (
                [part.name for part in value.expressions] if is_list else value.name
            )
        else:
            raise NotSupported(f"{each.sql(dialect='trino')!r} in Athena's statements")
    return found


def _after_as(sql: str) -> int:
    """Where the text after the statement's first AS begins."""
    for token in sqlglot.tokenize(sql, read="trino"):
        if token.text.upper() == "AS":
            return int(token.end) + 1
    return len(sql)


def _parentheses(sql: str) -> tuple[int, int]:
    """Where the text within the first parentheses begins and ends."""
    start, depth = 0, 0
    try:
        tokens = sqlglot.tokenize(sql, read="trino")
    except SqlglotError as error:
        raise InvalidRequest(f"line 1:1: {error}") from None
    for token in tokens:
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if token.text == "(" and depth == 1:
            start = token.end + 1
        elif token.text == ")" and depth == 0:
            return int(start), int(token.start)
    raise InvalidRequest("line 1:1: a parenthesis is not closed")


# The parser would write of some of them to the log before it gives up.
_UNSUPPORTED = (
    *("ALTER", "ANALYZE", "DELETE", "DESC", "DESCRIBE", "DROP", "EXPLAIN"),
    *("MERGE", "MSCK", "SHOW", "UPDATE", "USE", "VACUUM"),
)
_BY_WORD: dict[str, Callable[[str, Sequence[str]], Statement]] = {
    "CREATE": _create,
    "DEALLOCATE": _deallocate,
    "INSERT": _insert,
    "PREPARE": _prepare,
    "UNLOAD": _unload,
}
