"""Athena's types: as the catalog names them (Hive), as queries do (Trino), and as DuckDB does."""

from __future__ import annotations

import re
from collections.abc import Callable

from sqlglot import exp

from local_aws.errors import NotSupported

BOOLEAN = exp.DataType.build("boolean")
INTEGER = exp.DataType.build("int")
BIGINT = exp.DataType.build("bigint")
DOUBLE = exp.DataType.build("double")
VARCHAR = exp.DataType.build("varchar")
DATE = exp.DataType.build("date")
TIMESTAMP = exp.DataType.build("timestamp")
# A timestamp with time zone whose zone only the rows know. What shows it has to know it.
INSTANT = exp.DataType.build("timestamptz")
VARBINARY = exp.DataType.build("varbinary")
UNKNOWN = exp.DataType.build("unknown")

MAX_PRECISION = 38

_T = exp.DType
_NAMES = {
    _T.BOOLEAN: "boolean",
    _T.TINYINT: "tinyint",
    _T.SMALLINT: "smallint",
    _T.INT: "integer",
    _T.BIGINT: "bigint",
    _T.FLOAT: "real",
    _T.DOUBLE: "double",
    _T.DECIMAL: "decimal",
    _T.VARCHAR: "varchar",
    _T.DATE: "date",
    _T.TIMESTAMP: "timestamp",
    _T.TIMESTAMPTZ: "timestamp with time zone",
    _T.VARBINARY: "varbinary",
    _T.STRUCT: "row",
    _T.ARRAY: "array",
    _T.MAP: "map",
}
# Types of columns, as the catalog names them.
_HIVE = {
    **{kind: name for kind, name in _NAMES.items() if kind not in (_T.TIMESTAMPTZ,)},
    _T.INT: "int",
    _T.FLOAT: "float",
    _T.VARCHAR: "string",
    _T.VARBINARY: "binary",
    _T.STRUCT: "struct",
}
# Decimal digits of each integer type, as Trino counts them when one meets a decimal.
INTEGER_DIGITS = {_T.TINYINT: 3, _T.SMALLINT: 5, _T.INT: 10, _T.BIGINT: 19}
_NUMERIC_ORDER = (_T.TINYINT, _T.SMALLINT, _T.INT, _T.BIGINT, _T.DECIMAL, _T.FLOAT, _T.DOUBLE)


def from_hive(name: str) -> exp.DataType:
    """The type that a catalog column's type means in a query.

    Raises:
        NotSupported: The type is not one that queries can read here.
    """
    spelled = re.sub(r"\bstring\b", "varchar", name.strip().lower())
    try:
        data_type = exp.DataType.build(spelled, dialect="hive")
    except Exception as error:
        raise NotSupported(f"the column type {name!r} in Athena") from error
    for part in data_type.find_all(exp.DataType):
        if part.this == _T.TEXT:
            part.set("this", _T.VARCHAR)
        if part.this not in _HIVE:
            raise NotSupported(f"the column type {name!r} in Athena")
        if part.this == _T.DECIMAL and len(part.expressions) != 2:
            # Hive's bare decimal.
            part.set("expressions", decimal(10, 0).expressions)
    return data_type


def decimal(precision: int, scale: int) -> exp.DataType:
    """decimal(precision, scale), the precision limited to what Trino has."""
    return exp.DataType.build(f"decimal({min(precision, MAX_PRECISION)}, {scale})")


def zoned(zone: str) -> exp.DataType:
    """timestamp with time zone, all of whose values are in this zone."""
    parameter = exp.DataTypeParam(this=exp.Literal.string(zone))
    return exp.DataType(this=_T.TIMESTAMPTZ, expressions=[parameter])


def zone(data_type: exp.DataType) -> str:
    """The zone of a timestamp with time zone; empty when only the rows know it."""
    return data_type.expressions[0].name if data_type.expressions else ""


def array(element: exp.DataType) -> exp.DataType:
    return exp.DataType(this=_T.ARRAY, expressions=[element.copy()], nested=True)


def of(node: exp.Expr | None) -> exp.DataType:
    """The type that a node was given; `UNKNOWN` when it was given none."""
    return UNKNOWN if node is None or node.type is None else node.type


def is_known(data_type: exp.DataType | None) -> bool:
    return data_type is not None and data_type.this in _NAMES


def is_integer(data_type: exp.DataType) -> bool:
    return data_type.this in INTEGER_DIGITS


def is_decimal(data_type: exp.DataType) -> bool:
    return bool(data_type.this == _T.DECIMAL)


def is_exact(data_type: exp.DataType) -> bool:
    return is_integer(data_type) or is_decimal(data_type)


def is_numeric(data_type: exp.DataType) -> bool:
    return data_type.this in _NUMERIC_ORDER


def is_text(data_type: exp.DataType) -> bool:
    return bool(data_type.this == _T.VARCHAR)


def is_temporal(data_type: exp.DataType) -> bool:
    return bool(data_type.this in (_T.DATE, _T.TIMESTAMP))


def is_instant(data_type: exp.DataType) -> bool:
    return bool(data_type.this == _T.TIMESTAMPTZ)


def fields(data_type: exp.DataType) -> list[tuple[str, exp.DataType]]:
    """Names and types of a row's fields; a name is empty where it has none."""
    return [
        (part.name, part.args["kind"]) if isinstance(part, exp.ColumnDef) else ("", part)
        for part in data_type.expressions
    ]


def digits(data_type: exp.DataType) -> tuple[int, int]:
    """Precision and scale of an exact numeric type."""
    if is_integer(data_type):
        return INTEGER_DIGITS[data_type.this], 0
    precision, scale = (int(part.name) for part in data_type.expressions)
    return precision, scale


def common(left: exp.DataType, right: exp.DataType) -> exp.DataType:
    """The type that values of both types have in common in Trino; `UNKNOWN` when there is none."""
    if left == right or right.this == _T.NULL:
        return left
    if left.this == _T.NULL:
        return right
    if is_temporal(left) and is_temporal(right):
        return TIMESTAMP
    if is_instant(left) and is_instant(right):
        return INSTANT
    if left.this == right.this == _T.ARRAY:
        return _common_array(left, right)
    if not (is_numeric(left) and is_numeric(right)):
        return UNKNOWN
    if is_exact(left) and is_exact(right) and (is_decimal(left) or is_decimal(right)):
        (p1, s1), (p2, s2) = digits(left), digits(right)
        scale = max(s1, s2)
        return decimal(max(p1 - s1, p2 - s2) + scale, scale)
    return max(left, right, key=lambda t: _NUMERIC_ORDER.index(t.this))


def _common_array(left: exp.DataType, right: exp.DataType) -> exp.DataType:
    element = common(left.expressions[0], right.expressions[0])
    return array(element) if element != UNKNOWN else UNKNOWN


def trino_name(data_type: exp.DataType) -> str:
    """The type's name in a query's result, without parameters: ``integer``, ``decimal``."""
    return _NAMES[data_type.this]


def full_name(data_type: exp.DataType) -> str:
    """The type's name in a message: ``decimal(10,2)``, ``array(varchar)``."""
    if data_type.this not in _NAMES:
        return "unknown"
    if data_type.this == _T.TIMESTAMP:
        return "timestamp(3)"
    if is_instant(data_type):
        return "timestamp(3) with time zone"
    if data_type.this == _T.STRUCT:
        inner = [f"{name} {full_name(kind)}".strip() for name, kind in fields(data_type)]
        return f"row({', '.join(inner)})"
    inner = _inner_names(data_type, full_name)
    separator = ", " if data_type.this == _T.MAP else ","
    return f"{trino_name(data_type)}({separator.join(inner)})" if inner else trino_name(data_type)


def hive_name(data_type: exp.DataType) -> str:
    """The type's name in the catalog: ``decimal(10,2)``, ``array<string>``.

    Raises:
        NotSupported: The catalog has no such type.
    """
    if data_type.this not in _HIVE:
        raise NotSupported(f"a column of type {full_name(data_type)} in the catalog", "Cast it.")
    if data_type.this == _T.STRUCT:
        inner = [f"{name}:{hive_name(kind)}" for name, kind in fields(data_type)]
    else:
        inner = _inner_names(data_type, hive_name)
    if not inner:
        return _HIVE[data_type.this]
    brackets = "()" if is_decimal(data_type) else "<>"
    return f"{_HIVE[data_type.this]}{brackets[0]}{','.join(inner)}{brackets[1]}"


def duckdb_name(data_type: exp.DataType) -> str:
    """The type's name in DuckDB's SQL."""
    return plain(data_type).sql("duckdb")


def plain(data_type: exp.DataType) -> exp.DataType:
    """The type without the zones that only this package gives it."""
    copy = data_type.copy()
    for part in copy.find_all(exp.DataType):
        if is_instant(part):
            part.set("expressions", [])
    return copy


def _inner_names(data_type: exp.DataType, name: Callable[[exp.DataType], str]) -> list[str]:
    return [
        name(part) if isinstance(part, exp.DataType) else part.name
        for part in data_type.expressions
    ]
