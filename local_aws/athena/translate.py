"""From an analysed query to DuckDB's SQL, with Trino's results where DuckDB's differ."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sqlglot import exp

from local_aws.athena import types as t
from local_aws.athena.casts import cast, cast_plainly

# Rounds half away from zero, as Trino divides decimals; on whole numbers of up to 38 digits.
QUOTIENT = "trino_quotient"
MACROS = (
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
    rewrite = _REWRITES.get(type(node))
    new = rewrite(node) if rewrite else node
    if isinstance(node, _CAST_BACK) and t.is_known(node.type) and not _is_wrapped(node):
        return cast_plainly(new.copy(), t.of(node))
    return new


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
    return cast(node.this, source, t.of(node), lenient=isinstance(node, exp.TryCast))


_REWRITES: dict[type[exp.Expr], Callable[[Any], exp.Expr]] = {
    exp.Add: _moved,
    exp.ArraySize: _cardinality,
    exp.Avg: _averaged,
    exp.Cast: _cast,
    exp.Date: _date,
    exp.DateDiff: _full_units_between,
    exp.Div: _divided,
    exp.Sub: _moved,
    exp.TryCast: _cast,
}
