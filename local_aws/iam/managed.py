"""AWS's own policies: moto would read them anew for each partition of the world, six times."""

from __future__ import annotations

import functools
import json
from typing import Any

from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import AWSManagedPolicy, IAMBackend, ManagedPolicy


def install() -> None:
    """Put `aws_policies` in the place of moto's."""
    IAMBackend._init_aws_policies = aws_policies


def aws_policies(backend: IAMBackend) -> list[ManagedPolicy]:
    """Those of a backend: of the partition `aws`, in which all is that is here."""
    if backend.region_name != "aws":
        return []
    return [
        AWSManagedPolicy.from_data(name, backend.account_id, backend.region_name, policy)
        for name, policy in _parsed().items()
    ]


@functools.cache
def _parsed() -> dict[str, dict[str, Any]]:
    return dict(json.loads(aws_managed_policies_data))
