"""What an execution carries out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from local_aws.athena.results import Result
from local_aws.athena.session import Session

DDL, DML, UTILITY = "DDL", "DML", "UTILITY"
Work = Callable[[Session], Result]


@dataclass(frozen=True)
class Statement:
    """What an execution carries out.

    Attributes:
        kind: `StatementType` of the API.
        subkind: `SubstatementType`, where it is known what AWS says.
        work: Carries it out.
        output: Where its result goes, below the output location, with {id} for the execution's.
        external_location: What CREATE TABLE AS names as its own; a workgroup may forbid it.
    """

    kind: str
    subkind: str
    work: Work
    output: str = "{id}.txt"
    external_location: str = ""
