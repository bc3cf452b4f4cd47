"""Job arguments, by the rules of AWS's own `awsglue.utils`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

BOOKMARK_ENABLE = "job-bookmark-enable"
BOOKMARK_PAUSE = "job-bookmark-pause"
BOOKMARK_DISABLE = "job-bookmark-disable"
BOOKMARK_OPTIONS = (BOOKMARK_ENABLE, BOOKMARK_PAUSE, BOOKMARK_DISABLE)

_RANGE = ("job-bookmark-from", "job-bookmark-to")
_RESERVED = (
    "job-bookmark-option",
    "continuation-option",
    *_RANGE,
    "JOB_ID",
    "JOB_RUN_ID",
    "SECURITY_CONFIGURATION",
    "encryption-type",
)
_TEMP_DIRS = ("TempDir", "RedshiftTempDir")


class GlueArgumentError(Exception):
    """A required argument is missing, or an argument has a value that is not allowed."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise GlueArgumentError(message)


def getResolvedOptions(args: Sequence[str], options: Sequence[str]) -> dict[str, Any]:  # noqa: N802
    """The values of the named job arguments.

    Args:
        args: The process's arguments, `sys.argv`. Arguments that nobody asked for are ignored.
        options: Names of the required arguments, without the leading dashes.

    Returns:
        The named arguments, the reserved ones (`None` when absent) and `job_bookmark_option`,
        which is `job-bookmark-disable` when the run has none.

    Raises:
        GlueArgumentError: A named argument is missing.
        RuntimeError: A reserved name was asked for, or only one end of a bookmark range is given.
    """
    for option in options:
        if option in _RESERVED:
            raise RuntimeError(f"Using reserved arguments --{option}")
    known, _ = _parser(options).parse_known_args(list(args[1:]))
    values = vars(known)
    values.pop("continuation_option")
    _share_temp_dir(values)
    values["job_bookmark_option"] = values["job_bookmark_option"] or BOOKMARK_DISABLE
    _check_range(values)
    return values


def _parser(options: Sequence[str]) -> _Parser:
    parser = _Parser(add_help=False)
    parser.add_argument("--job-bookmark-option", choices=BOOKMARK_OPTIONS)
    parser.add_argument("--encryption-type", choices=["sse-s3"])
    for name in _RESERVED[1:-1] + _TEMP_DIRS:
        parser.add_argument(f"--{name}")
    for name in options:
        if name not in _TEMP_DIRS:
            parser.add_argument(f"--{name}", required=True)
    return parser


def _share_temp_dir(values: dict[str, Any]) -> None:
    shared = values["TempDir"] or values["RedshiftTempDir"]
    values.update(dict.fromkeys(_TEMP_DIRS, shared))


def _check_range(values: dict[str, Any]) -> None:
    absent = [name for name in _RANGE if values[name.replace("-", "_")] is None]
    paused = values["job_bookmark_option"] == BOOKMARK_PAUSE
    if paused and len(absent) == 1:
        raise RuntimeError(f"Missing option or value for --{absent[0]}")
    if not paused and not absent:
        names = " ".join(f"--{name}" for name in _RANGE)
        raise RuntimeError(f"Invalid option(s) {names}: they need {BOOKMARK_PAUSE}")
