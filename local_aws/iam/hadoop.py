"""What an operation of Hadoop's file system asks of S3.

Spark's files are on the local disk here; on AWS, Glue 5.1 reaches them through S3A ("Migrating to
AWS Glue 5.1"). Each operation is taken for the requests that S3A makes for it, and for more rather
than fewer where that depends on a setting: a path is looked for as an object (HEAD), then as a
prefix (LIST); a folder is an object whose key ends with a slash; before one is made, its parents
are looked for up to the first that is there (`MkdirOperation` in Hadoop's source); a rename copies
and deletes; new files delete the markers of their parents, and a folder that may have become empty
gets one ("Controlling the S3A Directory Marker Behavior").
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from local_aws import settings
from local_aws.errors import NotSupported
from local_aws.iam.operations import listing, on_object, on_objects
from local_aws.iam.policy import Access


def needs(operation: str, path: str, target: str | None = None) -> list[Access]:
    """What S3A needs for an operation of a file system.

    Args:
        operation: A method of `org.apache.hadoop.fs.FileSystem`.
        path: An ``s3://`` URI, not escaped.
        target: A second one, of a rename.

    Raises:
        NotSupported: S3A has no such operation, or nobody has looked up what it does.
    """
    bucket, key = _split(path)
    if operation == "rename" and target is not None:
        return _rename(bucket, key, _split(target)[1])
    if operation not in OPERATIONS:
        raise NotSupported(f"{operation} on s3:// paths")
    return OPERATIONS[operation](bucket, key)


def _look_up(bucket: str, key: str) -> list[Access]:
    """HEAD of the object and, unless it is one, LIST of what is below."""
    head = [on_object("GetObject", bucket, key)] if key else []
    return head if _local(bucket, key).is_file() else [*head, listing(bucket, _folder(key))]


def _open(bucket: str, key: str) -> list[Access]:
    return [*_look_up(bucket, key), on_object("GetObject", bucket, key)]


def _create(bucket: str, key: str) -> list[Access]:
    written = on_object("PutObject", bucket, key)
    return [*_look_up(bucket, key), written, *_without_markers(bucket, key)]


def _make_folders(bucket: str, key: str) -> list[Access]:
    accesses: list[Access] = []
    for each in (key, *_parents(key)):
        accesses.append(listing(bucket, _folder(each)))
        if _local(bucket, each).is_dir():
            break
        accesses.append(on_object("GetObject", bucket, each))
    if not _local(bucket, key).is_dir():
        accesses += [on_object("PutObject", bucket, _folder(key)), *_without_markers(bucket, key)]
    return accesses


def _list(bucket: str, key: str) -> list[Access]:
    return [*_look_up(bucket, key), listing(bucket, _folder(key))]


def _delete(bucket: str, key: str) -> list[Access]:
    deleted = on_objects("DeleteObject", bucket, _objects(bucket, key))
    return [*_look_up(bucket, key), *deleted, *_with_marker(bucket, _parent(key))]


def _rename(bucket: str, key: str, target: str) -> list[Access]:
    sources = list(_objects(bucket, key))
    targets = [target + source.removeprefix(key) for source in sources]
    return [
        *_look_up(bucket, key),
        *_look_up(bucket, target),
        *on_objects("GetObject", bucket, sources),
        *on_objects("PutObject", bucket, targets),
        *on_objects("DeleteObject", bucket, sources),
        *_without_markers(bucket, target),
        *_with_marker(bucket, _parent(key)),
    ]


OPERATIONS = {
    "create": _create,
    "delete": _delete,
    "getFileStatus": _look_up,
    "listStatus": _list,
    "mkdirs": _make_folders,
    "open": _open,
}


def _without_markers(bucket: str, key: str) -> list[Access]:
    markers = [_folder(parent) for parent in _parents(key)]
    return on_objects("DeleteObject", bucket, markers)


def _with_marker(bucket: str, folder: str) -> list[Access]:
    """A folder that may just have lost its last file keeps existing by a marker."""
    if not folder:
        return []
    return [*_look_up(bucket, folder), on_object("PutObject", bucket, _folder(folder))]


def _objects(bucket: str, key: str) -> Iterator[str]:
    """The keys of an object, or of all that is below a prefix, markers included."""
    path = _local(bucket, key)
    if path.is_file():
        yield key
        return
    yield _folder(key)
    for found in path.rglob("*"):
        name = found.relative_to(_local(bucket, "")).as_posix()
        yield _folder(name) if found.is_dir() else name


def _parents(key: str) -> Iterator[str]:
    while key := _parent(key):
        yield key


def _parent(key: str) -> str:
    return key.rpartition("/")[0]


def _folder(key: str) -> str:
    return f"{key}/" if key else ""


def _local(bucket: str, key: str) -> Path:
    return settings.current().s3_dir / bucket / key


def _split(uri: str) -> tuple[str, str]:
    bucket, _, key = uri.removeprefix("s3://").partition("/")
    return bucket, key.strip("/")
