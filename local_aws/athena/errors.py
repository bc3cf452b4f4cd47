"""What goes wrong with a query.

* `InvalidRequest`   - AWS's InvalidRequestException: the request was not accepted
* `ResourceNotFound` - AWS's ResourceNotFoundException: what it names does not exist
* `QueryFailed`      - the query was accepted and failed; its text is Athena's StateChangeReason
* `QueryCancelled`   - the query was stopped before its end
"""

from __future__ import annotations

from moto.core.exceptions import JsonRESTError
from sqlglot import exp


class InvalidRequest(JsonRESTError):
    """The request was not accepted."""

    code = 400

    def __init__(self, message: str) -> None:
        super().__init__("InvalidRequestException", message)


class ResourceNotFound(JsonRESTError):
    """What the request names does not exist."""

    code = 400

    def __init__(self, message: str, name: str) -> None:
        super().__init__("ResourceNotFoundException", message, ResourceName=name)


class QueryFailed(Exception):
    """The query was accepted and failed.

    Args:
        code: Trino's name of the error, such as ``TABLE_NOT_FOUND``.
        message: What is wrong.
        node: The part of the query that is wrong, if it has a place.
    """

    def __init__(self, code: str, message: str, node: exp.Expr | None = None) -> None:
        place = position(node)
        self.code = code
        self.message = f"{place}: {message}" if place else message
        super().__init__(f"{code}: {self.message}")


class QueryCancelled(Exception):
    """The query was stopped before its end."""


def position(node: exp.Expr | None) -> str:
    """Where a part of a query stands, in Athena's form ``line 1:15``; empty when not known."""
    # Functions carry the place of their name themselves.
    named = node.find_all(exp.Identifier, exp.Func) if node else ()
    # sqlglot notes the column of a name's last character.
    starts = [
        (part.meta["line"], part.meta["col"] - (part.meta["end"] - part.meta["start"]))
        for part in named
        if "line" in part.meta
    ]
    return "line {}:{}".format(*min(starts)) if starts else ""
