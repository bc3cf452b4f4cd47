"""Moto's CloudFormation backend, whose stacks are deployed by `local_aws.cloudformation.engine`."""

from __future__ import annotations

import threading
import traceback
from collections.abc import Callable
from typing import Any

from moto.cloudformation import models as moto_cloudformation
from moto.cloudformation import parsing
from moto.cloudformation.exceptions import AlreadyExistsException, CloudFormationError
from moto.cloudformation.models import ChangeSet, CloudFormationBackend, Stack
from moto.cloudformation.parsing import ResourceMap
from moto.cloudformation.utils import generate_stack_id

from local_aws.cloudformation import responses
from local_aws.cloudformation import template as templates
from local_aws.cloudformation.changes import changes, evaluation
from local_aws.cloudformation.deployed import SUPPORTED, resource_class
from local_aws.cloudformation.engine import Deployment

# A call answers when its stack is done, so that nobody has to poll, but never keeps a client longer
# than this; clients give up after 60 seconds.
PATIENCE_SECONDS = 30.0
NO_CHANGES = (
    "The submitted information didn't contain changes. "
    "Submit different information to create a change set."
)


def install() -> None:
    """Put the methods of this package in the place of moto's."""
    if moto_cloudformation.ResourceMap is DeployedMap:
        return
    moto_cloudformation.ResourceMap = DeployedMap
    parsing.resource_class_from_type = resource_class
    Stack.parse_template = staticmethod(templates.parse)
    Stack.outputs = property(lambda stack: vars(stack).get("resolved_outputs"))
    ChangeSet._parse_template = _parse_change_set
    ChangeSet.diff = lambda _: []  # `create_change_set` does it
    Stack.parameter_list = property(_shown_parameters)
    for method in (
        create_stack,
        update_stack,
        delete_stack,
        create_change_set,
        delete_change_set,
        execute_change_set,
    ):
        name = method.__name__
        setattr(CloudFormationBackend, f"moto_{name}", getattr(CloudFormationBackend, name))
        setattr(CloudFormationBackend, name, method)
    responses.install()


class ChangeSetNotFound(CloudFormationError):
    """There is no change set of that name."""

    code = "ChangeSetNotFound"

    def __init__(self, name: str) -> None:
        super().__init__(f"ChangeSet [{name}] does not exist")


class InvalidChangeSetStatus(CloudFormationError):
    """A change set cannot be carried out, or was already."""

    code = "InvalidChangeSetStatus"

    def __init__(self, change_set: ChangeSet) -> None:
        super().__init__(
            f"ChangeSet [{change_set.change_set_id}] cannot be executed in its current execution "
            f"status of [{change_set.execution_status}]"
        )


class DeployedMap(ResourceMap):
    """The values that templates refer to. Moto's own makes a resource when somebody looks at it."""

    def load_parameters(self) -> None:
        super().load_parameters()
        for name, rules in self._template.get("Parameters", {}).items():
            value = self.resolved_parameters[name]
            if rules.get("Type") == "CommaDelimitedList":  # of which moto leaves defaults whole
                parts = value.split(",") if isinstance(value, str) else value
                self.resolved_parameters[name] = [part.strip() for part in parts]
                self._parsed_resources[name] = self.resolved_parameters[name]

    def __getitem__(self, key: str) -> Any:
        if key in self._parsed_resources:
            return self._parsed_resources[key]
        if key in self._resource_json_map:
            return None  # its condition is false
        raise KeyError(key)

    def deployed(self, logical_id: str, resource: Any) -> None:
        """Let templates refer to a resource that was made."""
        self._parsed_resources[logical_id] = resource


def create_stack(
    backend: Any, name: str, template: str, parameters: dict[str, str], **options: Any
) -> Stack:
    """Make a stack.

    Raises:
        AlreadyExistsException: There is one of that name.
        moto.cloudformation.exceptions.ValidationError: Template or parameters are refused.
    """
    _check_new(backend, name)
    _check(template, parameters)
    stack = Stack(
        stack_id=generate_stack_id(name, backend.region_name, backend.account_id),
        name=name,
        template=template,
        parameters=parameters,
        account_id=backend.account_id,
        region_name=backend.region_name,
        notification_arns=options.get("notification_arns"),
        tags=options.get("tags"),
        role_arn=options.get("role_arn"),
        enable_termination_protection=options.get("enable_termination_protection"),
    )
    backend.stacks[stack.stack_id] = stack
    _start(stack, _deployment(stack).create)
    return stack


def update_stack(
    backend: Any,
    name: str,
    template: str,
    role_arn: str | None,
    parameters: list[dict[str, Any]],
    tags: dict[str, str] | None,
) -> Stack:
    """Change a stack to another template, other parameters, or both.

    Raises:
        moto.cloudformation.exceptions.ValidationError: There is nothing to change, the stack
            cannot be updated now, or template or parameters are refused.
    """
    stack = backend.get_stack(name)
    given = _resolved(stack, parameters)
    _check(template, given)
    if _is_as(stack, template, given, tags):
        raise templates.invalid("No updates are to be performed.")
    if tags is not None:
        stack.tags = tags
    _update(stack, template, given)
    return stack


def delete_stack(backend: Any, name_or_stack_id: str) -> None:
    """Delete a stack; one that does not exist is deleted already.

    Raises:
        moto.cloudformation.exceptions.ValidationError: It is protected, or under way.
    """
    found = [s for s in backend.stacks.values() if name_or_stack_id in (s.name, s.stack_id)]
    for stack in found:
        if stack.enable_termination_protection:
            raise templates.invalid(
                f"Stack [{stack.name}] cannot be deleted while TerminationProtection is enabled"
            )
        _check_settled(stack, "deleted")

        def delete(stack: Stack = stack) -> None:
            if _deployment(stack).delete():
                backend.deleted_stacks[stack.stack_id] = backend.stacks.pop(stack.stack_id)

        _start(stack, delete)


def create_change_set(backend: Any, *args: Any, **options: Any) -> tuple[str, str]:
    """Record a change set of a stack that exists, or of one to be made.

    Raises:
        moto.cloudformation.exceptions.ValidationError: Template or parameters are refused.
    """
    template = options["template"]
    # Moto hands previous values on as numbers.
    given = {name: str(value) for name, value in options["parameters"].items()}
    _check(template, given)
    if options["change_set_type"] == "CREATE":
        _check_new(backend, options["stack_name"])
    made: tuple[str, str] = backend.moto_create_change_set(
        *args, **{**options, "parameters": given}
    )
    change_set = backend.change_sets[made[0]]
    stack = change_set.stack
    change_set.changes = _changes(stack, change_set.template_dict, given)
    if options["change_set_type"] == "UPDATE" and _is_as(
        stack, template, given, options.get("tags") or None
    ):
        change_set.status, change_set.execution_status = "FAILED", "UNAVAILABLE"
        change_set.status_reason = NO_CHANGES
    return made


def change_set_of(backend: Any, name: str, stack_name: str | None) -> ChangeSet:
    """A change set by its ARN, or by its name and that of its stack.

    Raises:
        ChangeSetNotFound: There is none.
    """
    for change_set in backend.change_sets.values():
        own = stack_name in (None, change_set.stack_name, change_set.stack_id)
        if name == change_set.change_set_id or (name == change_set.change_set_name and own):
            return change_set
    raise ChangeSetNotFound(name)


def delete_change_set(backend: Any, change_set_name: str, stack_name: str | None = None) -> None:
    """Forget a change set.

    Raises:
        ChangeSetNotFound: There is none of that name.
    """
    change_set = change_set_of(backend, change_set_name, stack_name)
    del backend.change_sets[change_set.change_set_id]


def execute_change_set(backend: Any, change_set_name: str, stack_name: str | None = None) -> None:
    """Carry out a change set.

    Raises:
        ChangeSetNotFound: There is none of that name.
        InvalidChangeSetStatus: It cannot be carried out, or was already.
    """
    change_set = change_set_of(backend, change_set_name, stack_name)
    if change_set.execution_status != "AVAILABLE":
        raise InvalidChangeSetStatus(change_set)
    stack = backend.stacks[change_set.stack_id]
    change_set.execution_status = "EXECUTE_COMPLETE"
    for other in backend.change_sets.values():
        if other is not change_set and other.stack_id == stack.stack_id:
            other.execution_status = "OBSOLETE"  # it was made for the stack as it was
    if change_set.tags:
        stack.tags = change_set.tags
    if change_set.change_set_type == "CREATE":
        _assign(stack, change_set.template, change_set.parameters)
        _start(stack, _deployment(stack).create)
    else:
        _update(stack, change_set.template, change_set.parameters)


def _check_new(backend: Any, name: str) -> None:
    if any(stack.name == name for stack in backend.stacks.values()):
        raise AlreadyExistsException(f"Stack [{name}] already exists")


def _check(template: str, parameters: dict[str, str]) -> None:
    parsed = templates.parse(template)
    templates.check(parsed, SUPPORTED)
    templates.check_parameters(parsed, parameters)


def _check_settled(stack: Stack, verb: str) -> None:
    if stack.status.endswith("_IN_PROGRESS") and stack.status != "REVIEW_IN_PROGRESS":
        raise templates.invalid(
            f"Stack:{stack.stack_id} is in {stack.status} state and can not be {verb}."
        )


def _resolved(stack: Stack, parameters: list[dict[str, Any]]) -> dict[str, str]:
    given = {}
    for parameter in parameters:
        key = parameter["ParameterKey"]
        if not parameter.get("UsePreviousValue"):
            given[key] = parameter["ParameterValue"]
        elif key in stack.parameters:
            given[key] = stack.parameters[key]
    return given


def _shown_parameters(stack: Stack) -> list[dict[str, Any]]:
    """The parameters as clients see them: NoEcho ones hidden, which moto does not."""
    declared = stack.template_dict.get("Parameters", {})
    return [
        {
            "ParameterKey": name,
            "ParameterValue": "****" if _is_true(declared[name].get("NoEcho")) else value,
        }
        for name, value in templates.effective(stack.template_dict, stack.parameters).items()
    ]


def _is_true(value: Any) -> bool:
    return str(value).lower() == "true"


def _changes(
    stack: Stack, template: templates.Template, parameters: dict[str, str]
) -> list[dict[str, Any]]:
    _deployment(stack)
    before = evaluation(stack, stack.template_dict, stack.parameters).resources()
    after = evaluation(stack, template, parameters).resources()
    return changes(stack, before, after)


def _is_as(
    stack: Stack,
    template: str,
    parameters: dict[str, str],
    tags: dict[str, str] | None = None,
) -> bool:
    """Whether a stack has that template, those parameters and those tags already."""
    if tags is not None and tags != stack.tags:
        return False
    wanted = templates.parse(template)
    old, new = stack.template_dict, templates.effective(wanted, parameters)
    return templates.same(old, wanted) and templates.effective(old, stack.parameters) == new


def _update(stack: Stack, template: str, parameters: dict[str, str]) -> None:
    _check_settled(stack, "updated")
    if not stack.status.endswith("_COMPLETE") or stack.status == "ROLLBACK_COMPLETE":
        raise templates.invalid(
            f"Stack:{stack.stack_id} is in {stack.status} state and can not be updated."
        )
    deployment = _deployment(stack)
    previous = {
        key: getattr(stack, key)
        for key in ("template", "template_dict", "parameters", "description", "resource_map")
    }
    deployment.set_status("UPDATE_IN_PROGRESS", "User Initiated")
    _assign(stack, template, parameters)
    for logical_id, deployed in deployment.resources.items():
        stack.resource_map.deployed(logical_id, deployed.resource)
    _start(stack, lambda: deployment.update(previous))


def _assign(stack: Stack, template: str, parameters: dict[str, str]) -> None:
    stack.template, stack.parameters = template, parameters
    stack._parse_template()
    stack.description = stack.template_dict.get("Description")
    stack.resource_map = stack._create_resource_map()


def _deployment(stack: Stack) -> Deployment:
    deployment: Deployment = vars(stack).setdefault("deployment", Deployment(stack))
    return deployment


def _start(stack: Stack, work: Callable[[], None]) -> None:
    thread = threading.Thread(target=_finished, args=(stack, work), name=stack.name, daemon=True)
    thread.start()
    thread.join(PATIENCE_SECONDS)


def _finished(stack: Stack, work: Callable[[], None]) -> None:
    try:
        work()
    except Exception as error:
        # Whatever was overlooked must not leave a stack in progress for ever.
        traceback.print_exc()
        status = stack.status.replace("_IN_PROGRESS", "_FAILED")
        _deployment(stack).set_status(status, f"{type(error).__name__}: {error}")


def _parse_change_set(change_set: ChangeSet) -> None:
    change_set.template_dict = templates.parse(change_set.template)
