"""What a change set would do, without doing it: which resources, which properties, and whether a
new resource takes the place of the old one.

Properties are compared as far as they are known beforehand: parameters and conditions are
evaluated, attributes of resources are not. Whatever refers to a resource that is replaced may
change with it, which is said as CloudFormation says it: Dynamic, by ResourceReference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from moto.cloudformation.models import Stack

from local_aws.cloudformation import template as templates
from local_aws.cloudformation.custom import CustomResource
from local_aws.cloudformation.deployed import resource_class

Declared = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Evaluation:
    """A template with what its parameters and conditions make of it."""

    template: templates.Template
    values: Mapping[str, str]
    holds: Mapping[str, Any]

    def resources(self) -> Declared:
        """The resources that would be made, each with its properties as far as they are known."""
        return {
            name: {**declared, "Properties": self._known(declared.get("Properties") or {})}
            for name, declared in self.template.get("Resources", {}).items()
            if not declared.get("Condition") or self.holds[declared["Condition"]]
        }

    def _known(self, node: Any) -> Any:
        if isinstance(node, list):
            return [self._known(each) for each in node]
        if not isinstance(node, dict):
            return self._substituted(node) if isinstance(node, str) else node
        if node.keys() == {"Ref"} and node["Ref"] in self.values:
            return self.values[node["Ref"]]
        if node.keys() == {"Fn::If"}:
            condition, yes, no = node["Fn::If"]
            return self._known(yes if self.holds[condition] else no)
        return self._computed({key: self._known(each) for key, each in node.items()})

    def _computed(self, node: dict[str, Any]) -> Any:
        """What a function makes of arguments that are known; else the node itself.

        Else another way of writing the same name would look as if it replaced a resource.
        """
        match node:
            case {"Fn::Split": [str(mark), str(text)]}:
                return text.split(mark)
            case {"Fn::Join": [str(mark), list(parts)]} if _are_texts(parts):
                return mark.join(parts)
            case {"Fn::FindInMap": [str(name), str(first), str(second)]}:
                return self.template["Mappings"][name][first][second]
            case {"Fn::Sub": [str(text), dict(own)]} if _are_texts(own.values()):
                text = re.sub(
                    templates.REFERENCE, lambda found: own.get(found[1].strip(), found[0]), text
                )
                return self._computed({"Fn::Sub": text})
            case {"Fn::Sub": str(text)} if "${" not in text:
                return text
        return node

    def _substituted(self, text: str) -> str:
        return re.sub(
            templates.REFERENCE, lambda found: self.values.get(found[1].strip(), found[0]), text
        )


def _are_texts(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def evaluation(
    stack: Stack, template: templates.Template, parameters: Mapping[str, str]
) -> Evaluation:
    """What a template and parameters would mean for a stack."""
    trial = Stack.__new__(Stack)
    vars(trial).update(vars(stack))
    trial.template_dict, trial.parameters = template, dict(parameters)
    conditions = trial._create_resource_map().lazy_condition_map if template else {}
    holds = {name: bool(conditions[name]) for name in template.get("Conditions", {})}
    return Evaluation(template, templates.effective(template, parameters), holds)


def changes(stack: Stack, before: Declared, after: Declared) -> list[dict[str, Any]]:
    """The Changes of a change set: additions, modifications and removals, in this order."""
    found = [_added(name, after[name]) for name in after if name not in before]
    replaced: set[str] = set()
    for name in (name for name in after if name in before):
        details = list(_details(before[name], after[name], replaced))
        if details:
            replacement = _replacement(before[name], after[name], details)
            if replacement == "True":
                replaced.add(name)
            modified = _change("Modify", name, after[name], stack)
            scope = ["Properties"]
            modified |= {"Replacement": replacement, "Scope": scope, "Details": details}
            found.append(modified)
    found += [_change("Remove", name, before[name], stack) for name in before if name not in after]
    return [{"Type": "Resource", "ResourceChange": each} for each in found]


def _added(name: str, declared: dict[str, Any]) -> dict[str, Any]:
    return {"Action": "Add", "LogicalResourceId": name, "ResourceType": declared["Type"]}


def _change(action: str, name: str, declared: dict[str, Any], stack: Stack) -> dict[str, Any]:
    deployed = stack.deployment.resources.get(name)
    physical_id = deployed.resource.physical_resource_id if deployed else ""
    return {
        "Action": action,
        "LogicalResourceId": name,
        "PhysicalResourceId": physical_id,
        "ResourceType": declared["Type"],
    }


def _details(
    old: dict[str, Any], new: dict[str, Any], replaced: set[str]
) -> Iterator[dict[str, Any]]:
    names = old["Properties"].keys() | new["Properties"].keys()
    replacing = resource_class(new["Type"]).replacing
    for name in sorted(names):
        one, other = old["Properties"].get(name), new["Properties"].get(name)
        target = {"Attribute": "Properties", "Name": name}
        if not templates.same(one, other):
            recreation = "Always" if name in replacing else "Never"
            yield {
                "Target": {**target, "RequiresRecreation": recreation},
                "Evaluation": "Static",
                "ChangeSource": "DirectModification",
            }
        elif causes := sorted(replaced & set(templates.references(other))):
            recreation = "Conditionally" if name in replacing else "Never"
            yield {
                "Target": {**target, "RequiresRecreation": recreation},
                "Evaluation": "Dynamic",
                "ChangeSource": "ResourceReference",
                "CausingEntity": causes[0],
            }


def _replacement(old: dict[str, Any], new: dict[str, Any], details: list[dict[str, Any]]) -> str:
    kind = resource_class(new["Type"])
    identity = kind.identity
    if old["Type"] != new["Type"] or not templates.same(
        identity(old["Properties"]), identity(new["Properties"])
    ):
        return "True"
    if kind is CustomResource:
        return "Conditional"  # its function decides
    recreations = {each["Target"]["RequiresRecreation"] for each in details}
    return "Conditional" if "Conditionally" in recreations else "False"
