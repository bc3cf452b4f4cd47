"""Runs inside the child process of one invocation: imports the handler and calls it once.

Usage: ``python bootstrap.py <job.json> <result.json>``. The job holds the event and what the
context object needs; the result holds either `payload` or `error`, and what was measured.
Standard library only, and nothing of this project, because user code shares the process.
"""

from __future__ import annotations

import importlib
import json
import logging
import resource
import sys
import time
import traceback
from pathlib import Path
from typing import Any


class Context:
    """The context object of the Python runtime."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.function_name: str = job["function_name"]
        self.function_version: str = job["function_version"]
        self.invoked_function_arn: str = job["invoked_function_arn"]
        self.memory_limit_in_mb: str = str(job["memory_limit_in_mb"])
        self.aws_request_id: str = job["aws_request_id"]
        self.log_group_name: str = job["log_group_name"]
        self.log_stream_name: str = job["log_stream_name"]
        self.identity = None
        self.client_context = None
        self._deadline: float = job["deadline"]

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds until the invocation is killed."""
        return max(0, int((self._deadline - time.time()) * 1000))


class HandlerNotFound(Exception):
    """The handler's module or function is not there."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def main(job_file: str, result_file: str) -> None:
    """Do one job and write its result."""
    job = json.loads(Path(job_file).read_text(encoding="utf-8"))
    _log_like_lambda(job["aws_request_id"])
    started = time.perf_counter()
    result: dict[str, Any] = {}
    try:
        handler = load_handler(job["handler"])
        result["init_ms"] = _milliseconds_since(started)
        started = time.perf_counter()
        result["payload"] = _to_json(handler(job["event"], Context(job)))
    except Exception as error:
        result["error"] = _described(error, job["aws_request_id"])
    result["duration_ms"] = _milliseconds_since(started)
    result["max_memory_mb"] = peak_memory_mb()
    sys.stdout.flush()
    Path(result_file).write_text(json.dumps(result), encoding="utf-8")


def load_handler(name: str) -> Any:
    """The function ``module.function`` of the code in the working directory.

    Raises:
        HandlerNotFound: With the error types and texts of the Python runtime.
    """
    module_name, _, function_name = name.rpartition(".")
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except ImportError as error:
        message = f"Unable to import module '{module_name}': {error}"
        raise HandlerNotFound("Runtime.ImportModuleError", message) from error
    if not hasattr(module, function_name):
        message = f"Handler '{function_name}' missing on module '{module_name}'"
        raise HandlerNotFound("Runtime.HandlerNotFound", message)
    return getattr(module, function_name)


def peak_memory_mb() -> int:
    """The most memory that this process has held, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # getrusage would count the parent's memory, from before the exec
        line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM:"))
        return int(line.split()[1]) // 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // (1 << 20)  # bytes on macOS


def _log_like_lambda(request_id: str) -> None:
    layout = f"[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t{request_id}\t%(message)s"
    formatter = logging.Formatter(layout, "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(formatter)
    logging.getLogger().addHandler(handler)


def _to_json(value: Any) -> str:
    try:
        return json.dumps(value)
    except (TypeError, ValueError) as error:
        message = f"Unable to marshal response: {error}"
        raise HandlerNotFound("Runtime.MarshalError", message) from error


def _described(error: Exception, request_id: str) -> dict[str, Any]:
    kind, frames = type(error).__name__, []
    if isinstance(error, HandlerNotFound):
        kind = error.kind
    else:
        # The first frame is this file's.
        frames = traceback.format_list(traceback.extract_tb(error.__traceback__)[1:])
    print(f"[ERROR] {kind}: {error}", *(["Traceback (most recent call last):"] if frames else []))
    print("".join(frames), end="")
    return {
        "errorMessage": str(error),
        "errorType": kind,
        "requestId": request_id,
        "stackTrace": frames,
    }


def _milliseconds_since(start: float) -> float:
    return (time.perf_counter() - start) * 1000


if __name__ == "__main__":
    # This file's folder would otherwise offer its modules to the user's imports.
    sys.path[0] = str(Path.cwd())
    main(*sys.argv[1:3])
