"""Topics, subscriptions and queues, in the terms of the APIs of SNS and SQS."""

from __future__ import annotations

import json
from typing import Any

from local_aws.cloudformation.resource import Context, Properties, Resource, as_text, set_tags
from local_aws.settings import ACCOUNT_ID


class Topic(Resource):
    """AWS::SNS::Topic. Ref is its ARN."""

    settings = ("DisplayName", "KmsMasterKeyId")
    properties = frozenset({*settings, "Subscription", "Tags", "TopicName"})
    replacing = frozenset({"TopicName"})
    attribute_names = frozenset({"TopicArn", "TopicName"})

    def create(self, properties: Properties, context: Context) -> None:
        name = properties.get("TopicName") or context.generated_name()
        arn = f"arn:aws:sns:{context.region}:{ACCOUNT_ID}:{name}"
        context.require_absent(name, "sns", "get_topic_attributes", TopicArn=arn)
        context.call("sns", "create_topic", Name=name)
        self.physical_resource_id = arn
        self.attributes = {"TopicArn": arn, "TopicName": name}
        self.update(properties, context)

    def update(self, properties: Properties, context: Context) -> None:
        topic = {"TopicArn": self.physical_resource_id}
        for name in self.settings:
            value = properties.get(name, "")
            attribute = {"AttributeName": name, "AttributeValue": value}
            context.call("sns", "set_topic_attributes", **topic, **attribute)
        self._subscribe(properties.get("Subscription", []), context)
        set_tags(context, "sns", "ResourceArn", self.physical_resource_id, properties.get("Tags"))

    def delete(self, properties: Properties, context: Context) -> None:
        context.call("sns", "delete_topic", TopicArn=self.physical_resource_id)

    def _subscribe(self, wanted: list[Properties], context: Context) -> None:
        """Bring the topic's own subscriptions in line; those of other resources stay."""
        own: dict[str, str] = self.attributes.setdefault("subscriptions", {})
        keys = {json.dumps([each["Protocol"], each["Endpoint"]]): each for each in wanted}
        for key in own.keys() - keys.keys():
            context.call("sns", "unsubscribe", SubscriptionArn=own.pop(key))
        for key in keys.keys() - own.keys():
            topic = {"TopicArn": self.physical_resource_id, "ReturnSubscriptionArn": True}
            own[key] = context.call("sns", "subscribe", **topic, **keys[key])["SubscriptionArn"]


class TopicPolicy(Resource):
    """AWS::SNS::TopicPolicy. Ref is a name of its own."""

    properties = frozenset({"PolicyDocument", "Topics"})
    attribute_names = frozenset({"Id"})

    def create(self, properties: Properties, context: Context) -> None:
        self.physical_resource_id = context.generated_name()
        self.attributes = {"Id": self.physical_resource_id, "before": {}}
        self.update(properties, context)

    def update(self, properties: Properties, context: Context) -> None:
        before: dict[str, str] = self.attributes["before"]
        for arn in before.keys() - set(properties["Topics"]):
            _set_topic_policy(arn, before.pop(arn), context)
        for arn in properties["Topics"]:
            topic = context.call("sns", "get_topic_attributes", TopicArn=arn)["Attributes"]
            before.setdefault(arn, topic["Policy"])
            _set_topic_policy(arn, json.dumps(properties["PolicyDocument"]), context)

    def delete(self, properties: Properties, context: Context) -> None:
        for arn, policy in self.attributes["before"].items():
            _set_topic_policy(arn, policy, context)


class Subscription(Resource):
    """AWS::SNS::Subscription. Ref is its ARN."""

    # Moto judges a filter by the scope that is there when it is set.
    settings = ("FilterPolicyScope", "FilterPolicy", "RawMessageDelivery")
    properties = frozenset({*settings, "Endpoint", "Protocol", "TopicArn"})
    replacing = frozenset({"Endpoint", "Protocol", "TopicArn"})

    def create(self, properties: Properties, context: Context) -> None:
        wanted = {name: properties[name] for name in self.replacing & properties.keys()}
        made = context.call("sns", "subscribe", ReturnSubscriptionArn=True, **wanted)
        self.physical_resource_id = made["SubscriptionArn"]
        self.attributes = {"Arn": self.physical_resource_id, "set": []}
        self.update(properties, context)

    def update(self, properties: Properties, context: Context) -> None:
        for name in self.settings:
            if name in properties:
                value = _as_attribute(properties[name])
                # Moto takes every text for true.
                self._set(name, "" if value == "false" else value, context)
            elif name in self.attributes["set"]:
                self._set(name, _UNSET[name], context)
        self.attributes["set"] = [name for name in self.settings if name in properties]

    def delete(self, properties: Properties, context: Context) -> None:
        context.call("sns", "unsubscribe", SubscriptionArn=self.physical_resource_id)

    def _set(self, name: str, value: str, context: Context) -> None:
        context.call(
            "sns",
            "set_subscription_attributes",
            SubscriptionArn=self.physical_resource_id,
            AttributeName=name,
            AttributeValue=value,
        )


class Queue(Resource):
    """AWS::SQS::Queue. Ref is its URL."""

    defaults = {
        "ContentBasedDeduplication": "false",
        "DeduplicationScope": "queue",
        "DelaySeconds": "0",
        "FifoThroughputLimit": "perQueue",
        "KmsDataKeyReusePeriodSeconds": "300",
        "KmsMasterKeyId": "",
        "MaximumMessageSize": "262144",
        "MessageRetentionPeriod": "345600",
        "ReceiveMessageWaitTimeSeconds": "0",
        "RedrivePolicy": "",
        "SqsManagedSseEnabled": "true",
        "VisibilityTimeout": "30",
    }
    properties = frozenset({*defaults, "FifoQueue", "QueueName", "Tags"})
    replacing = frozenset({"FifoQueue", "QueueName"})
    attribute_names = frozenset({"Arn", "QueueName", "QueueUrl"})

    def create(self, properties: Properties, context: Context) -> None:
        name = properties.get("QueueName") or self._generated_name(properties, context)
        context.require_absent(name, "sqs", "get_queue_url", QueueName=name)
        kinds = (*self.defaults, "FifoQueue")
        wanted = {key: _as_attribute(properties[key]) for key in kinds if key in properties}
        made = context.call("sqs", "create_queue", QueueName=name, Attributes=wanted)
        self.physical_resource_id = made["QueueUrl"]
        arn = f"arn:aws:sqs:{context.region}:{ACCOUNT_ID}:{name}"
        self.attributes = {"Arn": arn, "QueueName": name, "QueueUrl": made["QueueUrl"]}
        self._tag(properties, context)

    def update(self, properties: Properties, context: Context) -> None:
        unsaid = {"ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"}
        if "KmsMasterKeyId" in properties:
            unsaid.add("SqsManagedSseEnabled")  # a queue has one of the two
        wanted = {
            key: _as_attribute(properties.get(key, default))
            for key, default in self.defaults.items()
            if key in properties or key not in unsaid
        }
        url = self.physical_resource_id
        context.call("sqs", "set_queue_attributes", QueueUrl=url, Attributes=wanted)
        self._tag(properties, context)

    def delete(self, properties: Properties, context: Context) -> None:
        context.call("sqs", "delete_queue", QueueUrl=self.physical_resource_id)

    def _generated_name(self, properties: Properties, context: Context) -> str:
        fifo = str(properties.get("FifoQueue", "")).lower() == "true"
        return context.generated_name()[-75:].lstrip("-") + (".fifo" if fifo else "")

    def _tag(self, properties: Properties, context: Context) -> None:
        queue = {"QueueUrl": self.physical_resource_id}
        wanted = {tag["Key"]: tag["Value"] for tag in properties.get("Tags", [])}
        present = context.call("sqs", "list_queue_tags", **queue).get("Tags", {})
        if stale := [key for key in present if key not in wanted]:
            context.call("sqs", "untag_queue", **queue, TagKeys=stale)
        if wanted:
            context.call("sqs", "tag_queue", **queue, Tags=wanted)


class QueuePolicy(Resource):
    """AWS::SQS::QueuePolicy. Ref is a name of its own."""

    properties = frozenset({"PolicyDocument", "Queues"})
    attribute_names = frozenset({"Id"})

    def create(self, properties: Properties, context: Context) -> None:
        self.physical_resource_id = context.generated_name()
        self.attributes = {"Id": self.physical_resource_id, "queues": []}
        self.update(properties, context)

    def update(self, properties: Properties, context: Context) -> None:
        for url in set(self.attributes["queues"]) - set(properties["Queues"]):
            _set_queue_policy(url, "", context)
        self.attributes["queues"] = list(properties["Queues"])
        for url in properties["Queues"]:
            _set_queue_policy(url, json.dumps(properties["PolicyDocument"]), context)

    def delete(self, properties: Properties, context: Context) -> None:
        for url in self.attributes["queues"]:
            _set_queue_policy(url, "", context)


_UNSET = {"FilterPolicyScope": "MessageAttributes", "FilterPolicy": "", "RawMessageDelivery": ""}


def _as_attribute(value: Any) -> str:
    """A property as SNS and SQS take it: text, documents as JSON."""
    return json.dumps(value) if isinstance(value, dict) else str(as_text(value))


def _set_topic_policy(arn: str, policy: str, context: Context) -> None:
    attribute = {"AttributeName": "Policy", "AttributeValue": policy}
    context.call("sns", "set_topic_attributes", TopicArn=arn, **attribute)


def _set_queue_policy(url: str, policy: str, context: Context) -> None:
    attributes = {"Policy": policy}
    context.call("sqs", "set_queue_attributes", QueueUrl=url, Attributes=attributes)
