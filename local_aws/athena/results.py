"""A query's result in Athena's three forms: rows of text, their description, and a CSV object."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from sqlglot import exp

from local_aws.athena import types as t

Cell = str | None

# GetQueryResults reports these for types without parameters.
_PRECISION = {"varchar": 2147483647, "double": 17, "real": 9, "timestamp": 3, "tinyint": 3}
_PRECISION |= {"smallint": 5, "integer": 10, "bigint": 19}


@dataclass(frozen=True)
class Result:
    """The rows of a finished query.

    Attributes:
        columns: Name and type of each column.
        rows: Athena's text of each value; None for null.
        has_header: Whether the first row that clients get holds the names: so for queries, not
            for SHOW and DESCRIBE.
        update_count: How many rows the statement wrote.
        has_object: Whether they are left in the output location: not by statements that write.
    """

    columns: list[tuple[str, exp.DataType]]
    rows: list[list[Cell]]
    has_header: bool = True
    update_count: int = 0
    has_object: bool = True

    @classmethod
    def nothing(cls) -> Result:
        """Of a statement that only does something."""
        return cls([], [], has_header=False)

    @classmethod
    def counted(cls, rows: int) -> Result:
        """Of a statement that wrote rows."""
        columns = [("rows", t.BIGINT)]
        return cls(columns, [], has_header=False, update_count=rows, has_object=False)

    @classmethod
    def lines(cls, title: str, lines: Iterable[str]) -> Result:
        """Of a statement that answers with lines of text."""
        return cls([(title, t.VARCHAR)], [[line] for line in lines], has_header=False)

    def all_rows(self) -> list[list[Cell]]:
        header: list[list[Cell]] = [[name for name, _ in self.columns]] if self.has_header else []
        return header + self.rows

    def metadata(self) -> list[dict[str, Any]]:
        """`ColumnInfo` of GetQueryResults."""
        return [_column_info(name, kind) for name, kind in self.columns]

    def object_bytes(self) -> bytes:
        """The object that Athena leaves: every value in quotes, null as nothing."""
        if not self.has_header:
            return "".join(
                "\t".join(cell or "" for cell in row) + "\n" for row in self.rows
            ).encode()
        return "".join(_csv_line(row) for row in self.all_rows()).encode()


def rendered(
    rows: Iterable[Sequence[Any]], columns: Sequence[tuple[str, exp.DataType]]
) -> list[list[Cell]]:
    """DuckDB's values as Athena's text."""
    kinds = [kind for _, kind in columns]
    return [
        [cell_text(value, kind) for value, kind in zip(row, kinds, strict=True)] for row in rows
    ]


def cell_text(value: Any, kind: exp.DataType) -> Cell:
    """One value as Athena shows it: ``1.50``, ``true``, ``[a, b]``, ``{k=v}``."""
    if value is None:
        return None
    if kind.this == exp.DType.ARRAY:
        return f"[{', '.join(_nested(item, kind.expressions[0]) for item in value)}]"
    if kind.this == exp.DType.MAP:
        key_kind, value_kind = kind.expressions
        pairs = (
            f"{_nested(key, key_kind)}={_nested(item, value_kind)}" for key, item in value.items()
        )
        return f"{{{', '.join(pairs)}}}"
    if kind.this == exp.DType.STRUCT:
        parts = (f"{name}={_nested(value[name], part)}" for name, part in t.fields(kind))
        return f"{{{', '.join(parts)}}}"
    if t.is_instant(kind):
        return f"{_scalar_text(value)} {t.zone(kind)}"
    if kind.this == exp.DType.FLOAT:
        return _double_text(_shortest_real(value))
    return _scalar_text(value)


def _nested(value: Any, kind: exp.DataType) -> str:
    text = cell_text(value, kind)
    return "null" if text is None else text


def _scalar_text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return _double_text(value)
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return value.isoformat(sep=" ", timespec="milliseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.hex(" ")
    return str(value)


def _double_text(value: float) -> str:
    """As Java writes a double: 1.0, 1.0E10, 1.0E-5, Infinity, NaN."""
    if math.isnan(value) or math.isinf(value):
        return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        text = format(Decimal(repr(value)), "f")
        return text if "." in text else f"{text}.0"
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(exponent, int)
    fraction = "".join(map(str, digits[1:])) or "0"
    return f"{'-' if sign else ''}{digits[0]}.{fraction}E{exponent + len(digits) - 1}"


def _shortest_real(value: float) -> float:
    """The shortest decimal that is the same 32-bit number: Java writes 3.4, not 3.4000000953."""
    packed = struct.pack("f", value)
    shorter = (float(f"{value:.{digits}g}") for digits in range(1, 10))
    return next((each for each in shorter if struct.pack("f", each) == packed), value)


def _csv_line(row: Sequence[Cell]) -> str:
    cells = ("" if cell is None else '"' + cell.replace('"', '""') + '"' for cell in row)
    return ",".join(cells) + "\n"


def _column_info(name: str, kind: exp.DataType) -> dict[str, Any]:
    type_name = t.trino_name(kind)
    precision, scale = t.digits(kind) if t.is_decimal(kind) else (_PRECISION.get(type_name, 0), 0)
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": name,
        "Label": name,
        "Type": type_name,
        "Precision": precision,
        "Scale": scale,
        "Nullable": "UNKNOWN",
        "CaseSensitive": type_name == "varchar",
    }
