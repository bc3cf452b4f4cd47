"""Casts with Trino's results: DuckDB rounds, trims and guesses in more cases than Trino."""

from __future__ import annotations

import re

from sqlglot import exp

from local_aws.athena import types as t
from local_aws.errors import NotSupported

_T = exp.DType
# What Trino accepts, or less: a text that Trino takes and these do not fails loudly.
_ACCEPTED_TEXT = {
    _T.DATE: r"\d{4}-\d{2}-\d{2}",
    _T.TIMESTAMP: r"\d{4}-\d{2}-\d{2}( \d{2}:\d{2}(:\d{2}(\.\d{1,3})?)?)?",
    _T.DECIMAL: r"[+-]?\d+(\.\d+)?",
    _T.BOOLEAN: r"(?i)true|false|t|f|1|0",
    _T.FLOAT: r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?",
    _T.DOUBLE: r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?",
    **dict.fromkeys(t.INTEGER_DIGITS, r"[+-]?\d+"),
}


def cast_plainly(node: exp.Expr, to: exp.DataType) -> exp.Cast:
    """DuckDB's own cast."""
    return exp.Cast(this=node, to=t.plain(to))


def cast(node: exp.Expr, source: exp.DataType, to: exp.DataType, *, lenient: bool) -> exp.Expr:
    """Trino's cast, or try_cast when `lenient`.

    Raises:
        NotSupported: The two engines are not known to agree about this cast.
    """
    value = node.copy()
    if source == to or source.is_type(_T.NULL):
        return cast_plainly(value, to)
    if to == t.VARBINARY or source == t.VARBINARY:
        raise NotSupported("casts of varbinary in Athena queries", "Use to_utf8 and from_utf8.")
    if t.is_text(source) and to.this in _ACCEPTED_TEXT:
        return _from_text(value, to, lenient)
    if t.is_instant(source) or t.is_instant(to):
        return _zoned(value, source, to)
    if source == t.DOUBLE and t.is_integer(to):
        # Trino rounds half away from zero, DuckDB half to even.
        value = exp.Round(this=value)
    elif source == t.DOUBLE and t.is_decimal(to):
        # Trino rounds what the double is exactly, DuckDB a product that is rounded itself.
        digits = exp.Literal.string("%.30f")
        value = exp.Anonymous(this="printf", expressions=[digits, value])
    elif source == t.TIMESTAMP and to == t.VARCHAR:
        digits = exp.Literal.string("%Y-%m-%d %H:%M:%S.%g")
        value = exp.Anonymous(this="strftime", expressions=[value, digits])
    elif not _agree(source, to):
        raise NotSupported(
            f"cast from {t.full_name(source)} to {t.full_name(to)} in Athena queries"
        )
    kind = exp.TryCast if lenient else exp.Cast
    return kind(this=value, to=to.copy())


def _zoned(value: exp.Expr, source: exp.DataType, to: exp.DataType) -> exp.Expr:
    zone = t.zone(source) if t.is_instant(source) else "UTC"
    if isinstance(value, exp.Literal) and value.name.endswith(" UTC"):
        source, value = t.TIMESTAMP, exp.Literal.string(value.name.removesuffix(" UTC"))
        value = _from_text(value, t.TIMESTAMP, lenient=False)
    if not zone or not (t.is_temporal(source) or t.is_temporal(to)):
        raise NotSupported(
            f"cast from {t.full_name(source)} to {t.full_name(to)} in Athena queries",
            "Say which zone's clock is meant: AT TIME ZONE 'UTC'.",
        )
    moved = exp.Anonymous(this="timezone", expressions=[exp.Literal.string(zone), value])
    return cast_plainly(moved, to)


def _agree(source: exp.DataType, to: exp.DataType) -> bool:
    if t.is_exact(source):
        return t.is_numeric(to) or to == t.VARCHAR or (t.is_integer(source) and to == t.BOOLEAN)
    if t.is_temporal(source):
        return t.is_temporal(to) or (source == t.DATE and to == t.VARCHAR)
    if source.is_type(_T.FLOAT):
        return to == t.DOUBLE
    return source == t.BOOLEAN and (to == t.VARCHAR or t.is_integer(to))


def _from_text(value: exp.Expr, to: exp.DataType, lenient: bool) -> exp.Expr:
    kind = exp.TryCast if lenient else exp.Cast
    if isinstance(value, exp.Literal) and re.fullmatch(_ACCEPTED_TEXT[to.this], value.name):
        return kind(this=value, to=to.copy())
    pattern = exp.Literal.string(_ACCEPTED_TEXT[to.this])
    accepted = exp.Anonymous(this="regexp_full_match", expressions=[value.copy(), pattern])
    converted = kind(this=value.copy(), to=to.copy())
    refused = exp.Null() if lenient else _refusal(value, to)
    absent = exp.Is(this=value.copy(), expression=exp.Null())
    return exp.case().when(exp.or_(absent, accepted), converted).else_(refused)


def _refusal(value: exp.Expr, to: exp.DataType) -> exp.Expr:
    # Not a constant: DuckDB evaluates error() of a constant while it plans.
    start = exp.Literal.string("INVALID_CAST_ARGUMENT: Cannot cast to ")
    told = exp.DPipe(
        this=exp.DPipe(this=start, expression=exp.Literal.string(f"{t.full_name(to)}: ")),
        expression=value.copy(),
    )
    return exp.Anonymous(this="error", expressions=[told])
