"""Whether the policy of a topic, function or queue lets EventBridge use it.

"Using resource-based policies for Amazon EventBridge" in its user guide: without such a statement
the event is not delivered. The policy that SNS gives a new topic has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Any

PRINCIPAL = "events.amazonaws.com"
_EQUAL = frozenset(["stringequals", "arnequals", "arnlike", "stringlike"])


def allows(
    statements: Iterable[Mapping[str, Any]], action: str, rule_arn: str, account: str
) -> bool:
    """Whether a statement allows EventBridge an action on behalf of a rule, and none denies it."""
    context = {
        "aws:sourcearn": rule_arn,
        "aws:sourceaccount": account,
        "aws:securetransport": "true",
    }
    effects = {
        statement["Effect"]
        for statement in statements
        if _is_about(statement, action) and _holds(statement, context)
    }
    return effects == {"Allow"}


def _is_about(statement: Mapping[str, Any], action: str) -> bool:
    if "Principal" not in statement or "Action" not in statement:
        return False
    principal = statement["Principal"]
    named = principal if isinstance(principal, Mapping) else {"AWS": principal}
    if "*" not in _listed(named.get("AWS")) and PRINCIPAL not in _listed(named.get("Service")):
        return False
    patterns = (pattern.lower() for pattern in _listed(statement["Action"]))
    return any(fnmatchcase(action.lower(), pattern) for pattern in patterns)


def _holds(statement: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    """Whether all conditions hold; of one that is not known here, the worse is assumed."""
    unknown = statement["Effect"] == "Deny"
    return all(
        _matches(operator.lower(), context.get(key.lower()), _listed(values), unknown)
        for operator, operands in statement.get("Condition", {}).items()
        for key, values in operands.items()
    )


def _matches(operator: str, actual: str | None, wanted: list[str], unknown: bool) -> bool:
    if operator.endswith("ifexists"):
        operator = operator.removesuffix("ifexists")
        if actual is None:
            return True
    if operator == "bool" and actual is not None:
        return actual in [value.lower() for value in wanted]
    if operator not in _EQUAL:
        return unknown
    if actual is None:  # a key that a delivery of EventBridge does not have
        return False
    return any(fnmatchcase(actual, value) for value in wanted)


def _listed(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(each) for each in value] if isinstance(value, list) else [str(value)]
