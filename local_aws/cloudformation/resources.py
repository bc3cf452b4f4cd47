"""The resource types that a template can have, each in the terms of its service's API."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

from local_aws import awslambda
from local_aws.cloudformation.resource import Context, Properties, Resource
from local_aws.settings import ACCOUNT_ID

CFNRESPONSE = Path(awslambda.__file__).with_name("cfnresponse.py")


class LogGroup(Resource):
    """AWS::Logs::LogGroup. Ref is its name."""

    properties = frozenset({"LogGroupName", "RetentionInDays"})
    replacing = frozenset({"LogGroupName"})

    def create(self, properties: Properties, context: Context) -> None:
        name = properties.get("LogGroupName") or context.generated_name()
        context.call("logs", "create_log_group", logGroupName=name)
        self.physical_resource_id = name
        arn = f"arn:aws:logs:{context.region}:{ACCOUNT_ID}:log-group:{name}:*"
        self.attributes = {"Arn": arn}
        self.update(properties, context)

    def update(self, properties: Properties, context: Context) -> None:
        name = {"logGroupName": self.physical_resource_id}
        if days := properties.get("RetentionInDays"):
            context.call("logs", "put_retention_policy", **name, retentionInDays=days)
        else:
            context.call("logs", "delete_retention_policy", **name)

    def delete(self, properties: Properties, context: Context) -> None:
        context.call("logs", "delete_log_group", logGroupName=self.physical_resource_id)


class Function(Resource):
    """AWS::Lambda::Function. Ref is its name."""

    settings = frozenset(
        ["Description", "Environment", "Handler", "MemorySize", "Role", "Runtime", "Timeout"]
    )
    properties = settings | {"FunctionName", "Code"}
    replacing = frozenset({"FunctionName"})

    def create(self, properties: Properties, context: Context) -> None:
        name = properties.get("FunctionName") or context.generated_name()
        made = context.call(
            "lambda",
            "create_function",
            FunctionName=name,
            Code=_code(properties),
            **self._settings(properties),
        )
        self.physical_resource_id = name
        self.attributes = {"Arn": made["FunctionArn"]}

    def update(self, properties: Properties, context: Context) -> None:
        name = self.physical_resource_id
        defaults = {"Description": "", "MemorySize": 128, "Timeout": 3}
        wanted = {**defaults, "Environment": {"Variables": {}}, **self._settings(properties)}
        context.call("lambda", "update_function_configuration", FunctionName=name, **wanted)
        context.call("lambda", "update_function_code", FunctionName=name, **_code(properties))

    def delete(self, properties: Properties, context: Context) -> None:
        context.call("lambda", "delete_function", FunctionName=self.physical_resource_id)

    def _settings(self, properties: Properties) -> Properties:
        return {name: properties[name] for name in self.settings & properties.keys()}


class Permission(Resource):
    """AWS::Lambda::Permission. Ref is the id of the policy's statement."""

    properties = frozenset({"Action", "FunctionName", "Principal", "SourceAccount", "SourceArn"})
    replacing = properties
    attribute_names = frozenset({"Id"})

    def create(self, properties: Properties, context: Context) -> None:
        statement = context.generated_name()
        context.call("lambda", "add_permission", StatementId=statement, **properties)
        self.physical_resource_id = statement
        self.attributes = {"Id": statement}

    def delete(self, properties: Properties, context: Context) -> None:
        context.call(
            "lambda",
            "remove_permission",
            FunctionName=properties["FunctionName"],
            StatementId=self.physical_resource_id,
        )


class Rule(Resource):
    """AWS::Events::Rule. Ref is its name. Nothing here fires a schedule."""

    settings = frozenset({"Description", "EventPattern", "ScheduleExpression", "State"})
    properties = settings | {"Name", "Targets"}
    replacing = frozenset({"Name"})

    def create(self, properties: Properties, context: Context) -> None:
        self.physical_resource_id = properties.get("Name") or context.generated_name()
        self.update(properties, context)

    def update(self, properties: Properties, context: Context) -> None:
        name = self.physical_resource_id
        wanted = {key: properties[key] for key in self.settings & properties.keys()}
        if isinstance(wanted.get("EventPattern"), dict):
            wanted["EventPattern"] = json.dumps(wanted["EventPattern"])
        rule = context.call("events", "put_rule", Name=name, **wanted)
        self.attributes = {"Arn": rule["RuleArn"]}
        targets = properties.get("Targets", [])
        self._remove_targets(context, keep={target["Id"] for target in targets})
        if targets:
            context.call("events", "put_targets", Rule=name, Targets=targets)

    def delete(self, properties: Properties, context: Context) -> None:
        self._remove_targets(context, keep=set())
        context.call("events", "delete_rule", Name=self.physical_resource_id)

    def _remove_targets(self, context: Context, keep: set[str]) -> None:
        name = self.physical_resource_id
        present = context.call("events", "list_targets_by_rule", Rule=name)["Targets"]
        if stale := [target["Id"] for target in present if target["Id"] not in keep]:
            context.call("events", "remove_targets", Rule=name, Ids=stale)


class Database(Resource):
    """AWS::Glue::Database. Ref is its name."""

    properties = frozenset({"CatalogId", "DatabaseInput"})
    replacing = frozenset({"CatalogId"})
    attribute_names = frozenset()

    @classmethod
    def identity(cls, properties: Properties) -> list[Any]:
        """Its catalog and its names."""
        return [*super().identity(properties), properties["DatabaseInput"]["Name"]]

    def create(self, properties: Properties, context: Context) -> None:
        context.call("glue", "create_database", **properties)
        self.physical_resource_id = properties["DatabaseInput"]["Name"]

    def update(self, properties: Properties, context: Context) -> None:
        context.call("glue", "update_database", Name=self.physical_resource_id, **properties)

    def delete(self, properties: Properties, context: Context) -> None:
        context.call("glue", "delete_database", Name=self.physical_resource_id)


class Table(Resource):
    """AWS::Glue::Table. Ref is its name, without the database's."""

    properties = frozenset({"CatalogId", "DatabaseName", "TableInput"})
    replacing = frozenset({"CatalogId", "DatabaseName"})
    attribute_names = frozenset()

    @classmethod
    def identity(cls, properties: Properties) -> list[Any]:
        """Its catalog and its names."""
        return [*super().identity(properties), properties["TableInput"]["Name"]]

    def create(self, properties: Properties, context: Context) -> None:
        context.call("glue", "create_table", **properties)
        self.physical_resource_id = properties["TableInput"]["Name"]

    def update(self, properties: Properties, context: Context) -> None:
        context.call("glue", "update_table", **properties)

    def delete(self, properties: Properties, context: Context) -> None:
        database = properties["DatabaseName"]
        context.call("glue", "delete_table", DatabaseName=database, Name=self.physical_resource_id)


class WorkGroup(Resource):
    """AWS::Athena::WorkGroup. Ref is its name."""

    properties = frozenset(
        ["Description", "Name", "RecursiveDeleteOption", "State", "WorkGroupConfiguration"]
    )
    replacing = frozenset({"Name"})
    attribute_names = frozenset()

    def create(self, properties: Properties, context: Context) -> None:
        context.call(
            "athena",
            "create_work_group",
            Name=properties["Name"],
            Description=properties.get("Description", ""),
            Configuration=properties.get("WorkGroupConfiguration", {}),
        )
        self.physical_resource_id = properties["Name"]
        if properties.get("State", "ENABLED") != "ENABLED":
            self.update(properties, context)

    def update(self, properties: Properties, context: Context) -> None:
        updates = dict(properties.get("WorkGroupConfiguration", {}))
        if "ResultConfiguration" in updates:
            updates["ResultConfigurationUpdates"] = updates.pop("ResultConfiguration")
        context.call(
            "athena",
            "update_work_group",
            WorkGroup=self.physical_resource_id,
            Description=properties.get("Description", ""),
            State=properties.get("State", "ENABLED"),
            ConfigurationUpdates=updates,
        )

    def delete(self, properties: Properties, context: Context) -> None:
        recursive = properties.get("RecursiveDeleteOption", False)
        context.call(
            "athena",
            "delete_work_group",
            WorkGroup=self.physical_resource_id,
            RecursiveDeleteOption=recursive,
        )


def _code(properties: Properties) -> dict[str, Any]:
    """The Code of a function; inline code becomes index.py beside cfnresponse.py, as on AWS."""
    code = properties["Code"]
    if "ZipFile" not in code:
        return dict(code)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in (
            ("index.py", code["ZipFile"]),
            ("cfnresponse.py", CFNRESPONSE.read_text()),
        ):
            # A fixed date, so that the same code is the same zip.
            archive.writestr(zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0)), text)
    return {"ZipFile": buffer.getvalue()}
