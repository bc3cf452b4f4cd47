"""Reading and checking templates before anything is made of them."""

from __future__ import annotations

import copy
import functools
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import yaml
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.utils import yaml_tag_constructor

MAX_BODY_BYTES = 51_200
SECTIONS = frozenset(
    [
        "AWSTemplateFormatVersion",
        "Conditions",
        "Description",
        "Mappings",
        "Metadata",
        "Outputs",
        "Parameters",
        "Resources",
    ]
)
MAPPINGS = frozenset(["Conditions", "Mappings", "Outputs", "Parameters", "Resources"])
DELETION_POLICIES = frozenset({"Delete", "Retain", "RetainExceptOnCreate"})
RESOURCE_KEYS = frozenset(
    [
        "Condition",
        "DeletionPolicy",
        "DependsOn",
        "Metadata",
        "Properties",
        "Type",
        "UpdateReplacePolicy",
    ]
)
PARAMETER_TYPES = frozenset({"CommaDelimitedList", "Number", "String"})
REFERENCE = re.compile(r"\$\{([^!}][^}]*)\}")

# What can be evaluated, inside of a template and in its conditions.
FUNCTIONS = frozenset(
    ["And", "Base64", "Equals", "FindInMap", "GetAZs", "GetAtt", "If", "Join", "Not", "Or"]
    + ["Select", "Split", "Sub", "ToJsonString"]
)

Template = dict[str, Any]


class InsufficientCapabilities(ValidationError):
    """The caller has not acknowledged that a template makes IAM resources."""

    code = "InsufficientCapabilitiesException"

    def __init__(self, required: str) -> None:
        super().__init__(message=f"Requires capabilities : [{required}]")


class _Loader(yaml.SafeLoader):
    """YAML as CloudFormation reads it: short forms of functions, and dates are just strings."""


_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if not tag.endswith(":timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_Loader.add_multi_constructor(
    "!", lambda loader, tag, node: yaml_tag_constructor(loader, f"!{tag}", node)
)


def parse(body: str) -> Template:
    """The template that a text describes.

    Raises:
        ValidationError: It is neither YAML nor JSON, or no template.
    """
    return copy.deepcopy(_parsed(body))


# An action reads its template several times, and all of a template takes a third of a second.
@functools.lru_cache(maxsize=8)
def _parsed(body: str) -> Template:
    try:
        template = yaml.load(body, Loader=_Loader)  # noqa: S506 - a SafeLoader
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" (line {mark.line + 1}, column {mark.column + 1})" if mark else ""
        raise invalid(f"Template format error: YAML not well-formed.{where}") from error
    if not isinstance(template, dict):
        raise invalid("Template format error: unsupported structure.")
    for section in template.keys() & MAPPINGS:
        if not isinstance(template[section], dict):
            raise invalid(f"Template format error: [/{section}] must be an object.")
    if not template.get("Resources"):
        raise invalid("Template format error: At least one Resources member must be defined.")
    return template


def invalid(message: str) -> ValidationError:
    """CloudFormation's error for a request that it does not take."""
    return ValidationError(message=message)


def unsupported(what: str) -> ValidationError:
    """The same, for what AWS would take."""
    return invalid(f"The embedded AWS does not support {what}.")


def check_size(body: str) -> None:
    """Refuse a template body that the API would not take.

    Raises:
        ValidationError: With AWS's message.
    """
    if len(body.encode()) > MAX_BODY_BYTES:
        raise invalid(
            "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: "
            f"Member must have length less than or equal to {MAX_BODY_BYTES}"
        )


def check(template: Template, supported: Mapping[str, frozenset[str]]) -> None:
    """Refuse a template that could not be carried out to the letter.

    Args:
        template: The parsed template.
        supported: The properties that are carried out, by resource type.

    Raises:
        ValidationError: Naming what is wrong or not supported.
    """
    for section in template.keys() - SECTIONS:
        raise unsupported(f"the template section {section}")
    for name, resource in template["Resources"].items():
        _check_resource(name, resource, supported)
    for name, output in template.get("Outputs", {}).items():
        if "Export" in output:
            raise unsupported(f"Export, which output {name} has")
    for function in sorted(set(_functions(template))):
        if function not in FUNCTIONS:
            raise unsupported(f"the function Fn::{function}")
    creation_order(template)
    _check_references(template, template.get("Outputs", {}), "Outputs")


def _check_resource(name: str, resource: Any, supported: Mapping[str, frozenset[str]]) -> None:
    if not isinstance(resource, dict) or not isinstance(resource.get("Type"), str):
        raise invalid(f"Template format error: [/Resources/{name}] must have a Type.")
    kind = resource["Type"]
    for key in resource.keys() - RESOURCE_KEYS:
        raise unsupported(f"the attribute {key} of resource {name}")
    if (policy := resource.get("DeletionPolicy", "Delete")) not in DELETION_POLICIES:
        raise unsupported(f"the DeletionPolicy {policy} of resource {name}")
    if is_custom(kind):
        return
    if kind not in supported:
        raise unsupported(f"resource type {kind} (resource {name})")
    for key in (resource.get("Properties") or {}).keys() - supported[kind]:
        raise unsupported(f"property {key} of {kind} (resource {name})")


def required_capability(template: Template) -> str:
    """What a caller has to acknowledge about the IAM resources of a template, if it has any.

    Source: CreateStack in the CloudFormation API Reference, parameter Capabilities.
    """
    iam = [each for each in template["Resources"].values() if each["Type"].startswith("AWS::IAM::")]
    names = {"RoleName", "ManagedPolicyName"}
    if any(names & (each.get("Properties") or {}).keys() for each in iam):
        return "CAPABILITY_NAMED_IAM"
    return "CAPABILITY_IAM" if iam else ""


def check_capabilities(template: Template, given: Iterable[str]) -> None:
    """Refuse a template whose IAM resources the caller has not acknowledged.

    Raises:
        InsufficientCapabilities: With AWS's message.
    """
    required = required_capability(template)
    if required and not {required, "CAPABILITY_NAMED_IAM"} & set(given):
        raise InsufficientCapabilities(required)


def is_custom(kind: str) -> bool:
    """Whether a resource type is made by a function of the user's own."""
    return kind.startswith("Custom::") or kind == "AWS::CloudFormation::CustomResource"


def creation_order(template: Template) -> list[str]:
    """The resources, each after those that it needs; otherwise as they stand.

    Raises:
        ValidationError: They need each other, or something that is not there.
    """
    needs = {name: dependencies(template, name) for name in template["Resources"]}
    order: list[str] = []
    while len(order) < len(needs):
        ready = [name for name in needs if name not in order and needs[name] <= set(order)]
        if not ready:
            circle = ", ".join(name for name in needs if name not in order)
            raise invalid(f"Circular dependency between resources: [{circle}]")
        order += ready
    return order


def dependencies(template: Template, name: str) -> set[str]:
    """The resources that one needs: DependsOn, Ref, Fn::GetAtt and Fn::Sub.

    Raises:
        ValidationError: It refers to something that the template does not have.
    """
    resource = template["Resources"][name]
    explicit = resource.get("DependsOn", [])
    explicit = {explicit} if isinstance(explicit, str) else set(explicit)
    _check_known(template, explicit, "Resources")
    properties = resource.get("Properties") or {}
    _check_references(template, properties, "Resources")
    needs: set[str] = (explicit | set(references(properties))) & template["Resources"].keys()
    return needs


def _check_references(template: Template, node: Any, section: str) -> None:
    _check_known(template, references(node), section)


def _check_known(template: Template, names: Any, section: str) -> None:
    known = template["Resources"].keys() | template.get("Parameters", {}).keys()
    missing = sorted({name for name in names if name not in known and "::" not in name})
    if missing:
        raise invalid(
            f"Template format error: Unresolved resource dependencies [{', '.join(missing)}] "
            f"in the {section} block of the template"
        )


def references(node: Any) -> Iterator[str]:
    """The logical names that a part of a template refers to."""
    if isinstance(node, dict):
        for key, value in node.items():
            yield from _named_by(key, value)
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)


def _functions(node: Any) -> Iterator[str]:
    """The names of all functions in a part of a template."""
    if isinstance(node, dict):
        for key, value in node.items():
            if isinstance(key, str) and key.startswith("Fn::"):
                yield key.removeprefix("Fn::")
            yield from _functions(value)
    elif isinstance(node, list):
        for value in node:
            yield from _functions(value)


def _named_by(function: str, value: Any) -> Iterator[str]:
    if function == "Ref" and isinstance(value, str):
        yield value
    elif function == "Fn::GetAtt":
        yield value.split(".")[0] if isinstance(value, str) else value[0]
    elif function == "Fn::Sub":
        text, own = (value, {}) if isinstance(value, str) else value
        names = (name.split(".")[0] for name in REFERENCE.findall(text))
        yield from (name for name in names if name not in own)


def check_parameters(template: Template, given: Mapping[str, str]) -> None:
    """Hold the parameters of a stack against their declarations.

    Raises:
        ValidationError: With AWS's message.
    """
    declared = template.get("Parameters", {})
    if unknown := [name for name in given if name not in declared]:
        raise invalid(f"Parameters: [{', '.join(unknown)}] do not exist in the template")
    missing = [name for name in declared if name not in given and "Default" not in declared[name]]
    if missing:
        raise invalid(f"Parameters: [{', '.join(missing)}] must have values")
    for name, rules in declared.items():
        if rules.get("Type") not in PARAMETER_TYPES:
            raise unsupported(f"parameters of type {rules.get('Type')} (parameter {name})")
        if reason := _violated(name, effective(template, given)[name], rules):
            if "ConstraintDescription" in rules:
                description = " ".join(str(rules["ConstraintDescription"]).split())
                reason = f"Parameter {name} failed to satisfy constraint: {description}"
            raise invalid(reason)


def effective(template: Template, given: Mapping[str, str]) -> dict[str, str]:
    """The values of all parameters: those given, and defaults."""
    declared = template.get("Parameters", {})
    return {name: str(given.get(name, rules.get("Default"))) for name, rules in declared.items()}


def _violated(name: str, value: str, rules: Mapping[str, Any]) -> str:
    """What a value violates, in AWS's words, or an empty text."""
    if rules["Type"] == "CommaDelimitedList":
        each = {**rules, "Type": "String"}
        found = (_violated(name, part.strip(), each) for part in value.split(","))
        return next((reason for reason in found if reason), "")
    allowed = [str(each) for each in rules.get("AllowedValues", [])]
    if allowed and value not in allowed:
        return f"Parameter '{name}' must be one of AllowedValues"
    if rules["Type"] == "Number":
        return _violated_number(name, value, rules)
    if not re.fullmatch(str(rules.get("AllowedPattern", ".*")), value, re.DOTALL):
        return f"Parameter '{name}' must match pattern {rules['AllowedPattern']}"
    if len(value) < int(rules.get("MinLength", 0)):
        return f"Parameter '{name}' must contain at least {rules['MinLength']} characters"
    if len(value) > int(rules.get("MaxLength", len(value))):
        return f"Parameter '{name}' must contain at most {rules['MaxLength']} characters"
    return ""


def _violated_number(name: str, value: str, rules: Mapping[str, Any]) -> str:
    try:
        number = float(value)
    except ValueError:
        return f"Parameter '{name}' must be a number"
    if number < float(rules.get("MinValue", number)):
        return f"Parameter '{name}' must be a number not less than {rules['MinValue']}"
    if number > float(rules.get("MaxValue", number)):
        return f"Parameter '{name}' must be a number not greater than {rules['MaxValue']}"
    return ""


def same(one: Any, other: Any) -> bool:
    """Whether two parts of a template say the same, in whatever order of keys."""
    return json.dumps(one, sort_keys=True, default=str) == json.dumps(
        other, sort_keys=True, default=str
    )
