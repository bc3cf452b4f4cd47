"""SQS where moto forgets: whoever sets one attribute of a queue keeps the queue's policy."""

from __future__ import annotations

import functools
from typing import Any

from moto.sqs.models import SQSBackend


def install() -> None:
    """Put the method of this module in the place of moto's."""
    original = SQSBackend.set_queue_attributes
    if hasattr(original, "__wrapped__"):
        return

    @functools.wraps(original)
    def set_queue_attributes(backend: Any, queue_name: str, attributes: dict[str, Any]) -> Any:
        policy = {"Policy": backend.get_queue(queue_name).policy}
        return original(backend, queue_name, {**policy, **attributes})

    SQSBackend.set_queue_attributes = set_queue_attributes
