"""What each API operation needs: IAM actions on resources, and the values of condition keys.

Actions and resource types are those of AWS's Service Authorization Reference (its pages
list_amazons3, list_awsglue, list_amazonathena, list_awslambda, list_amazoncloudwatchlogs,
list_amazoncloudwatch, list_amazoneventbridge and list_awscloudformation); a test holds this table
against the copy of it that cfn-lint ships. An operation that is not here needs what nobody has
looked up yet, so it is refused to restricted principals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from moto.athena.models import athena_backends

from local_aws.errors import NotSupported
from local_aws.iam.keys import on_key
from local_aws.iam.policy import Access
from local_aws.iam.principals import PARTITION
from local_aws.settings import ACCOUNT_ID

Parameters = Mapping[str, Any]
Needs = Callable[[Parameters, str], list[Access]]


def arn(service: str, region: str, resource: str) -> str:
    """The ARN of a resource of the account."""
    return f"arn:{PARTITION}:{service}:{region}:{ACCOUNT_ID}:{resource}"


def bucket_arn(bucket: str) -> str:
    return f"arn:{PARTITION}:s3:::{bucket}"


def object_arn(bucket: str, key: str) -> str:
    return f"arn:{PARTITION}:s3:::{bucket}/{key}"


def on_object(action: str, bucket: str, key: str) -> Access:
    """An access to one object."""
    return Access(f"s3:{action}", object_arn(bucket, key))


def listing(bucket: str, prefix: str) -> Access:
    """An access to the names of the objects below a prefix."""
    return Access("s3:ListBucket", bucket_arn(bucket), (("s3:prefix", prefix),))


def on_table(action: str, region: str, database: str, table: str) -> list[Access]:
    """An access to a catalog table, which has to be allowed on all three levels.

    "Specifying AWS Glue resource ARNs", Glue developer guide.
    """
    levels = ("catalog", f"database/{database}", f"table/{database}/{table}")
    return [Access(f"glue:{action}", arn("glue", region, level)) for level in levels]


def on_database(action: str, region: str, database: str) -> list[Access]:
    """An access to a catalog database."""
    levels = ("catalog", f"database/{database}")
    return [Access(f"glue:{action}", arn("glue", region, level)) for level in levels]


def on_logs(action: str, region: str, group: str, stream: str = "") -> Access:
    """An access to a log group's streams."""
    resource = f"log-group:{group}:log-stream:{stream}"
    return Access(f"logs:{action}", arn("logs", region, resource))


def _bucket(*actions: str) -> Needs:
    return lambda given, _: [
        Access(f"s3:{action}", bucket_arn(given["Bucket"])) for action in actions
    ]


def _listing(given: Parameters, region: str) -> list[Access]:
    return [listing(given["Bucket"], given.get("Prefix") or "")]


def _object(action: str) -> Needs:
    def needs(given: Parameters, region: str) -> list[Access]:
        suffix = "Version" if given.get("VersionId") else ""
        return [on_object(action + suffix, given["Bucket"], given["Key"])]

    return needs


def _upload(action: str) -> Needs:
    def needs(given: Parameters, region: str) -> list[Access]:
        if (own := given.get("ServerSideEncryption") or "AES256") != "AES256":
            raise NotSupported(f"deciding about an object's own encryption ({own}) by policies")
        return [on_object(action, given["Bucket"], given["Key"])]

    return needs


def _part(given: Parameters, region: str) -> list[Access]:
    """Of an upload in parts, which S3 reads again to put them together."""
    return [*_upload("PutObject")(given, region), *on_key("Decrypt", given["Bucket"])]


def _deleted_objects(given: Parameters, region: str) -> list[Access]:
    return [
        on_object(
            "DeleteObjectVersion" if one.get("VersionId") else "DeleteObject",
            given["Bucket"],
            one["Key"],
        )
        for one in given["Delete"]["Objects"]
    ]


def _copy(given: Parameters, region: str) -> list[Access]:
    bucket, _, key = unquote(given["CopySource"]).lstrip("/").partition("/")
    return [
        on_object("GetObject", bucket, key.partition("?versionId=")[0]),
        on_object("PutObject", given["Bucket"], given["Key"]),
    ]


def _table(action: str) -> Needs:
    def needs(given: Parameters, region: str) -> list[Access]:
        return on_table(action, region, given["DatabaseName"], _table_name(given))

    return needs


def _table_name(given: Parameters) -> str:
    return str(given.get("TableName") or given.get("Name") or "*")


def _database(given: Parameters, region: str) -> list[Access]:
    return on_database("GetDatabase", region, given["Name"])


def _named(service: str, kind: str, action: str, name: str = "Name") -> Needs:
    """An access to the one resource whose name the parameter has."""
    return lambda given, region: [
        Access(f"{service}:{action}", arn(service, region, f"{kind}/{given[name]}"))
    ]


def _job(action: str, name: str = "JobName") -> Needs:
    return _named("glue", "job", action, name)


def _defined_job(action: str, name: str) -> Needs:
    """Who defines a job hands a role to Glue: "Granting a user permissions to pass a role"."""

    def needs(given: Parameters, region: str) -> list[Access]:
        role = (given.get("JobUpdate") or given)["Role"]
        role_arn = role if role.startswith("arn:") else arn("iam", "", f"role/{role}")
        passed = (("iam:PassedToService", "glue.amazonaws.com"),)
        accesses = [*_job(action, name)(given, region), Access("iam:PassRole", role_arn, passed)]
        return accesses + ([*_job("TagResource", name)(given, region)] if given.get("Tags") else [])

    return needs


def _alarm(given: Parameters, region: str) -> list[Access]:
    alarm = arn("cloudwatch", region, f"alarm:{given['AlarmName']}")
    return [Access("cloudwatch:PutMetricAlarm", alarm)]


def _deleted_alarms(given: Parameters, region: str) -> list[Access]:
    return [
        Access("cloudwatch:DeleteAlarms", arn("cloudwatch", region, f"alarm:{name}"))
        for name in given["AlarmNames"]
    ]


def _described_alarms(given: Parameters, region: str) -> list[Access]:
    """Of all alarms: that naming some would narrow it down is not documented."""
    return [Access("cloudwatch:DescribeAlarms", arn("cloudwatch", region, "alarm:*"))]


def _dashboard(action: str) -> Needs:
    """Dashboards have no region."""
    return lambda given, _: [
        Access(f"cloudwatch:{action}", arn("cloudwatch", "", f"dashboard/{given['DashboardName']}"))
    ]


def _unscoped(*actions: str) -> Needs:
    return lambda given, region: [Access(action, "*") for action in actions]


def _workgroup(action: str) -> Needs:
    def needs(given: Parameters, region: str) -> list[Access]:
        name = given.get("WorkGroup") or _workgroup_of(given, region)
        return [Access(f"athena:{action}", arn("athena", region, f"workgroup/{name}"))]

    return needs


def _workgroup_of(given: Parameters, region: str) -> str:
    """The workgroup of a query execution or of a saved query."""
    backend = athena_backends[ACCOUNT_ID][region]
    if execution := backend.executions.get(given.get("QueryExecutionId")):
        return str(execution.workgroup)
    if query := backend.named_queries.get(given.get("NamedQueryId")):
        return str(query.workgroup.name)
    return "primary"


def _each_workgroup(action: str, ids: str, one: str) -> Needs:
    """For a call about several queries, which may be of several workgroups."""

    def needs(given: Parameters, region: str) -> list[Access]:
        return [
            access for found in given[ids] for access in _workgroup(action)({one: found}, region)
        ]

    return needs


def _data_catalog(action: str, name: str = "CatalogName") -> Needs:
    return lambda given, region: [
        Access(f"athena:{action}", arn("athena", region, f"datacatalog/{given[name]}"))
    ]


def _results(given: Parameters, region: str) -> list[Access]:
    """Results are read with the caller's own rights, says GetQueryResults in the API reference."""
    accesses = _workgroup("GetQueryResults")(given, region)
    execution = athena_backends[ACCOUNT_ID][region].executions.get(given["QueryExecutionId"])
    if execution:
        bucket, _, key = execution.output_location.removeprefix("s3://").partition("/")
        accesses.append(on_object("GetObject", bucket, key))
    return accesses


def _log_streams(action: str) -> Needs:
    def needs(given: Parameters, region: str) -> list[Access]:
        group = given.get("logGroupName") or given["logGroupIdentifier"]
        return [on_logs(action, region, group, given.get("logStreamName") or "")]

    return needs


def _function(given: Parameters, region: str) -> list[Access]:
    name = given["FunctionName"].rpartition(":function:")[2]
    return [Access("lambda:InvokeFunction", arn("lambda", region, f"function:{name}"))]


def _stack(action: str) -> Needs:
    def needs(given: Parameters, region: str) -> list[Access]:
        name = given.get("StackName") or "*"
        stack = (
            name if name.startswith("arn:") else arn("cloudformation", region, f"stack/{name}/*")
        )
        return [Access(f"cloudformation:{action}", stack)]

    return needs


def _metric_data(given: Parameters, region: str) -> list[Access]:
    return [metric_data(given["Namespace"])]


def metric_data(namespace: str) -> Access:
    """An access to a namespace of metrics, for which PutMetricData has no resource."""
    return Access("cloudwatch:PutMetricData", "*", (("cloudwatch:namespace", namespace),))


def _nothing(given: Parameters, region: str) -> list[Access]:
    return []


OPERATIONS: dict[str, dict[str, Needs]] = {
    "s3": {
        "AbortMultipartUpload": _upload("AbortMultipartUpload"),
        "CompleteMultipartUpload": _part,
        "CopyObject": _copy,
        "CreateMultipartUpload": _part,
        "DeleteObject": _object("DeleteObject"),
        "DeleteObjects": _deleted_objects,
        "GetBucketLocation": _bucket("GetBucketLocation"),
        "GetObject": _object("GetObject"),
        "HeadBucket": _bucket("ListBucket"),
        "HeadObject": _object("GetObject"),
        "ListMultipartUploads": _bucket("ListBucketMultipartUploads"),
        "ListObjectVersions": _bucket("ListBucketVersions"),
        "ListObjects": _listing,
        "ListObjectsV2": _listing,
        "ListParts": _upload("ListMultipartUploadParts"),
        "PutBucketPolicy": _bucket("PutBucketPolicy"),
        "PutObject": _upload("PutObject"),
        "UploadPart": _part,
    },
    "glue": {
        **{
            action: _table(action)
            for action in (
                "BatchCreatePartition",
                "BatchDeletePartition",
                "BatchGetPartition",
                "BatchUpdatePartition",
                "GetPartition",
                "GetPartitions",
                "GetTable",
                "GetTables",
            )
        },
        **{
            action: _job(action)
            for action in (
                "BatchStopJobRun",
                "DeleteJob",
                "GetJob",
                "GetJobRun",
                "GetJobRuns",
                "StartJobRun",
            )
        },
        **{
            action: _named("glue", "trigger", action)
            for action in (
                "CreateTrigger",
                "DeleteTrigger",
                "GetTrigger",
                "StartTrigger",
                "StopTrigger",
                "UpdateTrigger",
            )
        },
        **{
            action: _named("glue", "dataQualityRuleset", action)
            for action in (
                "DeleteDataQualityRuleset",
                "GetDataQualityRuleset",
                "UpdateDataQualityRuleset",
            )
        },
        "CreateDataQualityRuleset": _unscoped("glue:CreateDataQualityRuleset"),
        "CreateJob": _defined_job("CreateJob", "Name"),
        "GetDatabase": _database,
        "GetJobBookmark": _unscoped("glue:GetJobBookmark"),
        "ResetJobBookmark": _unscoped("glue:ResetJobBookmark"),
        "UpdateJob": _defined_job("UpdateJob", "JobName"),
    },
    "athena": {
        **{
            action: _workgroup(action)
            for action in (
                "BatchGetPreparedStatement",
                "CreateNamedQuery",
                "CreatePreparedStatement",
                "DeleteNamedQuery",
                "DeletePreparedStatement",
                "GetNamedQuery",
                "GetPreparedStatement",
                "GetQueryExecution",
                "GetQueryRuntimeStatistics",
                "GetWorkGroup",
                "ListNamedQueries",
                "ListPreparedStatements",
                "ListQueryExecutions",
                "StartQueryExecution",
                "StopQueryExecution",
                "UpdateNamedQuery",
                "UpdatePreparedStatement",
            )
        },
        **{
            action: _data_catalog(action)
            for action in ("GetDatabase", "GetTableMetadata", "ListDatabases", "ListTableMetadata")
        },
        "BatchGetNamedQuery": _each_workgroup(
            "BatchGetNamedQuery", "NamedQueryIds", "NamedQueryId"
        ),
        "BatchGetQueryExecution": _each_workgroup(
            "BatchGetQueryExecution", "QueryExecutionIds", "QueryExecutionId"
        ),
        "GetDataCatalog": _data_catalog("GetDataCatalog", "Name"),
        "GetQueryResults": _results,
        "ListDataCatalogs": _unscoped("athena:ListDataCatalogs"),
    },
    "cloudformation": {
        action: _stack(action)
        for action in (
            "DescribeStackEvents",
            "DescribeStackResource",
            "DescribeStackResources",
            "DescribeStacks",
            "ListStackResources",
        )
    },
    "cloudwatch": {
        "DeleteAlarms": _deleted_alarms,
        "DescribeAlarms": _described_alarms,
        "GetDashboard": _dashboard("GetDashboard"),
        "PutDashboard": _dashboard("PutDashboard"),
        "PutMetricAlarm": _alarm,
        "PutMetricData": _metric_data,
    },
    "events": {
        "DescribeRule": _named("events", "rule", "DescribeRule"),
        "ListTargetsByRule": _named("events", "rule", "ListTargetsByRule", "Rule"),
        "PutRule": _named("events", "rule", "PutRule"),
        "PutTargets": _named("events", "rule", "PutTargets", "Rule"),
    },
    "lambda": {"Invoke": _function},
    "logs": {
        **{
            action: _log_streams(action)
            for action in (
                "CreateLogGroup",
                "FilterLogEvents",
                "GetLogEvents",
                "PutRetentionPolicy",
            )
        },
        "DescribeLogGroups": _unscoped("logs:DescribeLogGroups"),
    },
    "sts": {"GetCallerIdentity": _nothing},  # which no policy can forbid
}


def needs(service: str, operation: str, given: Parameters, region: str) -> list[Access] | None:
    """What a call needs, or None when nobody has looked it up.

    Args:
        service: The service's prefix in IAM, as botocore's name of it.
        given: The call's parameters.
    """
    found = OPERATIONS.get(service, {}).get(operation)
    return None if found is None else found(given, region)


def on_objects(action: str, bucket: str, keys: Iterable[str]) -> list[Access]:
    """An access to each of several objects."""
    return [on_object(action, bucket, key) for key in keys]
