"""Executes one invocation of a function in a process of its own.

Every invocation is a cold start, by the interpreter that runs the embedded AWS, whatever Python 3
runtime the function names. A function may take all the memory it likes: MemorySize is reported, not
enforced.
"""

from __future__ import annotations

import io
import json
import math
import shutil
import subprocess
import sys
import time
import uuid
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moto.awslambda.models import LambdaFunction

from local_aws import logs, processes, settings
from local_aws.iam import enforcement
from local_aws.iam.operations import on_logs
from local_aws.iam.sessions import RoleSession, assumed

BOOTSTRAP = Path(__file__).with_name("bootstrap.py")
TAIL_BYTES = 4096


@dataclass(frozen=True)
class Outcome:
    """What an invocation ended with.

    Attributes:
        payload: JSON, either what the handler returned or the description of its error.
        failed: Whether it is the latter.
        log_tail: The last 4 KB of its log.
    """

    payload: str
    failed: bool
    log_tail: bytes


class Invocation:
    """One invocation: its id, its folder, and its log stream."""

    def __init__(self, function: LambdaFunction, event: Any, request_id: str | None = None) -> None:
        self.function = function
        self.event = event
        self.request_id = request_id or str(uuid.uuid4())
        self.folder = settings.current().data_dir / "lambda" / uuid.uuid4().hex
        now = datetime.now(UTC)
        self.log_stream = f"{now:%Y/%m/%d}/[{function.version}]{uuid.uuid4().hex}"

    def run(self) -> Outcome:
        """Run the handler to its end, or to the function's timeout, and write the log."""
        function = self.function
        with assumed(function.role, function.function_name, function.region) as session:
            return self._run(session)

    def _run(self, session: RoleSession) -> Outcome:
        try:
            code = self._unpack()
            result = self._execute(code, session)
            output = (self.folder / "output.log").read_text(encoding="utf-8", errors="replace")
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)
        lines = [*self._start(), *output.splitlines(), *self._end(result)]
        if self._may_log(session):
            logs.put(self.function.logs_group_name, self.log_stream, lines, self.function.region)
        tail = "\n".join(lines).encode()[-TAIL_BYTES:]
        if "error" in result:
            return Outcome(json.dumps(result["error"]), True, tail)
        return Outcome(result["payload"], False, tail)

    def _unpack(self) -> Path:
        code = self.folder / "code"
        (self.folder / "tmp").mkdir(parents=True)
        with zipfile.ZipFile(io.BytesIO(self.function.code_bytes)) as archive:
            archive.extractall(code)
        return code

    def _may_log(self, session: RoleSession) -> bool:
        """Whether the role lets the function log: as on AWS, one that may not runs without."""
        if not enforcement.is_on():
            return True
        function = self.function
        accesses = [
            on_logs(action, function.region, function.logs_group_name, self.log_stream)
            for action in ("CreateLogStream", "PutLogEvents")
        ]
        principal = session.principal()
        return not principal.is_restricted or enforcement.allows(principal, accesses)

    def _execute(self, code: Path, session: RoleSession) -> dict[str, Any]:
        timeout = int(self.function.timeout)
        job, answer = self.folder / "job.json", self.folder / "result.json"
        job.write_text(json.dumps(self._job(time.time() + timeout)), encoding="utf-8")
        argv = [sys.executable, "-u", str(BOOTSTRAP), str(job), str(answer)]
        with (self.folder / "output.log").open("wb") as output:
            process = processes.spawn(
                argv,
                env=self._env(code, session),
                cwd=code,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                process.kill()
                return self._timed_out(timeout)
            finally:
                processes.kill(process)  # with whatever it left behind
        if answer.exists():
            return dict(json.loads(answer.read_text(encoding="utf-8")))
        return self._exited(process.returncode)

    def _job(self, deadline: float) -> dict[str, Any]:
        function = self.function
        return {
            "handler": function.handler,
            "event": self.event,
            "deadline": deadline,
            "function_name": function.function_name,
            "function_version": str(function.version),
            "invoked_function_arn": function.function_arn,
            "memory_limit_in_mb": function.memory_size,
            "aws_request_id": self.request_id,
            "log_group_name": function.logs_group_name,
            "log_stream_name": self.log_stream,
        }

    def _env(self, code: Path, session: RoleSession) -> dict[str, str]:
        function = self.function
        own = {name: str(value) for name, value in (function.environment_vars or {}).items()}
        reserved = {
            "_HANDLER": function.handler,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
            "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
            "AWS_LAMBDA_FUNCTION_VERSION": str(function.version),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
            "AWS_LAMBDA_LOG_GROUP_NAME": function.logs_group_name,
            "AWS_LAMBDA_LOG_STREAM_NAME": self.log_stream,
            "LAMBDA_TASK_ROOT": str(code),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(self.folder / "tmp"),
            "TZ": ":UTC",
            **session.environment(),
        }
        return processes.child_env(function.region, **{**own, **reserved})

    def _timed_out(self, timeout: int) -> dict[str, Any]:
        message = f"RequestId: {self.request_id} Error: Task timed out after {timeout}.00 seconds"
        error = {"errorType": "Sandbox.Timedout", "errorMessage": message}
        return {"error": error, "duration_ms": timeout * 1000.0}

    def _exited(self, code: int) -> dict[str, Any]:
        how = f"exit status {code}" if code >= 0 else f"signal: {-code}"
        message = f"RequestId: {self.request_id} Error: Runtime exited with error: {how}"
        return {"error": {"errorType": "Runtime.ExitError", "errorMessage": message}}

    def _start(self) -> list[str]:
        return [f"START RequestId: {self.request_id} Version: {self.function.version}"]

    def _end(self, result: dict[str, Any]) -> list[str]:
        lines = [f"END RequestId: {self.request_id}", self._report(result)]
        if "requestId" not in result.get("error", {"requestId": ""}):  # it was not Python's own end
            now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            what = result["error"]["errorMessage"].partition(" Error: ")[2]
            lines.insert(0, f"{now} {self.request_id} {what}")
        return lines

    def _report(self, result: dict[str, Any]) -> str:
        fields = [f"REPORT RequestId: {self.request_id}"]
        if "duration_ms" in result:
            duration = result["duration_ms"]
            billed = math.ceil(duration + result.get("init_ms", 0))
            fields += [f"Duration: {duration:.2f} ms", f"Billed Duration: {billed} ms"]
        fields.append(f"Memory Size: {self.function.memory_size} MB")
        if "max_memory_mb" in result:
            fields.append(f"Max Memory Used: {result['max_memory_mb']} MB")
        if "init_ms" in result:
            fields.append(f"Init Duration: {result['init_ms']:.2f} ms")
        return "\t".join(fields) + "\t"
