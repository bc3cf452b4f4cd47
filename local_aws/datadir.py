"""The one directory that holds everything an embedded AWS stores."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path

MARKER = ".local-aws"
ENDPOINT = "endpoint"
# What the services keep below the directory. Only these are ever deleted:
OWNED = ("s3", "s3-meta", "state", "glue", "athena", "lambda", "iam", ENDPOINT)
# and these at every start, because they belong to a process that has ended.
PASSING = ("lambda", "glue/runs", "iam/classes", ENDPOINT)


class DataDirError(Exception):
    """The data directory cannot be used; the message says why and what to do."""


class DataDir:
    """A data directory, locked for this process until `release`."""

    def __init__(self, path: Path, fresh: bool = False) -> None:
        """Take the directory, creating it when it is missing.

        Args:
            path: The directory.
            fresh: Delete what an earlier embedded AWS left in it; nothing else is ever deleted.

        Raises:
            DataDirError: It belongs to something else, or another process uses it.
        """
        self.path = path.absolute()
        self._require_ours()
        self._lock = _locked(self.path / MARKER)
        for name in OWNED if fresh else PASSING:
            _delete(self.path / name)
        (self.path / "s3").mkdir(exist_ok=True)

    @property
    def state(self) -> Path:
        """Where the records of the services are kept, see `local_aws.snapshots`."""
        return self.path / "state"

    def publish(self, endpoint_url: str) -> None:
        """Write the address where scripts find it, `<data dir>/endpoint`."""
        part = self.path / f"{ENDPOINT}.part"
        part.write_text(f"{endpoint_url}\n", encoding="utf-8")
        part.replace(self.path / ENDPOINT)

    def release(self) -> None:
        """Withdraw the address and let the next process take the directory."""
        (self.path / ENDPOINT).unlink(missing_ok=True)
        os.close(self._lock)

    def _require_ours(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise DataDirError(f"{self.path} is not a directory. Name another with --data-dir.")
        self.path.mkdir(parents=True, exist_ok=True)
        foreign = any(self.path.iterdir()) and not (self.path / MARKER).is_file()
        if foreign:
            raise DataDirError(
                f"{self.path} holds files that are not the embedded AWS's (it has no {MARKER}). "
                "Name an empty or a new directory with --data-dir."
            )


def running_endpoint(path: Path) -> str | None:
    """The address of the embedded AWS that uses the directory now, or None."""
    marker = path / MARKER
    if not marker.is_file():
        return None
    try:
        os.close(_locked(marker))
    except DataDirError:
        endpoint = path / ENDPOINT
        return endpoint.read_text(encoding="utf-8").strip() if endpoint.is_file() else None
    return None


def _locked(marker: Path) -> int:
    descriptor = os.open(marker, os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise DataDirError(
            f"Another embedded AWS is using {marker.parent}. "
            "Stop it, or name another directory with --data-dir."
        ) from error
    return descriptor


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
