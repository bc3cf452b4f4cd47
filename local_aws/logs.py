"""Appends to CloudWatch Logs on behalf of the services that run code."""

from __future__ import annotations

import time
from collections.abc import Iterable

from moto.logs.models import logs_backends

from local_aws.settings import ACCOUNT_ID


def put(group: str, stream: str, messages: Iterable[str], region: str) -> None:
    """Append one log event per message, now, creating group and stream when they are missing.

    Empty messages are left out: CloudWatch Logs takes none.
    """
    now = int(time.time() * 1000)
    events = [{"timestamp": now, "message": message} for message in messages if message]
    backend = logs_backends[ACCOUNT_ID][region]
    backend.ensure_log_group(group)
    backend.ensure_log_stream(group, stream)
    if events:
        backend.put_log_events(group, stream, events)
