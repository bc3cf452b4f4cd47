"""When a schedule of AWS is due: ``cron(...)`` and ``rate(...)`` expressions, in UTC.

Syntax: "Setting a schedule pattern for scheduled rules", EventBridge user guide, and "Time-based
schedules for jobs and crawlers", Glue developer guide. What these pages do not have is refused.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
WEEKDAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
_FRIDAY = 4  # in Python's weeks, which begin on Monday

_RATE = re.compile(r"rate\(([1-9]\d*) (minute|hour|day)(s?)\)")
_CRON = re.compile(r"cron\((.*)\)")
_TERM = re.compile(r"(\*|\w+)(?:-(\w+))?(?:/([1-9]\d*))?")


class InvalidSchedule(ValueError):
    """The expression is not one that AWS documents; the message says which part of it."""


@dataclass(frozen=True)
class Rate:
    """Every so often, counted from when the schedule was made."""

    every: timedelta

    def due_after(self, when: datetime) -> datetime | None:
        """The first time after `when`, itself a time when it was due."""
        return when + self.every


@dataclass(frozen=True)
class Cron:
    """At the minutes that all six fields allow. Weekdays are 1 (Sunday) to 7."""

    minutes: tuple[int, ...]
    hours: tuple[int, ...]
    month_days: str
    months: tuple[int, ...]
    weekdays: str
    years: tuple[int, ...]

    def due_after(self, when: datetime) -> datetime | None:
        """The first time after `when` (UTC), or None when there is none."""
        first = when.replace(second=0, microsecond=0) + timedelta(minutes=1)
        for day in self._days(first.date()):
            for hour in self.hours:
                for minute in self.minutes:
                    due = datetime(day.year, day.month, day.day, hour, minute, tzinfo=UTC)
                    if due >= first:
                        return due
        return None

    def _days(self, first: date) -> Iterator[date]:
        for year in self.years:
            for month in self.months:
                if (year, month) >= (first.year, first.month):
                    days = sorted(_days(self.month_days, self.weekdays, year, month))
                    yield from (day for day in (date(year, month, n) for n in days) if day >= first)


Expression = Rate | Cron


def parse(text: str) -> Expression:
    """Read an expression.

    Raises:
        InvalidSchedule: It is not one.
    """
    if match := _RATE.fullmatch(text):
        number, unit, plural = int(match[1]), match[2], match[3]
        if bool(plural) != (number > 1):
            raise InvalidSchedule(f"{text!r}: AWS takes 'rate(1 {unit})' and 'rate(2 {unit}s)'")
        return Rate(timedelta(**{f"{unit}s": number}))
    if match := _CRON.fullmatch(text):
        return _cron(match[1].split())
    raise InvalidSchedule(f"{text!r} is not a schedule: use cron(0 3 * * ? *) or rate(5 minutes)")


def _cron(fields: list[str]) -> Cron:
    if len(fields) != 6:
        raise InvalidSchedule(
            f"{' '.join(fields)!r} has {len(fields)} fields: cron() takes minutes, hours, "
            "day-of-month, month, day-of-week and year"
        )
    minutes, hours, month_days, months, weekdays, years = fields
    if (month_days == "?") == (weekdays == "?"):
        raise InvalidSchedule(
            f"day-of-month is {month_days!r} and day-of-week is {weekdays!r}: "
            "exactly one of them must be ?"
        )
    cron = Cron(
        minutes=tuple(sorted(_values("minutes", minutes, 0, 59))),
        hours=tuple(sorted(_values("hours", hours, 0, 23))),
        month_days=month_days,
        months=tuple(sorted(_values("month", months, 1, 12, MONTHS))),
        weekdays=weekdays,
        years=tuple(sorted(_values("year", years, 1970, 2199))),
    )
    _days(month_days, weekdays, 2000, 1)  # refuses what it cannot read
    return cron


def _days(month_days: str, weekdays: str, year: int, month: int) -> set[int]:
    """The days of a month that one of the two fields names; the other one is ``?``."""
    last = calendar.monthrange(year, month)[1]
    if weekdays == "?":
        terms = (_month_days(term, year, month, last) for term in month_days.split(","))
        return {day for days in terms for day in days if day <= last}
    if "#" in weekdays:
        return _nth_weekday(weekdays, year, month, last)
    terms = (_weekdays(term, year, month, last) for term in weekdays.split(","))
    return {day for days in terms for day in days}


def _month_days(term: str, year: int, month: int, last: int) -> set[int]:
    if term == "L":
        return {last}
    if match := re.fullmatch(r"(\d+)W", term):
        (day,) = _values("day-of-month", match[1], 1, 31)
        return {_nearest_working_day(day, year, month, last)} if day <= last else set()
    return _values("day-of-month", term, 1, 31)


def _nearest_working_day(day: int, year: int, month: int, last: int) -> int:
    """The same day or, on a weekend, the nearest other one of the same month."""
    beyond = date(year, month, day).weekday() - _FRIDAY
    if beyond <= 0:
        return day
    if beyond == 1:  # Saturday
        return day - 1 if day > 1 else day + 2
    return day + 1 if day < last else day - 2


def _weekdays(term: str, year: int, month: int, last: int) -> set[int]:
    if term == "L":  # of the week
        return _on({7}, year, month, last)
    if match := re.fullmatch(r"(\w+)L", term):  # the last one of the month
        return {max(_on(_values("day-of-week", match[1], 1, 7, WEEKDAYS), year, month, last))}
    return _on(_values("day-of-week", term, 1, 7, WEEKDAYS), year, month, last)


def _nth_weekday(term: str, year: int, month: int, last: int) -> set[int]:
    match = re.fullmatch(r"(\w+)#([1-5])", term)
    if not match:
        raise InvalidSchedule(f"day-of-week is {term!r}: # stands alone and as in 3#2")
    days = sorted(_on(_values("day-of-week", match[1], 1, 7, WEEKDAYS), year, month, last))
    return set(days[int(match[2]) - 1 : int(match[2])])


def _on(weekdays: set[int], year: int, month: int, last: int) -> set[int]:
    days = range(1, last + 1)
    return {day for day in days if date(year, month, day).isoweekday() % 7 + 1 in weekdays}


def _values(field: str, text: str, low: int, high: int, names: tuple[str, ...] = ()) -> set[int]:
    """The numbers that ``a``, ``a-b``, ``a/step`` and ``*``, joined by commas, stand for."""
    values: set[int] = set()
    for term in text.split(","):
        match = _TERM.fullmatch(term)
        if not match or (match[1] == "*" and match[2]):
            raise InvalidSchedule(f"{field} is {text!r}: {term!r} has no meaning there")
        start = low if match[1] == "*" else _number(field, match[1], names)
        end = _number(field, match[2], names) if match[2] else start
        if match[1] == "*" or (match[3] and not match[2]):
            end = high
        if not low <= start <= end <= high:
            raise InvalidSchedule(f"{field} is {text!r}: {term!r} is not within {low}-{high}")
        values.update(range(start, end + 1, int(match[3] or 1)))
    return values


def _number(field: str, text: str, names: tuple[str, ...]) -> int:
    if text in names:
        return names.index(text) + 1
    if not text.isdecimal():
        raise InvalidSchedule(f"{field} holds {text!r}, which is not a number or name of it")
    return int(text)
