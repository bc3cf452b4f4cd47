"""Executes a job run: one thread watches over one process."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

from local_aws import processes, settings
from local_aws.glue import job as states
from local_aws.glue import rights
from local_aws.glue.arguments import RunArguments
from local_aws.glue.job import JobRun
from local_aws.glue.tail import Tail
from local_aws.glue.workspace import ScriptNotFound, Workspace
from local_aws.iam.enforcement import AccessDenied
from local_aws.iam.sessions import RoleSession, assumed
from local_aws.java import JavaNotFound

POLL_SECONDS = 0.2


def execute(run: JobRun, arguments: RunArguments) -> tuple[str, str | None]:
    """Run the script to its end, in a session of the job's role.

    Returns:
        The state that the run ends in and its error message.
    """
    with assumed(run.settings["Role"], rights.SESSION_NAME, run.region) as session:
        return _execute(run, arguments, session)


def _execute(run: JobRun, arguments: RunArguments, session: RoleSession) -> tuple[str, str | None]:
    workspace = Workspace(run, session)
    try:
        rights.check(session, run)
        command = workspace.prepare(arguments)
        env = workspace.env()
    except AccessDenied as denied:
        return states.FAILED, denied.message
    except (ScriptNotFound, JavaNotFound) as error:
        return states.FAILED, str(error)
    tails = _tails(run, workspace)
    try:
        with workspace.stdout.open("wb") as out, workspace.stderr.open("wb") as err:
            process = processes.spawn(
                command, env=env, cwd=_working_folder(workspace), stdout=out, stderr=err
            )
        return _watch(run, process, workspace, tails)
    finally:
        for tail in tails:
            tail.ship(to_the_end=True)
        workspace.clean_up()


def _working_folder(workspace: Workspace) -> Path:
    folder = workspace.folder / "work"
    folder.mkdir()
    return folder


def _tails(run: JobRun, workspace: Workspace) -> list[Tail]:
    files = {"output": workspace.stdout, "error": workspace.stderr}
    return [
        Tail(path, f"{states.LOG_GROUP}/{kind}", run.job_run_id, run.region)
        for kind, path in files.items()
    ]


def _watch(
    run: JobRun, process: subprocess.Popen[bytes], workspace: Workspace, tails: list[Tail]
) -> tuple[str, str | None]:
    timeout = run.settings["Timeout"] * settings.current().timeout_minute
    deadline = time.monotonic() + timeout
    if not run.stop_requested.is_set():
        run.enter(states.RUNNING)
    while process.poll() is None:
        for tail in tails:
            tail.ship()
        if run.stop_requested.is_set():
            processes.kill(process)
            return states.STOPPED, None
        if time.monotonic() > deadline:
            processes.kill(process)
            return states.TIMEOUT, "Job run exceeded its timeout: Execution timeout"
        run.stop_requested.wait(POLL_SECONDS)
    # The JVM belongs to the group and may outlive the script that started it.
    processes.kill(process)
    if process.returncode == 0:
        return states.SUCCEEDED, None
    return states.FAILED, workspace.error_message(process.returncode)
