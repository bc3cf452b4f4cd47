"""Refuses what Trino refuses and DuckDB would let pass, and uses whose meaning differs."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from sqlglot import exp

from local_aws.athena import types as t
from local_aws.athena.errors import QueryFailed
from local_aws.athena.typing import TYPED, call
from local_aws.errors import NotSupported

_COMPARISONS = (
    *(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE),
    *(exp.NullSafeEQ, exp.NullSafeNEQ),
)
_ARITHMETIC = (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod)
_OPERATORS = {
    exp.EQ: "=",
    exp.NEQ: "<>",
    exp.NullSafeEQ: "IS NOT DISTINCT FROM",
    exp.NullSafeNEQ: "IS DISTINCT FROM",
    exp.GT: ">",
    exp.GTE: ">=",
    exp.LT: "<",
    exp.LTE: "<=",
    exp.Add: "+",
    exp.Sub: "-",
    exp.Mul: "*",
    exp.Div: "/",
    exp.Mod: "%",
}
_DATE_UNITS = ("DAY", "WEEK", "MONTH", "QUARTER", "YEAR")
_TIME_UNITS = ("MILLISECOND", "SECOND", "MINUTE", "HOUR")
_DIFF_UNITS = (*_DATE_UNITS, *_TIME_UNITS)
_EXTRACTED = ("YEAR", "QUARTER", "MONTH", "DAY", "HOUR", "MINUTE", "SECOND")
_FORMAT_PARTS = frozenset("YmdHMS-/: .T")


def check_shown(columns: Iterable[tuple[str, exp.DataType]]) -> None:
    """Check that the columns of a result can be shown.

    Raises:
        NotSupported: One has times in zones that only its rows know.
    """
    for name, kind in columns:
        if any(t.is_instant(part) and not t.zone(part) for part in kind.find_all(exp.DataType)):
            raise NotSupported(
                f"the column {name}: times in a zone that only its rows know",
                "Say which zone's clock is meant: AT TIME ZONE 'UTC'.",
            )


def check(tree: exp.Query) -> None:
    """Check every typed expression of an analysed query.

    Raises:
        QueryFailed: Types do not go together.
        NotSupported: An expression's type is not known, or it means something else in DuckDB.
    """
    for node in tree.walk(bfs=False):
        if isinstance(node, exp.Binary) and type(node) in _OPERATORS:
            _check_operator(node)
        elif isinstance(node, exp.In | exp.Between):
            _check_membership(node)
        elif type(node) in _CHECKS:
            _CHECKS[type(node)](node)
        if type(node) in TYPED and not isinstance(node, exp.Interval) and _matters(node):
            _require_type(node)


def _matters(node: exp.Expr) -> bool:
    """Whether the node has a value; the source of a FROM has none."""
    if isinstance(node, exp.Null | exp.Unnest):
        return False
    if isinstance(node, exp.Literal):
        return not isinstance(node.parent, exp.Interval)
    return not (isinstance(node, exp.Subquery) and isinstance(node.parent, exp.From | exp.Join))


def _require_type(node: exp.Expr) -> None:
    if not t.is_known(node.type) and not (node.type and node.is_type(exp.DType.NULL)):
        raise NotSupported(
            f"{node.sql(dialect='athena')!r} in Athena queries: its type is not known",
            "Cast its arguments.",
        )


def _check_operator(node: exp.Binary) -> None:
    left, right = t.of(node.left), t.of(node.right)
    if isinstance(node.right, exp.Interval):
        _check_interval(node, left)
        return
    fits = (
        _comparable(left, right) if isinstance(node, _COMPARISONS) else _both_numbers(left, right)
    )
    if not fits:
        raise _mismatch(
            node,
            f"Cannot apply operator: {_named(node.left)} {_OPERATORS[type(node)]} "
            f"{_named(node.right)}",
        )


def _check_interval(node: exp.Binary, left: exp.DataType) -> None:
    interval = node.right
    unit = interval.text("unit").upper()
    if not t.is_temporal(left) or not isinstance(interval.this, exp.Literal):
        raise NotSupported(f"{node.sql(dialect='athena')!r} in Athena queries")
    _check_unit(node, left, unit)


def _check_membership(node: exp.In | exp.Between) -> None:
    if node.args.get("field") or node.args.get("unnest"):
        raise NotSupported(f"{node.sql(dialect='athena')!r} in Athena queries")
    others = node.expressions or [node.args.get("low"), node.args.get("high")]
    others = [node.args["query"]] if node.args.get("query") else others
    for other in others:
        if not _comparable(t.of(node.this), _value_type(other)):
            raise _mismatch(
                node, f"Cannot check if {_named(node.this)} is among values of {_named(other)}"
            )


def _value_type(node: exp.Expr) -> exp.DataType:
    if isinstance(node, exp.Query) and not isinstance(node, exp.Subquery):
        return node.selects[0].type or t.UNKNOWN
    return t.of(node)


def _comparable(left: exp.DataType, right: exp.DataType) -> bool:
    return t.common(left, right) != t.UNKNOWN


def _both_numbers(left: exp.DataType, right: exp.DataType) -> bool:
    null = exp.DType.NULL
    return all(t.is_numeric(side) or side.is_type(null) for side in (left, right))


def _mismatch(node: exp.Expr, message: str) -> QueryFailed:
    return QueryFailed("TYPE_MISMATCH", message, node)


def _named(node: exp.Expr) -> str:
    """The type as Trino's messages name it: a literal's text has its length."""
    if isinstance(node, exp.Literal) and node.is_string:
        return f"varchar({len(node.name)})"
    return t.full_name(_value_type(node))


def _check_unit(node: exp.Expr, data_type: exp.DataType, unit: str) -> None:
    _check_clock(node, data_type)
    if unit not in _DATE_UNITS + (() if data_type == t.DATE else _TIME_UNITS):
        raise NotSupported(f"{node.sql(dialect='athena')!r} in Athena queries")


def _check_clock(node: exp.Expr, data_type: exp.DataType) -> None:
    """Refuse what is no date or time, or a time whose zone the query does not say."""
    if t.is_instant(data_type) and not t.zone(data_type):
        raise NotSupported(
            f"{node.sql(dialect='athena')!r} of a time in a zone that only its rows know",
            "Say which zone's clock is meant: AT TIME ZONE 'UTC'.",
        )
    if not t.is_temporal(data_type) and not t.is_instant(data_type):
        raise NotSupported(f"{node.sql(dialect='athena')!r} in Athena queries")


def _check_part(node: exp.Expr) -> None:
    _check_clock(node, t.of(node.this))


def _check_truncation(node: exp.TimestampTrunc | exp.DateTrunc) -> None:
    _check_unit(node, t.of(node.this), node.text("unit").upper())


def _check_date_add(node: exp.DateAdd) -> None:
    _check_unit(node, t.of(node.this), node.text("unit").upper())
    if not t.is_integer(t.of(node.expression)):
        raise _mismatch(node, f"date_add takes a whole number, not {_named(node.expression)}")


def _check_date_diff(node: exp.DateDiff) -> None:
    kinds = [t.of(part) for part in (node.this, node.expression)]
    temporal = all(t.is_temporal(kind) for kind in kinds) or kinds == [t.zoned("UTC")] * 2
    if not temporal or node.text("unit").upper() not in _DIFF_UNITS:
        raise NotSupported(
            f"{node.sql(dialect='athena')!r} in Athena queries",
            f"Use dates or timestamps and one of {', '.join(_DIFF_UNITS)}.",
        )


def _check_extract(node: exp.Extract) -> None:
    _check_clock(node, t.of(node.expression))
    if node.name.upper() not in _EXTRACTED:
        raise NotSupported(f"{node.sql(dialect='athena')!r} in Athena queries")


def _check_like(node: exp.Like) -> None:
    pattern = node.expression
    escaped = isinstance(node.parent, exp.Escape)
    plain = isinstance(pattern, exp.Literal) and (escaped or "\\" not in pattern.name)
    if not plain or not _is_text(node.this):
        raise NotSupported(
            f"{node.sql(dialect='athena')!r} in Athena queries",
            "Use a text and a literal pattern without backslash.",
        )


def _check_substring(node: exp.Substring) -> None:
    start = node.args.get("start")
    if not isinstance(start, exp.Literal) or start.name == "0" or not _is_text(node.this):
        raise NotSupported(
            f"{node.sql(dialect='athena')!r} in Athena queries", "Start at a literal 1 or more."
        )


def _check_text(node: exp.Expr) -> None:
    parts = [part for part in node.iter_expressions() if isinstance(part, exp.Expr)]
    for part in parts:
        if not _is_text(part):
            raise _mismatch(node, f"{node.key} takes varchar, not {_named(part)}")


def _check_format(node: exp.TimeToStr) -> None:
    pattern = node.args["format"]
    parts = pattern.name.replace("%", "") if isinstance(pattern, exp.Literal) else "?"
    _check_clock(node, t.of(node.this))
    if not set(parts) <= _FORMAT_PARTS:
        raise NotSupported(
            f"{node.sql(dialect='athena')!r} in Athena queries", "Use %Y %m %d %H %i %s only."
        )


def _check_parsed(node: exp.StrToTime) -> None:
    pattern = node.args["format"]
    parts = pattern.name.replace("%", "") if isinstance(pattern, exp.Literal) else "?"
    if not set(parts) <= _FORMAT_PARTS or not _is_text(node.this):
        raise NotSupported(
            f"{node.sql(dialect='athena')!r} in Athena queries", "Use %Y %m %d %H %i %s only."
        )


def _check_call(node: exp.Anonymous) -> None:
    function, _ = call(node)
    for place, form in function.literals.items():
        argument = node.expressions[place]
        if not (isinstance(argument, exp.Literal) and re.fullmatch(form, argument.name)):
            raise NotSupported(
                f"{node.sql(dialect='athena')!r} in Athena queries",
                f"Argument {place + 1} has to be a literal like {form}.",
            )


@cache
def _zones() -> set[str]:
    return available_timezones()


def _check_zone(node: exp.AtTimeZone) -> None:
    zone = node.args["zone"]
    known = isinstance(zone, exp.Literal) and zone.name in _zones()
    if not known or not (t.is_instant(t.of(node.this)) or t.of(node.this) == t.TIMESTAMP):
        raise NotSupported(
            f"{node.sql(dialect='athena')!r} in Athena queries",
            "Use a timestamp and the name of a zone, such as 'UTC'.",
        )


def _check_unnest(node: exp.Unnest) -> None:
    is_array = (node.expressions[0].type or t.UNKNOWN).this == exp.DType.ARRAY
    if len(node.expressions) > 1 or node.args.get("offset") or not is_array:
        raise NotSupported(f"{node.sql(dialect='athena')!r} in Athena queries", "Unnest one array.")


def _check_avg(node: exp.Avg) -> None:
    wrapped = isinstance(node.parent, exp.Filter | exp.Window) or isinstance(
        node.this, exp.Distinct
    )
    if wrapped and t.is_decimal(t.of(node)):
        raise NotSupported(
            f"{node.sql(dialect='athena')!r} with OVER, FILTER or DISTINCT over decimals "
            "in Athena queries",
            "Cast to double.",
        )


def _check_join(node: exp.Join) -> None:
    if node.method or node.args.get("using"):
        raise NotSupported(f"{node.sql(dialect='athena')!r} in Athena queries", "Join with ON.")


def _check_fetch(node: exp.LimitOptions) -> None:
    if node.args.get("percent") or node.args.get("with_ties"):
        raise NotSupported(f"{node.sql(dialect='athena')!r} in Athena queries", "Use LIMIT.")


def _check_logic(node: exp.Expr) -> None:
    for part in node.iter_expressions():
        if _value_type(part) != t.BOOLEAN and not isinstance(part, exp.Null):
            raise _mismatch(
                node, f"Logical expression term must evaluate to a boolean: {_named(part)}"
            )


def _is_text(node: exp.Expr) -> bool:
    return t.is_text(t.of(node))


_CHECKS: dict[type[exp.Expr], Callable[[Any], None]] = {
    **dict.fromkeys(
        (exp.Year, exp.Quarter, exp.Month, exp.Day, exp.DayOfWeekIso, exp.DayOfYear), _check_part
    ),
    **dict.fromkeys((exp.Hour, exp.Minute, exp.Second), _check_part),
    exp.And: _check_logic,
    exp.Anonymous: _check_call,
    exp.AtTimeZone: _check_zone,
    exp.Avg: _check_avg,
    exp.Concat: _check_text,
    exp.DPipe: _check_text,
    exp.DateAdd: _check_date_add,
    exp.DateDiff: _check_date_diff,
    exp.DateTrunc: _check_truncation,
    exp.Extract: _check_extract,
    exp.Join: _check_join,
    exp.Like: _check_like,
    exp.LimitOptions: _check_fetch,
    exp.Lower: _check_text,
    exp.Not: _check_logic,
    exp.Or: _check_logic,
    exp.Replace: _check_text,
    exp.StrToTime: _check_parsed,
    exp.Substring: _check_substring,
    exp.TimeToStr: _check_format,
    exp.TimestampTrunc: _check_truncation,
    exp.Unnest: _check_unnest,
    exp.Upper: _check_text,
    exp.Where: _check_logic,
    exp.Having: _check_logic,
}
