"""Creates, updates and deletes stacks: resource by resource, with events, undoing what failed."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError
from moto.cloudformation.models import Event, Stack
from moto.cloudformation.parsing import ResourceMap, clean_json

from local_aws.cloudformation import template as templates
from local_aws.cloudformation.custom import CustomResource
from local_aws.cloudformation.deployed import Deployed, Wanted, deletion_order, resource_class
from local_aws.cloudformation.resource import Context, is_gone

RETAINED = frozenset({"Retain", "RetainExceptOnCreate"})

Undo = list[Callable[[], Any]]


class Failed(Exception):
    """A resource could not be made, changed or deleted; the events say why."""

    def __init__(self, logical_ids: list[str], verb: str) -> None:
        ids = ", ".join(logical_ids)
        super().__init__(f"The following resource(s) failed to {verb}: [{ids}]. ")


class Deployment:
    """The resources of one stack, in the order in which they were made."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.resources: dict[str, Deployed] = {}

    def create(self) -> None:
        """Make everything, or nothing: a failure deletes what was made (ROLLBACK_COMPLETE)."""
        self.set_status("CREATE_IN_PROGRESS", "User Initiated")
        try:
            self._make_all([])
        except Failed as failure:
            self.set_status("ROLLBACK_IN_PROGRESS", f"{failure}Rollback requested by user.")
            failed = self._delete_all(retained=frozenset({"Retain"}))
            self.set_status("ROLLBACK_FAILED" if failed else "ROLLBACK_COMPLETE")
            return
        self._finish("CREATE_COMPLETE")

    def update(self, previous: dict[str, Any]) -> None:
        """Make the difference between the stack's template and what there is, or change nothing.

        Args:
            previous: Attributes of the stack to restore when the update fails.
        """
        undo: Undo = []
        before = dict(self.resources)
        try:
            self._make_all(undo)
        except Failed as failure:
            self.set_status("UPDATE_ROLLBACK_IN_PROGRESS", str(failure))
            complete = _done(reversed(undo))
            self.resources = before
            vars(self.stack).update(previous)
            self._delete_replaced()
            self._finish("UPDATE_ROLLBACK_COMPLETE" if complete else "UPDATE_ROLLBACK_FAILED")
            return
        self.set_status("UPDATE_COMPLETE_CLEANUP_IN_PROGRESS")
        self._clean_up(before)
        self._delete_replaced()
        self._finish("UPDATE_COMPLETE")

    def delete(self) -> bool:
        """Delete everything that may be deleted, each before what it needs.

        Returns:
            Whether nothing is left to delete.
        """
        self.set_status("DELETE_IN_PROGRESS", "User Initiated")
        if failed := self._delete_all(RETAINED):
            self.set_status("DELETE_FAILED", str(Failed(failed, "delete")))
            return False
        self.set_status("DELETE_COMPLETE")
        return True

    def set_status(self, status: str, reason: str | None = None) -> None:
        """Say what state the stack is in, in its events too."""
        self.stack._add_stack_event(status, resource_status_reason=reason)
        self.stack.stack_status_reason = reason
        self.stack.status = status

    def _make_all(self, undo: Undo) -> None:
        for logical_id in templates.creation_order(self.stack.template_dict):
            declaration = self.stack.template_dict["Resources"][logical_id]
            if not self._holds(declaration):
                continue
            verb = "update" if logical_id in self.resources else "create"
            try:
                self._make(logical_id, declaration, undo)
            except Exception as error:
                deployed = self.resources.get(logical_id)
                kind = declaration["Type"]
                self._event(logical_id, kind, f"{verb.upper()}_FAILED", deployed, _reason(error))
                raise Failed([logical_id], verb) from error

    def _holds(self, declaration: dict[str, Any]) -> bool:
        condition = declaration.get("Condition")
        return not condition or bool(self._values.lazy_condition_map[condition])

    @property
    def _values(self) -> ResourceMap:
        return self.stack.resource_map

    def _make(self, logical_id: str, declaration: dict[str, Any], undo: Undo) -> None:
        declared = clean_json(declaration.get("Properties") or {}, self._values)
        properties = _without_no_value(declared)
        needs = templates.dependencies(self.stack.template_dict, logical_id)
        wanted = Wanted(declaration, properties, needs)
        current = self.resources.get(logical_id)
        if current is None or current.must_be_replaced_by(wanted):
            deployed = self._create(logical_id, wanted, undo)
        elif current.is_like(wanted):
            deployed = current.as_(wanted)
        else:
            deployed = self._change(logical_id, current, wanted, undo)
        self.resources[logical_id] = deployed
        self._values.deployed(logical_id, deployed.resource)

    def _create(self, logical_id: str, wanted: Wanted, undo: Undo) -> Deployed:
        context = self._context(logical_id, wanted.type)
        deployed = Deployed(wanted, resource_class(wanted.type)(context))
        self._event(logical_id, wanted.type, "CREATE_IN_PROGRESS", deployed)
        try:
            deployed.resource.create(wanted.properties, context)
        finally:
            if deployed.resource.physical_resource_id:  # what was made by halves has to go, too
                self.resources[logical_id] = deployed
                undo.append(lambda: self._delete_one(logical_id, deployed))
        self._event(logical_id, wanted.type, "CREATE_COMPLETE", deployed)
        return deployed

    def _change(self, logical_id: str, current: Deployed, wanted: Wanted, undo: Undo) -> Deployed:
        context = self._context(logical_id, wanted.type)
        resource, old = current.resource, current.wanted.properties
        self._event(logical_id, wanted.type, "UPDATE_IN_PROGRESS", current)
        undo.append(lambda: resource.update(old, context))
        resource.update(wanted.properties, context)
        self._event(logical_id, wanted.type, "UPDATE_COMPLETE", current)
        return current.as_(wanted)

    def _clean_up(self, before: dict[str, Deployed]) -> None:
        """Delete what an update left without a place in the stack."""
        declared = self.stack.template_dict["Resources"]
        for logical_id in deletion_order(before):
            old, now = before[logical_id], self.resources[logical_id]
            replaced = now.resource is not old.resource
            policy = "UpdateReplacePolicy" if replaced else "DeletionPolicy"
            if not replaced:
                if logical_id in declared and self._holds(declared[logical_id]):
                    continue
                del self.resources[logical_id]
            if old.wanted.declaration.get(policy) in RETAINED:
                self._event(logical_id, old.wanted.type, "DELETE_SKIPPED", old)
            else:
                self._delete_one(logical_id, old)

    def _delete_replaced(self) -> None:
        """Delete what custom resources have put something new in the place of."""
        for logical_id, deployed in self.resources.items():
            resource = deployed.resource
            if isinstance(resource, CustomResource) and resource.replaced_id:
                context = self._context(logical_id, deployed.wanted.type)
                _done(
                    [
                        lambda r=resource, d=deployed, c=context: r.delete_replaced(
                            d.wanted.properties, c
                        )
                    ]
                )

    def _delete_all(self, retained: frozenset[str]) -> list[str]:
        """Delete all but the retained; returns what could not be deleted."""
        failed: list[str] = []
        blocked: set[str] = set()
        for logical_id in deletion_order(self.resources):
            deployed = self.resources[logical_id]
            if logical_id in blocked:
                blocked |= deployed.wanted.needs
            elif deployed.wanted.declaration.get("DeletionPolicy") in retained:
                self._event(logical_id, deployed.wanted.type, "DELETE_SKIPPED", deployed)
            elif self._delete_one(logical_id, deployed):
                del self.resources[logical_id]
            else:
                failed.append(logical_id)
                blocked |= deployed.wanted.needs
        return failed

    def _delete_one(self, logical_id: str, deployed: Deployed) -> bool:
        kind = deployed.wanted.type
        self._event(logical_id, kind, "DELETE_IN_PROGRESS", deployed)
        try:
            deployed.resource.delete(deployed.wanted.properties, self._context(logical_id, kind))
        except Exception as error:
            if not is_gone(error):
                self._event(logical_id, kind, "DELETE_FAILED", deployed, _reason(error))
                return False
        self._event(logical_id, kind, "DELETE_COMPLETE", deployed)
        return True

    def _context(self, logical_id: str, kind: str) -> Context:
        stack = self.stack
        return Context(stack.name, stack.stack_id, logical_id, kind, stack.region_name)

    def _finish(self, status: str) -> None:
        declared = self.stack.template_dict.get("Outputs", {})
        self.stack.resolved_outputs = [
            {
                "OutputKey": name,
                "OutputValue": clean_json(output["Value"], self._values),
                "Description": output.get("Description"),
            }
            for name, output in declared.items()
            if self._holds(output)
        ]
        self.set_status(status)

    def _event(
        self,
        logical_id: str,
        kind: str,
        status: str,
        deployed: Deployed | None,
        reason: str | None = None,
    ) -> None:
        event = Event(
            stack_id=self.stack.stack_id,
            stack_name=self.stack.name,
            logical_resource_id=logical_id,
            physical_resource_id=deployed.resource.physical_resource_id if deployed else "",
            resource_type=kind,
            resource_status=status,
            resource_status_reason=reason,
            resource_properties=None,
        )
        self.stack.events.append(event)


def _done(steps: Any) -> bool:
    """Take every step, whatever becomes of the others; whether all succeeded."""
    complete = True
    for step in steps:
        try:
            complete = step() is not False and complete
        except Exception:
            traceback.print_exc()
            complete = False
    return complete


def _reason(error: Exception) -> str:
    if isinstance(error, ClientError):
        message = error.response["Error"].get("Message", "")
        return f"{message} ({error.operation_name}: {_code(error)})"
    return str(error) or type(error).__name__


def _code(error: Exception) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else ""


def _without_no_value(node: Any) -> Any:
    """The node, its lists without what is AWS::NoValue; moto takes that out of mappings only."""
    if isinstance(node, list):
        return [_without_no_value(each) for each in node if each is not None]
    if isinstance(node, dict):
        return {key: _without_no_value(each) for key, each in node.items()}
    return node
