"""Hive's statements: SHOW, DESCRIBE, and those that change databases, tables and partitions.

They are few and simple, so each is recognised by a pattern of its own.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from local_aws.athena import ddl, partitions, show
from local_aws.athena.names import NAME, TABLE, TableName
from local_aws.athena.results import Result
from local_aws.athena.statement import DDL, UTILITY, Statement, Work


def hive_statement(text: str) -> Statement | None:
    """The statement, when it is one of Hive's; `text` has no comments and no line breaks."""
    for pattern, build in _STATEMENTS:
        match = re.fullmatch(pattern, text, re.IGNORECASE)
        if match:
            return build(match)
    return None


def _named(work: Callable[..., Result]) -> Callable[[re.Match[str]], Work]:
    """`work` with the table that the first two groups name, and the texts of the others."""

    def build(match: re.Match[str]) -> Work:
        database, name, *others = match.groups()
        texts = [other or "" for other in others]
        return lambda session: work(session, TableName.of(database, name, session.database), *texts)

    return build


def _dropped(work: Callable[..., Result]) -> Callable[[re.Match[str]], Work]:
    """`work` with the table that the last two groups name, and whether IF EXISTS is there."""

    def build(match: re.Match[str]) -> Work:
        flag, database, name = match.groups()
        return lambda session: work(
            session, TableName.of(database, name, session.database), bool(flag)
        )

    return build


def _database_created(match: re.Match[str]) -> Work:
    flag, name, location = match.groups()
    return lambda session: ddl.create_database(session, name.lower(), bool(flag), location or "")


def _database_dropped(match: re.Match[str]) -> Work:
    flag, name, cascade = match.groups()
    return lambda session: ddl.drop_database(session, name.lower(), bool(flag), bool(cascade))


_LOCATED = re.compile(r"partition ?\(((?:'[^']*'|[^')])*)\)(?: location '([^']*)')?", re.IGNORECASE)
_PAIR = re.compile(rf"{NAME} ?= ?(?:'([^']*)'|([\w.-]+))")


def _specs(text: str) -> list[partitions.Spec]:
    """The PARTITION (...) LOCATION '...' of a statement."""
    return [
        ({key.lower(): quoted or plain for key, quoted, plain in _PAIR.findall(pairs)}, location)
        for pairs, location in _LOCATED.findall(text)
    ]


def _partitions(work: Callable[..., Result]) -> Callable[[re.Match[str]], Work]:
    def build(match: re.Match[str]) -> Work:
        database, name, flag, specs = match.groups()
        found = _specs(specs)
        return lambda session: work(
            session, TableName.of(database, name, session.database), found, bool(flag)
        )

    return build


def _columns_shown(match: re.Match[str]) -> Work:
    database, name, after = match.groups()
    return lambda session: show.show_columns(
        session, TableName.of(database or after, name, session.database)
    )


def _listed(work: Callable[..., Result]) -> Callable[[re.Match[str]], Work]:
    def build(match: re.Match[str]) -> Work:
        groups = [group or "" for group in match.groups()]
        return lambda session: work(session, *groups[:-1], groups[-1].strip("'"))

    return build


def _as(kind: str, subkind: str, build: Callable[[re.Match[str]], Work]) -> Any:
    return lambda match: Statement(kind, subkind, build(match))


_LIKE = r"(?: (?:like )?('[^']*'))?"
_IN = rf"(?: (?:in|from) {NAME})?"
_SPECS = r"((?: partition ?\((?:'[^']*'|[^')])*\)(?: location '[^']*')?(?: ?,)?)+)"
_STATEMENTS: list[tuple[str, Callable[[re.Match[str]], Statement]]] = [
    (rf"show (?:databases|schemas){_LIKE}", _as(UTILITY, "", _listed(show.show_databases))),
    (rf"show tables{_IN}{_LIKE}", _as(UTILITY, "", _listed(show.show_tables))),
    (rf"show views{_IN}{_LIKE}", _as(UTILITY, "", _listed(show.show_views))),
    (rf"show partitions {TABLE}", _as(UTILITY, "", _named(show.show_partitions))),
    (rf"show columns (?:in|from) {TABLE}{_IN}", _as(UTILITY, "", _columns_shown)),
    (rf"show create table {TABLE}", _as(UTILITY, "", _named(show.show_create_table))),
    (rf"show create view {TABLE}", _as(UTILITY, "", _named(show.show_create_view))),
    (
        rf"show tblproperties {TABLE}(?: ?\( ?'([^']*)' ?\))?",
        _as(UTILITY, "", _named(show.show_properties)),
    ),
    (rf"(?:describe|desc) {TABLE}", _as(UTILITY, "", _named(show.describe))),
    (rf"msck repair table {TABLE}", _as(DDL, "", _named(partitions.repair))),
    (
        rf"alter table {TABLE} add( if not exists)?{_SPECS}",
        _as(DDL, "", _partitions(partitions.add_partitions)),
    ),
    (
        rf"alter table {TABLE} drop( if exists)?{_SPECS}",
        _as(DDL, "", _partitions(partitions.drop_partitions)),
    ),
    (
        rf"create (?:database|schema)( if not exists)? {NAME}(?: location '([^']*)')?",
        _as(DDL, "", _database_created),
    ),
    (
        rf"drop (?:database|schema)( if exists)? {NAME}(?: restrict)?( cascade)?",
        _as(DDL, "", _database_dropped),
    ),
    (rf"drop table( if exists)? {TABLE}", _as(DDL, "DROP_TABLE", _dropped(ddl.drop_table))),
    (rf"drop view( if exists)? {TABLE}", _as(DDL, "", _dropped(ddl.drop_view))),
]
