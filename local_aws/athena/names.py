"""Names of tables in statements, and the errors of those that are missing."""

from __future__ import annotations

from dataclasses import dataclass

from local_aws.athena.errors import QueryFailed

# One name, plain, in backquotes (Hive's statements) or in double quotes (Trino's).
NAME = r"[`\"]?([\w-]+)[`\"]?"
TABLE = rf"(?:{NAME}\.)?{NAME}"
CATALOG = "awsdatacatalog"


@dataclass(frozen=True)
class TableName:
    """A table's or view's full name, in lower case."""

    database: str
    name: str

    @classmethod
    def of(cls, database: str | None, name: str, default: str) -> TableName:
        """The name, in the default database unless one is named.

        Raises:
            QueryFailed: There is neither.
        """
        if not (database or default):
            message = "Schema must be specified when session schema is not set"
            raise QueryFailed("MISSING_SCHEMA_NAME", message)
        return cls((database or default).lower(), name.lower())

    def __str__(self) -> str:
        return f"{CATALOG}.{self.database}.{self.name}"


def table_not_found(name: str) -> QueryFailed:
    """Hive's words: the statements about tables and partitions are its."""
    return QueryFailed("FAILED", f"SemanticException [Error 10001]: Table not found {name}")


def database_not_found(name: str) -> QueryFailed:
    return QueryFailed(
        "FAILED", f"SemanticException [Error 10072]: Database does not exist: {name}"
    )


def not_done(message: str) -> QueryFailed:
    """Hive's words for what it understood and could not do."""
    task = "org.apache.hadoop.hive.ql.exec.DDLTask"
    return QueryFailed("FAILED", f"Execution Error, return code 1 from {task}. {message}")
