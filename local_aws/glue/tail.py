"""Ships the growing output file of a run to CloudWatch Logs."""

from __future__ import annotations

from pathlib import Path

from local_aws import logs


class Tail:
    """Follows one file, line by line.

    Args:
        path: The file; it need not exist yet.
        group: Log group of the lines.
        stream: Log stream of the lines.
        region: Region of the log group.
    """

    def __init__(self, path: Path, group: str, stream: str, region: str) -> None:
        self._path = path
        self._target = (group, stream)
        self._region = region
        self._offset = 0

    def ship(self, *, to_the_end: bool = False) -> None:
        """Send the lines that were completed since the last call.

        Args:
            to_the_end: Also send a last line that has no line end.
        """
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._offset)
            new = file.read()
        complete = len(new) if to_the_end else new.rfind(b"\n") + 1
        self._offset += complete
        lines = new[:complete].decode(errors="replace").splitlines()
        if lines:
            logs.put(*self._target, lines, self._region)
