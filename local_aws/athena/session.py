"""What a statement works with while it runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlglot import exp

from local_aws.athena.analysis import Query
from local_aws.athena.catalog import Catalog
from local_aws.athena.engine import Engine, Export, Part
from local_aws.athena.execution import Execution
from local_aws.athena.locations import folder
from local_aws.athena.results import Result
from local_aws.athena.rights import require_listing, require_writing


@dataclass(frozen=True)
class Objects:
    """The object store, by location (``s3://bucket/key``), with the rights of who asks."""

    s3: Any

    def put(self, location: str, content: bytes | Path) -> None:
        """Store an object; a file that is its content is moved there."""
        require_writing(location)
        bucket, _, key = location.removeprefix("s3://").partition("/")
        self.s3.put_object(bucket, key, content)

    def has_bucket(self, location: str) -> bool:
        return bucket_of(location) in self.s3.buckets

    def is_empty(self, location: str) -> bool:
        """Whether no object is below this location."""
        require_listing(location)
        return not any(path.is_file() for path in folder(location).rglob("*"))


@dataclass(frozen=True)
class Prepared:
    """A prepared statement of a workgroup."""

    name: str
    sql: str
    description: str
    modified: float


@dataclass(frozen=True)
class Session:
    """One execution of a statement, and what it may use.

    Attributes:
        prepared: The workgroup's prepared statements, by name.
    """

    catalog: Catalog
    objects: Objects
    execution: Execution
    prepared: MutableMapping[str, Prepared]

    @property
    def database(self) -> str:
        """The default database."""
        return self.execution.database

    def rows(self, tree: exp.Query) -> Result:
        """Execute a query. Raises as `Engine.run` does."""
        with self._engine() as engine:
            return engine.run(tree, self.catalog, self.database, self.execution.count_bytes)

    def files(self, tree: exp.Query, plan: Callable[[Query], Export]) -> list[Part]:
        """Execute a query into files. Raises as `Engine.export` does."""
        scanned = self.execution.count_bytes
        with self._engine() as engine:
            return engine.export(tree, self.catalog, self.database, scanned, plan)

    @contextmanager
    def _engine(self) -> Iterator[Engine]:
        engine = self.execution.engine = Engine()
        try:
            yield engine
        finally:
            self.execution.engine = None
            engine.close()


def bucket_of(location: str) -> str:
    return location.removeprefix("s3://").split("/")[0]
