"""Command line of the embedded AWS: ``python -m local_aws up`` and ``python -m local_aws env``."""

from __future__ import annotations

import argparse
import os
import shlex
import signal
import sys
import threading
from pathlib import Path

from local_aws import settings
from local_aws.datadir import DataDirError, running_endpoint

DEFAULT_PORT = 5000
DEFAULT_DATA_DIR = ".local-aws"


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    arguments = _parser().parse_args(argv)
    if arguments.command == "up":
        return up(
            arguments.data_dir,
            arguments.port,
            arguments.schedule_interval,
            arguments.timeout_minute,
            enforce_iam=arguments.enforce_iam,
            fresh=arguments.fresh,
            schedules_fire=not arguments.no_schedules,
        )
    return env(arguments.data_dir)


def up(
    data_dir: Path,
    port: int,
    schedule_interval: float | None = None,
    timeout_minute: float = 60.0,
    *,
    enforce_iam: bool = False,
    fresh: bool = False,
    schedules_fire: bool = True,
) -> int:
    """Serve in the foreground until SIGTERM or Ctrl-C.

    Args:
        data_dir: Where it keeps its state.
        port: The loopback port; 0 takes a free one.
        schedule_interval: Seconds between two times that any schedule is due; see `Settings`.
        timeout_minute: Seconds that a minute of a Glue job's Timeout lasts.
        enforce_iam: Deny what a caller's policies do not allow; see `local_aws.iam.enforcement`.
        fresh: Begin empty.
        schedules_fire: Whether schedules are ever due.

    Returns:
        0 when it was stopped, 2 when the port or the directory cannot be used.
    """
    from local_aws import httpd, server  # moto takes a second to import, `env` need not wait for it

    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    try:
        running = server.start(
            data_dir,
            port,
            schedule_interval,
            timeout_minute,
            enforce_iam=enforce_iam,
            fresh=fresh,
            schedules_fire=schedules_fire,
        )
    except (httpd.PortInUse, DataDirError) as error:
        print(error, file=sys.stderr)
        return 2
    print(f"Embedded AWS on {running.endpoint_url}  ({_how_to_use(data_dir)})", flush=True)
    stop.wait()
    running.stop()
    return 0


def env(data_dir: Path) -> int:
    """Print the exports that point a shell at the embedded AWS running in a directory.

    Returns:
        0, or 1 when none is running there.
    """
    endpoint_url = running_endpoint(data_dir)
    if endpoint_url is None:
        print(
            f"No embedded AWS is running in {data_dir}. Start one with `python -m local_aws up`.",
            file=sys.stderr,
        )
        return 1
    variables = {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_DEFAULT_REGION": settings.DEFAULT_REGION,
        "AWS_REGION": settings.DEFAULT_REGION,
    }
    for name, value in variables.items():
        print(f"export {name}={shlex.quote(value)}")
    return 0


def _how_to_use(data_dir: Path) -> str:
    # The interpreter at hand, not the one that a shell may find: only this one has what it needs.
    python = min(os.path.relpath(sys.executable), sys.executable, key=len)
    command = f"{shlex.quote(python)} -m local_aws env"
    if data_dir != Path(DEFAULT_DATA_DIR):
        command += f" --data-dir {shlex.quote(str(data_dir))}"
    return f'point a shell at it: eval "$({command})"; Ctrl-C stops it'


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m local_aws", description="An AWS that runs on this machine, without account."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("up", help="run it in the foreground until Ctrl-C or SIGTERM")
    serve.add_argument(
        "--port", type=_port, default=DEFAULT_PORT, help="port on 127.0.0.1 (%(default)s); 0: any"
    )
    serve.add_argument(
        "--enforce-iam",
        action="store_true",
        help="deny what a caller's IAM policies do not allow, and log it (docs/IAM.md)",
    )
    serve.add_argument(
        "--schedule-interval",
        type=_seconds,
        metavar="SECONDS",
        help="let every schedule (EventBridge rules, Glue triggers) be due every so many seconds, "
        "in place of its own times",
    )
    serve.add_argument(
        "--timeout-minute",
        type=_seconds,
        default=60.0,
        metavar="SECONDS",
        help="how long a minute lasts of a Glue job's Timeout and before a Lambda retry "
        "(%(default)g)",
    )
    serve.add_argument(
        "--no-schedules",
        action="store_true",
        help="let no schedule be due: for runs whose numbers must be the same every time",
    )
    serve.add_argument(
        "--fresh", action="store_true", help="begin empty: delete the state of earlier runs"
    )
    show = commands.add_parser("env", help="print the exports that point a shell at it")
    for command in (serve, show):
        command.add_argument(
            "--data-dir",
            type=Path,
            default=Path(DEFAULT_DATA_DIR),
            help="directory of its state (%(default)s), which outlives it",
        )
    return parser


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 0.1 <= seconds <= 86_400:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds from 0.1 to 86400")
    return seconds


def _port(text: str) -> int:
    port = int(text) if text.isdecimal() else -1
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give a number from 0 to 65535")
    return port


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    # All is written and stopped: Python would take apart for a second what moto has imported.
    os._exit(code)
