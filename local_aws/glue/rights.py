"""What Glue itself does with a job's role, besides what the script does."""

from __future__ import annotations

from moto.logs.models import logs_backends

from local_aws.glue.job import LOG_GROUP, JobRun
from local_aws.iam import enforcement
from local_aws.iam.operations import arn, metric_data, on_logs, on_object
from local_aws.iam.policy import Access
from local_aws.iam.sessions import RoleSession
from local_aws.settings import ACCOUNT_ID

SESSION_NAME = "GlueJobRunnerSession"
METRICS = ("--enable-metrics", "--enable-observability-metrics")


def check(session: RoleSession, run: JobRun) -> None:
    """Check that a run can get its script and write its logs, and log whether it can send metrics.

    AWS does not say what becomes of a run that may not write its logs; here it fails. Metrics are
    not made here; without the right to send them a run on AWS goes on without.

    Raises:
        local_aws.iam.enforcement.AccessDenied: It cannot.
    """
    if not enforcement.is_on():
        return
    principal = session.principal()
    if not principal.is_restricted:
        return
    bucket, _, key = run.settings["Command"]["ScriptLocation"].removeprefix("s3://").partition("/")
    enforcement.check(principal, [on_object("GetObject", bucket, key), *_logs(run)])
    # Groups that are there do without the right; the log says whether the role has it.
    enforcement.allows(principal, _groups(run))
    if any(run.arguments.get(name) == "true" for name in METRICS):
        enforcement.allows(principal, [metric_data("Glue")])


GROUPS = [f"{LOG_GROUP}/{kind}" for kind in ("output", "error")]


def _logs(run: JobRun) -> list[Access]:
    known = logs_backends[ACCOUNT_ID][run.region].groups
    missing = [] if set(GROUPS) <= known.keys() else _groups(run)
    return [
        *missing,
        *(
            on_logs(action, run.region, group, run.job_run_id)
            for group in GROUPS
            for action in ("CreateLogStream", "PutLogEvents")
        ),
    ]


def _groups(run: JobRun) -> list[Access]:
    return [
        Access("logs:CreateLogGroup", arn("logs", run.region, f"log-group:{group}"))
        for group in GROUPS
    ]
