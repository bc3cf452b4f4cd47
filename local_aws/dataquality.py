"""Glue Data Quality rulesets, which moto does not have: they are kept and shown, never evaluated.

The rules (DQDL) are checked for their outer form only: ``Rules = [ rule, rule, ... ]``.
"""

from __future__ import annotations

import re
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow
from moto.glue.exceptions import (
    AlreadyExistsException,
    EntityNotFoundException,
    InvalidInputException,
)
from moto.glue.responses import GlueResponse

from local_aws.errors import NotSupported

FORM = re.compile(r"\s*Rules\s*=\s*\[(?P<rules>.*)\]\s*", re.DOTALL)
COMMENT_OR_TEXT = re.compile(r'#[^\n]*|"(?:\\.|[^"\\])*"')
FILTERS = frozenset({"Description", "Name", "TargetTable"})

Ruleset = dict[str, Any]


def install() -> None:
    """Add the operations of this module to moto's Glue API."""
    for operation in (create, get, list_, update, delete):
        name = operation.__name__.rstrip("_")
        plural = "s" if operation is list_ else ""
        setattr(GlueResponse, f"{name}_data_quality_ruleset{plural}", operation)


def create(response: Any) -> ActionResult:
    """CreateDataQualityRuleset.

    Raises:
        AlreadyExistsException: There is one of that name.
        InvalidInputException: The rules are not of the form.
        NotSupported: It has a security configuration.
    """
    request = response.parameters
    if request.get("DataQualitySecurityConfiguration"):
        raise NotSupported("DataQualitySecurityConfiguration of data quality rulesets")
    name, rulesets = request["Name"], _rulesets(response)
    if name in rulesets:
        raise AlreadyExistsException(f"Data quality ruleset {name}")
    count_rules(request["Ruleset"], "CreateDataQualityRuleset")
    shown = ("Name", "Description", "Ruleset", "TargetTable")
    now = utcnow()
    rulesets[name] = {key: request[key] for key in shown if key in request}
    rulesets[name] |= {"CreatedOn": now, "LastModifiedOn": now}
    backend = response.glue_backend
    arn = f"arn:aws:glue:{backend.region_name}:{backend.account_id}:dataQualityRuleset/{name}"
    backend.tag_resource(arn, request.get("Tags") or {})
    return ActionResult({"Name": name})


def get(response: Any) -> ActionResult:
    """GetDataQualityRuleset.

    Raises:
        EntityNotFoundException: There is none of that name.
    """
    return ActionResult(_ruleset(response))


def list_(response: Any) -> ActionResult:
    """ListDataQualityRulesets, all on one page.

    Raises:
        NotSupported: It is filtered by time or by tags.
    """
    request = response.parameters
    wanted = request.get("Filter") or {}
    for key in [*(wanted.keys() - FILTERS), *(["Tags"] if request.get("Tags") else [])]:
        raise NotSupported(f"{key} in a list of data quality rulesets")
    found = [
        {
            **{key: value for key, value in each.items() if key != "Ruleset"},
            "RuleCount": count_rules(each["Ruleset"], "ListDataQualityRulesets"),
        }
        for each in _rulesets(response).values()
        if all(each.get(key) == value for key, value in wanted.items())
    ]
    return ActionResult({"Rulesets": found})


def update(response: Any) -> ActionResult:
    """UpdateDataQualityRuleset: what is not given stays.

    Raises:
        EntityNotFoundException: There is none of that name.
        InvalidInputException: The rules are not of the form.
    """
    ruleset, request = _ruleset(response), response.parameters
    changes = {key: request[key] for key in ("Description", "Ruleset") if key in request}
    if "Ruleset" in changes:
        count_rules(changes["Ruleset"], "UpdateDataQualityRuleset")
    ruleset |= {**changes, "LastModifiedOn": utcnow()}
    return ActionResult({key: ruleset.get(key) for key in ("Name", "Description", "Ruleset")})


def delete(response: Any) -> ActionResult:
    """DeleteDataQualityRuleset.

    Raises:
        EntityNotFoundException: There is none of that name.
    """
    del _rulesets(response)[_ruleset(response)["Name"]]
    return EmptyResult()


def count_rules(text: str, operation: str) -> int:
    """How many rules a ruleset has.

    Raises:
        InvalidInputException: It is not ``Rules = [ ... ]``, or has none.
    """
    bare = COMMENT_OR_TEXT.sub(lambda found: "" if found[0].startswith("#") else '""', text)
    form = FORM.fullmatch(bare)
    rules = _split(form["rules"]) if form else []
    if not rules:
        raise InvalidInputException(
            operation, f"Ruleset {text!r} is not of the form Rules = [ rule, ... ]."
        )
    return len(rules)


def _split(rules: str) -> list[str]:
    """Rules by the commas that are outside of brackets."""
    parts, depth = [""], 0
    for character in rules:
        depth += {"[": 1, "(": 1, "]": -1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part for part in parts if part.strip()]


def _rulesets(response: Any) -> dict[str, Ruleset]:
    rulesets: dict[str, Ruleset] = vars(response.glue_backend).setdefault("rulesets", {})
    return rulesets


def _ruleset(response: Any) -> Ruleset:
    name = response.parameters["Name"]
    if name not in (rulesets := _rulesets(response)):
        raise EntityNotFoundException(f"Data quality ruleset {name} not found.")
    return rulesets[name]
