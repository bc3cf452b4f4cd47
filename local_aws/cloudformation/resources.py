"""Log groups and workgroups, in the terms of the APIs of CloudWatch Logs and Athena."""

from __future__ import annotations

from local_aws.cloudformation.resource import Context, Properties, Resource
from local_aws.settings import ACCOUNT_ID


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


class MetricFilter(Resource):
    """AWS::Logs::MetricFilter. Ref is its name. Nothing here makes a metric of what is logged."""

    properties = frozenset({"FilterName", "FilterPattern", "LogGroupName", "MetricTransformations"})
    replacing = frozenset({"FilterName", "LogGroupName"})
    attribute_names = frozenset()

    def create(self, properties: Properties, context: Context) -> None:
        self.physical_resource_id = properties.get("FilterName") or context.generated_name()
        self._put(properties, context)

    def update(self, properties: Properties, context: Context) -> None:
        self.delete(properties, context)  # Moto would keep both
        self._put(properties, context)

    def delete(self, properties: Properties, context: Context) -> None:
        group, name = properties["LogGroupName"], self.physical_resource_id
        context.call("logs", "delete_metric_filter", logGroupName=group, filterName=name)

    def _put(self, properties: Properties, context: Context) -> None:
        context.call(
            "logs",
            "put_metric_filter",
            logGroupName=properties["LogGroupName"],
            filterName=self.physical_resource_id,
            filterPattern=properties["FilterPattern"],
            metricTransformations=[
                _as_in_api(each) for each in properties["MetricTransformations"]
            ],
        )


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


def _as_in_api(transformation: Properties) -> Properties:
    """A metric transformation in the case of the API, its dimensions as a map."""
    wanted = {key[0].lower() + key[1:]: value for key, value in transformation.items()}
    if "dimensions" in wanted:
        wanted["dimensions"] = {each["Key"]: each["Value"] for each in wanted["dimensions"]}
    return wanted
