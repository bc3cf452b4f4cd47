"""What a target receives of an event: all of it, a part, a constant, or a text with its values.

Rules: "Amazon EventBridge input transformation" in the user guide.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from jsonpath_ng.exceptions import JSONPathError
from jsonpath_ng.ext.parser import parse
from moto.core.exceptions import JsonRESTError
from moto.events.models import Rule

_VARIABLE = re.compile(r"<([\w.-]+)>")
_ABSENT = ""


def check_input(target: Mapping[str, Any]) -> None:
    """Refuse an input that EventBridge refuses.

    Raises:
        JsonRESTError: Two kinds of input at once, text that is not JSON, or a path that is none.
    """
    kinds = target.keys() & {"Input", "InputPath", "InputTransformer"}
    if len(kinds) > 1:
        raise _invalid(f"Only one of {', '.join(sorted(kinds))} must be provided")
    try:
        json.loads(target.get("Input", "{}"))
    except ValueError:
        raise _invalid(f"JSON syntax error in input for target {target['Id']}") from None
    paths = target.get("InputTransformer", {}).get("InputPathsMap", {})
    for path in [*paths.values(), target.get("InputPath", "$")]:
        try:
            parse(path)
        except JSONPathError:
            raise _invalid(f"Invalid JSON path {path!r} for target {target['Id']}") from None


def target_input(rule: Rule, target: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    """The text that a target of a rule receives of an event."""
    if "Input" in target:
        return str(target["Input"])
    if "InputPath" in target:
        return json.dumps(_at(target["InputPath"], event))
    if "InputTransformer" in target:
        return _transformed(rule, target["InputTransformer"], event)
    return json.dumps(event)


def _transformed(rule: Rule, transformer: Mapping[str, Any], event: Mapping[str, Any]) -> str:
    values = {
        "aws.events.rule-arn": rule.arn,
        "aws.events.rule-name": rule.name,
        "aws.events.event.ingestion-time": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "aws.events.event": {name: each for name, each in event.items() if name != "detail"},
        "aws.events.event.json": event,
    }
    for name, path in transformer.get("InputPathsMap", {}).items():
        values[name] = _at(path, event)
    template = transformer["InputTemplate"]
    parts, end = [], 0
    for match in _VARIABLE.finditer(template):
        before = template[: match.start()]
        value = json.dumps(values.get(match[1], _ABSENT))
        parts += [template[end : match.start()], _unquoted(value) if _in_string(before) else value]
        end = match.end()
    return "".join([*parts, template[end:]])


def _in_string(before: str) -> bool:
    return len(re.sub(r"\\.", "", before).split('"')) % 2 == 0


def _unquoted(value: str) -> str:
    """A JSON value as a part of a JSON string."""
    return value[1:-1] if value.startswith('"') else json.dumps(value)[1:-1]


def _at(path: str, event: Mapping[str, Any]) -> Any:
    found = parse(path).find(event)
    return found[0].value if found else _ABSENT


def _invalid(message: str) -> JsonRESTError:
    return JsonRESTError("ValidationException", message)
