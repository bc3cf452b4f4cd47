"""The clock of the embedded AWS: does what is scheduled when it is due.

`Settings.schedule_interval` replaces the times of all schedules by one interval in seconds, so that
nobody has to wait for five minutes to pass.
"""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from local_aws import settings
from local_aws.cron import Expression, parse

# Awake this often to notice that the machine slept or its clock was set.
LONGEST_WAIT_SECONDS = 30.0

Action = Callable[[datetime], None]


@dataclass
class _Schedule:
    expression: Expression
    action: Action
    due: datetime | None


class Schedules:
    """Schedules by name, and the thread that watches over them while there are any."""

    def __init__(self) -> None:
        self._schedules: dict[str, _Schedule] = {}
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def add(self, name: str, expression: str, action: Action) -> None:
        """Call `action` with the time it was due (UTC) each time the expression is due.

        Every call has a thread of its own. Times that pass while the machine sleeps are made up
        for by one call.

        Args:
            name: Unique among all services; a schedule of the same name is replaced.
            expression: ``cron(...)`` or ``rate(...)``.
            action: What to do.

        Raises:
            local_aws.cron.InvalidSchedule: The expression is not one.
        """
        parsed = parse(expression)
        schedule = _Schedule(parsed, action, _next(parsed, datetime.now(UTC)))
        with self._changed:
            self._schedules[name] = schedule
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, name="schedules", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def remove(self, name: str) -> None:
        """Forget a schedule, if there is one of this name."""
        with self._changed:
            self._schedules.pop(name, None)
            self._changed.notify_all()

    def stop(self) -> None:
        """Forget all schedules and end the thread. Calls that go on are not waited for."""
        with self._changed:
            self._schedules.clear()
            self._changed.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _watch(self) -> None:
        with self._changed:
            while self._schedules:
                now = datetime.now(UTC)
                for schedule in self._schedules.values():
                    if schedule.due is not None and schedule.due <= now:
                        _call(schedule.action, schedule.due)
                        schedule.due = _next_from_now(schedule, now)
                self._changed.wait(self._seconds_to_wait())
            self._thread = None

    def _seconds_to_wait(self) -> float:
        now = datetime.now(UTC)
        waits = [(s.due - now).total_seconds() for s in self._schedules.values() if s.due]
        return max(0.0, min([LONGEST_WAIT_SECONDS, *waits]))


shared = Schedules()


def _next(expression: Expression, when: datetime) -> datetime | None:
    if not settings.current().schedules:
        return None
    interval = settings.current().schedule_interval
    if interval is not None:
        return when + timedelta(seconds=interval)
    return expression.due_after(when)


def _next_from_now(schedule: _Schedule, now: datetime) -> datetime | None:
    """The next time in step with the last one, without those that were missed."""
    due = schedule.due
    while due is not None and due <= now:
        due = _next(schedule.expression, due)
    return due


def _call(action: Action, due: datetime) -> None:
    def guarded() -> None:
        try:
            action(due)
        except Exception:
            traceback.print_exc()

    threading.Thread(target=guarded, name=f"schedule due {due:%H:%M:%S}", daemon=True).start()
