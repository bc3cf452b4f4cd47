"""Each resource type: made, changed and deleted, as the service's own API sees it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from stack_steps import (
    Client,
    create,
    events_of,
    physical_id,
    reason_of,
    resource,
    status_of,
    template,
    update,
)

pytestmark = pytest.mark.slow

ACCOUNT = "123456789012"
STATEMENT = {"Effect": "Allow", "Principal": "*", "Action": "sns:Publish", "Resource": "*"}
POLICY = {"Version": "2012-10-17", "Statement": [STATEMENT]}
TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ],
}


def deployed(stacks: Any, name: str, **resources: Any) -> str:
    stack_id = create(stacks, name, template(**resources))
    assert status_of(stacks, name) == "CREATE_COMPLETE", events_of(stacks, name)
    return stack_id


def changed(stacks: Any, name: str, **resources: Any) -> None:
    update(stacks, name, template(**resources))
    assert status_of(stacks, name) == "UPDATE_COMPLETE", events_of(stacks, name)


def deleted(stacks: Any, stack_id: str) -> None:
    stacks.delete_stack(StackName=stack_id)
    assert status_of(stacks, stack_id) == "DELETE_COMPLETE", events_of(stacks, stack_id)


def topic_resources(name: str, **topic: Any) -> dict[str, Any]:
    subscription = {
        "TopicArn": {"Ref": "Topic"},
        "Protocol": "sqs",
        "Endpoint": f"arn:aws:sqs:us-west-2:{ACCOUNT}:{name}",
        "FilterPolicy": {"state": ["FAILED"]},
        "FilterPolicyScope": "MessageBody",
        "RawMessageDelivery": "true",
    }
    return {
        "Topic": resource("AWS::SNS::Topic", TopicName=name, **topic),
        "Policy": resource(
            "AWS::SNS::TopicPolicy", PolicyDocument=POLICY, Topics=[{"Ref": "Topic"}]
        ),
        "Subscription": resource("AWS::SNS::Subscription", **subscription),
    }


def test_a_topic_with_policy_and_subscriptions(client: Client, stacks: Any, name: str) -> None:
    sns, arn = client("sns"), f"arn:aws:sns:us-west-2:{ACCOUNT}:{name}"
    mail = {"Protocol": "email", "Endpoint": "me@example.com"}
    tags = [{"Key": "stage", "Value": "test"}]
    settings = {"DisplayName": "Alerts", "KmsMasterKeyId": "alias/aws/sns", "Tags": tags}
    stack_id = deployed(stacks, name, **topic_resources(name, Subscription=[mail], **settings))

    assert physical_id(stacks, name, "Topic") == arn
    topic = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert (topic["DisplayName"], topic["KmsMasterKeyId"]) == ("Alerts", "alias/aws/sns")
    assert json.loads(topic["Policy"]) == POLICY
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == tags
    listed = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    assert {each["Protocol"] for each in listed} == {"email", "sqs"}
    own = physical_id(stacks, name, "Subscription")
    attributes = sns.get_subscription_attributes(SubscriptionArn=own)["Attributes"]
    assert json.loads(attributes["FilterPolicy"]) == {"state": ["FAILED"]}
    assert attributes["FilterPolicyScope"] == "MessageBody"

    changed(stacks, name, **topic_resources(name, DisplayName="Other"))

    topic = sns.get_topic_attributes(TopicArn=arn)["Attributes"]
    assert (topic["DisplayName"], topic.get("KmsMasterKeyId", "")) == ("Other", "")
    assert sns.list_tags_for_resource(ResourceArn=arn)["Tags"] == []
    listed = sns.list_subscriptions_by_topic(TopicArn=arn)["Subscriptions"]
    assert [each["SubscriptionArn"] for each in listed] == [own]

    deleted(stacks, stack_id)
    assert arn not in [each["TopicArn"] for each in sns.list_topics()["Topics"]]
    assert own not in [
        each["SubscriptionArn"] for each in sns.list_subscriptions()["Subscriptions"]
    ]


def test_a_topic_policy_that_goes_leaves_the_one_before(
    client: Client, stacks: Any, name: str
) -> None:
    resources = topic_resources(name)
    policy = resources.pop("Policy")
    stack_id = deployed(stacks, name, **resources)
    arn = physical_id(stacks, name, "Topic")
    before = client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"]
    changed(stacks, name, **resources, Policy=policy)
    changed(stacks, name, **resources)

    assert client("sns").get_topic_attributes(TopicArn=arn)["Attributes"]["Policy"] == before
    deleted(stacks, stack_id)


def test_a_stack_does_not_take_over_what_somebody_else_has_made(
    client: Client, stacks: Any, name: str
) -> None:
    arn = client("sns").create_topic(Name=name)["TopicArn"]
    client("events").put_rule(Name=name, ScheduleExpression="rate(1 day)")
    client("cloudwatch").put_dashboard(DashboardName=name, DashboardBody="{}")
    theirs = {
        "Topic": resource("AWS::SNS::Topic", TopicName=name),
        "Rule": resource("AWS::Events::Rule", Name=name, ScheduleExpression="rate(2 days)"),
        "Board": resource("AWS::CloudWatch::Dashboard", DashboardName=name, DashboardBody="[]"),
    }
    for number, (logical_id, each) in enumerate(theirs.items()):
        create(stacks, f"{name}-{number}", template(**{logical_id: each}))
        reason = reason_of(stacks, f"{name}-{number}", logical_id, "CREATE_FAILED")
        assert f"with identifier '{name}' already exists" in reason

    assert client("sns").get_topic_attributes(TopicArn=arn)
    assert client("events").describe_rule(Name=name)["ScheduleExpression"] == "rate(1 day)"
    assert client("cloudwatch").get_dashboard(DashboardName=name)["DashboardBody"] == "{}"


def queue_resources(name: str, **queue: Any) -> dict[str, Any]:
    redrive = {"deadLetterTargetArn": {"Fn::GetAtt": ["Dead", "Arn"]}, "maxReceiveCount": 3}
    policy = {"PolicyDocument": POLICY, "Queues": [{"Ref": "Queue"}]}
    return {
        "Dead": resource("AWS::SQS::Queue", QueueName=f"{name}-dead"),
        "Queue": resource("AWS::SQS::Queue", QueueName=name, RedrivePolicy=redrive, **queue),
        "Policy": resource("AWS::SQS::QueuePolicy", **policy),
    }


def test_a_queue_with_policy_and_dead_letters(client: Client, stacks: Any, name: str) -> None:
    sqs = client("sqs")
    tags = [{"Key": "stage", "Value": "test"}]
    settings = {"MessageRetentionPeriod": 1209600, "SqsManagedSseEnabled": True, "Tags": tags}
    stack_id = deployed(stacks, name, **queue_resources(name, **settings))
    url = physical_id(stacks, name, "Queue")

    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert attributes["MessageRetentionPeriod"] == "1209600"
    assert attributes["SqsManagedSseEnabled"] == "true"
    dead = f"arn:aws:sqs:us-west-2:{ACCOUNT}:{name}-dead"
    assert json.loads(attributes["RedrivePolicy"])["deadLetterTargetArn"] == dead
    assert json.loads(attributes["Policy"]) == POLICY
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"stage": "test"}

    changed(stacks, name, **queue_resources(name, VisibilityTimeout="60"))

    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (attributes["VisibilityTimeout"], attributes["MessageRetentionPeriod"]) == (
        "60",
        "345600",
    )
    assert json.loads(attributes["Policy"]) == POLICY
    assert not sqs.list_queue_tags(QueueUrl=url).get("Tags")
    deleted(stacks, stack_id)
    assert "QueueUrls" not in sqs.list_queues(QueueNamePrefix=name)


def alarm_resources(name: str, **alarm: Any) -> dict[str, Any]:
    stat = {"Metric": {"Namespace": "Glue", "MetricName": "runs"}, "Period": 300, "Stat": "Sum"}
    rate = {
        "AlarmName": f"{name}-rate",
        "ComparisonOperator": "GreaterThanThreshold",
        "EvaluationPeriods": 1,
        "Threshold": "0.5",
        "Metrics": [
            {"Id": "runs", "MetricStat": stat, "ReturnData": False},
            {"Id": "rate", "Expression": "runs / 2", "Label": "rate", "ReturnData": True},
        ],
    }
    simple = {
        "AlarmName": name,
        "AlarmActions": [f"arn:aws:sns:us-west-2:{ACCOUNT}:{name}"],
        "ComparisonOperator": "LessThanThreshold",
        "Dimensions": [{"Name": "JobName", "Value": "j"}],
        "EvaluationPeriods": "3",
        "DatapointsToAlarm": 2,
        "MetricName": "runs",
        "Namespace": "Glue",
        "Period": 300,
        "Statistic": "Sum",
        "Threshold": 1,
        "TreatMissingData": "breaching",
        **alarm,
    }
    board = {"widgets": [{"type": "text"}]}
    return {
        "Simple": resource("AWS::CloudWatch::Alarm", **simple),
        "Rate": resource("AWS::CloudWatch::Alarm", **rate),
        "Board": resource(
            "AWS::CloudWatch::Dashboard", DashboardName=name, DashboardBody=json.dumps(board)
        ),
    }


def test_alarms_and_a_dashboard(client: Client, stacks: Any, name: str) -> None:
    cloudwatch = client("cloudwatch")
    stack_id = deployed(stacks, name, **alarm_resources(name))

    found = cloudwatch.describe_alarms(AlarmNames=[name, f"{name}-rate"])["MetricAlarms"]
    simple, rate = sorted(found, key=lambda each: len(each["AlarmName"]))
    assert (simple["EvaluationPeriods"], simple["DatapointsToAlarm"]) == (3, 2)
    assert (simple["TreatMissingData"], simple["Threshold"]) == ("breaching", 1)
    assert simple["Dimensions"] == [{"Name": "JobName", "Value": "j"}]
    assert [query["Id"] for query in rate["Metrics"]] == ["runs", "rate"]
    assert rate["Metrics"][1]["Expression"] == "runs / 2"
    assert rate["Threshold"] == 0.5
    body = cloudwatch.get_dashboard(DashboardName=name)["DashboardBody"]
    assert json.loads(body) == {"widgets": [{"type": "text"}]}

    changed(stacks, name, **alarm_resources(name, Threshold=5))

    [simple] = cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"]
    assert simple["Threshold"] == 5
    deleted(stacks, stack_id)
    assert not cloudwatch.describe_alarms(AlarmNames=[name, f"{name}-rate"])["MetricAlarms"]
    assert not cloudwatch.list_dashboards(DashboardNamePrefix=name)["DashboardEntries"]


def budget_resource(name: str, amount: int) -> dict[str, Any]:
    budget = {
        "BudgetName": name,
        "BudgetType": "COST",
        "TimeUnit": "MONTHLY",
        "BudgetLimit": {"Amount": amount, "Unit": "USD"},
    }
    notification = {
        "NotificationType": "ACTUAL",
        "ComparisonOperator": "GREATER_THAN",
        "Threshold": 80,
        "ThresholdType": "PERCENTAGE",
    }
    subscribers = [{"SubscriptionType": "EMAIL", "Address": "me@example.com"}]
    warning = {"Notification": notification, "Subscribers": subscribers}
    return resource("AWS::Budgets::Budget", Budget=budget, NotificationsWithSubscribers=[warning])


def test_a_budget_with_its_notification(client: Client, stacks: Any, name: str) -> None:
    budgets, budget = client("budgets"), {"AccountId": ACCOUNT, "BudgetName": name}
    stack_id = deployed(stacks, name, Budget=budget_resource(name, 10))

    notices = budgets.describe_notifications_for_budget(**budget)["Notifications"]
    assert [each["Threshold"] for each in notices] == [80]
    heard = budgets.describe_subscribers_for_notification(**budget, Notification=notices[0])
    assert [each["Address"] for each in heard["Subscribers"]] == ["me@example.com"]

    changed(stacks, name, Budget=budget_resource(name, 25))

    assert budgets.describe_budget(**budget)["Budget"]["BudgetLimit"]["Amount"] == "25"
    assert budgets.describe_notifications_for_budget(**budget)["Notifications"] == notices
    deleted(stacks, stack_id)
    with pytest.raises(ClientError, match="doesn't exist"):
        budgets.describe_budget(**budget)


def rule_resource(name: str, state: str, **more: Any) -> dict[str, Any]:
    target = {
        "Id": "alert",
        "Arn": f"arn:aws:sns:us-west-2:{ACCOUNT}:{name}",
        "InputTransformer": {
            "InputPathsMap": {"job": "$.detail.jobName"},
            "InputTemplate": '"<job> failed"',
        },
    }
    pattern = {"source": ["aws.glue"], "detail": {"state": ["FAILED"]}}
    settings = {"Name": name, "EventPattern": pattern, "State": state, "Targets": [target]}
    return resource("AWS::Events::Rule", **settings, **more)


def test_a_rule_with_a_pattern_and_a_transformed_target(
    client: Client, stacks: Any, name: str
) -> None:
    events = client("events")
    tags = [{"Key": "stage", "Value": "test"}]
    stack_id = deployed(stacks, name, Rule=rule_resource(name, "ENABLED", Tags=tags))

    rule = events.describe_rule(Name=name)
    assert json.loads(rule["EventPattern"])["detail"] == {"state": ["FAILED"]}
    assert events.list_tags_for_resource(ResourceARN=rule["Arn"])["Tags"] == tags
    [target] = events.list_targets_by_rule(Rule=name)["Targets"]
    assert target["InputTransformer"]["InputTemplate"] == '"<job> failed"'

    changed(stacks, name, Rule=rule_resource(name, "DISABLED"))

    assert events.describe_rule(Name=name)["State"] == "DISABLED"
    deleted(stacks, stack_id)
    assert not events.list_rules(NamePrefix=name)["Rules"]


def test_a_data_quality_ruleset(client: Client, stacks: Any, name: str) -> None:
    glue, table = client("glue"), {"DatabaseName": "d", "TableName": "t"}

    def ruleset(rules: str) -> dict[str, Any]:
        settings = {"Name": name, "Ruleset": rules, "TargetTable": table}
        return resource("AWS::Glue::DataQualityRuleset", Description="d", **settings)

    two = 'Rules = [\n  IsComplete "user_id", # always\n  ColumnValues "price" in [1, 2]\n]'
    stack_id = deployed(stacks, name, Ruleset=ruleset(two))

    found = glue.get_data_quality_ruleset(Name=name)
    assert (found["Ruleset"], found["TargetTable"]) == (two, table)
    listed = glue.list_data_quality_rulesets(Filter={"TargetTable": table})["Rulesets"]
    assert [each["RuleCount"] for each in listed if each["Name"] == name] == [2]

    changed(stacks, name, Ruleset=ruleset("Rules = [ RowCount > 0 ]"))

    assert glue.get_data_quality_ruleset(Name=name)["Ruleset"] == "Rules = [ RowCount > 0 ]"
    deleted(stacks, stack_id)
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_data_quality_ruleset(Name=name)
    with pytest.raises(glue.exceptions.InvalidInputException, match="not of the form"):
        glue.create_data_quality_ruleset(Name=name, Ruleset="RowCount > 0")


def function_resources(name: str, retries: int) -> dict[str, Any]:
    function = {
        "FunctionName": name,
        "Runtime": "python3.13",
        "Handler": "index.handler",
        "Role": f"arn:aws:iam::{ACCOUNT}:role/LabRole",
        "Code": {"ZipFile": "def handler(e, c): pass"},
    }
    failed = {"OnFailure": {"Destination": f"arn:aws:sqs:us-west-2:{ACCOUNT}:{name}"}}
    settings = {
        "FunctionName": {"Ref": "Fn"},
        "Qualifier": "$LATEST",
        "MaximumRetryAttempts": retries,
        "MaximumEventAgeInSeconds": 3600,
        "DestinationConfig": failed,
    }
    return {
        "Fn": resource("AWS::Lambda::Function", **function),
        "Config": resource("AWS::Lambda::EventInvokeConfig", **settings),
    }


def test_how_the_events_of_a_function_are_handled(client: Client, stacks: Any, name: str) -> None:
    functions = client("lambda")
    stack_id = deployed(stacks, name, **function_resources(name, 1))

    config = functions.get_function_event_invoke_config(FunctionName=name)
    assert (config["MaximumRetryAttempts"], config["MaximumEventAgeInSeconds"]) == (1, 3600)
    assert config["DestinationConfig"]["OnFailure"]["Destination"].endswith(f":{name}")

    changed(stacks, name, **function_resources(name, 0))

    config = functions.get_function_event_invoke_config(FunctionName=name)
    assert config["MaximumRetryAttempts"] == 0
    changed(stacks, name, Fn=function_resources(name, 0)["Fn"])
    with pytest.raises(functions.exceptions.ResourceNotFoundException):
        functions.get_function_event_invoke_config(FunctionName=name)
    deleted(stacks, stack_id)


def role_resources(name: str, action: str, **role: Any) -> dict[str, Any]:
    statement = {"Effect": "Allow", "Action": action, "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    inline = [{"PolicyName": "own", "PolicyDocument": document}]
    managed = {"ManagedPolicyName": f"{name}-p", "Path": "/lab/", "PolicyDocument": document}
    return {
        "Role": resource(
            "AWS::IAM::Role",
            RoleName=name,
            Path="/lab/",
            AssumeRolePolicyDocument=TRUST,
            Policies=inline,
            **role,
        ),
        "Policy": resource("AWS::IAM::ManagedPolicy", Roles=[{"Ref": "Role"}], **managed),
    }


def test_a_role_with_inline_and_managed_policies(client: Client, stacks: Any, name: str) -> None:
    iam, role = client("iam"), {"RoleName": name}
    tags = [{"Key": "stage", "Value": "test"}]
    service = "arn:aws:iam::aws:policy/service-role/AWSGlueServiceRole"
    settings = {"ManagedPolicyArns": [service], "Tags": tags, "MaxSessionDuration": 7200}
    stack_id = deployed(stacks, name, **role_resources(name, "s3:GetObject", **settings))

    found = iam.get_role(**role)["Role"]
    assert found["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/lab/{name}"
    assert (found["MaxSessionDuration"], found["Tags"]) == (7200, tags)
    attached = iam.list_attached_role_policies(**role)["AttachedPolicies"]
    own = f"arn:aws:iam::{ACCOUNT}:policy/lab/{name}-p"
    assert {each["PolicyArn"] for each in attached} == {service, own}
    inline = iam.get_role_policy(**role, PolicyName="own")["PolicyDocument"]
    assert inline["Statement"][0]["Action"] == "s3:GetObject"

    changed(stacks, name, **role_resources(name, "s3:PutObject"))

    inline = iam.get_role_policy(**role, PolicyName="own")["PolicyDocument"]
    assert inline["Statement"][0]["Action"] == "s3:PutObject"
    attached = iam.list_attached_role_policies(**role)["AttachedPolicies"]
    assert [each["PolicyArn"] for each in attached] == [own]
    version = iam.get_policy(PolicyArn=own)["Policy"]["DefaultVersionId"]
    document = iam.get_policy_version(PolicyArn=own, VersionId=version)["PolicyVersion"]
    assert document["Document"]["Statement"][0]["Action"] == "s3:PutObject"
    assert "Tags" not in iam.get_role(**role)["Role"]

    deleted(stacks, stack_id)
    assert name not in [each["RoleName"] for each in iam.list_roles()["Roles"]]
    assert own not in [each["Arn"] for each in iam.list_policies(Scope="Local")["Policies"]]


def test_roles_need_the_callers_acknowledgement(stacks: Any, name: str) -> None:
    body = template(**role_resources(name, "s3:GetObject"))
    unnamed = template(Role=resource("AWS::IAM::Role", AssumeRolePolicyDocument=TRUST))
    for text, required in ((body, "CAPABILITY_NAMED_IAM"), (unnamed, "CAPABILITY_IAM")):
        with pytest.raises(
            ClientError, match=rf"Requires capabilities : \[{required}\]"
        ) as refusal:
            stacks.create_stack(StackName=name, TemplateBody=text)
        assert refusal.value.response["Error"]["Code"] == "InsufficientCapabilitiesException"
        validated = stacks.validate_template(TemplateBody=text)
        assert validated["Capabilities"] == [required]


def test_a_key_waits_for_its_deletion(client: Client, stacks: Any, name: str) -> None:
    settings = {"Description": name, "EnableKeyRotation": True, "PendingWindowInDays": 7}
    stack_id = deployed(stacks, name, Key=resource("AWS::KMS::Key", **settings))
    kms, key = client("kms"), {"KeyId": physical_id(stacks, name, "Key")}

    assert kms.get_key_rotation_status(**key)["KeyRotationEnabled"] is True
    secret = kms.encrypt(**key, Plaintext=b"secret")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=secret)["Plaintext"] == b"secret"
    changed(stacks, name, Key=resource("AWS::KMS::Key", Description="new"))
    assert kms.describe_key(**key)["KeyMetadata"]["Description"] == "new"

    deleted(stacks, stack_id)
    assert kms.describe_key(**key)["KeyMetadata"]["KeyState"] == "PendingDeletion"


def filter_resources(name: str, pattern: str) -> dict[str, Any]:
    transformation = {
        "MetricNamespace": "Shop",
        "MetricName": "Written",
        "MetricValue": "$.events",
        "Dimensions": [{"Key": "Bucket", "Value": "$.bucket"}],
    }
    return {
        "Logs": resource("AWS::Logs::LogGroup", LogGroupName=name),
        "Filter": resource(
            "AWS::Logs::MetricFilter",
            LogGroupName={"Ref": "Logs"},
            FilterPattern=pattern,
            MetricTransformations=[transformation],
        ),
    }


def test_a_metric_filter_is_made_changed_and_deleted(
    client: Client, stacks: Any, name: str
) -> None:
    def filters() -> list[dict[str, Any]]:
        found = client("logs").describe_metric_filters(logGroupName=name)["metricFilters"]
        return list(found)

    stack_id = deployed(stacks, name, **filter_resources(name, "{ $.bytes > 0 }"))
    (made,) = filters()
    assert made["filterName"] == physical_id(stacks, name, "Filter")
    assert made["filterPattern"] == "{ $.bytes > 0 }"
    assert made["metricTransformations"] == [
        {
            "metricNamespace": "Shop",
            "metricName": "Written",
            "metricValue": "$.events",
            "dimensions": {"Bucket": "$.bucket"},
        }
    ]

    changed(stacks, name, **filter_resources(name, "{ $.bytes > 9 }"))
    assert [each["filterPattern"] for each in filters()] == ["{ $.bytes > 9 }"]
    deleted(stacks, stack_id)
    assert filters() == []
