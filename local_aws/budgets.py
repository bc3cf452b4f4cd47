"""The operations of Budgets that moto lacks.

Budgets are kept and shown. Nothing costs money here, so no budget is ever exceeded.
"""

from __future__ import annotations

import json
from typing import Any

from moto.budgets.exceptions import NotFoundException
from moto.budgets.models import Budget, BudgetsBackend, Notification
from moto.budgets.responses import BudgetsResponse


def install() -> None:
    """Add the operations of this module to moto's Budgets API."""
    for operation in (update_budget, describe_subscribers_for_notification):
        setattr(BudgetsResponse, operation.__name__, operation)


def update_budget(response: Any) -> str:
    """UpdateBudget: another definition, the same notifications.

    Raises:
        NotFoundException: There is none of that name.
    """
    account, wanted = response._get_param("AccountId"), response._get_param("NewBudget")
    present = _budget(response.backend, account, wanted["BudgetName"])
    changed = Budget(wanted, [])
    changed.notifications = present.notifications
    response.backend.budgets[account][wanted["BudgetName"]] = changed
    return json.dumps({})


def describe_subscribers_for_notification(response: Any) -> str:
    """DescribeSubscribersForNotification.

    Raises:
        NotFoundException: There is no such budget, or it has no such notification.
    """
    account, name = response._get_param("AccountId"), response._get_param("BudgetName")
    details = response._get_param("Notification")
    notifications: list[Notification] = _budget(response.backend, account, name).notifications
    for notification in notifications:
        if notification.details == details:
            return json.dumps({"Subscribers": notification.subscribers})
    raise NotFoundException(f"Budget {name} has no notification {json.dumps(details)}.")


def _budget(backend: BudgetsBackend, account: str, name: str) -> Budget:
    if name not in backend.budgets[account]:
        raise NotFoundException(f"Unable to get budget: {name} - the budget doesn't exist.")
    return backend.budgets[account][name]
