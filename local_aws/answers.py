"""Answers of many members in a fraction of moto's time.

Moto looks for each member of each item under all the names that it could have. Which names these
are depends on the API's model and the item's class alone, so they are found once.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from moto.core import responses
from moto.core.serialize import AttributePickerContext, XFormedAttributePicker

_NAMES = "names_in_objects"


def install() -> None:
    """Let moto's serializers pick values from objects by this module."""
    vars(responses)["XFormedAttributePicker"] = Picker


class Picker(XFormedAttributePicker):
    """Moto's choice of values, with a memory of their names."""

    def __call__(self, context: AttributePickerContext) -> Any:
        """The value of a member; None if the object has none under any of its names."""
        if type(context.obj) is not dict or self.response_transformers:
            return super().__call__(context)
        for name in self.get_possible_keys(context):
            if name in context.obj:
                return context.obj[name]
        return None

    def get_possible_keys(self, context: AttributePickerContext) -> Iterable[str]:
        """The names that a member could have, most likely first."""
        known = vars(context.shape).setdefault(_NAMES, {})
        member = context.key, type(context.obj)
        if member not in known:
            known[member] = tuple(dict.fromkeys(super().get_possible_keys(context)))
        return known[member]  # type: ignore[no-any-return]
