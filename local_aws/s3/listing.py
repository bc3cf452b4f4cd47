"""Listings of a bucket, which read only the folders that the prefix names.

All of them page by position in the sorted listing, so objects may come and go between two pages
(a clean-up deletes every page before it asks for the next).
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator
from typing import Any

from moto.s3.exceptions import InvalidContinuationToken
from moto.s3.models import FakeBucket

from local_aws.s3.objects import DiskKey

Entry = DiskKey | str


def list_objects(
    _: Any,
    bucket: FakeBucket,
    prefix: str | None,
    delimiter: str | None,
    marker: str | None,
    max_keys: int | None,
) -> tuple[list[DiskKey], list[str], bool, str | None]:
    """ListObjects: keys, common prefixes, whether there are more, and the next page's marker."""
    page, more = _page(bucket, prefix, delimiter, marker, max_keys)
    keys = [entry for entry in page if isinstance(entry, DiskKey)]
    folders = [entry for entry in page if isinstance(entry, str)]
    return keys, folders, more, _name(page[-1]) if more else None


def list_objects_v2(
    _: Any,
    bucket: FakeBucket,
    prefix: str | None,
    delimiter: str | None,
    continuation_token: str | None,
    start_after: str | None,
    max_keys: int,
) -> tuple[list[Entry], bool, str | None]:
    """ListObjectsV2: keys and common prefixes in one order, whether there are more, and the token.

    Raises:
        InvalidContinuationToken: The token is not one of ours.
    """
    after = _from_token(continuation_token) if continuation_token else start_after
    page, more = _page(bucket, prefix, delimiter, after, max_keys)
    return page, more, _to_token(_name(page[-1])) if more else None


def list_object_versions(
    backend: Any,
    bucket_name: str,
    delimiter: str | None = None,
    key_marker: str | None = None,
    max_keys: int | None = 1000,
    prefix: str = "",
    version_id_marker: str | None = None,
) -> tuple[list[Any], list[str], list[Any], str | None, str | None]:
    """ListObjectVersions: versions, prefixes, delete markers, and the next page's two markers."""
    bucket = backend.get_bucket(bucket_name)
    page: list[Any] = []
    for entry in _versions(bucket, prefix, delimiter, key_marker, version_id_marker):
        if len(page) == max_keys:
            last = page[-1] if page else ""
            version_id = None if isinstance(last, str) else last.version_id
            return *_by_kind(page), _name(last), version_id
        page.append(entry)
    return *_by_kind(page), None, None


def _page(
    bucket: FakeBucket,
    prefix: str | None,
    delimiter: str | None,
    after: str | None,
    limit: int | None,
) -> tuple[list[Entry], bool]:
    names = sorted(_grouped(bucket.keys.current_names(prefix or ""), prefix or "", delimiter))
    rest = [(name, folder) for name, folder in names if name > (after or "")]
    page = rest if limit is None else rest[:limit]
    entries = [name if folder else bucket.keys.get(name) for name, folder in page]
    found = [entry for entry in entries if isinstance(entry, Entry)]
    return found, len(page) < len(rest) and bool(found)


def _grouped(names: Iterator[str], prefix: str, delimiter: str | None) -> set[tuple[str, bool]]:
    """Names as they are listed, each with whether it is a common prefix."""
    grouped = set()
    for name in names:
        head, found, _ = name[len(prefix) :].partition(delimiter) if delimiter else (name, "", "")
        grouped.add((prefix + head + found, True) if found else (name, False))
    return grouped


def _versions(
    bucket: FakeBucket,
    prefix: str,
    delimiter: str | None,
    key_marker: str | None,
    version_id_marker: str | None,
) -> Iterator[Any]:
    """Common prefixes and versions behind the markers, by key, newest version first."""
    after = key_marker or ""
    for name, is_folder in sorted(_grouped(bucket.keys.names(prefix), prefix, delimiter)):
        if name < after or (name == after and not version_id_marker):
            continue
        if is_folder:
            yield name
            continue
        versions = list(reversed(bucket.keys.getlist(name, [])))
        for version in versions:
            version.is_latest = version is versions[0]
        yield from _behind(versions, version_id_marker) if name == after else versions


def _behind(versions: list[Any], version_id: str | None) -> list[Any]:
    ids = [version.version_id for version in versions]
    # The last page was deleted meanwhile: whatever is left of the key was behind it.
    return versions[ids.index(version_id) + 1 :] if version_id in ids else versions


def _by_kind(page: list[Any]) -> tuple[list[Any], list[str], list[Any]]:
    versions = [entry for entry in page if isinstance(entry, DiskKey)]
    prefixes = [entry for entry in page if isinstance(entry, str)]
    markers = [entry for entry in page if not isinstance(entry, Entry)]
    return versions, prefixes, markers


def _name(entry: Any) -> str:
    return entry if isinstance(entry, str) else str(entry.name)


def _to_token(name: str) -> str:
    return base64.urlsafe_b64encode(name.encode()).decode()


def _from_token(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise InvalidContinuationToken from error
