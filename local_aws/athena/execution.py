"""The record of one query execution, and the thread that carries it out."""

from __future__ import annotations

import contextvars
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from moto.core.exceptions import JsonRESTError

from local_aws.athena.engine import Engine
from local_aws.athena.errors import QueryCancelled, QueryFailed
from local_aws.athena.results import Result

QUEUED, RUNNING = "QUEUED", "RUNNING"
SUCCEEDED, FAILED, CANCELLED = "SUCCEEDED", "FAILED", "CANCELLED"
ENGINE_VERSION = {
    "SelectedEngineVersion": "AUTO",
    "EffectiveEngineVersion": "Athena engine version 3",
}

Work = Callable[["Execution"], Result]


@dataclass
class Execution:
    """A query execution.

    Attributes:
        output: The object of the result, below the output folder, with {id} for the execution's.
        parameters: The values of its question marks.
        cutoff: Bytes that it may scan; None for any number.
        bytes_scanned: Known once the query is planned.
        planned: When that was.
        manifest: The list of the files that it wrote.
    """

    query: str
    workgroup: str
    database: str
    statement_type: str
    substatement_type: str
    output_folder: str
    output: str
    parameters: tuple[str, ...] = ()
    cutoff: int | None = None
    id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = QUEUED
    reason: str | None = None
    submitted: float = field(default_factory=time.time)
    started: float | None = None
    completed: float | None = None
    bytes_scanned: int = 0
    planned: float | None = None
    manifest: str = ""
    result: Result | None = None
    engine: Engine | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def output_location(self) -> str:
        """The object that will hold the result."""
        return f"{self.output_folder.rstrip('/')}/{self.output.format(id=self.id)}"

    @property
    def manifest_location(self) -> str:
        """The object that will list the files that the statement writes."""
        return f"{self.output_location}-manifest.csv"

    @property
    def table_location(self) -> str:
        """Where a new table's files go: "Location of CTAS query results", Athena User Guide."""
        return f"{self.output_folder.rstrip('/')}/tables/{self.id}"

    def start(self, work: Work) -> None:
        """Carry the query out in a thread of its own, with the caller's rights."""
        as_caller = contextvars.copy_context().run
        threading.Thread(
            target=as_caller, args=(self._execute, work), name=self.id, daemon=True
        ).start()

    def stop(self) -> None:
        """Cancel the query, unless it has ended."""
        with self._lock:
            if self.completed is None:
                self._end(CANCELLED, "Query cancelled by user")
            if self.engine:
                self.engine.interrupt()

    def count_bytes(self, scanned: int) -> None:
        """Note what the query scans.

        Raises:
            QueryCancelled: It is more than the workgroup allows.
        """
        self.bytes_scanned, self.planned = scanned, time.time()
        if self.cutoff is not None and scanned > self.cutoff:
            raise QueryCancelled("Bytes scanned limit was exceeded")

    def _execute(self, work: Work) -> None:
        with self._lock:
            if self.completed is not None:
                return
            self.status, self.started = RUNNING, time.time()
        try:
            result = work(self)
        except QueryCancelled as error:
            self._end_once(CANCELLED, str(error))
        except QueryFailed as error:
            self._end_once(FAILED, str(error))
        except JsonRESTError as error:
            self._end_once(FAILED, f"{error.error_type}: {error.message}")
        except Exception as error:
            reason = f"GENERIC_INTERNAL_ERROR: {type(error).__name__}: {error}"
            self._end_once(FAILED, reason)
        else:
            self.result = result
            self._end_once(SUCCEEDED, None)

    def _end_once(self, status: str, reason: str | None) -> None:
        with self._lock:
            if self.completed is None:
                self._end(status, reason)

    def _end(self, status: str, reason: str | None) -> None:
        self.completed = time.time()
        self.reason = reason
        self.status = status

    def as_dict(self) -> dict[str, Any]:
        """`QueryExecution` of the API."""
        status = {
            "State": self.status,
            "StateChangeReason": self.reason,
            "SubmissionDateTime": self.submitted,
            "CompletionDateTime": self.completed,
        }
        optional = {
            "SubstatementType": self.substatement_type,
            "ExecutionParameters": list(self.parameters),
        }
        return {
            "QueryExecutionId": self.id,
            "Query": self.query,
            "StatementType": self.statement_type,
            **{name: value for name, value in optional.items() if value},
            "ResultConfiguration": {"OutputLocation": self.output_location},
            "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": False}},
            "QueryExecutionContext": {"Database": self.database} if self.database else {},
            "Status": {name: value for name, value in status.items() if value is not None},
            "Statistics": self._statistics(),
            "WorkGroup": self.workgroup,
            "EngineVersion": ENGINE_VERSION,
        }

    def _statistics(self) -> dict[str, Any]:
        now = self.completed or time.time()
        queued = (self.started or now) - self.submitted
        total = now - self.submitted
        return {
            "EngineExecutionTimeInMillis": _milliseconds(total - queued),
            "DataScannedInBytes": self.bytes_scanned,
            **({"DataManifestLocation": self.manifest} if self.manifest else {}),
            "TotalExecutionTimeInMillis": _milliseconds(total),
            "QueryQueueTimeInMillis": _milliseconds(queued),
            **self._planning(),
            "ResultReuseInformation": {"ReusedPreviousResult": False},
        }

    def _planning(self) -> dict[str, int]:
        """Only of what was planned: statements about the catalog are not."""
        if self.planned is None or self.started is None:
            return {}
        return {"QueryPlanningTimeInMillis": _milliseconds(self.planned - self.started)}

    def runtime_statistics(self) -> dict[str, Any]:
        """`QueryRuntimeStatistics` of the API, without the stages: DuckDB has no such ones."""
        statistics = self._statistics()
        names = (
            *("QueryQueueTimeInMillis", "QueryPlanningTimeInMillis"),
            *("EngineExecutionTimeInMillis", "TotalExecutionTimeInMillis"),
        )
        rows = {"InputBytes": self.bytes_scanned}
        if self.result is not None:
            rows["OutputRows"] = self.result.update_count or len(self.result.rows)
        return {
            "Timeline": {name: statistics[name] for name in names if name in statistics},
            "Rows": rows,
        }


def _milliseconds(seconds: float) -> int:
    return round(seconds * 1000)
