"""The saved job bookmarks, as `get-job-bookmark` and `reset-job-bookmark` show them.

The run's own process reads and writes them (`runtime/awsglue/_bookmark.py`).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from moto.glue.exceptions import EntityNotFoundException

from local_aws import settings


def bookmark_file(job_name: str) -> Path:
    """Where the bookmark of a job is kept, whatever characters its name has."""
    folder = settings.current().data_dir / "glue" / "bookmarks"
    return folder / f"{quote(job_name, safe='')}.json"


def get(job_name: str) -> dict[str, Any]:
    """The job's bookmark entry.

    Raises:
        EntityNotFoundException: No run of the job committed one since the last reset.
    """
    try:
        entry = json.loads(bookmark_file(job_name).read_text())
    except FileNotFoundError:
        raise EntityNotFoundException(f"Continuation for job {job_name} not found") from None
    return {name: value for name, value in entry.items() if value is not None}


def reset(job_name: str) -> dict[str, Any]:
    """Forget all that the job's runs have read.

    Returns:
        An entry without state.

    Raises:
        EntityNotFoundException: There is nothing to reset.
    """
    before = get(job_name)
    delete(job_name)
    return {"JobName": job_name, "Version": before["Version"], "Run": 0, "Attempt": 0}


def delete(job_name: str) -> None:
    """Delete the bookmark, if there is one."""
    bookmark_file(job_name).unlink(missing_ok=True)
