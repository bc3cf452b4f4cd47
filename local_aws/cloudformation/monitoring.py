"""Alarms, dashboards and budgets, in the terms of the APIs of CloudWatch and Budgets."""

from __future__ import annotations

import json
from typing import Any

from local_aws.cloudformation.resource import AlreadyThere, Context, Properties, Resource, set_tags
from local_aws.settings import ACCOUNT_ID


class Alarm(Resource):
    """AWS::CloudWatch::Alarm. Ref is its name."""

    settings = frozenset(
        [
            "ActionsEnabled",
            "AlarmActions",
            "AlarmDescription",
            "ComparisonOperator",
            "DatapointsToAlarm",
            "Dimensions",
            "EvaluateLowSampleCountPercentile",
            "EvaluationPeriods",
            "ExtendedStatistic",
            "InsufficientDataActions",
            "MetricName",
            "Metrics",
            "Namespace",
            "OKActions",
            "Period",
            "Statistic",
            "Threshold",
            "ThresholdMetricId",
            "TreatMissingData",
            "Unit",
        ]
    )
    properties = settings | {"AlarmName", "Tags"}
    replacing = frozenset({"AlarmName"})

    def create(self, properties: Properties, context: Context) -> None:
        name = properties.get("AlarmName") or context.generated_name()
        if context.call("cloudwatch", "describe_alarms", AlarmNames=[name])["MetricAlarms"]:
            raise AlreadyThere(name, context.resource_type)
        self._put(name, properties, context)
        self.physical_resource_id = name
        arn = f"arn:aws:cloudwatch:{context.region}:{ACCOUNT_ID}:alarm:{name}"
        self.attributes = {"Arn": arn}
        set_tags(context, "cloudwatch", "ResourceARN", arn, properties.get("Tags"))

    def update(self, properties: Properties, context: Context) -> None:
        self._put(self.physical_resource_id, properties, context)
        arn = self.attributes["Arn"]
        set_tags(context, "cloudwatch", "ResourceARN", arn, properties.get("Tags"))

    def delete(self, properties: Properties, context: Context) -> None:
        context.call("cloudwatch", "delete_alarms", AlarmNames=[self.physical_resource_id])

    def _put(self, name: str, properties: Properties, context: Context) -> None:
        wanted = {key: properties[key] for key in self.settings & properties.keys()}
        context.call("cloudwatch", "put_metric_alarm", AlarmName=name, **wanted)


class Dashboard(Resource):
    """AWS::CloudWatch::Dashboard. Ref is its name."""

    properties = frozenset({"DashboardBody", "DashboardName"})
    replacing = frozenset({"DashboardName"})
    attribute_names = frozenset()

    def create(self, properties: Properties, context: Context) -> None:
        name = properties.get("DashboardName") or context.generated_name()
        context.require_absent(name, "cloudwatch", "get_dashboard", DashboardName=name)
        self._put(name, properties, context)
        self.physical_resource_id = name

    def update(self, properties: Properties, context: Context) -> None:
        self._put(self.physical_resource_id, properties, context)

    def delete(self, properties: Properties, context: Context) -> None:
        name = self.physical_resource_id
        context.call("cloudwatch", "delete_dashboards", DashboardNames=[name])

    def _put(self, name: str, properties: Properties, context: Context) -> None:
        body = properties["DashboardBody"]
        text = body if isinstance(body, str) else json.dumps(body)
        context.call("cloudwatch", "put_dashboard", DashboardName=name, DashboardBody=text)


class Budget(Resource):
    """AWS::Budgets::Budget. Ref is its name."""

    properties = frozenset({"Budget", "NotificationsWithSubscribers"})
    replacing = frozenset({"NotificationsWithSubscribers"})
    attribute_names = frozenset()

    @classmethod
    def identity(cls, properties: Properties) -> list[Any]:
        """Its notifications, and its name."""
        return [*super().identity(properties), properties["Budget"].get("BudgetName")]

    def create(self, properties: Properties, context: Context) -> None:
        name = properties["Budget"].get("BudgetName") or context.generated_name()
        context.call(
            "budgets",
            "create_budget",
            AccountId=ACCOUNT_ID,
            Budget={**properties["Budget"], "BudgetName": name},
            NotificationsWithSubscribers=properties.get("NotificationsWithSubscribers", []),
        )
        self.physical_resource_id = name

    def update(self, properties: Properties, context: Context) -> None:
        budget = {**properties["Budget"], "BudgetName": self.physical_resource_id}
        context.call("budgets", "update_budget", AccountId=ACCOUNT_ID, NewBudget=budget)

    def delete(self, properties: Properties, context: Context) -> None:
        budget = {"AccountId": ACCOUNT_ID, "BudgetName": self.physical_resource_id}
        context.call("budgets", "delete_budget", **budget)
