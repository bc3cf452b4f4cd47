"""What the embedded AWS does with each API operation that this repository's users call.

`docs/EMBEDDED_AWS.md` shows these tables, and `tests/conformance` holds them against the server.
"""

from __future__ import annotations

from dataclasses import dataclass

REAL = "real"
EMULATED = "emulated"
REFUSED = "refused"
MEANING = {
    REAL: "it has the effect that AWS documents",
    EMULATED: "what is given is kept and shown, and has no other effect",
    REFUSED: "the error NotSupportedByEmbeddedAws",
}


@dataclass(frozen=True)
class Coverage:
    """What becomes of an operation.

    Attributes:
        kind: REAL, EMULATED or REFUSED.
        note: What a caller has to know besides; empty if nothing.
    """

    kind: str
    note: str = ""


def _all(kind: str, operations: str, note: str = "") -> dict[str, Coverage]:
    return dict.fromkeys(operations.split(), Coverage(kind, note))


OPERATIONS: dict[str, dict[str, Coverage]] = {
    "athena": {
        **_all(
            REAL,
            "CreateNamedQuery CreateWorkGroup DeleteWorkGroup GetNamedQuery GetQueryExecution "
            "GetQueryResults GetWorkGroup ListNamedQueries ListQueryExecutions StopQueryExecution "
            "UpdateNamedQuery UpdateWorkGroup",
        ),
        **_all(REAL, "StartQueryExecution", "functions and statements of a fixed list"),
        **_all(REFUSED, "CreateCapacityReservation CreateDataCatalog StartSession"),
    },
    "budgets": _all(EMULATED, "DescribeBudgets", "nothing is billed, nothing is alerted"),
    "cloudformation": {
        **_all(
            REAL,
            "CreateChangeSet DeleteStack DescribeChangeSet DescribeStackEvents DescribeStacks "
            "ExecuteChangeSet ValidateTemplate",
        ),
        **_all(REAL, "CreateStack UpdateStack", "types and properties of a fixed list"),
        **_all(REFUSED, "CancelUpdateStack ContinueUpdateRollback EstimateTemplateCost"),
        **_all(REFUSED, "RollbackStack SignalResource"),
    },
    "cloudwatch": {
        **_all(REAL, "GetMetricStatistics PutMetricData"),
        **_all(EMULATED, "DeleteAlarms DescribeAlarms PutMetricAlarm", "nothing evaluates alarms"),
        **_all(EMULATED, "SetAlarmState", "no action follows"),
        **_all(EMULATED, "DeleteDashboards GetDashboard PutDashboard"),
        **_all(
            REFUSED,
            "PutAnomalyDetector PutCompositeAlarm",
            "boto3 shows a status of 500, and the error's name in its text",
        ),
    },
    "events": {
        **_all(
            REAL,
            "DeleteRule DescribeRule DisableRule ListTargetsByRule PutEvents PutRule RemoveTargets",
        ),
        **_all(REAL, "PutTargets", "topics, functions and queues"),
        **_all(REFUSED, "CreateEndpoint UpdateEventBus"),
    },
    "glue": {
        **_all(
            REAL,
            "BatchCreatePartition BatchDeletePartition BatchGetPartition BatchStopJobRun "
            "BatchUpdatePartition CreateDatabase CreatePartition CreateTable CreateTrigger "
            "DeleteDatabase DeleteJob DeleteTable DeleteTrigger GetDatabase GetJob GetJobBookmark "
            "GetJobRun GetJobRuns GetPartition GetTable GetTables GetTrigger "
            "ResetJobBookmark StartTrigger StopTrigger UpdateJob UpdateTrigger",
        ),
        **_all(REAL, "CreateJob", "Spark jobs in Python only"),
        **_all(REAL, "GetPartitions", "expressions without NOT"),
        **_all(REAL, "StartJobRun", "Glue 5.1 or 6.0, as the server's Spark is; in one JVM"),
        **_all(
            EMULATED,
            "CreateDataQualityRuleset DeleteDataQualityRuleset GetDataQualityRuleset"
            " UpdateDataQualityRuleset",
            "nothing evaluates it",
        ),
        **_all(REFUSED, "CreatePartitionIndex CreateTableOptimizer CreateUserDefinedFunction"),
        **_all(REFUSED, "StartDataQualityRulesetEvaluationRun"),
    },
    "iam": _all(REAL, "GetRole"),
    "lambda": {
        **_all(REAL, "DeleteFunction GetFunction GetFunctionConfiguration Invoke"),
        **_all(REAL, "CreateFunction", "Python's zip archives only, without layers"),
        **_all(EMULATED, "DeleteFunctionConcurrency GetFunctionConcurrency", "no run is held back"),
        **_all(REFUSED, "CreateEventSourceMapping CreateFunctionUrlConfig PublishLayerVersion"),
    },
    "logs": {
        **_all(
            REAL, "CreateLogGroup CreateLogStream DeleteLogGroup DescribeLogGroups PutLogEvents"
        ),
        **_all(REAL, "FilterLogEvents", "patterns of terms, or of one phrase"),
        **_all(EMULATED, "PutRetentionPolicy", "nothing expires"),
        **_all(REFUSED, "StartLiveTail"),
    },
    "s3": {
        **_all(
            REAL,
            "AbortMultipartUpload CompleteMultipartUpload CopyObject CreateBucket "
            "CreateMultipartUpload DeleteBucket DeleteObject DeleteObjects GetBucketPolicy "
            "GetObject HeadBucket HeadObject ListMultipartUploads ListObjectVersions ListObjectsV2 "
            "ListParts PutBucketPolicy PutBucketVersioning UploadPart",
        ),
        **_all(REAL, "PutObject", "keys that can be files"),
        **_all(EMULATED, "GetBucketLifecycleConfiguration", "nothing is deleted by a rule"),
    },
    "sns": {
        **_all(REAL, "CreateTopic DeleteTopic ListSubscriptionsByTopic Subscribe"),
        **_all(REAL, "Publish", "to queues; mail is not sent"),
        **_all(REFUSED, "PutDataProtectionPolicy"),
    },
    "sqs": {
        **_all(
            REAL,
            "ChangeMessageVisibility CreateQueue DeleteMessage DeleteQueue GetQueueAttributes "
            "GetQueueUrl PurgeQueue ReceiveMessage SendMessage SetQueueAttributes",
        ),
        **_all(REFUSED, "StartMessageMoveTask"),
    },
    "sts": _all(EMULATED, "GetCallerIdentity", "one account, whoever asks"),
}

# Documented behaviour that is not kept: each is a test that fails here and is to pass on AWS.
DIFFERENCES = {
    "expression": "`GetPartitions` refuses an expression with `NOT`.",
    "marker": "`GetObject` of a delete marker by its version is `NoSuchVersion`, not "
    "`MethodNotAllowed`.",
    "matched": "`GetObject` with an `IfMatch` that holds and an `IfUnmodifiedSince` that does not "
    "is refused; S3 answers it.",
    "quiet": "`DeleteObjects` lists what it deleted also when it is asked to be quiet.",
    "prefix": "No key can be another's beginning up to a slash, as `a` is of `a/b`.",
    "error": "A failed query has no `AthenaError`, and a refused one no `AthenaErrorCode`.",
    "types": "An operator between types that do not fit, as in `1 + 'a'`, is refused by name and "
    "is no `TYPE_MISMATCH`.",
}
