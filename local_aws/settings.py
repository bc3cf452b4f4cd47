"""Where this embedded AWS keeps its state and where it listens.

One process serves one account. Moto builds its backends lazily, out of our hands, so the settings
of the process live here instead of being passed down.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ACCOUNT_ID = "123456789012"
DEFAULT_REGION = "us-west-2"
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Settings:
    """Settings of one embedded AWS.

    Attributes:
        data_dir: The one directory that holds all of its state.
        port: The loopback port it listens on.
        schedule_interval: Seconds between two times that any schedule is due, in place of the times
            that its expression gives; None leaves them as they are.
        timeout_minute: Seconds that a minute lasts of a Glue job's Timeout, of the wait before a
            Lambda function gets an event again, and of an event's age.
        schedules: Whether schedules are ever due.
        enforce_iam: Whether it denies what a caller's policies do not allow.
    """

    data_dir: Path
    port: int
    schedule_interval: float | None = None
    timeout_minute: float = 60.0
    schedules: bool = True
    enforce_iam: bool = False

    @property
    def endpoint_url(self) -> str:
        return f"http://{HOST}:{self.port}"

    @property
    def s3_dir(self) -> Path:
        """Root of the object store: ``s3://<bucket>/<key>`` is ``<s3_dir>/<bucket>/<key>``."""
        return self.data_dir / "s3"


_current: Settings | None = None


def configure(settings: Settings) -> None:
    """Set the settings of this process. Called once, before the first request is served."""
    global _current
    _current = settings


def current() -> Settings:
    """The settings of this process.

    Raises:
        RuntimeError: The process never called `configure`.
    """
    if _current is None:
        raise RuntimeError("local_aws.settings.configure() was not called in this process")
    return _current
