"""Identity-based policies: what their statements say to an access.

The rules are those of "Policy evaluation logic" and of the JSON policy element reference in the IAM
user guide. Moto's own evaluation has neither resources nor conditions. What is not known here is
refused by name when a policy is read, because a condition that nobody heeds would allow too much.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from local_aws.errors import NotSupported

VERSION = "2012-10-17"
ELEMENTS = frozenset({"Sid", "Effect", "Action", "Resource", "Condition"})
# Those that `local_aws.iam.operations` gives a value to, in lower case: keys ignore case.
CONDITION_KEYS = frozenset({"cloudwatch:namespace", "iam:passedtoservice", "s3:prefix"})


@dataclass(frozen=True)
class Access:
    """One thing that a call does to one resource.

    Attributes:
        action: As policies name it, such as `s3:GetObject`.
        resource: Its ARN, or `*` where the action has no resource.
        context: Condition keys and their values.
    """

    action: str
    resource: str
    context: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Statement:
    """A statement of a policy.

    Attributes:
        conditions: Operator, key in lower case, and the values of which one has to match.
    """

    sid: str
    effect: str
    actions: tuple[str, ...]
    resources: tuple[str, ...]
    conditions: tuple[tuple[str, str, tuple[str, ...]], ...] = ()

    def applies_to(self, access: Access) -> bool:
        """Whether the statement says anything to an access."""
        context = {key.lower(): value for key, value in access.context}
        return (
            self.names(access.action)
            and any(arn_matches(pattern, access.resource) for pattern in self.resources)
            and all(
                key in context and any(OPERATORS[operator](value, context[key]) for value in values)
                for operator, key, values in self.conditions
            )
        )

    def names(self, action: str) -> bool:
        """Whether an action is among the statement's."""
        return any(like(pattern.lower(), action.lower()) for pattern in self.actions)


Policy = tuple[Statement, ...]


@dataclass(frozen=True)
class Decision:
    """What policies say to an access.

    Attributes:
        effect: `Allow` or `Deny`; None when no statement applies, which denies as well.
        sids: The statements that say so.
    """

    effect: str | None
    sids: tuple[str, ...] = ()

    @property
    def allows(self) -> bool:
        return self.effect == "Allow"


def decide(policies: Iterable[Policy], access: Access) -> Decision:
    """The decision of several policies together: one Deny outweighs every Allow."""
    applying = [each for policy in policies for each in policy if each.applies_to(access)]
    for effect in ("Deny", "Allow"):
        if sids := tuple(each.sid for each in applying if each.effect == effect):
            return Decision(effect, sids)
    return Decision(None)


@functools.lru_cache(maxsize=256)
def parse(document: str) -> Policy:
    """The statements of a policy document.

    Raises:
        NotSupported: It has something that would not be heeded.
    """
    policy = json.loads(document)
    if policy.get("Version") != VERSION:
        raise NotSupported(f"policies of version {policy.get('Version')!r}", f"Use {VERSION}.")
    return tuple(map(_statement, _listed(policy["Statement"])))


def like(pattern: str, text: str) -> bool:
    """Whether a text matches a pattern with ``*`` (any characters) and ``?`` (any one)."""
    return _compiled(pattern).fullmatch(text) is not None


def arn_matches(pattern: str, arn: str) -> bool:
    """Whether a Resource element names an ARN: segment by segment, the last one whole."""
    if pattern == "*":
        return True
    wanted, given = pattern.split(":", 5), arn.split(":", 5)
    return len(wanted) == len(given) and all(map(like, wanted, given))


OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "StringEquals": lambda value, given: value == given,
    "StringLike": like,
}


@functools.lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    wild = {"*": ".*", "?": "."}
    return re.compile("".join(wild.get(char, re.escape(char)) for char in pattern), re.DOTALL)


def _statement(statement: Mapping[str, Any]) -> Statement:
    for element in statement.keys() - ELEMENTS:
        raise NotSupported(f"the policy element {element}")
    effect = statement["Effect"]
    if effect not in ("Allow", "Deny"):
        raise NotSupported(f"the Effect {effect!r} in a policy", "Use Allow or Deny.")
    resources = tuple(_listed(statement["Resource"]))
    for resource in resources:
        if resource != "*" and resource.count(":") < 5:
            raise NotSupported(f"the Resource {resource!r} in a policy", "Name an ARN or *.")
        if "${" in resource:
            raise NotSupported(f"the policy variable in {resource!r}")
    return Statement(
        sid=statement.get("Sid", ""),
        effect=effect,
        actions=tuple(_listed(statement["Action"])),
        resources=resources,
        conditions=tuple(_conditions(statement.get("Condition", {}))),
    )


def _conditions(
    conditions: Mapping[str, Mapping[str, Any]],
) -> Iterable[tuple[str, str, tuple[str, ...]]]:
    for operator, tests in conditions.items():
        if operator not in OPERATORS:
            raise NotSupported(f"the condition operator {operator}")
        for key, values in tests.items():
            if key.lower() not in CONDITION_KEYS:
                raise NotSupported(f"the condition key {key}")
            if any("${" in value for value in _listed(values)):
                raise NotSupported(f"the policy variable in the condition {key}")
            yield operator, key.lower(), tuple(_listed(values))


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value]
