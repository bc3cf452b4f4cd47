"""Types of a query's expressions, by Trino's rules.

This list is also the list of what queries may use: an expression that is not in it is refused,
because DuckDB might answer something else than Trino.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import reduce
from typing import Any

from sqlglot import exp
from sqlglot.optimizer.annotate_types import TypeAnnotator
from sqlglot.schema import MappingSchema

from local_aws.athena import types as t
from local_aws.athena.errors import QueryFailed
from local_aws.athena.functions import FUNCTIONS
from local_aws.athena.signatures import Function, unexpected

Rule = Callable[[Any], exp.DataType]

_FIXED: dict[exp.DataType, tuple[type[exp.Expr], ...]] = {
    t.BOOLEAN: (
        exp.And,
        exp.Between,
        exp.Boolean,
        exp.EQ,
        exp.Escape,
        exp.Exists,
        exp.GT,
        exp.GTE,
        exp.In,
        exp.Is,
        exp.LT,
        exp.LTE,
        exp.Like,
        exp.LogicalAnd,
        exp.LogicalOr,
        exp.NEQ,
        exp.Not,
        exp.NullSafeEQ,
        exp.NullSafeNEQ,
        exp.Or,
    ),
    t.BIGINT: (
        exp.ApproxDistinct,
        exp.ArraySize,
        exp.Count,
        exp.CountIf,
        exp.DateDiff,
        exp.Day,
        exp.DayOfWeekIso,
        exp.DayOfYear,
        exp.DenseRank,
        exp.Extract,
        exp.Hour,
        exp.Length,
        exp.Minute,
        exp.Month,
        exp.Ntile,
        exp.Quarter,
        exp.Rank,
        exp.RowNumber,
        exp.Second,
        exp.StrPosition,
        exp.Year,
    ),
    t.VARCHAR: (
        exp.Concat,
        exp.ConcatWs,
        exp.DPipe,
        exp.GroupConcat,
        exp.Lower,
        exp.Replace,
        exp.Substring,
        exp.TimeToStr,
        exp.Upper,
    ),
    t.DATE: (exp.CurrentDate, exp.Date),
    t.DOUBLE: (
        exp.Corr,
        exp.CumeDist,
        exp.Log,
        exp.PercentRank,
        exp.Pow,
        exp.Stddev,
        exp.StddevPop,
        exp.StddevSamp,
        exp.Variance,
        exp.VariancePop,
    ),
    t.TIMESTAMP: (exp.Localtimestamp, exp.StrToTime),
    t.zoned("UTC"): (exp.CurrentTimestamp,),
}


def _of_this(node: exp.Expr) -> exp.DataType:
    return t.of(node.this)


def _common(nodes: Iterable[exp.Expr | None]) -> exp.DataType:
    return reduce(t.common, (t.of(node) for node in nodes if node is not None))


def _common_of_arguments(node: exp.Expr) -> exp.DataType:
    return _common([node.this, *node.expressions])


def _case(node: exp.Case) -> exp.DataType:
    return _common(
        [*(branch.args["true"] for branch in node.args["ifs"]), node.args.get("default")]
    )


def _if(node: exp.If) -> exp.DataType:
    return _common([node.args["true"], node.args.get("false")])


def _literal(node: exp.Literal) -> exp.DataType:
    if node.is_string:
        return t.VARCHAR
    if "e" in node.name.lower():
        return t.DOUBLE
    whole, point, fraction = node.name.partition(".")
    if not point:
        return t.INTEGER if int(whole) < 2**31 else t.BIGINT
    whole = whole.lstrip("0")
    return t.decimal(len(whole) + len(fraction) or 1, len(fraction))


def _cast(node: exp.Cast) -> exp.DataType:
    to: exp.DataType = node.to
    if to.is_type(exp.DType.TEXT, exp.DType.VARCHAR) and not to.expressions:
        return t.VARCHAR
    if to.is_type(exp.DType.TIMESTAMP) and all(int(part.name) <= 3 for part in to.expressions):
        return t.TIMESTAMP
    if t.is_instant(to):
        # What is cast has no zone of its own, so it gets the session's.
        return t.zoned("UTC")
    # A bare decimal is decimal(38,0) in a cast, but takes a literal's own digits.
    return t.UNKNOWN if to.is_type(exp.DType.DECIMAL) and not to.expressions else to


def _arithmetic(node: exp.Binary) -> exp.DataType:
    left, right = t.of(node.left), t.of(node.right)
    if isinstance(node, exp.Add | exp.Sub) and isinstance(node.right, exp.Interval):
        return left
    if t.is_exact(left) and t.is_exact(right) and (t.is_decimal(left) or t.is_decimal(right)):
        return _decimal_result(node, t.digits(left), t.digits(right))
    return t.common(left, right) if t.is_numeric(left) and t.is_numeric(right) else t.UNKNOWN


def _decimal_result(
    node: exp.Binary, left: tuple[int, int], right: tuple[int, int]
) -> exp.DataType:
    """Trino's precision and scale ("Decimal functions and operators", Trino documentation)."""
    (p1, s1), (p2, s2) = left, right
    scale = max(s1, s2)
    if isinstance(node, exp.Mul):
        return t.decimal(p1 + p2, s1 + s2)
    if isinstance(node, exp.Div):
        return t.decimal(p1 + s2 + max(0, s2 - s1), scale)
    if isinstance(node, exp.Mod):
        return t.UNKNOWN
    return t.decimal(max(p1 - s1, p2 - s2) + scale + 1, scale)


def _called(node: exp.Anonymous) -> exp.DataType:
    return call(node)[1]


def call(node: exp.Anonymous) -> tuple[Function, exp.DataType]:
    """The function that a call means, and the type of its value.

    Raises:
        QueryFailed: There is none of this name that takes these arguments.
    """
    known = FUNCTIONS.get(node.name.lower())
    if known is None:
        message = f"Function '{node.name.lower()}' not registered"
        raise QueryFailed("FUNCTION_NOT_FOUND", message, node)
    given = [t.of(argument) for argument in node.expressions]
    for function in known:
        data_type = function.result(given)
        if data_type is not None:
            return function, data_type
    raise unexpected(node, given, known)


def _at_zone(node: exp.AtTimeZone) -> exp.DataType:
    zone = node.args["zone"]
    return t.zoned(zone.name) if isinstance(zone, exp.Literal) else t.UNKNOWN


def _array(node: exp.Array) -> exp.DataType:
    return t.array(_common(node.expressions)) if node.expressions else t.UNKNOWN


def _field(node: exp.Dot) -> exp.DataType:
    found = dict(t.fields(_of_this(node))) if _of_this(node).this == exp.DType.STRUCT else {}
    return found.get(node.expression.name.lower(), t.UNKNOWN)


def _sum(node: exp.Sum) -> exp.DataType:
    summed = _distinct_of(node.this).type or t.UNKNOWN
    if t.is_decimal(summed):
        return t.decimal(t.MAX_PRECISION, t.digits(summed)[1])
    return t.BIGINT if t.is_integer(summed) else _only_double(summed)


def _avg(node: exp.Avg) -> exp.DataType:
    averaged = _distinct_of(node.this).type or t.UNKNOWN
    if t.is_decimal(averaged):
        return averaged
    return t.DOUBLE if t.is_integer(averaged) else _only_double(averaged)


def _only_double(data_type: exp.DataType) -> exp.DataType:
    return data_type if data_type == t.DOUBLE else t.UNKNOWN


def _distinct_of(node: exp.Expr) -> exp.Expr:
    return node.expressions[0] if isinstance(node, exp.Distinct) else node


def _round(node: exp.Round) -> exp.DataType:
    rounded = _of_this(node)
    if not t.is_decimal(rounded):
        return rounded
    precision, scale = t.digits(rounded)
    if node.args.get("decimals"):
        return t.decimal(precision + 1, scale)
    return t.decimal(precision - scale + min(scale, 1), 0)


def _whole(node: exp.Expr) -> exp.DataType:
    """floor and ceil."""
    data_type = _of_this(node)
    if not t.is_decimal(data_type):
        return data_type
    precision, scale = t.digits(data_type)
    return t.decimal(precision - scale + min(scale, 1), 0)


def _bracket(node: exp.Bracket) -> exp.DataType:
    container = _of_this(node)
    is_collection = container.this in (exp.DType.ARRAY, exp.DType.MAP)
    return container.expressions[-1] if is_collection else t.UNKNOWN


def _array_agg(node: exp.ArrayAgg) -> exp.DataType:
    inner = node.this
    while isinstance(inner, exp.Order | exp.Distinct):
        inner = inner.this if isinstance(inner, exp.Order) else inner.expressions[0]
    return t.array(inner.type) if t.is_known(inner.type) else t.UNKNOWN


def _unnest(node: exp.Unnest) -> exp.DataType:
    unnested = node.expressions[0].type or t.UNKNOWN
    return unnested.expressions[0] if unnested.this == exp.DType.ARRAY else t.UNKNOWN


def _map_keys(node: exp.MapKeys) -> exp.DataType:
    mapped = _of_this(node)
    return t.array(mapped.expressions[0]) if mapped.this == exp.DType.MAP else t.UNKNOWN


def _subquery(node: exp.Subquery) -> exp.DataType:
    query = node.unnest()
    return t.of(query.selects[0]) if isinstance(query, exp.Query) else t.UNKNOWN


_RULES: dict[type[exp.Expr], Rule] = {
    **{kind: (lambda _, fixed=fixed: fixed) for fixed, kinds in _FIXED.items() for kind in kinds},  # type: ignore[misc]
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod), _arithmetic),
    **dict.fromkeys((exp.AnyValue, exp.ArgMax, exp.ArgMin, exp.NthValue, exp.Try), _of_this),
    **dict.fromkeys((exp.Coalesce, exp.Greatest, exp.Least), _common_of_arguments),
    **dict.fromkeys(
        (exp.Abs, exp.Alias, exp.DateAdd, exp.Filter, exp.FirstValue, exp.Lag), _of_this
    ),
    **dict.fromkeys((exp.LastValue, exp.Lead, exp.Max, exp.Min, exp.Neg, exp.Nullif), _of_this),
    **dict.fromkeys((exp.Paren, exp.TimestampTrunc, exp.DateTrunc, exp.Window), _of_this),
    **dict.fromkeys((exp.Ceil, exp.Floor), _whole),
    **dict.fromkeys((exp.Cast, exp.TryCast), _cast),
    exp.Anonymous: _called,
    exp.Array: _array,
    exp.ArrayAgg: _array_agg,
    exp.AtTimeZone: _at_zone,
    exp.Avg: _avg,
    exp.Bracket: _bracket,
    exp.Case: _case,
    exp.Dot: _field,
    exp.If: _if,
    exp.Literal: _literal,
    exp.MapKeys: _map_keys,
    exp.Null: lambda _: exp.DataType.build("null"),
    exp.Round: _round,
    exp.Subquery: _subquery,
    exp.Sum: _sum,
    exp.Unnest: _unnest,
}

TYPED = frozenset(_RULES)


class TrinoAnnotator(TypeAnnotator):
    """sqlglot's walk over the scopes of a query, with Trino's rules."""

    def __init__(self, schema: MappingSchema) -> None:
        rules = {kind: {"annotator": _annotator(rule)} for kind, rule in _RULES.items()}
        super().__init__(schema, expression_metadata=rules)
        # Else nulls would get a type of their own before they meet another.
        self._supports_null_type = True

    def set_operation_types(self, node: exp.SetOperation) -> list[exp.DataType]:
        """Types of the columns of an annotated UNION, INTERSECT or EXCEPT."""
        return [exp.DataType.build(kind) for _, kind in self._get_setop_column_types(node)]

    def _maybe_coerce(self, type1: Any, type2: Any) -> Any:
        return t.common(exp.DataType.build(type1), exp.DataType.build(type2))


def _annotator(rule: Rule) -> Callable[[TypeAnnotator, exp.Expr], exp.Expr]:
    return lambda annotator, node: annotator._set_type(node, rule(node))
