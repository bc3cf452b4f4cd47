"""From an analysed query to DuckDB's SQL, with Trino's results where DuckDB's differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from local_aws.athena import types as t
from local_aws.athena.casts import cast, cast_plainly
from local_aws.athena.typing import call

# Rounds half away from zero, as Trino divides decimals; on whole numbers of up to 38 digits.
QUOTIENT = "trino_quotient"
_FAIL = "error('INVALID_FUNCTION_ARGUMENT: ' || text || left(witness::varchar, 0))"
MACROS = (
    # Not a constant: DuckDB evaluates error() of a constant while it plans.
    f"create macro fail(text, witness) as {_FAIL}",
    "create macro trino_element(a, i) as case when i = 0 then "
    "fail('SQL array indices start at 1', i) when i < 0 then "
    "fail('Array subscript is negative: ' || i, i) when i > len(a) then "
    "fail('Array subscript must be less than or equal to array length: ' || i || ' > ' || len(a), "
    "i) "
    "else a[i] end",
    "create macro trino_value(m, k) as case when map_contains(m, k) then map_extract_value(m, k) "
    "when m is not null and k is not null then fail('Key not present in map: ' || k, k) end",
    f"create macro {QUOTIENT}(n, d) as "
    "case when (n < 0) = (d < 0) then 1 else -1 end * ((2 * abs(n) + abs(d)) // (2 * abs(d)))",
)

# DuckDB gives these another type: hugeint for a sum, timestamp for a date plus an interval.
_CAST_BACK = (
    exp.AggFunc,
    exp.ArraySize,
    exp.Case,
    exp.Ceil,
    exp.Coalesce,
    exp.DateAdd,
    exp.DateTrunc,
    exp.Extract,
    exp.Floor,
    exp.Greatest,
    exp.If,
    exp.Least,
    exp.Round,
    exp.TimestampTrunc,
    exp.Filter,
    exp.Window,
    exp.Anonymous,
)
_ARGUMENT_TYPES = {"bigint": t.BIGINT, "double": t.DOUBLE, "timestamp": t.TIMESTAMP}
# They take a timestamp with time zone as the clock of its zone showed it.
_LOCAL = (
    exp.DateAdd,
    exp.DateTrunc,
    exp.Day,
    exp.DayOfWeekIso,
    exp.DayOfYear,
    exp.Extract,
    exp.Hour,
    exp.Minute,
    exp.Month,
    exp.Quarter,
    exp.Second,
    exp.TimeToStr,
    exp.TimestampTrunc,
    exp.Year,
)


def translated(tree: exp.Expr) -> exp.Expr:
    """The same tree for DuckDB. The original is used up."""
    for node in reversed(list(tree.walk(bfs=False))):
        new = _rewritten(node)
        if new is node:
            continue
        new.type = node.type
        if node is tree:
            tree = new
        else:
            node.replace(new)
    return tree


def to_sql(tree: exp.Expr) -> str:
    """DuckDB's SQL of a translated tree."""
    return tree.sql(dialect="duckdb")


def _rewritten(node: exp.Expr) -> exp.Expr:
    if isinstance(node, _LOCAL):
        return _localised(node)
    rewrite = _REWRITES.get(type(node))
    return _cast_back(node, rewrite(node) if rewrite else node)


def _cast_back(node: exp.Expr, new: exp.Expr) -> exp.Expr:
    if isinstance(node, _CAST_BACK) and t.is_known(node.type) and not _is_wrapped(node):
        return cast_plainly(new.copy(), t.of(node))
    return new


def _localised(node: exp.Expr) -> exp.Expr:
    """The node, with what it takes of a timestamp with time zone taken in that zone."""
    place = "expression" if isinstance(node, exp.Extract) else "this"
    taken = node.args[place]
    if not t.is_instant(t.of(taken)):
        return _cast_back(node, node)
    zone = exp.Literal.string(t.zone(t.of(taken)))
    local = node.copy()
    local.set(place, exp.Anonymous(this="timezone", expressions=[zone, taken.copy()]))
    if not t.is_instant(t.of(node)):
        return _cast_back(node, local)
    at_zone = exp.Anonymous(this="timezone", expressions=[zone.copy(), local])
    return cast_plainly(at_zone, t.of(node))


def _called(node: exp.Anonymous) -> exp.Expr:
    function, _ = call(node)
    arguments = []
    for name, argument in zip(function.takes, node.expressions, strict=True):
        wanted = _ARGUMENT_TYPES.get(name, t.of(argument))
        fits = t.of(argument) == wanted
        arguments.append(argument.copy() if fits else cast_plainly(argument.copy(), wanted))
    return exp.Anonymous(this=function.macro, expressions=arguments)


def _subscript(node: exp.Bracket) -> exp.Expr:
    if node.args.get("safe"):
        return node
    macro = "trino_value" if t.of(node.this).this == exp.DType.MAP else "trino_element"
    index = node.expressions[0].copy()
    if t.is_integer(t.of(index)):
        # sqlglot counts from 0.
        index = exp.Add(this=exp.paren(index), expression=exp.Literal.number(1))
    return exp.Anonymous(this=macro, expressions=[node.this.copy(), index])


def _counted(node: exp.ApproxDistinct) -> exp.Expr:
    """The exact number, which is within any error that Trino's estimate may have."""
    return exp.Count(this=exp.Distinct(expressions=[node.this.copy()]))


def _extreme(node: exp.ArgMax | exp.ArgMin) -> exp.Expr:
    """DuckDB's own would pass over the rows whose value is null."""
    name = "arg_max_null" if isinstance(node, exp.ArgMax) else "arg_min_null"
    return exp.Anonymous(this=name, expressions=[node.this.copy(), node.expression.copy()])


def _in_milliseconds(node: exp.Expr) -> exp.Expr:
    """Athena's timestamps have milliseconds."""
    unit = exp.Literal.string("millisecond")
    return exp.Anonymous(this="date_trunc", expressions=[unit, node.copy()])


def _at_zone(node: exp.AtTimeZone) -> exp.Expr:
    """Another zone is the same instant; a timestamp without one is taken as UTC's."""
    instant: exp.Expr = node.this.copy()
    if t.is_instant(t.of(node.this)):
        return instant
    utc = exp.Literal.string("UTC")
    return exp.Anonymous(this="timezone", expressions=[utc, instant])


def _is_wrapped(node: exp.Expr) -> bool:
    """Whether it is one piece with its parent: OVER, FILTER, or the branch of a CASE."""
    if isinstance(node, exp.If):
        return isinstance(node.parent, exp.Case)
    return isinstance(node.parent, exp.Filter | exp.Window) and node.parent.this is node


def _divided(node: exp.Div) -> exp.Expr:
    left, right = node.left, node.right
    left_type, right_type = t.of(left), t.of(right)
    if t.is_decimal(t.of(node)):
        return quotient(left, left_type, right, right_type, t.of(node))
    if t.is_integer(left_type) and t.is_integer(right_type):
        return exp.paren(exp.IntDiv(this=left.copy(), expression=right.copy()))
    sides = [cast_plainly(side.copy(), t.DOUBLE) for side in (left, right)]
    return exp.paren(exp.Div(this=sides[0], expression=sides[1]))


def quotient(
    left: exp.Expr,
    left_type: exp.DataType,
    right: exp.Expr,
    right_type: exp.DataType,
    result: exp.DataType,
) -> exp.Expr:
    """An exact decimal quotient: whole numbers are divided, then the point is put back."""
    s1, s2, scale = (t.digits(each)[1] for each in (left_type, right_type, result))
    dividend = _multiplied(_unscaled(left, s1), 10 ** (scale - s1 + s2))
    whole = exp.func(QUOTIENT, dividend, _unscaled(right, s2))
    digits = cast_plainly(whole, t.decimal(t.MAX_PRECISION - scale, 0))
    unit = f"0.{'0' * (scale - 1)}1" if scale else "1"
    pointed = exp.Mul(this=digits, expression=_decimal_literal(unit, t.decimal(scale + 1, scale)))
    return cast_plainly(pointed, result)


def _unscaled(node: exp.Expr, scale: int) -> exp.Expr:
    power = t.decimal(scale + 1, 0)
    whole = exp.Mul(this=exp.paren(node.copy()), expression=_decimal_literal(str(10**scale), power))
    return exp.cast(whole, "hugeint", dialect="duckdb")


def _multiplied(node: exp.Expr, factor: int) -> exp.Expr:
    number = exp.cast(exp.Literal.number(factor), "hugeint", dialect="duckdb")
    return exp.Mul(this=node, expression=number) if factor != 1 else node


def _decimal_literal(number: str, data_type: exp.DataType) -> exp.Expr:
    return cast_plainly(exp.Literal.number(number), data_type)


def _averaged(node: exp.Avg) -> exp.Expr:
    if not t.is_decimal(t.of(node)):
        return node
    total = t.decimal(t.MAX_PRECISION, t.digits(t.of(node))[1])
    summed, counted = exp.Sum(this=node.this.copy()), exp.Count(this=node.this.copy())
    return quotient(summed, total, counted, t.BIGINT, t.of(node))


def _cardinality(node: exp.ArraySize) -> exp.Expr:
    is_map = (t.of(node.this)).this == exp.DType.MAP
    return exp.Anonymous(this="cardinality" if is_map else "len", expressions=[node.this.copy()])


def _full_units_between(node: exp.DateDiff) -> exp.Expr:
    """Trino counts whole units; DuckDB's date_diff counts the boundaries that were crossed."""
    sides = [cast_plainly(side.copy(), t.TIMESTAMP) for side in (node.expression, node.this)]
    unit = exp.Literal.string(node.text("unit").lower())
    return exp.Anonymous(this="date_sub", expressions=[unit, *sides])


def _moved(node: exp.Add | exp.Sub) -> exp.Expr:
    """A date plus an interval is a date in Trino and a timestamp in DuckDB."""
    if not isinstance(node.right, exp.Interval):
        return node
    return cast_plainly(exp.paren(node.copy()), t.of(node))


def _date(node: exp.Date) -> exp.Expr:
    return cast(node.this, t.of(node.this), t.DATE, lenient=False)


def _cast(node: exp.Cast) -> exp.Expr:
    source = t.of(node.this)
    lenient = isinstance(node, exp.TryCast) or node.find_ancestor(exp.Try) is not None
    return cast(node.this, source, t.of(node), lenient=lenient)


_REWRITES: dict[type[exp.Expr], Callable[[Any], exp.Expr]] = {
    exp.Add: _moved,
    exp.Anonymous: _called,
    exp.ApproxDistinct: _counted,
    exp.ArgMax: _extreme,
    exp.ArgMin: _extreme,
    exp.ArraySize: _cardinality,
    exp.AtTimeZone: _at_zone,
    exp.Avg: _averaged,
    exp.Bracket: _subscript,
    exp.Cast: _cast,
    exp.CurrentTimestamp: _in_milliseconds,
    exp.Date: _date,
    exp.DateDiff: _full_units_between,
    exp.Div: _divided,
    exp.Localtimestamp: _in_milliseconds,
    exp.Sub: _moved,
    exp.TryCast: _cast,
}
