"""Moto's Athena backend with queries that run."""

from __future__ import annotations

import time
from typing import Any

from moto.athena.models import AthenaBackend, NamedQuery, WorkGroup
from moto.glue.models import glue_backends
from moto.s3.models import s3_backends

from local_aws.athena.analysis import parse_query
from local_aws.athena.catalog import Catalog
from local_aws.athena.engine import Engine
from local_aws.athena.errors import InvalidRequest
from local_aws.athena.execution import SUCCEEDED, Execution, Work
from local_aws.athena.results import Result
from local_aws.athena.statements import Answer, utility
from local_aws.errors import NotSupported
from local_aws.iam.enforcement import require
from local_aws.iam.operations import stored_result

CATALOG_NAME = "AwsDataCatalog"
MAX_QUERY_BYTES = 262_144
MIN_CUTOFF = 10_000_000
_SETTINGS = frozenset(
    {
        "BytesScannedCutoffPerQuery",
        "EnforceWorkGroupConfiguration",
        "EngineVersion",
        "PublishCloudWatchMetricsEnabled",
        "RequesterPaysEnabled",
        "ResultConfiguration",
    }
)


class LocalAthenaBackend(AthenaBackend):
    """Workgroups and saved queries as moto keeps them; executions of our own."""

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self.executions: dict[str, Execution] = {}

    @property
    def catalog(self) -> Catalog:
        """The Glue catalog of the same account and region."""
        return Catalog(glue_backends[self.account_id][self.region_name])

    def create_work_group(
        self,
        name: str,
        configuration: dict[str, Any],
        description: str,
        tags: list[dict[str, str]],
    ) -> WorkGroup:
        """Create a workgroup.

        Raises:
            InvalidRequest: It exists.
            NotSupported: A setting that is not carried out here.
        """
        if name in self.work_groups:
            raise InvalidRequest(f"WorkGroup {name} is already created")
        _check_settings(configuration)
        group = super().create_work_group(name, dict(configuration), description, tags)
        assert group is not None
        group.created_on = time.time()
        return group

    def work_group(self, name: str) -> WorkGroup:
        """A workgroup.

        Raises:
            InvalidRequest: There is none with this name.
        """
        if name not in self.work_groups:
            raise InvalidRequest(f"WorkGroup {name} is not found.")
        return self.work_groups[name]

    def get_work_group(self, name: str) -> dict[str, Any]:
        group = self.work_group(name)
        return {
            "Name": group.name,
            "State": group.state,
            "Configuration": group.configuration,
            "Description": group.description,
            "CreationTime": group.created_on,
        }

    def list_work_groups(self) -> list[dict[str, Any]]:
        shown = ("Name", "State", "Description", "CreationTime")
        groups = [self.get_work_group(name) for name in sorted(self.work_groups)]
        return [{name: group[name] for name in shown} for group in groups]

    def update_work_group(self, name: str, request: dict[str, Any]) -> None:
        """Change description, state or settings; what is not mentioned stays."""
        group = self.work_group(name)
        updates = dict(request.get("ConfigurationUpdates") or {})
        changes = updates.pop("ResultConfigurationUpdates", {})
        if updates.pop("RemoveBytesScannedCutoffPerQuery", False):
            group.configuration.pop("BytesScannedCutoffPerQuery", None)
        _check_settings(updates)
        group.configuration.update(updates)
        group.configuration["ResultConfiguration"] = {
            **group.configuration.get("ResultConfiguration", {}),
            **changes,
        }
        group.description = request.get("Description", group.description)
        group.state = request.get("State", group.state)

    def delete_work_group(self, name: str, recursive: bool = False) -> None:
        """Delete a workgroup, with what it holds when `recursive`.

        Raises:
            InvalidRequest: It is not empty, or it is the primary one.
        """
        self.work_group(name)
        if name == "primary":
            raise InvalidRequest("WorkGroup primary cannot be deleted")
        queries = [
            query.id for query in self.named_queries.values() if query.workgroup.name == name
        ]
        executions = [each.id for each in self.executions.values() if each.workgroup == name]
        if (queries or executions) and not recursive:
            raise InvalidRequest(f"WorkGroup {name} is not empty")
        for query in queries:
            del self.named_queries[query]
        for execution in executions:
            self.executions.pop(execution).stop()
        del self.work_groups[name]

    def start_query_execution(self, request: dict[str, Any]) -> str:
        """Accept a query and start it.

        Returns:
            The execution's id.

        Raises:
            InvalidRequest: The query cannot be parsed, or there is nowhere to put its result.
            NotSupported: The query uses something that is not the same in DuckDB.
        """
        sql: str = request["QueryString"]
        if len(sql.encode()) > MAX_QUERY_BYTES:
            raise InvalidRequest(f"Query string is longer than {MAX_QUERY_BYTES} bytes")
        _check_request(request)
        group = self.work_group(request.get("WorkGroup") or "primary")
        if group.state != "ENABLED":
            raise InvalidRequest(f"WorkGroup {group.name} is disabled.")
        answer = utility(sql)
        work = self._query(sql) if answer is None else self._utility(answer)
        execution = Execution(
            query=sql,
            workgroup=group.name,
            database=(request.get("QueryExecutionContext") or {}).get("Database", ""),
            statement_type="DML" if answer is None else "UTILITY",
            output_folder=self._output_folder(group, request),
            extension="csv" if answer is None else "txt",
            cutoff=group.configuration.get("BytesScannedCutoffPerQuery"),
        )
        self.executions[execution.id] = execution
        execution.start(self._stored(work))
        return execution.id

    def get_query_execution(self, exec_id: str) -> Execution:
        if exec_id not in self.executions:
            raise InvalidRequest(f"QueryExecution {exec_id} was not found")
        return self.executions[exec_id]

    def stop_query_execution(self, exec_id: str) -> None:
        self.get_query_execution(exec_id).stop()

    def query_result(self, exec_id: str) -> Result:
        """The result of a finished query.

        Raises:
            InvalidRequest: The query has not succeeded.
        """
        execution = self.get_query_execution(exec_id)
        if execution.result is None or execution.status != SUCCEEDED:
            ended = execution.completed is not None
            raise InvalidRequest(
                f"Query did not finish successfully. Final query state: {execution.status}"
                if ended
                else f"Query has not yet finished. Current state: {execution.status}"
            )
        return execution.result

    def named_query(self, query_id: str) -> NamedQuery:
        """A saved query.

        Raises:
            InvalidRequest: There is none with this id.
        """
        if query_id not in self.named_queries:
            raise InvalidRequest(f"Named query {query_id} is not found")
        return self.named_queries[query_id]

    def create_named_query(
        self, name: str, description: str, database: str, query_string: str, workgroup: str
    ) -> str:
        self.work_group(workgroup)
        return str(super().create_named_query(name, description, database, query_string, workgroup))

    def _utility(self, answer: Answer) -> Work:
        return lambda execution: answer(self.catalog, execution.database)

    def _query(self, sql: str) -> Work:
        tree = parse_query(sql)

        def work(execution: Execution) -> Result:
            engine = execution.engine = Engine()
            try:
                return engine.run(tree, self.catalog, execution.database, execution.count_bytes)
            finally:
                execution.engine = None
                engine.close()

        return work

    def _stored(self, work: Work) -> Work:
        """The same work, which also leaves its result in the output location."""

        def stored(execution: Execution) -> Result:
            result = work(execution)
            bucket, _, key = execution.output_location.removeprefix("s3://").partition("/")
            require(stored_result(bucket, key))
            s3_backends[self.account_id][self.partition].put_object(
                bucket, key, result.object_bytes()
            )
            return result

        return stored

    def _output_folder(self, group: WorkGroup, request: dict[str, Any]) -> str:
        own = (request.get("ResultConfiguration") or {}).get("OutputLocation")
        groups = group.configuration.get("ResultConfiguration", {}).get("OutputLocation")
        enforced = group.configuration["EnforceWorkGroupConfiguration"]
        folder: str | None = groups if enforced else own or groups
        if not folder:
            raise InvalidRequest(
                "No output location provided. An output location is required either through the "
                "Workgroup result configuration setting or as an API input."
            )
        bucket = folder.removeprefix("s3://").split("/")[0]
        if bucket not in s3_backends[self.account_id][self.partition].buckets:
            raise InvalidRequest(f"Unable to verify/create output bucket {bucket}")
        return folder


def _check_settings(configuration: dict[str, Any]) -> None:
    unknown = sorted(
        name for name, value in configuration.items() if name not in _SETTINGS and value
    )
    if unknown:
        raise NotSupported(f"the workgroup setting {unknown[0]}", "Leave it out.")
    cutoff = configuration.get("BytesScannedCutoffPerQuery")
    if cutoff is not None and cutoff < MIN_CUTOFF:
        raise InvalidRequest(
            f"BytesScannedCutoffPerQuery is {cutoff}: it must be at least {MIN_CUTOFF}"
        )


def _check_request(request: dict[str, Any]) -> None:
    if request.get("ExecutionParameters"):
        raise NotSupported(
            "ExecutionParameters of Athena queries", "Write the values in the query."
        )
    reuse = (request.get("ResultReuseConfiguration") or {}).get("ResultReuseByAgeConfiguration", {})
    if reuse.get("Enabled"):
        raise NotSupported("the reuse of Athena results", "Leave ResultReuseConfiguration out.")
    named = (request.get("QueryExecutionContext") or {}).get("Catalog", CATALOG_NAME)
    if named.lower() != CATALOG_NAME.lower():
        raise NotSupported(f"the data catalog {named!r} in Athena", f"Use {CATALOG_NAME}.")
