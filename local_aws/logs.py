"""CloudWatch Logs: what the services that run code write, in the order in which they did."""

from __future__ import annotations

import re
import time
from collections.abc import Iterable
from typing import Any, NoReturn

from moto.logs.models import LogGroup, LogsBackend, logs_backends
from moto.logs.utils import EventMessageFilter

from local_aws import locks
from local_aws.errors import NotSupported
from local_aws.settings import ACCOUNT_ID

# Terms that must all occur, or one phrase. Moto lets every event pass through any other pattern.
_PATTERN = re.compile(r'\w+( +\w+)*|"[^"]*"|')


def install() -> None:
    """Correct, or refuse by name, what moto's logs would answer wrongly."""
    if LogsBackend.start_live_tail is _start_live_tail:
        return
    LogsBackend.start_live_tail = _start_live_tail
    search, original = LogGroup.filter_log_events, EventMessageFilter.__init__

    def by_time(group: LogGroup, *args: Any) -> Any:
        # "Interleaved" is the last argument. All results are sorted by time since June 2019, says
        # the API reference of FilterLogEvents, whatever it is.
        return search(group, *args[:-1], True)

    def checked(event_filter: EventMessageFilter, pattern: str) -> None:
        if not _PATTERN.fullmatch(pattern or ""):
            raise NotSupported(
                f"the log filter pattern {pattern!r}", 'Use terms, or one "quoted phrase".'
            )
        original(event_filter, pattern)

    EventMessageFilter.__init__ = checked
    LogGroup.filter_log_events = by_time


def put(group: str, stream: str, messages: Iterable[str], region: str) -> None:
    """Append one log event per message, now, creating group and stream when they are missing.

    Empty messages are left out: CloudWatch Logs takes none.
    """
    backend = logs_backends[ACCOUNT_ID][region]
    with locks.of("logs"):
        # The time is taken under the lock: whoever follows a group asks for what is no older than
        # the last event that it has seen.
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": message} for message in messages if message]
        backend.ensure_log_group(group)
        backend.ensure_log_stream(group, stream)
        if events:
            backend.put_log_events(group, stream, events)


def _start_live_tail(backend: LogsBackend, *_: Any, **__: Any) -> NoReturn:
    raise NotSupported("StartLiveTail", "Use filter-log-events, or logs tail of the AWS CLI 2.")
