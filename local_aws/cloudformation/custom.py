"""Custom resources: functions of the user's own that CloudFormation calls.

CloudFormation waits for the answer as long as the function runs. On AWS it would wait on, for an
hour unless ServiceTimeout says otherwise; a function that hands the answer to something that
outlives it therefore fails here.
"""

from __future__ import annotations

import json
import uuid
from typing import Any

from local_aws.cloudformation.callbacks import Callback
from local_aws.cloudformation.resource import Context, Properties, Resource, as_text

NOT_FOR_THE_FUNCTION = frozenset({"ServiceTimeout"})


class RequestFailed(Exception):
    """The function said FAILED, or nothing."""


class CustomResource(Resource):
    """Custom::* and AWS::CloudFormation::CustomResource. Ref is the id that the function chose."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        # Set when the function chose another id on an update: the old one is deleted afterwards.
        self.replaced_id = ""
        self._previous: Properties = {}

    def create(self, properties: Properties, context: Context) -> None:
        self._request("Create", properties, context)

    def update(self, properties: Properties, context: Context) -> None:
        before = self.physical_resource_id
        self._request("Update", properties, context, OldResourceProperties=_texts(self._previous))
        if self.physical_resource_id != before:
            self.replaced_id = before

    def delete(self, properties: Properties, context: Context) -> None:
        self._request("Delete", properties, context)

    def delete_replaced(self, properties: Properties, context: Context) -> None:
        """Delete what an update replaced."""
        old = CustomResource(context)
        old.physical_resource_id = self.replaced_id
        self.replaced_id = ""
        old.delete(properties, context)

    @classmethod
    def has_cfn_attr(cls, name: str) -> bool:
        """Whether ``Fn::GetAtt`` can give that attribute: only the function knows."""
        return True

    def _request(self, kind: str, properties: Properties, context: Context, **more: Any) -> None:
        callback = Callback()
        event = {
            "RequestType": kind,
            "ServiceToken": properties["ServiceToken"],
            "ResponseURL": callback.url,
            "StackId": context.stack_id,
            "RequestId": str(uuid.uuid4()),
            "LogicalResourceId": context.logical_id,
            "ResourceType": context.resource_type,
            "ResourceProperties": _texts(properties),
            **more,
        }
        if self.physical_resource_id:
            event["PhysicalResourceId"] = self.physical_resource_id
        run = context.call(
            "lambda",
            "invoke",
            FunctionName=properties["ServiceToken"],
            Payload=json.dumps(event).encode(),
        )
        answer = callback.take() or _silence(run)
        self.physical_resource_id = answer.get("PhysicalResourceId", self.physical_resource_id)
        if answer["Status"] != "SUCCESS":
            raise RequestFailed(
                f"Received response status [FAILED] from custom resource. "
                f"Message returned: {answer.get('Reason', '')} (RequestId: {event['RequestId']})"
            )
        self.attributes = answer.get("Data") or {}
        self._previous = properties


def _silence(run: dict[str, Any]) -> dict[str, Any]:
    result = run["Payload"].read().decode()
    how = "failed" if "FunctionError" in run else "ended"
    reason = f"Custom resource did not answer: its function {how} with {result}"
    return {"Status": "FAILED", "Reason": reason}


def _texts(properties: Any) -> Any:
    """Properties as the function gets them: every scalar is a string."""
    if isinstance(properties, dict):
        wanted = properties.items()
        return {key: _texts(each) for key, each in wanted if key not in NOT_FOR_THE_FUNCTION}
    if isinstance(properties, list):
        return [_texts(each) for each in properties]
    return as_text(properties)
