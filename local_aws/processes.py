"""Child processes of the embedded AWS: Lambda functions and Glue job runs.

Each child leads its own process group, so that stopping it stops what it started (a JVM, for
example), and all of them end with the server. A server that is killed cannot end them; the next one
in the same data directory does, before it serves anything.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from local_aws import settings

GRACE_SECONDS = 5.0

_running: set[subprocess.Popen[Any]] = set()
_lock = threading.Lock()
_accepting = True


class ShuttingDown(Exception):
    """The embedded AWS stops: nothing is started any more."""


def child_env(region: str, **extra: str) -> dict[str, str]:
    """The whole environment of a child process: nothing of the user's own leaks into it.

    Args:
        region: The region that the child's AWS clients work in.
        extra: More variables; they win over the ones set here.
    """
    inherited = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return {
        **inherited,
        "LANG": os.environ.get("LANG", "C.UTF-8"),
        "AWS_ENDPOINT_URL": settings.current().endpoint_url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": region,
        "AWS_DEFAULT_REGION": region,
        "AWS_EC2_METADATA_DISABLED": "true",
        **extra,
    }


def spawn(
    argv: Sequence[str],
    *,
    env: Mapping[str, str],
    cwd: Path | str | None = None,
    **streams: Any,
) -> subprocess.Popen[Any]:
    """Start a child as the leader of a new process group and register it for `kill_all`.

    Args:
        argv: Program and arguments; never a shell line.
        env: The child's whole environment, see `child_env`.
        cwd: Its working directory.
        streams: `stdin`, `stdout`, `stderr` (default: none, none, none) and other `Popen` options.

    Raises:
        ShuttingDown: `kill_all` was called.
    """
    defaults = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
    options: dict[str, Any] = {**defaults, **streams}
    with _lock:
        # Under the lock: no child may come between the last look of `kill_all` and its end.
        if not _accepting:
            raise ShuttingDown
        process = subprocess.Popen(argv, env=dict(env), cwd=cwd, start_new_session=True, **options)  # noqa: S603 - argv is ours
        _running.difference_update([ended for ended in _running if ended.returncode is not None])
        _running.add(process)
    _record(process.pid).write_text(_started(process.pid), encoding="ascii")
    return process


def kill(process: subprocess.Popen[Any]) -> None:
    """Stop a child and everything in its group: SIGTERM, and SIGKILL after `GRACE_SECONDS`."""
    _signal_group(process, signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(GRACE_SECONDS)
    _signal_group(process, signal.SIGKILL)
    process.wait()
    _record(process.pid).unlink(missing_ok=True)
    with _lock:
        _running.discard(process)


def end_orphans() -> None:
    """End the children of a server that was killed in this data directory."""
    for record in _records().glob("*"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            # Another process may have the number by now.
            if _started(int(record.name)) == record.read_text(encoding="ascii"):
                os.killpg(int(record.name), signal.SIGKILL)
        record.unlink()


def accept() -> None:
    """Let children be started again, after `kill_all`."""
    global _accepting
    _accepting = True


def accepting() -> bool:
    """Whether children may be started."""
    return _accepting


def kill_all() -> None:
    """Stop every child that still runs, and let none be started until `accept`."""
    global _accepting
    with _lock:
        _accepting = False
        running = list(_running)
    for process in running:
        if process.poll() is None:
            _signal_group(process, signal.SIGTERM)
    for process in running:
        kill(process)


def _records() -> Path:
    folder = settings.current().data_dir / "children"
    folder.mkdir(exist_ok=True)
    return folder


def _record(pid: int) -> Path:
    return _records() / str(pid)


def _started(pid: int) -> str:
    """When a process was started, as its system says it; empty when there is no such process."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:  # it has ended, or this is not Linux
        command = ["ps", "-o", "lstart=", "-p", str(pid)]
        shown = subprocess.run(command, capture_output=True, text=True, check=False)
        return shown.stdout.strip()
    return stat.rsplit(")", 1)[1].split()[19]


def _signal_group(process: subprocess.Popen[Any], number: signal.Signals) -> None:
    # The child leads the group, so the group's id is the child's; the group outlives its leader.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)
