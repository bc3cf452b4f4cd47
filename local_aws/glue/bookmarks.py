"""The saved job bookmarks, as `get-job-bookmark` and `reset-job-bookmark` show them.

The run's own process reads and writes them (`runtime/awsglue/_bookmark.py`). Beside the bookmark of
a job lie the earlier ones, one for each run that committed, which a bookmark can be rewound to.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

from moto.glue.exceptions import EntityNotFoundException, JobRunNotFoundException

from local_aws import settings
from local_aws.glue.job import Job

EARLIER = "earlier"


def bookmark_file(job_id: str) -> Path:
    """Where the bookmark of a job is kept; the earlier ones lie in `EARLIER` beside it."""
    return settings.current().data_dir / "glue" / "bookmarks" / job_id / "bookmark.json"


def get(job: Job, run_id: str | None = None) -> dict[str, Any]:
    """The job's bookmark entry, or the one that a run left.

    Raises:
        EntityNotFoundException: No run of the job committed one since the last reset, or this run
            did not.
    """
    entry = _entry(job, run_id)
    if entry is None:
        raise EntityNotFoundException(f"Continuation for job {job.name} not found")
    return {name: value for name, value in entry.items() if value is not None}


def reset(job: Job, run_id: str | None = None) -> dict[str, Any]:
    """Forget all that the job's runs have read, or all that they have read since a run.

    "You can rewind your job bookmarks [...] to any previous job run, resulting in the subsequent
    job run reprocessing data only from the bookmarked job run" (Glue developer guide).

    Returns:
        The entry that is in force now; without state when there is none.

    Raises:
        EntityNotFoundException: There is nothing to reset, or no such run.
    """
    version = get(job)["Version"]
    committed = committed_until(job, run_id) if run_id else None
    rewound = _entry(job, committed) if committed else None
    current = bookmark_file(job.job_id)
    _keep(job, current)
    if rewound is None:
        current.unlink()
        return {"JobName": job.name, "Version": version, "Run": 0, "Attempt": 0}
    _write(current, {**rewound, "Version": version + 1})
    return get(job)


def committed_until(job: Job, run_id: str) -> str | None:
    """The last run that committed a bookmark, until a run and with it; None when none did.

    Raises:
        EntityNotFoundException: The job has no such run.
    """
    run_ids = [run.job_run_id for run in job.runs]
    if run_id not in run_ids:
        raise JobRunNotFoundException(run_id)
    until = reversed(run_ids[: run_ids.index(run_id) + 1])
    return next((each for each in until if _entry(job, each)), None)


def delete(job: Job) -> None:
    """Delete all bookmarks of a job, if there are any."""
    shutil.rmtree(bookmark_file(job.job_id).parent, ignore_errors=True)


def _entry(job: Job, run_id: str | None) -> dict[str, Any] | None:
    current = bookmark_file(job.job_id)
    entry = _read(current)
    if run_id is None or (entry and entry["RunId"] == run_id):
        return entry
    return _read(current.parent / EARLIER / f"{run_id}.json")


def _keep(job: Job, current: Path) -> None:
    entry = get(job)
    _write(current.parent / EARLIER / f"{entry['RunId']}.json", entry)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return dict(json.loads(path.read_text()))
    except FileNotFoundError:
        return None


def _write(path: Path, entry: dict[str, Any]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps(entry, indent=1))
    os.replace(draft, path)
