"""Functions by their Trino signatures: which one a call means, and what type it gives."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlglot import exp

from local_aws.athena import types as t
from local_aws.athena.errors import QueryFailed

_SIGNATURE = re.compile(r"(\w+)\((.*)\) -> (.+)")
# A type parameter stands for the same type wherever it is written.
_PARAMETERS = ("T", "K", "V")
_FIXED = {
    "boolean": t.BOOLEAN,
    "bigint": t.BIGINT,
    "double": t.DOUBLE,
    "varchar": t.VARCHAR,
    "date": t.DATE,
    "timestamp": t.TIMESTAMP,
    "instant": t.INSTANT,
    "utc": t.zoned("UTC"),
    "varbinary": t.VARBINARY,
    "decimal(1)": t.decimal(1, 0),
}

Row = tuple[str, str] | tuple[str, str, dict[int, str]]
Bindings = dict[str, exp.DataType]


@dataclass(frozen=True)
class Function:
    """One signature of a Trino function and the SQL that computes it in DuckDB.

    Attributes:
        name: Its name, in lower case.
        takes: The types of its arguments as Trino's documentation writes them.
        gives: The type of its value.
        body: DuckDB's expression of the arguments a, b, c.
        literals: Forms of the arguments that have to be literals, by position.
        number: Tells signatures of the same name apart.
    """

    name: str
    takes: tuple[str, ...]
    gives: str
    body: str
    literals: dict[int, str]
    number: int = 0

    @property
    def macro(self) -> str:
        return f"trino_{self.name}_{self.number}"

    def definition(self) -> str:
        """The statement that makes the function known to DuckDB."""
        arguments = ", ".join("abc"[: len(self.takes)])
        return f"create or replace macro {self.macro}({arguments}) as {self.body}"

    def result(self, types: Sequence[exp.DataType]) -> exp.DataType | None:
        """The type of a call with arguments of these types; None when it does not take them."""
        bound: Bindings = {}
        if len(types) != len(self.takes):
            return None
        if not all(
            _binds(name, given, bound) for name, given in zip(self.takes, types, strict=True)
        ):
            return None
        return _built(self.gives, bound)


def table(
    rows: Iterable[tuple[str, str] | tuple[str, str, dict[int, str]]],
) -> dict[str, list[Function]]:
    """Functions by name, from rows of signature, body and literals."""
    found: dict[str, list[Function]] = {}
    for signature, body, *literals in rows:
        match = _SIGNATURE.fullmatch(signature)
        assert match, signature
        name, takes, gives = match.groups()
        same = found.setdefault(name, [])
        arguments = tuple(_split(takes))
        same.append(
            Function(name, arguments, gives, body, literals[0] if literals else {}, len(same))
        )
    return found


def unexpected(
    node: exp.Anonymous, types: Sequence[exp.DataType], known: Iterable[Function]
) -> QueryFailed:
    """Trino's error for arguments that no signature takes."""
    given = ", ".join(t.full_name(kind) for kind in types)
    expected = ", ".join(f"{each.name}({', '.join(each.takes)})" for each in known)
    return QueryFailed(
        "FUNCTION_NOT_FOUND",
        f"Unexpected parameters ({given}) for function {node.name.lower()}. Expected: {expected}",
        node,
    )


def _split(arguments: str) -> list[str]:
    """The arguments between commas that are not within parentheses."""
    return [part.strip() for part in re.split(r",(?![^()]*\))", arguments) if part.strip()]


def _inner(name: str, container: str) -> list[str] | None:
    if name.startswith(f"{container}("):
        return _split(name.removeprefix(f"{container}(").removesuffix(")"))
    return None


def _binds(name: str, given: exp.DataType, bound: Bindings) -> bool:
    """Whether an argument of the given type fits, with Trino's implicit casts."""
    if given.is_type(exp.DType.NULL):
        return True
    if name in _PARAMETERS:
        bound[name] = t.common(bound.get(name, given), given)
        return bool(bound[name] != t.UNKNOWN)
    for container, kind in (("array", exp.DType.ARRAY), ("map", exp.DType.MAP)):
        inner = _inner(name, container)
        if inner is not None:
            parts = zip(inner, given.expressions, strict=True)
            return given.this == kind and all(_binds(part, each, bound) for part, each in parts)
    if name == "timestamp":
        return t.is_temporal(given)
    if name == "bigint":
        return t.is_integer(given)
    if name == "decimal":
        return t.is_decimal(given)
    if name == "double":
        return t.is_numeric(given)
    if name == "instant":
        return t.is_instant(given)
    return bool(given == _FIXED[name])


def _built(name: str, bound: Bindings) -> exp.DataType:
    if name in _PARAMETERS:
        return bound.get(name, t.UNKNOWN)
    inner = _inner(name, "array")
    return t.array(_built(inner[0], bound)) if inner else _FIXED[name]
