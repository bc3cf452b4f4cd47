"""Runs a job's script as `__main__`, and notes the error it ends with as Glue shows it.

Called as `python run_script.py <script> [arguments]` with LOCAL_AWS_ERROR_FILE in the environment.
"""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path


def main() -> None:
    script, error_file = sys.argv[1], Path(os.environ["LOCAL_AWS_ERROR_FILE"])
    sys.argv = sys.argv[1:]
    try:
        runpy.run_path(script, run_name="__main__")
    except SystemExit as ending:
        if ending.code not in (None, 0):
            error_file.write_text(f"SystemExit: {ending.code}")
        raise
    except BaseException as error:
        error_file.write_text(error_message(error))
        raise


def error_message(error: BaseException) -> str:
    """Type and message, without the Java stack that py4j puts into the message."""
    message = str(error).split("\n\tat ", 1)[0].strip()
    name = type(error).__name__
    return f"{name}: {message}" if message else name


if __name__ == "__main__":
    main()
