"""An S3 object whose bytes are a file."""

from __future__ import annotations

import hashlib
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moto.s3.models import FakeKey

from local_aws import settings
from local_aws.s3.paths import hidden_path

Stamp = tuple[int, int, int]
BLOCK = 1 << 20


class DiskKey(FakeKey):
    """One version of an object, or a part of an upload.

    Its bytes are in the file `path`: the object's own in the bucket for the current version, a
    hidden one for every other. `value` takes bytes, which are written to a new hidden file, or the
    path of a file that is there already.
    """

    path: Path
    stamp: Stamp
    _etag: str | None

    def __new__(cls, *_: Any, **__: Any) -> DiskKey:
        # Moto's models keep every instance alive for a registry of theirs that nothing here needs.
        return object.__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._value_buffer.close()
        # Its parts are gone once they are joined.
        self.multipart = None

    @property
    def value(self) -> bytes:
        """The bytes of the object."""
        return self.path.read_bytes()

    @value.setter
    def value(self, value: bytes | Path) -> None:
        if isinstance(value, Path):
            self.path = value
        else:
            self.path = hidden_path()
            self.path.write_bytes(value)
        self.settle_at(self.path)

    def settle_at(self, path: Path) -> None:
        """Take note that the bytes are in this file now."""
        status = path.stat()
        self.path = path
        self.stamp = stamp(status)
        self.contentsize = status.st_size
        self.last_modified = datetime.fromtimestamp(status.st_mtime, UTC).replace(tzinfo=None)

    @property
    def etag(self) -> str:
        """The quoted ETag: MD5 of the bytes, or of the MD5s of the parts it was uploaded in."""
        if self._etag is None:
            self._etag = file_md5(self.path).hexdigest()
        return f'"{self._etag}"'

    def dispose(self, garbage: bool = False) -> None:
        """Delete a hidden file; the one in the bucket is the bucket's business."""
        if not garbage and self.path.parent == hidden_path().parent:
            self.path.unlink(missing_ok=True)

    def __del__(self) -> None:
        """Nothing: moto's own closes a buffer, which this class does not have."""

    def __getstate__(self) -> dict[str, Any]:
        """What a snapshot keeps: the place of the bytes below the data directory, not the bytes."""
        left_out = ("_value_buffer", "lock")
        state = {name: each for name, each in vars(self).items() if name not in left_out}
        return {**state, "path": str(self.path.relative_to(settings.current().data_dir))}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.path = settings.current().data_dir / state["path"]
        self.lock = threading.Lock()

    def __deepcopy__(self, memo: dict[int, Any]) -> DiskKey:
        # Moto copies keys to annotate them; the default would read the bytes of every one.
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        return copy


def stamp(status: os.stat_result) -> Stamp:
    """What changes whenever a file is written or replaced."""
    return status.st_mtime_ns, status.st_size, status.st_ino


def file_md5(path: Path) -> Any:
    """MD5 of a file, as S3 uses it: to recognise content, not to protect it."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False))
