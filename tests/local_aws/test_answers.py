"""Values are picked from what moto answers as moto itself picks them, only faster."""

from __future__ import annotations

from typing import Any

import pytest
from moto.core.serialize import AttributePickerContext, XFormedAttributePicker
from moto.core.utils import get_service_model

from local_aws.answers import Picker


class Partition:
    """As moto's records are: attributes of several spellings, one by an alias, none of some."""

    class Meta:
        serialization_aliases = {"TableName": "of_table"}

    database_name = "d"
    of_table = "t"
    Values = ("a", "b")


class Other:
    table_name = "other"


AS_A_DICT = {"DatabaseName": "d", "table_name": "t", "Values": None, "values": ["a"]}


@pytest.mark.parametrize("found", [Partition(), Other(), AS_A_DICT, {}, None, "text"])
def test_values_are_those_that_moto_picks(found: Any) -> None:
    shape = get_service_model("glue").shape_for("Partition")
    for _ in range(2):  # as found out, and as remembered
        for name, member in shape.members.items():
            context = AttributePickerContext(obj=found, key=name, shape=member)
            assert Picker()(context) == XFormedAttributePicker()(context), name
