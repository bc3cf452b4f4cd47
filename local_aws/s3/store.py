"""The objects of one bucket: moto's records, reconciled with the files on every look."""

from __future__ import annotations

import contextlib
import copyreg
import os
import stat
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

from moto.s3.models import FakeBucket, FakeDeleteMarker
from moto.s3.utils import _VersionedKeyStore

from local_aws.s3.objects import DiskKey, Stamp, stamp
from local_aws.s3.paths import KeyNotSupported, bucket_dir, can_be_file, hidden_path, object_path

Version: TypeAlias = Any  # a DiskKey, or moto's FakeDeleteMarker


class DiskKeys(_VersionedKeyStore):
    """Versions by key, oldest first; the last one is current.

    The bytes of the current version are the file in the bucket. That file is the truth: written,
    replaced or deleted by another process, it changes the versions at the next look.
    """

    def __init__(self, bucket: FakeBucket) -> None:
        super().__init__()
        self._bucket = bucket
        self._lock = threading.RLock()

    @property
    def _root(self) -> Path:
        return bucket_dir(self._bucket.name)

    def __reduce__(self) -> Any:
        """What a snapshot keeps: the records as they are, without a look at the files."""
        new = copyreg.__newobj__  # type: ignore[attr-defined] # typeshed leaves it out
        return new, (DiskKeys,), (self._bucket, dict(dict.items(self)))

    def __setstate__(self, state: tuple[FakeBucket, dict[str, list[Version]]]) -> None:
        self._bucket, records = state
        self._lock = threading.RLock()
        dict.update(self, records)

    def getlist(self, key: str, default: Any = None) -> Any:
        """All versions of a key, or the default when there are none."""
        versions = self._reconciled(key)
        return versions if versions else default

    def setlist(self, key: str, list_: Any) -> None:
        """Replace the versions of a key: files follow, those of dropped versions go."""
        with self._lock:
            self._set(key, list(list_))

    def pop(self, key: str) -> None:
        """Delete a key with all of its versions.

        Raises:
            KeyError: There is no such key.
        """
        with self._lock:
            self[key]
            self._set(key, [])

    def __getitem__(self, key: str) -> Version:
        versions = self._reconciled(key)
        if not versions:
            raise KeyError(key)
        return versions[-1]

    def __setitem__(self, key: str, value: Version) -> None:
        with self._lock:
            self._set(key, [*self._reconciled(key), value])

    def __contains__(self, key: object) -> bool:
        return isinstance(key, str) and bool(self._reconciled(key))

    def __bool__(self) -> bool:
        return any(True for _ in self.names())

    def __len__(self) -> int:
        return sum(1 for _ in self.names())

    def __iter__(self) -> Iterator[str]:
        return self.names()

    def _self_iterable(self) -> dict[str, list[Version]]:
        return {name: versions for name in self.names() if (versions := self._reconciled(name))}

    def item_size(self) -> int:
        """Bytes of all current objects."""
        return sum(self[name].size for name in self.current_names())

    def current_names(self, prefix: str = "") -> Iterator[str]:
        """Keys with the prefix that have an object now, in no order."""
        folder, _, _ = prefix.rpartition("/")
        if not folder or can_be_file(folder):
            yield from _files(self._root / folder, f"{folder}/" if folder else "", prefix)

    def names(self, prefix: str = "") -> Iterator[str]:
        """Keys with the prefix that have any version, in no order."""
        seen = set()
        for name in self.current_names(prefix):
            seen.add(name)
            yield name
        for name in list(super().__iter__()):
            if name not in seen and name.startswith(prefix) and self._reconciled(name):
                yield name

    def _recorded(self, key: str) -> list[Version]:
        versions: list[Version] = dict.get(self, key) or []
        return versions

    def _reconciled(self, key: str) -> list[Version]:
        if not can_be_file(key):
            return []
        path = object_path(self._bucket.name, key)
        with self._lock:
            versions = self._recorded(key)
            found = _file_stamp(path)
            if found == _expected(versions):
                return versions
            if isinstance(versions[-1] if versions else None, DiskKey):
                versions = versions[:-1]  # its bytes are gone, whoever did that
            if found:
                versions = [*versions, self._adopted(key, path)]
            elif versions:
                versions = [*versions, FakeDeleteMarker(key=versions[-1])]
            self._record(key, versions)
            return versions

    def _adopted(self, key: str, path: Path) -> DiskKey:
        versioned = self._bucket.is_versioned
        return DiskKey(
            name=key,
            value=path,
            account_id=self._bucket.account_id,
            region_name=self._bucket.region_name,
            bucket_name=self._bucket.name,
            is_versioned=versioned,
            version_id=str(uuid.uuid4()) if versioned else "null",
            encryption="AES256",
        )

    def _record(self, key: str, versions: list[Version]) -> None:
        if versions:
            dict.__setitem__(self, key, versions)
        else:
            dict.pop(self, key, None)

    def _set(self, key: str, versions: list[Version]) -> None:
        path = object_path(self._bucket.name, key)
        before = self._reconciled(key)
        for version in versions[:-1]:
            _hide(version, path)
        if versions and isinstance(versions[-1], DiskKey):
            self._show(versions[-1], key, path)
        else:
            self._remove(path)
        self._record(key, versions)
        for version in before:
            if isinstance(version, DiskKey) and version not in versions:
                version.dispose()

    def _show(self, version: DiskKey, key: str, path: Path) -> None:
        if version.path == path:
            return
        try:
            _move(version.path, path)
        except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
            version.dispose()
            raise KeyNotSupported(
                self._bucket.name, key, "it would be a file and a folder at once"
            ) from error
        version.settle_at(path)

    def _remove(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # the first folder that still holds something
            for folder in path.parents:
                if folder == self._root:
                    break
                folder.rmdir()


def _file_stamp(path: Path) -> Stamp | None:
    try:
        status = path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return stamp(status) if stat.S_ISREG(status.st_mode) else None


def _expected(versions: list[Version]) -> Stamp | None:
    return versions[-1].stamp if versions and isinstance(versions[-1], DiskKey) else None


def _hide(version: Version, path: Path) -> None:
    """Keep the bytes of a version that is not current any more outside the bucket."""
    if isinstance(version, DiskKey) and version.path == path:
        hidden = hidden_path()
        hidden.hardlink_to(path)  # the object stays in its place until the next one replaces it
        version.path = hidden


def _move(source: Path, target: Path) -> None:
    for attempt in (1, 2, 3):
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            source.replace(target)
        except FileNotFoundError:
            # Somebody deleted the last object of that folder, and the folder with it, meanwhile.
            if attempt == 3:
                raise
        else:
            return


def _files(folder: Path, at: str, prefix: str) -> Iterator[str]:
    try:
        entries = list(os.scandir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        name = at + entry.name
        if entry.is_dir(follow_symlinks=False):
            if f"{name}/".startswith(prefix) or prefix.startswith(f"{name}/"):
                yield from _files(folder / entry.name, f"{name}/", prefix)
        elif name.startswith(prefix) and entry.is_file(follow_symlinks=False):
            yield name
