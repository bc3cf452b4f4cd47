"""Puts right what a snapshot cannot know: what was going on when the embedded AWS ended.

Whatever was under way has not been finished and never will be: it is shown as failed, with the
reason. Objects are what the files are, whatever the records say.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from moto.athena.models import athena_backends
from moto.cloudformation.models import cloudformation_backends
from moto.core.base_backend import BackendDict
from moto.glue.models import glue_backends
from moto.s3.models import FakeBucket, FakeDeleteMarker, s3_backends

from local_aws import settings
from local_aws.athena.execution import FAILED
from local_aws.awslambda import asynchronous
from local_aws.events import scheduled
from local_aws.glue import job as states
from local_aws.glue.trigger import ACTIVATED
from local_aws.iam import sessions
from local_aws.s3.objects import DiskKey
from local_aws.s3.paths import hidden_path

REASON = "The embedded AWS was stopped before this had ended."
# The states that CloudFormation leaves a stack in when it cannot go on.
STUCK = {
    "CREATE_IN_PROGRESS": "CREATE_FAILED",
    "DELETE_IN_PROGRESS": "DELETE_FAILED",
    "ROLLBACK_IN_PROGRESS": "ROLLBACK_FAILED",
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": "UPDATE_FAILED",
    "UPDATE_IN_PROGRESS": "UPDATE_FAILED",
    "UPDATE_ROLLBACK_IN_PROGRESS": "UPDATE_ROLLBACK_FAILED",
}


def settle() -> None:
    """Put right what was loaded, before the first request is served."""
    _fail_runs()
    _resume_triggers()
    _fail_queries()
    _fail_stacks()
    for backend in _backends(s3_backends):
        _reconcile_buckets(backend)
    _sweep()
    sessions.forget_processes()
    scheduled.resume()
    asynchronous.resume()


def _fail_runs() -> None:
    for backend in _backends(glue_backends):
        for job in backend.jobs.values():
            for run in job.runs_in(states.UNFINISHED):
                run.enter(states.FAILED, REASON)


def _resume_triggers() -> None:
    for backend in _backends(glue_backends):
        for trigger in backend.triggers.values():
            if trigger.state == ACTIVATED:
                backend._schedule(trigger)


def _fail_queries() -> None:
    for backend in _backends(athena_backends):
        for execution in backend.executions.values():
            execution._end_once(FAILED, REASON)


def _fail_stacks() -> None:
    for backend in _backends(cloudformation_backends):
        for stack in backend.stacks.values():
            if stack.status in STUCK:
                stack.deployment.set_status(STUCK[stack.status], REASON)


def _reconcile_buckets(backend: Any) -> None:
    """Let there be a bucket for each folder and a folder for each bucket."""
    root = settings.current().s3_dir
    for name in [name for name in backend.buckets if not (root / name).is_dir()]:
        del backend.buckets[name]  # its deletion is younger than the snapshot
    for folder in sorted(root.iterdir()):
        if folder.is_dir() and folder.name not in backend.buckets:
            bucket = FakeBucket(folder.name, settings.ACCOUNT_ID, settings.DEFAULT_REGION)
            backend.buckets[folder.name] = bucket
            print(
                f"Bucket {folder.name} was made just before the embedded AWS was killed: its "
                "objects are there, its settings are lost.",
                file=sys.stderr,
            )
    for name, bucket in backend.buckets.items():
        s3_backends.bucket_accounts[name] = (backend.partition, bucket.account_id)
        _forget_lost_versions(bucket)


def _forget_lost_versions(bucket: FakeBucket) -> None:
    """Drop the records of older versions whose bytes were deleted after the snapshot."""
    for name, versions in list(dict.items(bucket.keys)):
        kept = [
            version
            for version in versions[:-1]
            if isinstance(version, FakeDeleteMarker) or version.path.is_file()
        ]
        dict.__setitem__(bucket.keys, name, [*kept, *versions[-1:]])


def _sweep() -> None:
    """Delete the bytes of versions and parts that the snapshot knows nothing of."""
    known = {path for backend in _backends(s3_backends) for path in _hidden(backend)}
    for path in hidden_path().parent.iterdir():
        if path not in known:
            path.unlink()


def _hidden(backend: Any) -> Iterator[Path]:
    for bucket in backend.buckets.values():
        for versions in dict.values(bucket.keys):
            yield from (version.path for version in versions if isinstance(version, DiskKey))
        for upload in bucket.multiparts.values():
            yield from (part.path for part in upload.parts.values())


def _backends(backends: BackendDict[Any]) -> Iterator[Any]:
    return (backend for _, _, backend in list(backends.iter_backends()))
