"""The bytes of an object on their way to a client: read from its file while they are sent."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from local_aws.s3.objects import DiskKey

BLOCK_BYTES = 1 << 18


class Body:
    """A part of a file that is sent without being in memory as a whole.

    It has the length of the part, and a slice of it is another one. The file is open from the
    beginning, so what is sent is what was there then, whoever replaces the object meanwhile.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("rb")
        self._begin, self._end = 0, os.fstat(self._file.fileno()).st_size

    def __len__(self) -> int:
        return self._end - self._begin

    def __bool__(self) -> bool:
        return len(self) > 0

    def __getitem__(self, part: slice) -> Body:
        begin, end, _ = part.indices(len(self))
        self._begin, self._end = self._begin + begin, self._begin + max(begin, end)
        return self

    def __iter__(self) -> Iterator[bytes]:
        self._file.seek(self._begin)
        left = len(self)
        while left > 0 and (block := self._file.read(min(BLOCK_BYTES, left))):
            left -= len(block)
            yield block
        self.close()

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()


class _Sent(DiskKey):
    """A view of a key whose value is not read."""

    def __init__(self, key: DiskKey) -> None:
        self.__dict__ = key.__dict__

    @property  # type: ignore[misc] # nobody sets it
    def value(self) -> Any:
        """The bytes, as they will be sent."""
        return Body(self.path)


def streaming(original: Callable[..., Any]) -> Callable[..., Any]:
    """`S3Response.get_object`, which otherwise reads the whole object for any part of it."""

    @functools.wraps(original)
    def get_object(response: Any) -> Any:
        get_key = response._get_key

        def sent() -> tuple[_Sent, bool]:
            key, not_modified = get_key()
            return _Sent(key), not_modified

        response._get_key = sent
        status, headers, body = original(response)
        if isinstance(body, Body):
            headers["content-length"] = str(len(body))
        return status, headers, body

    return get_object
