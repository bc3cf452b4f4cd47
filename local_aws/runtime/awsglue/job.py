"""`Job`: begins a run, and saves its bookmarks when the script says that its work is done."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from awsglue import _bookmark
from awsglue.utils import BOOKMARK_DISABLE, BOOKMARK_ENABLE, getResolvedOptions

if TYPE_CHECKING:
    from awsglue.context import GlueContext


class Job:
    """The run of a job, as in AWS: one per process, begun by `init`, ended by `commit`."""

    def __init__(self, glue_context: GlueContext) -> None:
        self._glue_context = glue_context

    def init(self, job_name: str, args: dict[str, Any] | None = None) -> None:
        """Begin the run: load the saved bookmarks of `job_name`.

        Args:
            job_name: The job whose bookmarks are meant.
            args: What `getResolvedOptions` returned.
        """
        option = (args or {}).get("job_bookmark_option")
        option = option or getResolvedOptions(sys.argv, [])["job_bookmark_option"]
        self._glue_context.bookmarks = Bookmarks(job_name, option)

    def isInitialized(self) -> bool:  # noqa: N802
        """Whether `init` was called."""
        return self._glue_context.bookmarks is not None

    def commit(self) -> None:
        """Save all bookmarks of the run in one step.

        Raises:
            RuntimeError: `init` was not called, or the saved bookmarks changed during the run.
        """
        if self._glue_context.bookmarks is None:
            raise RuntimeError("Job.commit() was called before Job.init(): call init first")
        self._glue_context.bookmarks.commit()


class Bookmarks:
    """The bookmarks of one run."""

    def __init__(self, job_name: str, option: str) -> None:
        self._job_name = job_name
        self._option = option
        self._path = None if option == BOOKMARK_DISABLE else _bookmark_file()
        self._loaded = _bookmark.load(self._path) if self._path else None
        self._range = _Range.of_this_run(self._path) if self._path else None
        self._pending: dict[str, _bookmark.SourceState] = {}

    def unread(
        self, ctx: str, paths: tuple[str, ...], listed: Iterable[_bookmark.S3File]
    ) -> list[_bookmark.S3File]:
        """The listed files that the source `ctx` has not read; `commit` will save that it has.

        Raises:
            ValueError: The run already read a source with this `ctx`.
        """
        listed = list(listed)
        if self._path is None or not ctx:
            return listed
        if ctx in self._pending:
            raise ValueError(f"transformation_ctx {ctx!r} is used twice: it must be unique")
        if self._range is not None:
            return self._range.files(ctx, paths, listed)
        state = _state(self._loaded, ctx, paths)
        now_ms = time.time_ns() // 1_000_000
        self._pending[ctx] = _bookmark.advanced(state, paths, listed, now_ms)
        unread: list[_bookmark.S3File] = _bookmark.unread(state, listed)
        return unread

    def commit(self) -> None:
        if self._path is None or self._option != BOOKMARK_ENABLE:
            return
        if _bookmark.load(self._path) != self._loaded:
            raise RuntimeError(
                f"The bookmark of job {self._job_name} changed while this run was reading (it was "
                "reset, or another run committed): nothing was saved. Run the job again."
            )
        entry = self._next_entry()
        if self._loaded is not None:
            _bookmark.keep(self._path, self._job_name, self._loaded)
        _bookmark.save(self._path, self._job_name, entry)
        self._loaded = entry

    def _next_entry(self) -> _bookmark.Entry:
        before = self._loaded
        return _bookmark.Entry(
            version=before.version + 1 if before else 1,
            run=before.run + 1 if before else 1,
            attempt=int(os.environ.get("LOCAL_AWS_BOOKMARK_ATTEMPT", "0")),
            run_id=os.environ["LOCAL_AWS_JOB_RUN_ID"],
            previous_run_id=before.run_id if before else None,
            sources={**(before.sources if before else {}), **self._pending},
        )


@dataclass(frozen=True)
class _Range:
    """What the runs after one and until another read (--job-bookmark-from and -to).

    Attributes:
        first: The bookmark after the first of the two, whose input is ignored.
        last: The bookmark after the last, whose input is processed.
    """

    first: _bookmark.Entry | None
    last: _bookmark.Entry | None

    @staticmethod
    def of_this_run(path: Path) -> _Range | None:
        """The range that this run was started with, if it was."""
        names = [f"LOCAL_AWS_BOOKMARK_{end}" for end in ("FROM", "TO")]
        if not all(name in os.environ for name in names):
            return None
        run_ids = [os.environ[name] for name in names]
        return _Range(*(_bookmark.load_run(path, each) if each else None for each in run_ids))

    def files(
        self, ctx: str, paths: tuple[str, ...], listed: Iterable[_bookmark.S3File]
    ) -> list[_bookmark.S3File]:
        first, last = (_state(entry, ctx, paths) for entry in (self.first, self.last))
        files: list[_bookmark.S3File] = _bookmark.read_between(first, last, listed)
        return files


def _state(
    entry: _bookmark.Entry | None, ctx: str, paths: tuple[str, ...]
) -> _bookmark.SourceState | None:
    """The state of a source; one with other paths starts anew."""
    state = entry.sources.get(ctx) if entry else None
    return state if state is not None and state.paths == paths else None


def _bookmark_file() -> Path:
    try:
        return Path(os.environ["LOCAL_AWS_BOOKMARK_FILE"])
    except KeyError:
        raise RuntimeError(
            "Job bookmarks need LOCAL_AWS_BOOKMARK_FILE, which start-job-run sets: start the "
            f"script as a Glue job run, or pass --job-bookmark-option {BOOKMARK_DISABLE}"
        ) from None
