"""Which files a bookmarked read still has to read, and the file that keeps the state.

AWS documents the rule, not the format: an object counts as read when it was last modified before
the saved time; those of the last 15 minutes before that time (`maxBand`) are kept by name, since
an object can show up later than its own time says.
("Tracking processed data using job bookmarks" and "maxBand", Glue developer guide.)
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

BAND_MS = 900_000


@dataclass(frozen=True, order=True)
class S3File:
    """One object as a listing showed it: a changed object is another `S3File`."""

    uri: str
    modified_ms: int
    etag: str
    size: int


@dataclass(frozen=True)
class SourceState:
    """What one bookmarked source has read.

    Attributes:
        paths: The paths that were read; a source with other paths starts anew.
        read_before_ms: Whatever was last modified before this time counts as read.
        band: The files at or after that time which were read.
    """

    paths: tuple[str, ...]
    read_before_ms: int
    band: frozenset[S3File]

    def to_json(self) -> dict[str, Any]:
        return {
            "paths": list(self.paths),
            "readBefore": self.read_before_ms,
            "band": [asdict(file) for file in sorted(self.band)],
        }

    @staticmethod
    def from_json(state: dict[str, Any]) -> SourceState:
        band = frozenset(S3File(**file) for file in state["band"])
        return SourceState(tuple(state["paths"]), state["readBefore"], band)


def unread(state: SourceState | None, listed: Iterable[S3File]) -> list[S3File]:
    """The listed files that the state does not know as read, in the order of the listing."""
    if state is None:
        return list(listed)
    return [f for f in listed if f.modified_ms >= state.read_before_ms and f not in state.band]


def read_between(
    first: SourceState | None, last: SourceState | None, listed: Iterable[S3File]
) -> list[S3File]:
    """The listed files that the second state knows as read and the first does not."""
    if last is None:
        return []
    later = set(unread(last, listed))
    return [file for file in unread(first, listed) if file not in later]


def advanced(
    state: SourceState | None, paths: Iterable[str], listed: Iterable[S3File], now_ms: int
) -> SourceState:
    """The state after everything listed at `now_ms` was read."""
    floor = now_ms - BAND_MS
    if state is not None:
        # A clock set back must not turn files that count as read into unread ones.
        floor = max(floor, state.read_before_ms)
    return SourceState(
        tuple(paths), floor, frozenset(file for file in listed if file.modified_ms >= floor)
    )


@dataclass(frozen=True)
class Entry:
    """A job's bookmark, as `get-job-bookmark` shows it."""

    version: int
    run: int
    attempt: int
    run_id: str
    previous_run_id: str | None
    sources: dict[str, SourceState]

    def to_json(self, job_name: str) -> dict[str, Any]:
        states = {ctx: state.to_json() for ctx, state in self.sources.items()}
        return {
            "JobName": job_name,
            "Version": self.version,
            "Run": self.run,
            "Attempt": self.attempt,
            "RunId": self.run_id,
            "PreviousRunId": self.previous_run_id,
            "JobBookmark": json.dumps(states),
        }

    @staticmethod
    def from_json(entry: dict[str, Any]) -> Entry:
        states = json.loads(entry["JobBookmark"])
        return Entry(
            version=entry["Version"],
            run=entry["Run"],
            attempt=entry["Attempt"],
            run_id=entry["RunId"],
            previous_run_id=entry.get("PreviousRunId"),
            sources={ctx: SourceState.from_json(state) for ctx, state in states.items()},
        )


def load(path: Path) -> Entry | None:
    """The saved bookmark, or `None` when the job has none."""
    try:
        return Entry.from_json(json.loads(path.read_text()))
    except FileNotFoundError:
        return None


def load_run(path: Path, run_id: str) -> Entry | None:
    """The bookmark that a run saved, in force or not, or `None` when it saved none."""
    current = load(path)
    if current is not None and current.run_id == run_id:
        return current
    return load(_earlier(path, run_id))


def keep(path: Path, job_name: str, entry: Entry) -> None:
    """Lay an entry aside that is about to be replaced: a bookmark can be rewound to it."""
    save(_earlier(path, entry.run_id), job_name, entry)


def save(path: Path, job_name: str, entry: Entry) -> None:
    """Replace the saved bookmark as a whole: a reader sees the old one or this one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    draft.write_text(json.dumps(entry.to_json(job_name), indent=1))
    os.replace(draft, path)


def _earlier(path: Path, run_id: str) -> Path:
    return path.parent / "earlier" / f"{run_id}.json"
