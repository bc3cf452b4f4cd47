"""Moto's Athena backend with queries that run."""

from __future__ import annotations

import time
from typing import Any

from moto.athena.models import AthenaBackend, NamedQuery, WorkGroup
from moto.glue.models import glue_backends
from moto.s3.models import s3_backends

from local_aws.athena.catalog import Catalog
from local_aws.athena.errors import InvalidRequest, ResourceNotFound
from local_aws.athena.execution import SUCCEEDED, Execution, Work
from local_aws.athena.results import Result
from local_aws.athena.session import Objects, Prepared, Session
from local_aws.athena.statement import Statement
from local_aws.athena.statements import parse_statement
from local_aws.errors import NotSupported

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
        # By workgroup, then by name.
        self.statements: dict[str, dict[str, Prepared]] = {}
        self._requests: dict[str, tuple[dict[str, Any], str]] = {}

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
        self.statements.pop(name, None)
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
        if started := self._started_before(request):
            return started
        _check_request(request)
        group = self.work_group(request.get("WorkGroup") or "primary")
        if group.state != "ENABLED":
            raise InvalidRequest(f"WorkGroup {group.name} is disabled.")
        parameters = request.get("ExecutionParameters") or []
        statement = parse_statement(sql, parameters, self.prepared(group.name))
        _check_location(group, statement)
        execution = Execution(
            query=sql,
            workgroup=group.name,
            database=(request.get("QueryExecutionContext") or {}).get("Database", ""),
            statement_type=statement.kind,
            substatement_type=statement.subkind,
            output_folder=self._output_folder(group, request),
            output=statement.output,
            parameters=tuple(parameters),
            cutoff=group.configuration.get("BytesScannedCutoffPerQuery"),
        )
        self.executions[execution.id] = execution
        if token := request.get("ClientRequestToken"):
            self._requests[token] = (request, execution.id)
        execution.start(self._work(statement))
        return execution.id

    def _started_before(self, request: dict[str, Any]) -> str | None:
        """The execution that a request with the same token started.

        Raises:
            InvalidRequest: That request was another one.
        """
        before = self._requests.get(request.get("ClientRequestToken", ""))
        if before is None:
            return None
        if before[0] != request:
            raise InvalidRequest("Idempotent parameters do not match")
        return before[1]

    def prepared(self, workgroup: str) -> dict[str, Prepared]:
        """The prepared statements of a workgroup.

        Raises:
            InvalidRequest: There is no such workgroup.
        """
        self.work_group(workgroup)
        return self.statements.setdefault(workgroup, {})

    def prepared_one(self, workgroup: str, name: str) -> Prepared:
        """A prepared statement.

        Raises:
            ResourceNotFound: There is none with this name in the workgroup.
        """
        found = self.prepared(workgroup).get(name)
        if found is None:
            raise ResourceNotFound(
                f"PreparedStatement {name} was not found in workGroup {workgroup}", name
            )
        return found

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

    def _work(self, statement: Statement) -> Work:
        """Carries the statement out, and leaves its result in the output location."""

        def work(execution: Execution) -> Result:
            objects = Objects(s3_backends[self.account_id][self.partition])
            prepared = self.prepared(execution.workgroup)
            session = Session(self.catalog, objects, execution, prepared)
            result = statement.work(session)
            if result.has_object:
                objects.put(execution.output_location, result.object_bytes())
            return result

        return work

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


def _check_location(group: WorkGroup, statement: Statement) -> None:
    if statement.external_location and group.configuration["EnforceWorkGroupConfiguration"]:
        raise InvalidRequest(
            "The Create Table As Select query failed because it was submitted with an "
            "'external_location' property to an Athena Workgroup that enforces a centralized "
            "output location for all queries. Please remove the 'external_location' property and "
            "resubmit the query."
        )


def _check_request(request: dict[str, Any]) -> None:
    reuse = (request.get("ResultReuseConfiguration") or {}).get("ResultReuseByAgeConfiguration", {})
    if reuse.get("Enabled"):
        raise NotSupported("the reuse of Athena results", "Leave ResultReuseConfiguration out.")
    named = (request.get("QueryExecutionContext") or {}).get("Catalog", CATALOG_NAME)
    if named.lower() != CATALOG_NAME.lower():
        raise NotSupported(f"the data catalog {named!r} in Athena", f"Use {CATALOG_NAME}.")
