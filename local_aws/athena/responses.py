"""Athena's requests and answers, where moto's are missing or not true."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, NoReturn

from moto.athena.models import NamedQuery, athena_backends
from moto.athena.responses import AthenaResponse
from moto.core.exceptions import JsonRESTError

from local_aws.athena.errors import InvalidRequest, ResourceNotFound
from local_aws.athena.models import CATALOG_NAME, LocalAthenaBackend
from local_aws.athena.session import Prepared
from local_aws.errors import NotSupported

PAGE_LIMIT = 1000
LIST_LIMIT = 50


class LocalAthenaResponse(AthenaResponse):
    """Queries, results, workgroups, saved queries and the catalog's databases."""

    @property
    def athena_backend(self) -> LocalAthenaBackend:
        backend = athena_backends[self.current_account][self.region]
        assert isinstance(backend, LocalAthenaBackend)
        return backend

    @property
    def request_body(self) -> dict[str, Any]:
        request: dict[str, Any] = json.loads(self.body)
        return request

    def create_work_group(self) -> str:
        request = self.request_body
        self.athena_backend.create_work_group(
            request["Name"],
            request.get("Configuration") or {},
            request.get("Description", ""),
            request.get("Tags") or [],
        )
        return "{}"

    def update_work_group(self) -> str:
        self.athena_backend.update_work_group(self.request_body["WorkGroup"], self.request_body)
        return "{}"

    def delete_work_group(self) -> str:
        request = self.request_body
        recursive = request.get("RecursiveDeleteOption", False)
        self.athena_backend.delete_work_group(request["WorkGroup"], recursive)
        return "{}"

    def start_query_execution(self) -> str:
        query_id = self.athena_backend.start_query_execution(self.request_body)
        return json.dumps({"QueryExecutionId": query_id})

    def get_query_execution(self) -> str:
        execution = self.athena_backend.get_query_execution(self.request_body["QueryExecutionId"])
        return json.dumps({"QueryExecution": execution.as_dict()})

    def batch_get_query_execution(self) -> str:
        backend = self.athena_backend
        found, missing = _each(
            self.request_body["QueryExecutionIds"],
            lambda query_id: backend.get_query_execution(query_id).as_dict(),
            "QueryExecutionId",
        )
        return json.dumps({"QueryExecutions": found, "UnprocessedQueryExecutionIds": missing})

    def stop_query_execution(self) -> str:
        self.athena_backend.stop_query_execution(self.request_body["QueryExecutionId"])
        return "{}"

    def list_query_executions(self) -> str:
        request = self.request_body
        group = request.get("WorkGroup") or "primary"
        self.athena_backend.work_group(group)
        newest_first = reversed(list(self.athena_backend.executions.values()))
        ids = [each.id for each in newest_first if each.workgroup == group]
        return json.dumps(_page("QueryExecutionIds", ids, request, LIST_LIMIT))

    def get_query_results(self) -> str:
        request = self.request_body
        result = self.athena_backend.query_result(request["QueryExecutionId"])
        page = _page("Rows", result.all_rows(), request, PAGE_LIMIT)
        rows = [
            {"Data": [{} if cell is None else {"VarCharValue": cell} for cell in row]}
            for row in page.pop("Rows")
        ]
        result_set = {"Rows": rows, "ResultSetMetadata": {"ColumnInfo": result.metadata()}}
        counted = {"UpdateCount": result.update_count}
        return json.dumps({**counted, "ResultSet": result_set, **page})

    def get_named_query(self) -> str:
        query = self.athena_backend.named_query(self.request_body["NamedQueryId"])
        return json.dumps({"NamedQuery": _named_query(query)})

    def batch_get_named_query(self) -> str:
        backend = self.athena_backend
        found, missing = _each(
            self.request_body["NamedQueryIds"],
            lambda query_id: _named_query(backend.named_query(query_id)),
            "NamedQueryId",
        )
        return json.dumps({"NamedQueries": found, "UnprocessedNamedQueryIds": missing})

    def update_named_query(self) -> str:
        request = self.request_body
        query = self.athena_backend.named_query(request["NamedQueryId"])
        query.name = request["Name"]
        query.query_string = request["QueryString"]
        query.description = request.get("Description", query.description)
        return "{}"

    def delete_named_query(self) -> str:
        query = self.athena_backend.named_query(self.request_body["NamedQueryId"])
        del self.athena_backend.named_queries[query.id]
        return "{}"

    def list_named_queries(self) -> str:
        request = self.request_body
        group = request.get("WorkGroup") or "primary"
        self.athena_backend.work_group(group)
        queries = self.athena_backend.named_queries.values()
        ids = [query.id for query in queries if query.workgroup.name == group]
        return json.dumps(_page("NamedQueryIds", ids, request, LIST_LIMIT))

    def list_data_catalogs(self) -> str:
        return json.dumps({"DataCatalogsSummary": [_glue_catalog("CatalogName")]})

    def get_data_catalog(self) -> str:
        self._check_catalog(self.request_body["Name"])
        return json.dumps({"DataCatalog": _glue_catalog("Name")})

    def list_databases(self) -> str:
        request = self.request_body
        self._check_catalog(request["CatalogName"])
        databases = [{"Name": name} for name in self.athena_backend.catalog.databases()]
        return json.dumps(_page("DatabaseList", databases, request, LIST_LIMIT))

    def get_database(self) -> str:
        request = self.request_body
        self._check_catalog(request["CatalogName"])
        name = request["DatabaseName"]
        if not self.athena_backend.catalog.has_database(name):
            raise JsonRESTError("MetadataException", f"Database {name} not found")
        return json.dumps({"Database": {"Name": name}})

    def create_data_catalog(self) -> NoReturn:
        raise NotSupported("data catalogs other than Glue's in Athena")

    def create_capacity_reservation(self) -> NoReturn:
        raise NotSupported("capacity reservations in Athena")

    def create_prepared_statement(self) -> str:
        request = self.request_body
        name = request["StatementName"]
        statements = self.athena_backend.prepared(request["WorkGroup"])
        if name in statements:
            raise InvalidRequest(
                f"PreparedStatement {name} already exists in workGroup {request['WorkGroup']}"
            )
        statements[name] = _prepared(request)
        return "{}"

    def update_prepared_statement(self) -> str:
        request = self.request_body
        name, group = request["StatementName"], request["WorkGroup"]
        self.athena_backend.prepared_one(group, name)
        self.athena_backend.prepared(group)[name] = _prepared(request)
        return "{}"

    def get_prepared_statement(self) -> str:
        request = self.request_body
        group = request["WorkGroup"]
        found = self.athena_backend.prepared_one(group, request["StatementName"])
        return json.dumps({"PreparedStatement": _shown_prepared(found, group)})

    def batch_get_prepared_statement(self) -> str:
        request = self.request_body
        group, backend = request["WorkGroup"], self.athena_backend
        found, missing = _each(
            request["PreparedStatementNames"],
            lambda name: _shown_prepared(backend.prepared_one(group, name), group),
            "StatementName",
        )
        return json.dumps(
            {"PreparedStatements": found, "UnprocessedPreparedStatementNames": missing}
        )

    def list_prepared_statements(self) -> str:
        request = self.request_body
        statements = self.athena_backend.prepared(request["WorkGroup"]).values()
        listed = [
            {"StatementName": each.name, "LastModifiedTime": each.modified} for each in statements
        ]
        return json.dumps(_page("PreparedStatements", listed, request, LIST_LIMIT))

    def delete_prepared_statement(self) -> str:
        request = self.request_body
        name, group = request["StatementName"], request["WorkGroup"]
        self.athena_backend.prepared_one(group, name)
        del self.athena_backend.prepared(group)[name]
        return "{}"

    def get_query_runtime_statistics(self) -> str:
        execution = self.athena_backend.get_query_execution(self.request_body["QueryExecutionId"])
        return json.dumps({"QueryRuntimeStatistics": execution.runtime_statistics()})

    def get_table_metadata(self) -> str:
        request = self.request_body
        self._check_catalog(request["CatalogName"])
        database, name = request["DatabaseName"], request["TableName"]
        entry = self.athena_backend.catalog.entry(database.lower(), name.lower())
        if entry is None:
            raise JsonRESTError(
                "MetadataException", f"EntityNotFoundException: Table {name} not found"
            )
        return json.dumps({"TableMetadata": _table_metadata(entry)})

    def list_table_metadata(self) -> str:
        request = self.request_body
        self._check_catalog(request["CatalogName"])
        database, pattern = request["DatabaseName"].lower(), request.get("Expression") or ".*"
        catalog = self.athena_backend.catalog
        if not catalog.has_database(database):
            raise JsonRESTError(
                "MetadataException", f"EntityNotFoundException: Database {database} not found"
            )
        entries = [
            _table_metadata(entry)
            for entry in catalog.entries(database)
            if re.fullmatch(pattern, entry["Name"])
        ]
        return json.dumps(_page("TableMetadataList", entries, request, LIST_LIMIT))

    def _check_catalog(self, name: str) -> None:
        if name.lower() != CATALOG_NAME.lower():
            raise InvalidRequest(f"Data catalog {name} was not found")


def _glue_catalog(name_member: str) -> dict[str, str]:
    return {name_member: CATALOG_NAME, "Type": "GLUE"}


def _named_query(query: NamedQuery) -> dict[str, str]:
    shown = {
        "Name": query.name,
        "Description": query.description,
        "Database": query.database,
        "QueryString": query.query_string,
        "NamedQueryId": query.id,
        "WorkGroup": query.workgroup.name,
    }
    return {name: value for name, value in shown.items() if value is not None}


def _prepared(request: dict[str, Any]) -> Prepared:
    return Prepared(
        request["StatementName"],
        request["QueryStatement"],
        request.get("Description", ""),
        time.time(),
    )


def _shown_prepared(found: Prepared, group: str) -> dict[str, Any]:
    return {
        "StatementName": found.name,
        "QueryStatement": found.sql,
        "WorkGroupName": group,
        "Description": found.description,
        "LastModifiedTime": found.modified,
    }


def _table_metadata(entry: dict[str, Any]) -> dict[str, Any]:
    storage = entry.get("StorageDescriptor") or {}
    created: datetime = entry["CreateTime"]
    own = {
        "location": storage.get("Location"),
        "inputformat": storage.get("InputFormat"),
        "outputformat": storage.get("OutputFormat"),
        "serde.serialization.lib": (storage.get("SerdeInfo") or {}).get("SerializationLibrary"),
    }
    return {
        "Name": entry["Name"],
        "CreateTime": created.replace(tzinfo=UTC).timestamp(),
        "TableType": entry.get("TableType", ""),
        "Columns": _columns(storage.get("Columns")),
        "PartitionKeys": _columns(entry.get("PartitionKeys")),
        "Parameters": {
            **(entry.get("Parameters") or {}),
            **{name: value for name, value in own.items() if value},
        },
    }


def _columns(columns: list[dict[str, str]] | None) -> list[dict[str, str]]:
    shown = ("Name", "Type", "Comment")
    return [{name: each[name] for name in shown if each.get(name)} for each in columns or []]


def _page(member: str, items: Sequence[Any], request: dict[str, Any], limit: int) -> dict[str, Any]:
    """One page of a list: from NextToken on, at most MaxResults."""
    start = int(request.get("NextToken") or 0)
    end = start + min(request.get("MaxResults") or limit, limit)
    more = {"NextToken": str(end)} if end < len(items) else {}
    return {member: list(items[start:end]), **more}


def _each(
    ids: Sequence[str], get: Callable[[str], dict[str, Any]], id_member: str
) -> tuple[list[dict[str, Any]], list[dict[str, str]]]:
    """What `get` finds, and an error entry for each id that it does not."""
    found, missing = [], []
    for each in ids:
        try:
            found.append(get(each))
        except (InvalidRequest, ResourceNotFound) as error:
            entry = {id_member: each, "ErrorCode": error.error_type, "ErrorMessage": error.message}
            missing.append(entry)
    return found, missing
