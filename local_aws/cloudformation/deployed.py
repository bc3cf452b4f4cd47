"""A stack's resources: as a template wants them, and as they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from local_aws.cloudformation import template as templates
from local_aws.cloudformation.buckets import Bucket, BucketPolicy
from local_aws.cloudformation.catalog import Database, DataQualityRuleset, Table
from local_aws.cloudformation.custom import CustomResource
from local_aws.cloudformation.functions import EventInvokeConfig, Function, Permission
from local_aws.cloudformation.messaging import (
    Queue,
    QueuePolicy,
    Subscription,
    Topic,
    TopicPolicy,
)
from local_aws.cloudformation.monitoring import Alarm, Budget, Dashboard
from local_aws.cloudformation.resource import Properties, Resource
from local_aws.cloudformation.resources import LogGroup, MetricFilter, WorkGroup
from local_aws.cloudformation.roles import Key, ManagedPolicy, Role
from local_aws.cloudformation.rules import Rule

TYPES: dict[str, type[Resource]] = {
    "AWS::Athena::WorkGroup": WorkGroup,
    "AWS::Budgets::Budget": Budget,
    "AWS::CloudWatch::Alarm": Alarm,
    "AWS::CloudWatch::Dashboard": Dashboard,
    "AWS::Events::Rule": Rule,
    "AWS::Glue::DataQualityRuleset": DataQualityRuleset,
    "AWS::Glue::Database": Database,
    "AWS::Glue::Table": Table,
    "AWS::IAM::ManagedPolicy": ManagedPolicy,
    "AWS::IAM::Role": Role,
    "AWS::KMS::Key": Key,
    "AWS::Lambda::EventInvokeConfig": EventInvokeConfig,
    "AWS::Lambda::Function": Function,
    "AWS::Lambda::Permission": Permission,
    "AWS::Logs::LogGroup": LogGroup,
    "AWS::Logs::MetricFilter": MetricFilter,
    "AWS::S3::Bucket": Bucket,
    "AWS::S3::BucketPolicy": BucketPolicy,
    "AWS::SNS::Subscription": Subscription,
    "AWS::SNS::Topic": Topic,
    "AWS::SNS::TopicPolicy": TopicPolicy,
    "AWS::SQS::Queue": Queue,
    "AWS::SQS::QueuePolicy": QueuePolicy,
}
SUPPORTED = {kind: each.properties for kind, each in TYPES.items()}


def resource_class(kind: str) -> type[Resource]:
    """The class of a resource type that `template.check` has let pass."""
    return CustomResource if templates.is_custom(kind) else TYPES[kind]


@dataclass(frozen=True)
class Wanted:
    """A resource as a template declares it, with its properties resolved."""

    declaration: dict[str, Any]
    properties: Properties
    needs: set[str]

    @property
    def type(self) -> str:
        return str(self.declaration["Type"])


@dataclass(frozen=True)
class Deployed:
    """A resource as it is, with what it was made from."""

    wanted: Wanted
    resource: Resource

    def as_(self, wanted: Wanted) -> Deployed:
        """The same resource after it was changed."""
        return Deployed(wanted, self.resource)

    def is_like(self, wanted: Wanted) -> bool:
        """Whether there is nothing to change."""
        return templates.same(self.wanted.properties, wanted.properties)

    def must_be_replaced_by(self, wanted: Wanted) -> bool:
        """Whether another resource has to take its place."""
        if self.wanted.type != wanted.type:
            return True
        identity = type(self.resource).identity
        return not templates.same(identity(self.wanted.properties), identity(wanted.properties))


def deletion_order(resources: dict[str, Deployed]) -> list[str]:
    """The resources, each before those that it needs; otherwise the youngest first."""
    left = list(reversed(resources))
    order: list[str] = []
    while left:
        needed = set().union(*(resources[name].wanted.needs - {name} for name in left))
        free = [name for name in left if name not in needed]
        order += free
        left = [name for name in left if name in needed]
    return order
