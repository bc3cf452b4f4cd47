"""Functions, who may call them and what becomes of their events, in the terms of Lambda's API."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

from local_aws import awslambda
from local_aws.cloudformation.resource import (
    Context,
    Properties,
    PropertyNotSupported,
    Resource,
)

CFNRESPONSE = Path(awslambda.__file__).with_name("cfnresponse.py")


class Function(Resource):
    """AWS::Lambda::Function. Ref is its name."""

    settings = frozenset(
        [
            "DeadLetterConfig",
            "Description",
            "Environment",
            "Handler",
            "MemorySize",
            "Role",
            "Runtime",
            "Timeout",
        ]
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
        empty: Properties = {"DeadLetterConfig": {}, "Environment": {"Variables": {}}}
        wanted = {**defaults, **empty, **self._settings(properties)}
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


class EventInvokeConfig(Resource):
    """AWS::Lambda::EventInvokeConfig. Ref is a name of its own."""

    settings = frozenset({"DestinationConfig", "MaximumEventAgeInSeconds", "MaximumRetryAttempts"})
    properties = settings | {"FunctionName", "Qualifier"}
    replacing = frozenset({"FunctionName", "Qualifier"})
    attribute_names = frozenset()

    def create(self, properties: Properties, context: Context) -> None:
        where, name = self._where(properties), f"{properties['FunctionName']}|$LATEST"
        context.require_absent(name, "lambda", "get_function_event_invoke_config", **where)
        self.update(properties, context)
        self.physical_resource_id = name

    def update(self, properties: Properties, context: Context) -> None:
        wanted = {key: properties[key] for key in self.settings & properties.keys()}
        where = self._where(properties)
        context.call("lambda", "put_function_event_invoke_config", **where, **wanted)

    def delete(self, properties: Properties, context: Context) -> None:
        where = self._where(properties)
        context.call("lambda", "delete_function_event_invoke_config", **where)

    @staticmethod
    def _where(properties: Properties) -> Properties:
        if (qualifier := properties.get("Qualifier", "$LATEST")) != "$LATEST":
            raise PropertyNotSupported(f"Qualifier {qualifier!r}")
        return {"FunctionName": properties["FunctionName"]}


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
