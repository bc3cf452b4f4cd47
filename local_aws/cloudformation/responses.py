"""Moto's CloudFormation API where it would not tell the truth: limits, options, resource states."""

from __future__ import annotations

import functools
import uuid
from typing import Any

from moto.cloudformation.models import Event, Stack
from moto.cloudformation.responses import CloudFormationResponse
from moto.core.responses import ActionResult, EmptyResult
from moto.core.utils import utcnow

from local_aws.cloudformation import drift
from local_aws.cloudformation import template as templates

CHECKED_ACTIONS = (
    "create_stack",
    "update_stack",
    "delete_stack",
    "create_change_set",
    "execute_change_set",
)
UNSUPPORTED_OPTIONS = (
    "DeletionMode",
    "DisableRollback",
    "OnFailure",
    "OnStackFailure",
    "ResourceTypes",
    "ResourcesToImport",
    "RetainExceptOnCreate",
    "RetainResources",
    "RollbackConfiguration",
    "StackPolicyBody",
    "StackPolicyURL",
    "TimeoutInMinutes",
)


def install() -> None:
    """Put the methods of this module in the place of moto's."""
    CloudFormationResponse.create_change_set = _typed(CloudFormationResponse.create_change_set)
    for name in CHECKED_ACTIONS:
        setattr(CloudFormationResponse, name, _checked(getattr(CloudFormationResponse, name)))
    # Moto compares them its own way; the backend does it for all kinds of updates.
    CloudFormationResponse._validate_different_update = lambda *_: None
    # Moto would wrap what is made here in something of its own.
    del CloudFormationResponse.RESPONSE_KEY_PATH_TO_TRANSFORMER["DescribeChangeSetOutput.Changes"]
    for method in (
        delete_change_set,
        describe_change_set,
        describe_stack_drift_detection_status,
        describe_stack_resource_drifts,
        detect_stack_drift,
        detect_stack_resource_drift,
        get_template_summary,
        list_change_sets,
        update_termination_protection,
        describe_stack_resource,
        describe_stack_resources,
        list_stack_resources,
        validate_template,
    ):
        setattr(CloudFormationResponse, method.__name__, method)


def _checked(original: Any) -> Any:
    @functools.wraps(original)
    def method(response: Any) -> Any:
        templates.check_size(response._get_param("TemplateBody") or "")
        for option in UNSUPPORTED_OPTIONS:
            if response._get_param(option) not in (None, "", False, "false", []):
                raise templates.unsupported(f"the option {option}")
        if body := _submitted_template(response):
            acknowledged = response._get_param("Capabilities", [])
            templates.check_capabilities(templates.parse(body), acknowledged)
        return original(response)

    return method


def _typed(create_change_set: Any) -> Any:
    """By default an update, as botocore's service model has it; moto's default is a new stack."""

    @functools.wraps(create_change_set)
    def method(response: Any) -> Any:
        if response.params.setdefault("ChangeSetType", "UPDATE") == "IMPORT":
            raise templates.unsupported("ChangeSetType IMPORT")
        return create_change_set(response)

    return method


def _submitted_template(response: Any) -> str:
    """The template of a request; none for a request that has none, which moto refuses itself."""
    if url := response._get_param("TemplateURL"):
        return str(response._get_stack_from_s3_url(url))
    if response._get_bool_param("UsePreviousTemplate", False):
        name = response._get_param("StackName")
        return str(response.cloudformation_backend.get_stack(name).template)
    return str(response._get_param("TemplateBody") or "")


def describe_stack_resource(response: Any) -> ActionResult:
    """DescribeStackResource."""
    stack = response.cloudformation_backend.get_stack(response._get_param("StackName"))
    name = response._get_param("LogicalResourceId")
    if name not in (latest := latest_events(stack)):
        raise templates.invalid(f"Resource {name} does not exist for stack {stack.name}")
    return ActionResult({"StackResourceDetail": _described(stack, latest[name])})


def describe_stack_resources(response: Any) -> ActionResult:
    """DescribeStackResources."""
    stack = response.cloudformation_backend.get_stack(response._get_param("StackName"))
    name = response._get_param("LogicalResourceId")
    found = [e for key, e in latest_events(stack).items() if name in (None, key)]
    return ActionResult({"StackResources": [_described(stack, event) for event in found]})


def list_stack_resources(response: Any) -> ActionResult:
    """ListStackResources."""
    stack = response.cloudformation_backend.get_stack(response._get_param("StackName"))
    found = latest_events(stack).values()
    return ActionResult({"StackResourceSummaries": [_described(stack, event) for event in found]})


def validate_template(response: Any) -> ActionResult:
    """ValidateTemplate: the form only, as on AWS."""
    body = response._get_param("TemplateBody") or ""
    if url := response._get_param("TemplateURL"):
        body = response._get_stack_from_s3_url(url)
    else:
        templates.check_size(body)
    template = templates.parse(body)
    templates.creation_order(template)
    parameters = [
        {
            "ParameterKey": name,
            "DefaultValue": templates.effective(template, {})[name] if "Default" in rules else None,
            "NoEcho": bool(rules.get("NoEcho")),
            "Description": rules.get("Description"),
        }
        for name, rules in template.get("Parameters", {}).items()
    ]
    described = {"Description": template.get("Description"), "Parameters": parameters}
    capabilities = _capabilities(template)
    return ActionResult({**described, **capabilities, "DeclaredTransforms": []})


def _capabilities(template: templates.Template) -> dict[str, Any]:
    required = templates.required_capability(template)
    if not required:
        return {"Capabilities": []}
    kinds = sorted({each["Type"] for each in template["Resources"].values()})
    listed = ", ".join(kind for kind in kinds if kind.startswith("AWS::IAM::"))
    reason = f"The following resource(s) require capabilities: [{listed}]"
    return {"Capabilities": [required], "CapabilitiesReason": reason}


def get_template_summary(response: Any) -> ActionResult:
    """GetTemplateSummary, of a stack or of a template."""
    if name := response._get_param("StackName"):
        body = str(response.cloudformation_backend.get_stack(name).template)
    else:
        body = _submitted_template(response)
    template = templates.parse(body)
    parameters = [
        {
            "ParameterKey": name,
            "DefaultValue": templates.effective(template, {})[name] if "Default" in rules else None,
            "ParameterType": rules.get("Type"),
            "NoEcho": bool(rules.get("NoEcho")),
            "Description": rules.get("Description"),
            "ParameterConstraints": {
                "AllowedValues": [str(each) for each in rules.get("AllowedValues", [])]
            },
        }
        for name, rules in template.get("Parameters", {}).items()
    ]
    summary = {
        "Parameters": parameters,
        "Description": template.get("Description"),
        "ResourceTypes": sorted({each["Type"] for each in template["Resources"].values()}),
        "Version": template.get("AWSTemplateFormatVersion"),
        "DeclaredTransforms": [],
    }
    return ActionResult({**summary, **_capabilities(template)})


def describe_change_set(response: Any) -> ActionResult:
    """DescribeChangeSet, all changes on one page."""
    return ActionResult(_change_set(response))


def delete_change_set(response: Any) -> ActionResult:
    """DeleteChangeSet."""
    names = response._get_param("ChangeSetName"), response._get_param("StackName")
    response.cloudformation_backend.delete_change_set(*names)
    return EmptyResult()


def list_change_sets(response: Any) -> ActionResult:
    """ListChangeSets: those of one stack."""
    backend = response.cloudformation_backend
    stack = backend.get_stack(response._get_param("StackName"))
    own = [each for each in backend.change_sets.values() if each.stack_id == stack.stack_id]
    return ActionResult({"Summaries": own})


def _change_set(response: Any) -> Any:
    from local_aws.cloudformation.models import change_set_of  # which installs this module

    names = response._get_param("ChangeSetName"), response._get_param("StackName")
    return change_set_of(response.cloudformation_backend, *names)


def update_termination_protection(response: Any) -> ActionResult:
    """UpdateTerminationProtection."""
    stack = response.cloudformation_backend.get_stack(response._get_param("StackName"))
    enabled = response._get_bool_param("EnableTerminationProtection")
    stack.enable_termination_protection = enabled
    return ActionResult({"StackId": stack.stack_id})


def detect_stack_drift(response: Any) -> ActionResult:
    """DetectStackDrift, which is done when it answers."""
    stack = response.cloudformation_backend.get_stack(response._get_param("StackName"))
    found = drift.detected(stack, response._get_param("LogicalResourceIds"))
    detection = {"id": str(uuid.uuid4()), "drifts": found, "time": utcnow()}
    stack.drift = detection
    return ActionResult({"StackDriftDetectionId": detection["id"]})


def describe_stack_drift_detection_status(response: Any) -> ActionResult:
    """DescribeStackDriftDetectionStatus."""
    wanted = response._get_param("StackDriftDetectionId")
    for stack in response.cloudformation_backend.stacks.values():
        detection = vars(stack).get("drift")
        if detection and detection["id"] == wanted:
            states = [each["StackResourceDriftStatus"] for each in detection["drifts"]]
            drifted = sum(state in ("DELETED", "MODIFIED") for state in states)
            status = {
                "StackId": stack.stack_id,
                "StackDriftDetectionId": wanted,
                "StackDriftStatus": "DRIFTED" if drifted else "IN_SYNC",
                "DetectionStatus": "DETECTION_COMPLETE",
                "DriftedStackResourceCount": drifted,
                "Timestamp": detection["time"],
            }
            return ActionResult(status)
    raise templates.invalid(f"Drift detection {wanted} does not exist.")


def describe_stack_resource_drifts(response: Any) -> ActionResult:
    """DescribeStackResourceDrifts: what the last detection has found."""
    stack = response.cloudformation_backend.get_stack(response._get_param("StackName"))
    wanted = response._get_param("StackResourceDriftStatusFilters", [])
    found = vars(stack).get("drift", {"drifts": []})["drifts"]
    drifts = [each for each in found if not wanted or each["StackResourceDriftStatus"] in wanted]
    return ActionResult({"StackResourceDrifts": drifts})


def detect_stack_resource_drift(response: Any) -> ActionResult:
    """DetectStackResourceDrift."""
    stack = response.cloudformation_backend.get_stack(response._get_param("StackName"))
    name = response._get_param("LogicalResourceId")
    for found in drift.detected(stack, [name]):
        return ActionResult({"StackResourceDrift": found})
    raise templates.invalid(f"Resource {name} does not exist for stack {stack.name}")


def latest_events(stack: Stack) -> dict[str, Event]:
    """The last event of every resource of a stack: what state it is in, and since when."""
    own = stack.stack_id
    return {e.logical_resource_id: e for e in stack.events if e.physical_resource_id != own}


def _described(stack: Stack, event: Event) -> dict[str, Any]:
    return {
        "StackId": stack.stack_id,
        "StackName": stack.name,
        "LogicalResourceId": event.logical_resource_id,
        "PhysicalResourceId": event.physical_resource_id,
        "ResourceType": event.resource_type,
        "ResourceStatus": event.resource_status,
        "ResourceStatusReason": event.resource_status_reason,
        "Timestamp": event.timestamp,
        "LastUpdatedTimestamp": event.timestamp,
    }
