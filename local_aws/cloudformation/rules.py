"""Rules, in the terms of EventBridge's API."""

from __future__ import annotations

import json

from local_aws.cloudformation.resource import (
    Context,
    Properties,
    PropertyNotSupported,
    Resource,
    set_tags,
)


class TargetsFailed(Exception):
    """EventBridge has not taken every target."""

    def __init__(self, failed: list[Properties]) -> None:
        super().__init__(
            "; ".join(f"{each['TargetId']}: {each['ErrorMessage']}" for each in failed)
        )


class Rule(Resource):
    """AWS::Events::Rule. Ref is its name."""

    settings = frozenset({"Description", "EventPattern", "RoleArn", "ScheduleExpression", "State"})
    properties = settings | {"EventBusName", "Name", "Tags", "Targets"}
    replacing = frozenset({"EventBusName", "Name"})

    def create(self, properties: Properties, context: Context) -> None:
        if (bus := properties.get("EventBusName", "default")) != "default":
            raise PropertyNotSupported(f"EventBusName {bus!r}")
        name = properties.get("Name") or context.generated_name()[-64:].lstrip("-")
        context.require_absent(name, "events", "describe_rule", Name=name)
        self.physical_resource_id = name
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
            made = context.call("events", "put_targets", Rule=name, Targets=targets)
            if failed := made["FailedEntries"]:
                raise TargetsFailed(failed)
        set_tags(context, "events", "ResourceARN", rule["RuleArn"], properties.get("Tags"))

    def delete(self, properties: Properties, context: Context) -> None:
        self._remove_targets(context, keep=set())
        context.call("events", "delete_rule", Name=self.physical_resource_id)

    def _remove_targets(self, context: Context, keep: set[str]) -> None:
        name = self.physical_resource_id
        present = context.call("events", "list_targets_by_rule", Rule=name)["Targets"]
        if stale := [target["Id"] for target in present if target["Id"] not in keep]:
            context.call("events", "remove_targets", Rule=name, Ids=stale)
